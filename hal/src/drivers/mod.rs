//! Sensor drivers.
