//! Devices as agents see them: opened by address, read and written by number.
//!
//! # Example
//! ```
//! use flux_hal::{DeviceBus, Reading, SimBus, SimSpec};
//!
//! let mut bus = SimBus::new(1);
//! bus.add(SimSpec::parse("i2c:0x48=const(21.5)", &mut |_| Err("no files".into())).unwrap()).unwrap();
//! let id = bus.open(&"i2c:0x48".parse().unwrap(), "temperature").unwrap();
//! assert_eq!(bus.read(id, 0), Ok(Reading::F64(21.5)));
//! ```

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use flux_abi::status::Status;

use crate::address::DeviceAddress;
use crate::error::HalError;

/// A device that was opened; holds for the bus that gave it.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct DeviceId(pub u32);

/// A value read from or written to a device, in SI units (temperatures in °C).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reading {
    /// On or off; GPIO lines.
    Bool(bool),
    /// A number; every other device.
    F64(f64),
}

impl Reading {
    /// The kind of value, for messages.
    pub const fn type_name(self) -> &'static str {
        match self {
            Self::Bool(_) => "bool",
            Self::F64(_) => "f64",
        }
    }
}

/// One quantity that a device measures or sets.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Channel {
    /// Its name, as documents call the variable: `temperature`.
    pub name: String,
    /// Its unit: `°C`, `%`, `Pa`, `V`; empty for none.
    pub unit: String,
}

/// What a bus knows of a device.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DeviceInfo {
    /// Where it is.
    pub address: DeviceAddress,
    /// Name of its driver, `tmp102`; `sim` for a simulated one.
    pub driver: String,
    /// What it offers.
    pub channels: Vec<Channel>,
}

/// How a device failed.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum FaultKind {
    /// It did not acknowledge: gone, or never there.
    Missing,
    /// It did not answer in time.
    Timeout,
    /// It answered with something that can't be right (checksum, range).
    Data,
    /// The bus or the file behind it failed.
    Io,
}

impl FaultKind {
    /// Its name, as messages print it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Missing => "no answer",
            Self::Timeout => "timeout",
            Self::Data => "invalid data",
            Self::Io => "input/output error",
        }
    }

    /// The status code that a system call reports for it.
    pub const fn status(self) -> Status {
        match self {
            Self::Missing => Status::NotFound,
            Self::Timeout => Status::Timeout,
            Self::Data => Status::Invalid,
            Self::Io => Status::General,
        }
    }
}

/// Why a device can't be used.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum DeviceError {
    /// Nothing is configured or simulated at this address.
    NotFound {
        /// The address.
        address: DeviceAddress,
        /// What to do about it; `ADDRESS` stands for the address.
        hint: &'static str,
    },
    /// The configuration names a driver that does not exist.
    UnknownDriver {
        /// The address.
        address: DeviceAddress,
        /// The name.
        driver: String,
        /// Names that exist, joined by `, `.
        known: String,
    },
    /// The device has several channels and none of the wanted name.
    NoChannel {
        /// The address.
        address: DeviceAddress,
        /// The name asked for.
        wanted: String,
        /// Names of its channels, joined by `, `.
        channels: String,
    },
    /// The number names no open device.
    NotOpen {
        /// The number.
        id: DeviceId,
    },
    /// The device failed.
    Fault {
        /// The address.
        address: DeviceAddress,
        /// How.
        kind: FaultKind,
        /// What the driver or operating system said; may be empty.
        detail: String,
    },
    /// The device can only be read.
    ReadOnly {
        /// The address.
        address: DeviceAddress,
    },
    /// A value of the wrong type was written.
    WrongType {
        /// The address.
        address: DeviceAddress,
        /// Type that it takes.
        takes: &'static str,
        /// Type that was given.
        given: &'static str,
    },
    /// There is a device there already.
    Exists {
        /// The address.
        address: DeviceAddress,
    },
    /// This platform can't reach devices of this kind.
    Unsupported {
        /// The address.
        address: DeviceAddress,
        /// What lacks.
        what: &'static str,
    },
}

impl DeviceError {
    /// The status code that a system call reports for it.
    pub const fn status(&self) -> Status {
        match self {
            Self::NotFound { .. }
            | Self::UnknownDriver { .. }
            | Self::NoChannel { .. }
            | Self::NotOpen { .. }
            | Self::Unsupported { .. } => Status::NotFound,
            Self::Fault { kind, .. } => kind.status(),
            Self::ReadOnly { .. } => Status::Denied,
            Self::WrongType { .. } => Status::Invalid,
            Self::Exists { .. } => Status::Exists,
        }
    }
}

