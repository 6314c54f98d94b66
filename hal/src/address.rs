//! Addresses of devices, as `--sim` and configurations write them.
//!
//! `i2c:0x48`, `i2c:2:0x48` (bus 2), `gpio:17`, `gpio:1:17` (chip 1), `adc:2`,
//! `pwm:0`, `spi:1` (chip select 1), `spi:0:1`, `hwmon:coretemp/temp1`, `console`.
//!
//! # Invariants
//! 1. Printing is canonical: a default bus or chip is left out, so that two
//!    texts for one device print alike; what is printed parses to the same address.

use alloc::borrow::ToOwned;
use alloc::string::String;
use core::fmt;
use core::str::FromStr;

use flux_abi::device::DeviceKind;

/// Bus of I2C and SPI devices that name none.
pub const DEFAULT_BUS: u8 = 1;
/// GPIO chip of lines that name none.
pub const DEFAULT_GPIO_CHIP: u8 = 0;
/// Most characters of a name in an `hwmon:` address.
const MOST_NAME: usize = 64;

/// Where a device is.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum DeviceAddress {
    /// A chip on an I2C bus.
    I2c {
        /// Number of the bus.
        bus: u8,
        /// 7-bit address, 0x08..=0x77.
        address: u8,
    },
    /// A line of a GPIO chip.
    Gpio {
        /// Number of the chip.
        chip: u8,
        /// Number of the line.
        line: u16,
    },
    /// A channel of the analogue-to-digital converter.
    Adc {
        /// Number of the channel.
        channel: u8,
    },
    /// A channel of the PWM or analogue output.
    Pwm {
        /// Number of the channel.
        channel: u8,
    },
    /// A sensor that the operating system publishes.
    Hwmon {
        /// Name of the chip, `coretemp`.
        chip: String,
        /// Name of the channel, `temp1`.
        channel: String,
    },
    /// A chip on an SPI bus.
    Spi {
        /// Number of the bus.
        bus: u8,
        /// Number of the chip select.
        select: u8,
    },
    /// The text console.
    Console,
}

/// Why a text is no device address.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AddressError {
    /// The text, shortened to what a person needs.
    text: String,
    /// What is wrong with it.
    reason: &'static str,
}

impl fmt::Display for AddressError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "`{}` is not a device address: {}; write one as `i2c:0x48`, `gpio:17`, `adc:2` or `hwmon:coretemp/temp1`",
            self.text, self.reason
        )
    }
}

impl core::error::Error for AddressError {}

impl DeviceAddress {
    /// The kind of device that is there.
    pub const fn kind(&self) -> DeviceKind {
        match self {
            Self::I2c { .. } => DeviceKind::I2c,
            Self::Gpio { .. } => DeviceKind::Gpio,
            Self::Adc { .. } => DeviceKind::Adc,
            Self::Pwm { .. } => DeviceKind::Pwm,
            Self::Hwmon { .. } => DeviceKind::Hwmon,
            Self::Spi { .. } => DeviceKind::Spi,
            Self::Console => DeviceKind::Console,
        }
    }

    fn parse(text: &str) -> Result<Self, &'static str> {
        let (prefix, rest) = match text.split_once(':') {
            Some((prefix, rest)) => (prefix, Some(rest)),
            None => (text, None),
        };
        let kind = DeviceKind::from_prefix(prefix).ok_or("no such kind of device")?;
        if kind == DeviceKind::Console {
            return match rest {
                None => Ok(Self::Console),
                Some(_) => Err("a console has no number"),
            };
        }
        let rest = rest.filter(|rest| !rest.is_empty()).ok_or("its number is missing")?;
        match kind {
            DeviceKind::I2c => {
                let (bus, address) = pair(rest, DEFAULT_BUS)?;
                if !(0x08..=0x77).contains(&address) {
                    return Err("an I2C address is 0x08 to 0x77");
                }
                Ok(Self::I2c { bus, address })
            }
            DeviceKind::Gpio => {
                let (chip, line) = pair(rest, DEFAULT_GPIO_CHIP)?;
                Ok(Self::Gpio { chip, line })
            }
            DeviceKind::Adc => Ok(Self::Adc { channel: number(rest)? }),
            DeviceKind::Pwm => Ok(Self::Pwm { channel: number(rest)? }),
            DeviceKind::Spi => {
                let (bus, select) = pair(rest, DEFAULT_BUS)?;
                Ok(Self::Spi { bus, select })
            }
            DeviceKind::Hwmon => {
                let (chip, channel) =
                    rest.split_once('/').ok_or("hwmon needs chip and channel, `coretemp/temp1`")?;
                Ok(Self::Hwmon { chip: name(chip)?, channel: name(channel)? })
            }
            DeviceKind::Console => Ok(Self::Console),
        }
    }
}

