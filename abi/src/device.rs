//! Kinds of devices: names in documents and configurations, arguments, value types.

/// What a device reads and writes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum DeviceValue {
    /// On or off.
    Bool,
    /// A number in SI units (temperatures in °C).
    Float,
    /// Text that people read.
    Text,
}

/// One argument in the parenthesis after a device.
#[derive(Clone, Copy, Debug)]
pub struct DeviceArgument {
    /// Key, as documents write it.
    pub key: &'static str,
    /// Whether a device is incomplete without it.
    pub need: ArgumentNeed,
    /// Meaning in one line.
    pub meaning: &'static str,
}

/// Whether an argument must be given.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ArgumentNeed {
    /// It must be given.
    Required,
    /// It may be left out; the default then holds.
    Optional {
        /// Value when left out.
        default: &'static str,
    },
}

/// One row of the table of device kinds.
#[derive(Clone, Copy, Debug)]
pub struct DeviceKindInfo {
    /// The kind.
    pub kind: DeviceKind,
    /// Prefix of its addresses, `i2c` in `i2c:0x48`.
    pub prefix: &'static str,
    /// Word before the noun in documents, `I2C` in `I2C sensor` (case-insensitive).
    pub word: &'static str,
    /// Nouns that may follow the word.
    pub nouns: &'static [&'static str],
    /// Tells whether a number follows the noun (`GPIO pin 17`) and is the address.
    pub numbered: Numbering,
    /// Arguments in the parenthesis.
    pub arguments: &'static [DeviceArgument],
    /// What it reads and writes.
    pub value: DeviceValue,
}

/// Where a device's number stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Numbering {
    /// After the noun: `GPIO pin 17`.
    AfterNoun,
    /// In an argument of this key: `(addr 0x48)`.
    InArgument(&'static str),
    /// There is none.
    None,
}

/// A kind of device.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[repr(u8)]
pub enum DeviceKind {
    /// A sensor or actuator on an I2C bus.
    I2c = 0,
    /// A general-purpose input or output line.
    Gpio = 1,
    /// A channel of an analogue-to-digital converter.
    Adc = 2,
    /// A channel of a digital-to-analogue converter or PWM output.
    Pwm = 3,
    /// A sensor that the operating system publishes by name.
    Hwmon = 4,
    /// A sensor on an SPI bus.
    Spi = 5,
    /// The text console.
    Console = 6,
}

const BUS: DeviceArgument = DeviceArgument {
    key: "bus",
    need: ArgumentNeed::Optional { default: "1" },
    meaning: "number of the bus",
};

/// The kinds of devices.
pub static DEVICE_KINDS: &[DeviceKindInfo] = &[
    DeviceKindInfo {
        kind: DeviceKind::I2c,
        prefix: "i2c",
        word: "I2C",
        nouns: &["sensor", "device", "chip", "actuator"],
        numbered: Numbering::InArgument("addr"),
        arguments: &[
            DeviceArgument {
                key: "addr",
                need: ArgumentNeed::Required,
                meaning: "7-bit address, 0x08..0x77",
            },
            BUS,
        ],
        value: DeviceValue::Float,
    },
    DeviceKindInfo {
        kind: DeviceKind::Gpio,
        prefix: "gpio",
        word: "GPIO",
        nouns: &["pin", "line"],
        numbered: Numbering::AfterNoun,
        arguments: &[DeviceArgument {
            key: "chip",
            need: ArgumentNeed::Optional { default: "0" },
            meaning: "number of the GPIO chip",
        }],
        value: DeviceValue::Bool,
    },
    DeviceKindInfo {
        kind: DeviceKind::Adc,
        prefix: "adc",
        word: "ADC",
        nouns: &["channel"],
        numbered: Numbering::AfterNoun,
        arguments: &[],
        value: DeviceValue::Float,
    },
    DeviceKindInfo {
        kind: DeviceKind::Pwm,
        prefix: "pwm",
        word: "PWM",
        nouns: &["channel"],
        numbered: Numbering::AfterNoun,
        arguments: &[],
        value: DeviceValue::Float,
    },
    DeviceKindInfo {
        kind: DeviceKind::Hwmon,
        prefix: "hwmon",
        word: "hwmon",
        nouns: &["sensor"],
        numbered: Numbering::InArgument("name"),
        arguments: &[DeviceArgument {
            key: "name",
            need: ArgumentNeed::Required,
            meaning: "chip and channel, coretemp/temp1",
        }],
        value: DeviceValue::Float,
    },
    DeviceKindInfo {
        kind: DeviceKind::Spi,
        prefix: "spi",
        word: "SPI",
        nouns: &["sensor", "device", "chip"],
        numbered: Numbering::InArgument("select"),
        arguments: &[
            DeviceArgument {
                key: "select",
                need: ArgumentNeed::Required,
                meaning: "number of the chip select",
            },
            BUS,
        ],
        value: DeviceValue::Float,
    },
    DeviceKindInfo {
        kind: DeviceKind::Console,
        prefix: "console",
        word: "console",
        nouns: &[],
        numbered: Numbering::None,
        arguments: &[],
        value: DeviceValue::Text,
    },
];

impl DeviceKind {
    /// Its row of the table.
    pub fn info(self) -> Option<&'static DeviceKindInfo> {
        DEVICE_KINDS.iter().find(|row| row.kind == self)
    }

    /// The kind whose addresses have this prefix, if there is one.
    pub fn from_prefix(prefix: &str) -> Option<Self> {
        DEVICE_KINDS.iter().find(|row| row.prefix == prefix).map(|row| row.kind)
    }
}