impl fmt::Display for DeviceError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound { address, hint } => {
                let hint = hint.replace("ADDRESS", &address.to_string());
                write!(out, "no device at {address}; {hint}")
            }
            Self::UnknownDriver { address, driver, known } => {
                write!(
                    out,
                    "{address} is configured with the driver `{driver}`, which does not exist; there are: {known}"
                )
            }
            Self::NoChannel { address, wanted, channels } => {
                write!(out, "{address} has no channel `{wanted}`; name the variable after one of: {channels}")
            }
            Self::NotOpen { id } => write!(out, "device number {} is not open", id.0),
            Self::Fault { address, kind, detail } if detail.is_empty() => {
                write!(out, "{address}: {}", kind.name())
            }
            Self::Fault { address, kind, detail } => write!(out, "{address}: {} ({detail})", kind.name()),
            Self::ReadOnly { address } => write!(out, "{address} can only be read"),
            Self::WrongType { address, takes, given } => {
                write!(out, "{address} takes a {takes}, not a {given}")
            }
            Self::Exists { address } => {
                write!(out, "{address} is given twice; give it once and join waves by `+`")
            }
            Self::Unsupported { address, what } => write!(out, "{address} can't be reached: {what}"),
        }
    }
}

impl core::error::Error for DeviceError {}

/// Devices behind one door: real, simulated, or of a bare machine.
pub trait DeviceBus {
    /// Opens the device at `address`.
    ///
    /// If it has a channel named `wanted_channel` that one is read, else its
    /// only channel. Opening twice gives a number each time.
    ///
    /// # Errors
    /// [`DeviceError::NotFound`], [`DeviceError::NoChannel`] when several
    /// channels are left to choose from, [`DeviceError::Fault`] when the device
    /// does not answer.
    fn open(&mut self, address: &DeviceAddress, wanted_channel: &str) -> Result<DeviceId, DeviceError>;

    /// Reads the device at `now_ns` nanoseconds since the start of the run.
    ///
    /// # Errors
    /// [`DeviceError::Fault`] when the device fails, [`DeviceError::NotOpen`].
    fn read(&mut self, id: DeviceId, now_ns: i64) -> Result<Reading, DeviceError>;

    /// Writes to the device at `now_ns` nanoseconds since the start of the run.
    ///
    /// # Errors
    /// [`DeviceError::ReadOnly`], [`DeviceError::WrongType`],
    /// [`DeviceError::Fault`], [`DeviceError::NotOpen`].
    fn write(&mut self, id: DeviceId, value: Reading, now_ns: i64) -> Result<(), DeviceError>;

    /// Every device that could be opened, in the order of addresses.
    fn list(&self) -> Vec<DeviceInfo>;
}

/// A machine that has devices.
pub trait Devices {
    /// The devices.
    ///
    /// # Errors
    /// [`HalError::Unsupported`] where this build drives none.
    fn devices(&mut self) -> Result<&mut dyn DeviceBus, HalError> {
        Err(HalError::Unsupported { what: "device access" })
    }
}

/// Picks a channel by name, else the only one (position in `channels`).
///
/// # Errors
/// [`DeviceError::NoChannel`] that lists what there is.
pub fn pick_channel(
    address: &DeviceAddress,
    channels: &[Channel],
    wanted: &str,
) -> Result<usize, DeviceError> {
    if let Some(position) = channels.iter().position(|channel| channel.name == wanted) {
        return Ok(position);
    }
    if channels.len() == 1 {
        return Ok(0);
    }
    let names: Vec<&str> = channels.iter().map(|channel| channel.name.as_str()).collect();
    Err(DeviceError::NoChannel {
        address: address.clone(),
        wanted: wanted.into(),
        channels: names.join(", "),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    fn channels(names: &[&str]) -> Vec<Channel> {
        names.iter().map(|name| Channel { name: (*name).into(), unit: String::new() }).collect()
    }

    #[test]
    fn the_only_channel_serves_any_name_and_several_need_the_right_one() {
        let address = DeviceAddress::I2c { bus: 1, address: 0x76 };
        assert_eq!(pick_channel(&address, &channels(&["temperature"]), "t"), Ok(0));
        let three = channels(&["temperature", "pressure", "humidity"]);
        assert_eq!(pick_channel(&address, &three, "pressure"), Ok(1));
        let error = pick_channel(&address, &three, "t").unwrap_err();
        assert_eq!(
            error.to_string(),
            "i2c:0x76 has no channel `t`; name the variable after one of: temperature, pressure, humidity"
        );
        assert!(pick_channel(&address, &[], "t").is_err());
    }
}
