//! Sensor drivers by name, over the traits of `embedded-hal` 1.0.
//!
//! A configuration names the driver of an address (`"i2c:0x48" = "tmp102"`);
//! [`DRIVERS`] tells what each driver offers, [`attach`] makes one from any I2C
//! bus. Nothing here needs an operating system.
//!
//! # Invariants
//! 1. Readings are SI units and °C, as `f64` without the noise of a conversion
//!    from `f32`: a driver that gives steps of 0.01 gives the nearest `f64`.

mod i2c;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use embedded_hal::delay::DelayNs;
use embedded_hal::i2c::I2c;

use crate::device::{Channel, FaultKind};

/// A sensor that was found.
pub trait Sensor {
    /// Reads the channel at this position of its driver's list.
    ///
    /// # Errors
    /// [`SensorFault`] when the sensor fails.
    fn read(&mut self, channel: usize) -> Result<f64, SensorFault>;
}

/// Why a sensor can't be read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SensorFault {
    /// How it failed.
    pub kind: FaultKind,
    /// What its driver said; may be empty.
    pub detail: String,
}

/// Which chip a driver drives.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Chip {
    Ads1115,
    Bme280,
    Lm75,
    Pct2075,
    Shtc3,
    Tmp102,
}

/// What a driver offers.
#[derive(Clone, Copy, Debug)]
pub struct DriverInfo {
    /// Its name in configurations.
    pub name: &'static str,
    /// The chips that it drives, for people.
    pub chips: &'static str,
    /// I2C addresses that the chip can have, first and last.
    pub addresses: (u8, u8),
    /// Name and unit of what it measures.
    pub channels: &'static [(&'static str, &'static str)],
    chip: Chip,
}

const TEMPERATURE: (&str, &str) = ("temperature", "°C");
const HUMIDITY: (&str, &str) = ("humidity", "%");

/// Every driver, in the order of names.
pub static DRIVERS: &[DriverInfo] = &[
    DriverInfo {
        name: "ads1115",
        chips: "TI ADS1115, 16-bit converter, ±2.048 V",
        addresses: (0x48, 0x4b),
        channels: &[("a0", "V"), ("a1", "V"), ("a2", "V"), ("a3", "V")],
        chip: Chip::Ads1115,
    },
    DriverInfo {
        name: "bme280",
        chips: "Bosch BME280",
        addresses: (0x76, 0x77),
        channels: &[TEMPERATURE, ("pressure", "Pa"), HUMIDITY],
        chip: Chip::Bme280,
    },
    DriverInfo {
        name: "lm75",
        chips: "LM75 and compatible",
        addresses: (0x48, 0x4f),
        channels: &[TEMPERATURE],
        chip: Chip::Lm75,
    },
    DriverInfo {
        name: "pct2075",
        chips: "NXP PCT2075",
        addresses: (0x28, 0x77),
        channels: &[TEMPERATURE],
        chip: Chip::Pct2075,
    },
    DriverInfo {
        name: "shtc3",
        chips: "Sensirion SHTC3",
        addresses: (0x70, 0x70),
        channels: &[TEMPERATURE, HUMIDITY],
        chip: Chip::Shtc3,
    },
    DriverInfo {
        name: "tmp102",
        chips: "TI TMP102, TMP112",
        addresses: (0x48, 0x4b),
        channels: &[TEMPERATURE],
        chip: Chip::Tmp102,
    },
];

impl DriverInfo {
    /// The driver of this name.
    pub fn find(name: &str) -> Option<&'static Self> {
        DRIVERS.iter().find(|driver| driver.name == name)
    }

    /// Every name, joined by `, `.
    pub fn names() -> String {
        let names: Vec<&str> = DRIVERS.iter().map(|driver| driver.name).collect();
        names.join(", ")
    }

    /// What it measures, as devices list it.
    pub fn list_channels(&self) -> Vec<Channel> {
        self.channels
            .iter()
            .map(|(name, unit)| Channel { name: (*name).into(), unit: (*unit).into() })
            .collect()
    }
}

/// Makes a sensor of a bus; the sensor is not asked for anything yet but what
/// its driver needs to begin.
///
/// # Errors
/// [`SensorFault`] of kind [`FaultKind::Data`] for an address that the chip
/// can't have, else what the bus said.
pub fn attach<I, D>(
    driver: &DriverInfo,
    i2c: I,
    delay: D,
    address: u8,
) -> Result<Box<dyn Sensor>, SensorFault>
where
    I: I2c + 'static,
    D: DelayNs + 'static,
{
    let (first, last) = driver.addresses;
    if !(first..=last).contains(&address) {
        return Err(SensorFault {
            kind: FaultKind::Data,
            detail: alloc::format!("the {} has an address from {first:#04x} to {last:#04x}", driver.name),
        });
    }
    Ok(match driver.chip {
        Chip::Ads1115 => Box::new(i2c::Ads1115::new(i2c, delay, address)),
        Chip::Bme280 => Box::new(i2c::Bme280::new(i2c, delay, address)?),
        Chip::Lm75 => Box::new(i2c::Lm75::new(i2c, address)),
        Chip::Pct2075 => Box::new(i2c::Pct2075::new(i2c, address)),
        Chip::Shtc3 => Box::new(i2c::Shtc3::new(i2c, delay)),
        Chip::Tmp102 => Box::new(i2c::Tmp102::new(i2c, address)),
    })
}

#[cfg(test)]
mod tests;
