//! Simulated devices: what a device gives is a function of time and seed alone.
//!
//! # Invariants
//! 1. A reading depends on (seed, address, wave, time, last value written) and
//!    on nothing else: neither the order of reads nor other devices show in it.
//! 2. Float functions come from `libm`, so every target gives the same bits.

pub mod csv;
mod parse;
mod wave;

use alloc::string::String;
use alloc::vec::Vec;

use flux_abi::device::{DeviceKind, DeviceValue};

use crate::address::DeviceAddress;
use crate::device::{Channel, DeviceBus, DeviceError, DeviceId, DeviceInfo, FaultKind, Reading};

pub use parse::{LoadFile, SimError, SimSpec};
pub use wave::{Failure, Wave};

/// Name of the driver of a simulated device.
const DRIVER: &str = "sim";
/// Most devices of one run.
const MOST_DEVICES: usize = 4096;
/// From this value on, a wave is "on" for a device that reads on or off.
const ON_THRESHOLD: f64 = 0.5;

/// The devices of one simulated machine.
#[derive(Clone, Debug, Default)]
pub struct SimBus {
    seed: u64,
    devices: Vec<SimDevice>,
}

#[derive(Clone, Debug)]
struct SimDevice {
    address: DeviceAddress,
    /// Distinguishes the noise of devices that share a seed.
    key: u64,
    /// `None`: the device reports what was last written to it.
    wave: Option<Wave>,
    written: Option<Reading>,
}

impl SimBus {
    /// A machine without devices; `seed` drives all noise.
    pub const fn new(seed: u64) -> Self {
        Self { seed, devices: Vec::new() }
    }

    /// Adds a device.
    ///
    /// # Errors
    /// [`DeviceError::Exists`] for a second device at the same address,
    /// [`DeviceError::Unsupported`] for the console, which is no device of its
    /// own, and beyond 4,096 devices.
    pub fn add(&mut self, spec: SimSpec) -> Result<(), DeviceError> {
        let SimSpec { address, wave } = spec;
        if self.devices.iter().any(|device| device.address == address) {
            return Err(DeviceError::Exists { address });
        }
        if address.kind() == DeviceKind::Console {
            return Err(DeviceError::Unsupported { address, what: "the console is not simulated" });
        }
        if self.devices.len() >= MOST_DEVICES {
            return Err(DeviceError::Unsupported { address, what: "a run simulates at most 4096 devices" });
        }
        let key = wave::key_of(&address);
        self.devices.push(SimDevice { address, key, wave, written: None });
        Ok(())
    }

    /// What was last written to the device at `address`.
    pub fn last_written(&self, address: &DeviceAddress) -> Option<Reading> {
        self.devices.iter().find(|device| device.address == *address)?.written
    }

    fn device(&self, id: DeviceId) -> Result<&SimDevice, DeviceError> {
        usize::try_from(id.0)
            .ok()
            .and_then(|index| self.devices.get(index))
            .ok_or(DeviceError::NotOpen { id })
    }
}

impl SimDevice {
    /// Whether it reads and writes on and off instead of numbers.
    fn is_switch(&self) -> bool {
        self.address.kind().info().is_some_and(|info| info.value == DeviceValue::Bool)
    }

    fn fault(&self, kind: FaultKind) -> DeviceError {
        DeviceError::Fault { address: self.address.clone(), kind, detail: String::from("simulated") }
    }
}

impl DeviceBus for SimBus {
    fn open(&mut self, address: &DeviceAddress, _wanted_channel: &str) -> Result<DeviceId, DeviceError> {
        let position = self.devices.iter().position(|device| device.address == *address);
        let (Some(index), Some(device)) = (position, position.and_then(|at| self.devices.get(at))) else {
            return Err(DeviceError::NotFound {
                address: address.clone(),
                hint: "say what it gives with --sim \"ADDRESS=const(1)\", or --sim ADDRESS for one that reads back what is written",
            });
        };
        if device.wave.as_ref().is_some_and(|wave| wave.is_missing(0)) {
            return Err(device.fault(FaultKind::Missing));
        }
        // At most MOST_DEVICES devices: the number fits.
        u32::try_from(index).map(DeviceId).map_err(|_| device.fault(FaultKind::Io))
    }

    fn read(&mut self, id: DeviceId, now_ns: i64) -> Result<Reading, DeviceError> {
        let device = self.device(id)?;
        let Some(wave) = &device.wave else {
            let zero = if device.is_switch() { Reading::Bool(false) } else { Reading::F64(0.0) };
            return Ok(device.written.unwrap_or(zero));
        };
        let value = wave.value(now_ns, self.seed, device.key).map_err(|kind| device.fault(kind))?;
        if !device.is_switch() {
            return Ok(Reading::F64(value));
        }
        if value.is_nan() {
            Err(device.fault(FaultKind::Data))
        } else {
            Ok(Reading::Bool(value >= ON_THRESHOLD))
        }
    }

    fn write(&mut self, id: DeviceId, value: Reading, now_ns: i64) -> Result<(), DeviceError> {
        let device = self.device(id)?;
        let address = &device.address;
        if matches!(address.kind(), DeviceKind::Adc | DeviceKind::Hwmon) {
            return Err(DeviceError::ReadOnly { address: address.clone() });
        }
        if device.is_switch() != matches!(value, Reading::Bool(_)) {
            return Err(DeviceError::WrongType {
                address: address.clone(),
                takes: if device.is_switch() { "bool" } else { "f64" },
                given: value.type_name(),
            });
        }
        if let Some(kind) = device.wave.as_ref().and_then(|wave| wave.failure(now_ns)) {
            return Err(device.fault(kind));
        }
        let index = usize::try_from(id.0).unwrap_or(usize::MAX);
        if let Some(device) = self.devices.get_mut(index) {
            device.written = Some(value);
        }
        Ok(())
    }

    fn list(&self) -> Vec<DeviceInfo> {
        let mut list: Vec<DeviceInfo> = self
            .devices
            .iter()
            .map(|device| DeviceInfo {
                address: device.address.clone(),
                driver: DRIVER.into(),
                channels: alloc::vec![Channel { name: "value".into(), unit: String::new() }],
            })
            .collect();
        list.sort_by(|left, right| left.address.cmp(&right.address));
        list
    }
}

#[cfg(test)]
mod tests;
