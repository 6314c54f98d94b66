//! Devices of a test: they give what the test says and keep what is written to them.

use alloc::collections::BTreeMap;
use alloc::rc::Rc;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::cell::RefCell;

use flux_hal::{DeviceAddress, DeviceBus, DeviceError, DeviceId, DeviceInfo, FaultKind, Reading};

/// What a channel gives.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Gives {
    Value(Reading),
    Fault,
}

#[derive(Debug, Default)]
struct Devices {
    /// Address and channel of each number.
    open: Vec<(DeviceAddress, String)>,
    /// By address and channel; a channel without a name is the whole device.
    gives: BTreeMap<(String, String), Gives>,
    /// The last value written, by address.
    written: BTreeMap<String, Reading>,
}

/// The devices of one test, shared by its driver and the kernel.
#[derive(Clone, Debug, Default)]
pub(super) struct TestBus(Rc<RefCell<Devices>>);

impl TestBus {
    /// Lets a device, or one channel of it, give `value` from here on.
    pub(super) fn give(&self, address: &str, channel: Option<&str>, value: Reading) {
        self.set(address, channel, Gives::Value(value));
    }

    /// Lets a device, or one channel of it, fail from here on.
    pub(super) fn fail(&self, address: &str, channel: Option<&str>) {
        self.set(address, channel, Gives::Fault);
    }

    fn set(&self, address: &str, channel: Option<&str>, gives: Gives) {
        let mut devices = self.0.borrow_mut();
        if channel.is_none() {
            // What is said of the whole device replaces what was said of its channels.
            devices.gives.retain(|(known, _), _| known != address);
        }
        devices.gives.insert((address.to_string(), channel.unwrap_or_default().to_string()), gives);
    }

    /// What was written to a device last.
    pub(super) fn written(&self, address: &str) -> Option<Reading> {
        self.0.borrow().written.get(address).copied()
    }
}

impl DeviceBus for TestBus {
    fn open(&mut self, address: &DeviceAddress, wanted_channel: &str) -> Result<DeviceId, DeviceError> {
        let mut devices = self.0.borrow_mut();
        let number = u32::try_from(devices.open.len()).unwrap_or(u32::MAX);
        devices.open.push((address.clone(), wanted_channel.to_string()));
        Ok(DeviceId(number))
    }

    fn read(&mut self, id: DeviceId, _now_ns: i64) -> Result<Reading, DeviceError> {
        let devices = self.0.borrow();
        let (address, channel) = devices.get(id)?;
        let name = address.to_string();
        let channel = devices.gives.get(&(name.clone(), channel.clone()));
        let gives = channel.or_else(|| devices.gives.get(&(name.clone(), String::new())));
        let fault =
            |kind, detail: &str| DeviceError::Fault { address: address.clone(), kind, detail: detail.into() };
        match gives {
            Some(Gives::Value(value)) => Ok(*value),
            Some(Gives::Fault) => Err(fault(FaultKind::Timeout, "the test says that it fails")),
            // What nobody reads from outside reads back what was written.
            None => devices.written.get(&name).copied().ok_or_else(|| {
                fault(FaultKind::Missing, "the test gives it no reading; add a step `Given … is …`")
            }),
        }
    }

    fn write(&mut self, id: DeviceId, value: Reading, _now_ns: i64) -> Result<(), DeviceError> {
        let mut devices = self.0.borrow_mut();
        let (address, _) = devices.get(id)?;
        let address = address.clone();
        let name = address.to_string();
        if devices.gives.get(&(name.clone(), String::new())) == Some(&Gives::Fault) {
            let detail = String::from("the test says that it fails");
            return Err(DeviceError::Fault { address, kind: FaultKind::Timeout, detail });
        }
        devices.written.insert(name, value);
        Ok(())
    }

    fn list(&self) -> Vec<DeviceInfo> {
        Vec::new()
    }
}

impl Devices {
    fn get(&self, id: DeviceId) -> Result<&(DeviceAddress, String), DeviceError> {
        let at = usize::try_from(id.0).ok();
        at.and_then(|at| self.open.get(at)).ok_or(DeviceError::NotOpen { id })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_gives_what_the_test_says_and_keeps_what_is_written() {
        let mut bus = TestBus::default();
        let pin: DeviceAddress = "gpio:4".parse().unwrap();
        let id = bus.open(&pin, "pressed").unwrap();
        let error = bus.read(id, 0).unwrap_err().to_string();
        assert!(error.contains("Given"), "{error}");
        bus.write(id, Reading::Bool(true), 0).unwrap();
        assert_eq!(bus.read(id, 0), Ok(Reading::Bool(true)));
        bus.give("gpio:4", None, Reading::Bool(false));
        assert_eq!(bus.read(id, 0), Ok(Reading::Bool(false)));
        assert_eq!(bus.written("gpio:4"), Some(Reading::Bool(true)));
        bus.give("gpio:4", Some("pressed"), Reading::Bool(true));
        assert_eq!(bus.read(id, 0), Ok(Reading::Bool(true)));
        bus.fail("gpio:4", None);
        assert!(bus.read(id, 0).is_err() && bus.write(id, Reading::Bool(true), 0).is_err());
        assert!(bus.read(DeviceId(9), 0).is_err());
    }
}
