//! Devices that agents hold handles of.
//!
//! # Invariants
//! 1. A number names one device and channel for as long as the kernel runs.
//! 2. Readings and writes happen at kernel time, which may be simulated.

use alloc::boxed::Box;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use flux_abi::device::{DEVICE_KINDS, DeviceKind, DeviceValue};
use flux_abi::status::Status;
use flux_hal::{AddressError, DeviceAddress, DeviceBus, DeviceError, DeviceId, DeviceInfo, Reading};
use flux_kcore::time::Time;

/// Number of an open device.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct DeviceNumber(pub u32);

/// Why a device can't be had.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum OpenError {
    /// The module names an address that is none.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The device is not there.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// Several devices are not there.
    #[error("{first}; the same for {}", others.join(" and "))]
    Several {
        /// What is said about the first.
        first: Box<DeviceError>,
        /// The addresses of the others.
        others: Vec<String>,
    },
    /// Too many devices are open.
    #[error("{0} devices are open, which is the most there can be")]
    Full(usize),
}

impl OpenError {
    /// The status that a program sees.
    pub const fn status(&self) -> Status {
        match self {
            Self::Address(_) => Status::Invalid,
            Self::Device(error) => error.status(),
            Self::Several { first, .. } => first.status(),
            Self::Full(_) => Status::Busy,
        }
    }
}

/// What is behind a number.
#[derive(Debug)]
enum Door {
    Bus(DeviceId),
    Console,
}

#[derive(Debug)]
struct Open {
    address: DeviceAddress,
    channel: String,
    door: Door,
}

/// The devices of one kernel.
pub struct DeviceTable {
    bus: Box<dyn DeviceBus>,
    open: Vec<Open>,
}

impl core::fmt::Debug for DeviceTable {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("DeviceTable").field("open", &self.open).finish_non_exhaustive()
    }
}

impl DeviceTable {
    /// Most devices that can be open.
    pub const MOST: usize = 65_536;

    /// Devices behind `bus`.
    pub const fn new(bus: Box<dyn DeviceBus>) -> Self {
        Self { bus, open: Vec::new() }
    }

    /// What could be opened.
    pub fn list(&self) -> Vec<DeviceInfo> {
        self.bus.list()
    }

    /// Opens the device at `address`; the same one and channel gives the same number again.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(&mut self, address: &str, channel: &str) -> Result<DeviceNumber, OpenError> {
        let address: DeviceAddress = address.parse()?;
        let same = |open: &Open| open.address == address && open.channel == channel;
        if let Some(at) = self.open.iter().position(same).and_then(|at| u32::try_from(at).ok()) {
            return Ok(DeviceNumber(at));
        }
        let full = OpenError::Full(self.open.len());
        if self.open.len() >= Self::MOST {
            return Err(full);
        }
        let number = u32::try_from(self.open.len()).map_err(|_| full)?;
        let door = match address.kind() {
            DeviceKind::Console => Door::Console,
            _ => Door::Bus(self.bus.open(&address, channel)?),
        };
        self.open.push(Open { address, channel: channel.to_string(), door });
        Ok(DeviceNumber(number))
    }

    /// Opens the devices at these addresses with these channels, and tells of all that are not there, not of the first alone.
    ///
    /// # Errors
    /// [`OpenError`].
    pub(crate) fn open_all<'a>(
        &mut self,
        wanted: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> Result<(), OpenError> {
        let mut first = None;
        let mut others: Vec<String> = Vec::new();
        for (address, channel) in wanted {
            match (self.open(address, channel), &first) {
                (Ok(_), _) => {}
                (Err(OpenError::Device(error @ DeviceError::NotFound { .. })), None) => {
                    first = Some((address, error));
                }
                (Err(OpenError::Device(DeviceError::NotFound { .. })), Some((known, _))) => {
                    if *known != address && !others.iter().any(|other| other == address) {
                        others.push(address.to_string());
                    }
                }
                (Err(error), _) => return Err(error),
            }
        }
        match first {
            None => Ok(()),
            Some((_, error)) if others.is_empty() => Err(OpenError::Device(error)),
            Some((_, first)) => Err(OpenError::Several { first: Box::new(first), others }),
        }
    }

    fn get(&self, number: DeviceNumber) -> Option<&Open> {
        self.open.get(usize::try_from(number.0).ok()?)
    }

    /// Whether the device is the console, which takes text.
    pub fn is_console(&self, number: DeviceNumber) -> bool {
        self.get(number).is_some_and(|open| matches!(open.door, Door::Console))
    }

    /// What the device reads and takes.
    pub fn value(&self, number: DeviceNumber) -> Option<DeviceValue> {
        let kind = self.get(number)?.address.kind();
        DEVICE_KINDS.iter().find(|row| row.kind == kind).map(|row| row.value)
    }

    /// One reading as a register word: f64 bits, or 0 and 1.
    ///
    /// # Errors
    /// The status for the program, and what happened for people.
    pub fn read(&mut self, number: DeviceNumber, now: Time) -> Result<u64, (Status, String)> {
        match self.get(number).map(|open| &open.door) {
            Some(Door::Bus(id)) => match self.bus.read(*id, now.ns()) {
                Ok(Reading::Bool(value)) => Ok(u64::from(value)),
                Ok(Reading::F64(value)) => Ok(canonical(value).to_bits()),
                Err(error) => Err((error.status(), error.to_string())),
            },
            Some(Door::Console) => Err((Status::Denied, String::from("the console can only be written"))),
            None => Err((Status::NotFound, alloc::format!("device number {} is not open", number.0))),
        }
    }

    /// Writes a register word: f64 bits, or 0 and 1 for a line that is on or off.
    ///
    /// # Errors
    /// As [`DeviceTable::read`].
    pub fn write(&mut self, number: DeviceNumber, word: u64, now: Time) -> Result<(), (Status, String)> {
        let Some(open) = self.get(number) else {
            return Err((Status::NotFound, alloc::format!("device number {} is not open", number.0)));
        };
        let Door::Bus(id) = &open.door else {
            return Err((Status::Invalid, String::from("the console takes text")));
        };
        let value = match open.address.kind() {
            DeviceKind::Gpio => Reading::Bool(word != 0),
            _ => Reading::F64(canonical(f64::from_bits(word))),
        };
        self.bus.write(*id, value, now.ns()).map_err(|error| (error.status(), error.to_string()))
    }
}

