//! Simulated devices in front of real ones.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use flux_hal::sim::SimError;
use flux_hal::{DeviceAddress, DeviceBus, DeviceError, DeviceId, DeviceInfo, Reading, SimBus, SimSpec};

/// Why the simulated devices can't be made.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SimulationError {
    /// A `--sim` is not understood.
    #[error("--sim {text}: {error}")]
    Spec {
        /// What was given.
        text: String,
        /// What is wrong with it.
        error: Box<SimError>,
    },
    /// Two devices at one address, or one that can't be simulated.
    #[error("--sim {text}: {error}")]
    Device {
        /// What was given.
        text: String,
        /// What is wrong with it.
        error: Box<DeviceError>,
    },
}

/// Gives the text of a file that a `csv(file)` wave names.
pub type LoadFile<'a> = dyn FnMut(&str) -> Result<String, String> + 'a;

/// The bus of all simulated devices of a run.
///
/// # Errors
/// The first device that can't be made.
pub fn simulated(
    seed: u64,
    simulations: &[(String, String)],
    load: &mut LoadFile<'_>,
) -> Result<SimBus, SimulationError> {
    let mut bus = SimBus::new(seed);
    for (address, wave) in simulations {
        let text = || alloc::format!("\"{address}={wave}\"");
        let spec = SimSpec::from_parts(address, wave, load)
            .map_err(|error| SimulationError::Spec { text: text(), error: Box::new(error) })?;
        bus.add(spec).map_err(|error| SimulationError::Device { text: text(), error: Box::new(error) })?;
    }
    Ok(bus)
}

/// A bus that looks for a device among the simulated ones first.
pub(crate) struct Layered {
    simulated: SimBus,
    real: Option<Box<dyn DeviceBus>>,
}

/// Set in the numbers of real devices.
const REAL: u32 = 1 << 31;

impl Layered {
    pub(crate) const fn new(simulated: SimBus, real: Option<Box<dyn DeviceBus>>) -> Self {
        Self { simulated, real }
    }

    fn door(&mut self, id: DeviceId) -> (&mut dyn DeviceBus, DeviceId) {
        match &mut self.real {
            Some(real) if id.0 & REAL != 0 => (&mut **real, DeviceId(id.0 & !REAL)),
            _ => (&mut self.simulated, id),
        }
    }
}

impl DeviceBus for Layered {
    fn open(&mut self, address: &DeviceAddress, wanted_channel: &str) -> Result<DeviceId, DeviceError> {
        match (self.simulated.open(address, wanted_channel), &mut self.real) {
            (Err(DeviceError::NotFound { .. }), Some(real)) => {
                real.open(address, wanted_channel).map(|id| DeviceId(id.0 | REAL))
            }
            (opened, _) => opened,
        }
    }

    fn read(&mut self, id: DeviceId, now_ns: i64) -> Result<Reading, DeviceError> {
        let (bus, id) = self.door(id);
        bus.read(id, now_ns)
    }

    fn write(&mut self, id: DeviceId, value: Reading, now_ns: i64) -> Result<(), DeviceError> {
        let (bus, id) = self.door(id);
        bus.write(id, value, now_ns)
    }

    fn list(&self) -> Vec<DeviceInfo> {
        let mut list = self.simulated.list();
        if let Some(real) = &self.real {
            list.extend(real.list());
        }
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString as _;

    fn bus(simulations: &[(&str, &str)]) -> Result<SimBus, SimulationError> {
        let list: Vec<(String, String)> =
            simulations.iter().map(|(address, wave)| ((*address).into(), (*wave).into())).collect();
        simulated(1, &list, &mut |_| Err("no files here".into()))
    }

    #[test]
    fn a_simulated_device_stands_before_the_real_one_of_the_same_address() {
        let real = bus(&[("i2c:0x48", "const(1)"), ("i2c:0x49", "const(2)")]).unwrap();
        let mut layered = Layered::new(bus(&[("i2c:0x48", "const(9)")]).unwrap(), Some(Box::new(real)));
        let first = layered.open(&"i2c:0x48".parse().unwrap(), "t").unwrap();
        let second = layered.open(&"i2c:0x49".parse().unwrap(), "t").unwrap();
        assert_eq!(layered.read(first, 0), Ok(Reading::F64(9.0)));
        assert_eq!(layered.read(second, 0), Ok(Reading::F64(2.0)));
        assert!(layered.open(&"i2c:0x50".parse().unwrap(), "t").is_err());
    }

    #[test]
    fn a_simulation_that_is_not_understood_is_named() {
        let error = bus(&[("i2c:0x48", "sin(1)")]).unwrap_err().to_string();
        assert!(error.starts_with("--sim \"i2c:0x48=sin(1)\": "), "{error}");
        assert!(bus(&[("adc:1", "const(1)"), ("adc:1", "const(2)")]).is_err());
    }
}
