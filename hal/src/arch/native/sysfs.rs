//! Sensors that Linux publishes as files: hwmon and the converters of IIO.
//!
//! Formats: Linux `Documentation/hwmon/sysfs-interface.rst` and
//! `Documentation/ABI/testing/sysfs-bus-iio`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::device::{Channel, FaultKind};
use crate::drivers::SensorFault;

/// Kinds of hwmon channels: prefix of the name, unit, files' steps per unit.
const HWMON_KINDS: [(&str, &str, f64); 8] = [
    ("temp", "°C", 1000.0),
    ("in", "V", 1000.0),
    ("curr", "A", 1000.0),
    ("power", "W", 1_000_000.0),
    ("energy", "J", 1_000_000.0),
    ("humidity", "%", 1000.0),
    ("freq", "Hz", 1.0),
    ("fan", "1/min", 1.0),
];
/// Longest file that is read, in bytes.
const MOST_BYTES: u64 = 4096;

/// One value, read from a file each time.
#[derive(Clone, Debug)]
pub struct SysfsSensor {
    file: PathBuf,
    /// Added to the file's number before it is scaled.
    offset: f64,
    scale: f64,
    channel: Channel,
}

impl SysfsSensor {
    /// The hwmon channel `channel` (`temp1`) of the first chip of this name.
    ///
    /// `sys` is the root of sysfs, `/sys` but in tests.
    ///
    /// # Errors
    /// [`FaultKind::Missing`] that lists what there is.
    pub fn hwmon(sys: &Path, chip: &str, channel: &str) -> Result<Self, SensorFault> {
        let class = sys.join("class/hwmon");
        let mut chips = Vec::new();
        for folder in folders(&class) {
            let Ok(name) = read_text(&folder.join("name")) else { continue };
            if name == chip {
                let digits = channel.trim_start_matches(|c: char| c.is_ascii_alphabetic());
                let kind = channel.strip_suffix(digits).unwrap_or(channel);
                let known = HWMON_KINDS.iter().find(|(prefix, ..)| *prefix == kind);
                let file = folder.join(format!("{channel}_input"));
                let Some((_, unit, steps)) = known.filter(|_| file.is_file()) else {
                    return Err(missing(format!(
                        "`{chip}` has no channel `{channel}`; it has: {}",
                        inputs(&folder)
                    )));
                };
                return Ok(Self {
                    file,
                    offset: 0.0,
                    scale: 1.0 / steps,
                    channel: Channel { name: channel.into(), unit: (*unit).into() },
                });
            }
            chips.push(name);
        }
        let there = if chips.is_empty() { "none".into() } else { chips.join(", ") };
        Err(missing(format!("no sensor chip is called `{chip}`; there are: {there}")))
    }

    /// Input `channel` of the first converter that has it, in volts.
    ///
    /// # Errors
    /// [`FaultKind::Missing`] without such an input.
    pub fn converter(sys: &Path, channel: u8) -> Result<Self, SensorFault> {
        for folder in folders(&sys.join("bus/iio/devices")) {
            let file = folder.join(format!("in_voltage{channel}_raw"));
            if !file.is_file() {
                continue;
            }
            // Its own value if there is one, else the one of all inputs.
            let setting = |name: &str, default: f64| {
                [format!("in_voltage{channel}_{name}"), format!("in_voltage_{name}")]
                    .iter()
                    .find_map(|file| read_number(&folder.join(file)).ok())
                    .unwrap_or(default)
            };
            return Ok(Self {
                offset: setting("offset", 0.0),
                // IIO's unit is the millivolt.
                scale: setting("scale", 1.0) / 1000.0,
                file,
                channel: Channel { name: format!("in{channel}"), unit: "V".into() },
            });
        }
        Err(missing(format!("no converter has an input {channel}")))
    }

    /// What it measures.
    pub fn channel(&self) -> &Channel {
        &self.channel
    }

    /// Reads the value.
    ///
    /// # Errors
    /// [`FaultKind::Missing`] when the file went away, [`FaultKind::Data`] when
    /// it holds no number.
    pub fn read(&self) -> Result<f64, SensorFault> {
        Ok((read_number(&self.file)? + self.offset) * self.scale)
    }
}

fn missing(detail: String) -> SensorFault {
    SensorFault { kind: FaultKind::Missing, detail }
}

/// The folders in `parent`, by the number at the end of their names.
fn folders(parent: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(parent)
        .map(|entries| entries.filter_map(|entry| Some(entry.ok()?.path())).collect())
        .unwrap_or_default();
    found.sort_by_key(|path| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let stem = name.trim_end_matches(|c: char| c.is_ascii_digit()).len();
        (name.get(stem..).and_then(|digits| digits.parse::<u64>().ok()), name)
    });
    found
}

/// The channels of a chip that this module reads, for a message.
fn inputs(folder: &Path) -> String {
    let mut names: Vec<String> = folders(folder)
        .iter()
        .filter_map(|path| path.file_name()?.to_str()?.strip_suffix("_input").map(str::to_owned))
        .filter(|name| HWMON_KINDS.iter().any(|(prefix, ..)| name.starts_with(prefix)))
        .collect();
    names.sort();
    if names.is_empty() { "none".into() } else { names.join(", ") }
}

fn read_text(file: &Path) -> Result<String, SensorFault> {
    use std::io::Read;
    let fault = |error: &io::Error| SensorFault {
        kind: match error.kind() {
            io::ErrorKind::NotFound => FaultKind::Missing,
            io::ErrorKind::TimedOut => FaultKind::Timeout,
            _ => FaultKind::Io,
        },
        detail: format!("{}: {error}", file.display()),
    };
    let mut text = String::new();
    fs::File::open(file)
        .and_then(|opened| opened.take(MOST_BYTES).read_to_string(&mut text))
        .map_err(|error| fault(&error))?;
    Ok(text.trim().to_owned())
}

fn read_number(file: &Path) -> Result<f64, SensorFault> {
    let text = read_text(file)?;
    text.parse::<f64>().ok().filter(|value| value.is_finite()).ok_or_else(|| SensorFault {
        kind: FaultKind::Data,
        detail: format!(
            "{} holds `{}`, not a number",
            file.display(),
            text.chars().take(32).collect::<String>()
        ),
    })
}