/// The value itself, or the one NaN that programs see.
const fn canonical(value: f64) -> f64 {
    if value.is_nan() { f64::from_bits(0x7ff8_0000_0000_0000) } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flux_hal::{SimBus, SimSpec};

    fn table() -> DeviceTable {
        let mut bus = SimBus::new(1);
        for text in ["i2c:0x48=const(21.5)", "gpio:17"] {
            bus.add(SimSpec::parse(text, &mut |_| Err("no files".into())).unwrap()).unwrap();
        }
        DeviceTable::new(Box::new(bus))
    }

    #[test]
    fn one_device_has_one_number_and_reads_as_words() {
        let mut table = table();
        let number = table.open("i2c:0x48", "temperature").unwrap();
        assert_eq!(table.open("i2c:1:0x48", "temperature"), Ok(number));
        assert_eq!(table.read(number, Time::START), Ok(21.5f64.to_bits()));
        let pin = table.open("gpio:17", "lamp").unwrap();
        assert_eq!(table.write(pin, 1, Time::START), Ok(()));
        assert_eq!(
            [number, pin].map(|number| table.value(number)),
            [Some(DeviceValue::Float), Some(DeviceValue::Bool)]
        );
        assert_eq!(table.read(pin, Time::START), Ok(1));
    }

    #[test]
    fn what_is_not_there_is_an_error_that_says_so() {
        let mut table = table();
        assert!(matches!(table.open("i2c:0x49", "t"), Err(OpenError::Device(DeviceError::NotFound { .. }))));
        assert!(matches!(table.open("i2c:zero", "t"), Err(OpenError::Address(_))));
        let of = |addresses: &[&'static str], table: &mut DeviceTable| {
            let wanted: Vec<_> = addresses.iter().map(|address| (*address, "t")).collect();
            table.open_all(wanted.into_iter()).map_err(|error| error.to_string())
        };
        assert_eq!(of(&["gpio:17", "console"], &mut table), Ok(()));
        let one = of(&["gpio:3", "gpio:17", "gpio:3"], &mut table).unwrap_err();
        assert!(one.starts_with("no device at gpio:3;") && !one.contains("the same"), "{one}");
        let several = of(&["gpio:3", "i2c:0x49", "gpio:17", "adc:1", "i2c:0x49"], &mut table).unwrap_err();
        assert!(several.starts_with("no device at gpio:3;"), "{several}");
        assert!(several.ends_with("; the same for i2c:0x49 and adc:1"), "{several}");
        assert!(of(&["gpio:3", "i2c:zero"], &mut table).unwrap_err().contains("zero"));
        assert_eq!(table.read(DeviceNumber(9), Time::START).unwrap_err().0, Status::NotFound);
        let console = table.open("console", "").unwrap();
        assert!(table.is_console(console));
        assert!(table.read(console, Time::START).is_err() && table.write(console, 0, Time::START).is_err());
    }
}