/// `N` or `FIRST:N`, where the first number has a default.
fn pair<T: TryFrom<u32>>(text: &str, default: u8) -> Result<(u8, T), &'static str> {
    match text.split_once(':') {
        Some((first, second)) => Ok((number(first)?, number(second)?)),
        None => Ok((default, number(text)?)),
    }
}

/// A decimal number, or a hexadecimal one after `0x`.
fn number<T: TryFrom<u32>>(text: &str) -> Result<T, &'static str> {
    const REASON: &str = "its number is not a number in range";
    let (digits, radix) = match text.strip_prefix("0x") {
        Some(digits) => (digits, 16),
        None => (text, 10),
    };
    // `from_str_radix` takes a sign, an address has none.
    if digits.starts_with(['+', '-']) {
        return Err(REASON);
    }
    let value = u32::from_str_radix(digits, radix).map_err(|_| REASON)?;
    T::try_from(value).map_err(|_| REASON)
}

/// A name that may become part of a path: no separators and no dots.
fn name(text: &str) -> Result<String, &'static str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if text.is_empty() || text.len() > MOST_NAME || !text.bytes().all(plain) {
        return Err("its name must be 1 to 64 letters, digits, `_` or `-`");
    }
    Ok(text.to_owned())
}

impl FromStr for DeviceAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        Self::parse(text)
            .map_err(|reason| AddressError { text: text.chars().take(MOST_NAME).collect(), reason })
    }
}

impl fmt::Display for DeviceAddress {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefix = self.kind().info().map_or("device", |info| info.prefix);
        match self {
            Self::I2c { bus: DEFAULT_BUS, address } => write!(out, "{prefix}:{address:#04x}"),
            Self::I2c { bus, address } => write!(out, "{prefix}:{bus}:{address:#04x}"),
            Self::Gpio { chip: DEFAULT_GPIO_CHIP, line } => write!(out, "{prefix}:{line}"),
            Self::Gpio { chip, line } => write!(out, "{prefix}:{chip}:{line}"),
            Self::Adc { channel } | Self::Pwm { channel } => write!(out, "{prefix}:{channel}"),
            Self::Hwmon { chip, channel } => write!(out, "{prefix}:{chip}/{channel}"),
            Self::Spi { bus: DEFAULT_BUS, select } => write!(out, "{prefix}:{select}"),
            Self::Spi { bus, select } => write!(out, "{prefix}:{bus}:{select}"),
            Self::Console => out.write_str(prefix),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn every_form_prints_canonically() {
        for (text, canonical) in [
            ("i2c:0x48", "i2c:0x48"),
            ("i2c:72", "i2c:0x48"),
            ("i2c:1:0x48", "i2c:0x48"),
            ("i2c:2:0x08", "i2c:2:0x08"),
            ("gpio:17", "gpio:17"),
            ("gpio:0:17", "gpio:17"),
            ("gpio:3:17", "gpio:3:17"),
            ("adc:2", "adc:2"),
            ("pwm:0", "pwm:0"),
            ("spi:1:0", "spi:0"),
            ("spi:0:1", "spi:0:1"),
            ("hwmon:coretemp/temp1", "hwmon:coretemp/temp1"),
            ("console", "console"),
        ] {
            let address: DeviceAddress = text.parse().unwrap();
            assert_eq!(address.to_string(), canonical);
            assert_eq!(canonical.parse(), Ok(address));
        }
    }

    #[test]
    fn what_is_no_address_is_refused_with_a_reason() {
        for text in [
            "",
            ":",
            "i2c",
            "i2c:",
            "i2c:0x78",
            "i2c:0x07",
            "i2c:0x",
            "i2c:+72",
            "i2c:1:2:3",
            "i2c:999999999999",
            "gpio:-1",
            "gpio:70000",
            "adc:256",
            "hwmon:x",
            "hwmon:../etc",
            "hwmon:a/../b",
            "hwmon:/a",
            "console:1",
            "uart:1",
            "I2C:0x48",
        ] {
            let error = text.parse::<DeviceAddress>().unwrap_err().to_string();
            assert!(error.contains("not a device address"), "{text}: {error}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics_and_what_parses_prints_back(text in "\\PC{0,24}") {
            if let Ok(address) = text.parse::<DeviceAddress>() {
                proptest::prop_assert_eq!(address.to_string().parse(), Ok(address));
            }
        }
    }
}
