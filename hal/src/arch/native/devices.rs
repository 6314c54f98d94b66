//! Real devices on Linux: I2C and GPIO character devices, hwmon, IIO.

use super::Machine;
use crate::device::Devices;

#[cfg(not(feature = "linux"))]
impl Devices for Machine {}

#[cfg(feature = "linux")]
impl Devices for Machine {
    fn devices(&mut self) -> Result<&mut dyn crate::DeviceBus, crate::HalError> {
        Ok(&mut self.bus)
    }
}

#[cfg(feature = "linux")]
pub use linux::{DeviceConfig, LinuxBus};

#[cfg(feature = "linux")]
mod linux {
    use std::collections::BTreeMap;
    use std::fmt;
    use std::path::PathBuf;

    use linux_embedded_hal::{Delay, I2cdev};

    use super::super::access;
    use super::super::gpio::{CdevLine, Line};
    use super::super::sysfs::SysfsSensor;
    use crate::address::DeviceAddress;
    use crate::device::{
        Channel, DeviceBus, DeviceError, DeviceId, DeviceInfo, FaultKind, Reading, pick_channel,
    };
    use crate::drivers::{DriverInfo, Sensor, SensorFault, attach};

    /// Which driver serves which address, and where Linux keeps its devices.
    #[derive(Clone, Debug)]
    pub struct DeviceConfig {
        drivers: BTreeMap<DeviceAddress, String>,
        dev: PathBuf,
        sys: PathBuf,
    }

    impl Default for DeviceConfig {
        fn default() -> Self {
            Self::under("/dev", "/sys")
        }
    }

    impl DeviceConfig {
        /// No driver yet; `dev` and `sys` are where devices and sysfs are mounted.
        pub fn under(dev: impl Into<PathBuf>, sys: impl Into<PathBuf>) -> Self {
            Self { drivers: BTreeMap::new(), dev: dev.into(), sys: sys.into() }
        }

        /// Names the driver of a device, as `[devices] "i2c:0x48" = "tmp102"` does.
        ///
        /// # Errors
        /// [`DeviceError::UnknownDriver`] that lists the drivers,
        /// [`DeviceError::Unsupported`] for a kind of device that needs none.
        pub fn set_driver(&mut self, address: DeviceAddress, driver: &str) -> Result<(), DeviceError> {
            if !matches!(address, DeviceAddress::I2c { .. }) {
                return Err(DeviceError::Unsupported {
                    address,
                    what: "only I2C devices have a driver to choose",
                });
            }
            if DriverInfo::find(driver).is_none() {
                return Err(DeviceError::UnknownDriver {
                    address,
                    driver: driver.into(),
                    known: DriverInfo::names(),
                });
            }
            self.drivers.insert(address, driver.into());
            Ok(())
        }
    }

    /// The devices of a Linux machine.
    pub struct LinuxBus {
        config: DeviceConfig,
        /// Chips on I2C, each attached once however often it is opened.
        sensors: BTreeMap<DeviceAddress, Box<dyn Sensor>>,
        open: Vec<Open>,
    }

    struct Open {
        address: DeviceAddress,
        backend: Backend,
    }

    enum Backend {
        I2c { channel: usize },
        Gpio(Line<CdevLine>),
        Sysfs(SysfsSensor),
    }

    impl fmt::Debug for LinuxBus {
        fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
            out.debug_struct("LinuxBus")
                .field("config", &self.config)
                .field("open", &self.open.len())
                .finish()
        }
    }

    fn fault(address: &DeviceAddress, fault: SensorFault) -> DeviceError {
        DeviceError::Fault { address: address.clone(), kind: fault.kind, detail: fault.detail }
    }

    impl LinuxBus {
        /// The machine's devices under this configuration; nothing is opened yet.
        pub const fn new(config: DeviceConfig) -> Self {
            Self { config, sensors: BTreeMap::new(), open: Vec::new() }
        }

        fn open_i2c(
            &mut self,
            at: &DeviceAddress,
            bus: u8,
            address: u8,
            wanted: &str,
        ) -> Result<Backend, DeviceError> {
            let driver = self.config.drivers.get(at).and_then(|name| DriverInfo::find(name));
            let driver = driver.ok_or_else(|| DeviceError::NotFound {
                address: at.clone(),
                hint: "name its driver in the configuration, as [devices] \"ADDRESS\" = \"tmp102\", or simulate it with --sim \"ADDRESS=const(20)\"",
            })?;
            let channel = pick_channel(at, &driver.list_channels(), wanted)?;
            if !self.sensors.contains_key(at) {
                let path = self.config.dev.join(format!("i2c-{bus}"));
                access::I2C.reach(&path).map_err(|error| fault(at, error))?;
                let i2c = I2cdev::new(&path).map_err(|error| {
                    let detail = format!("{}: {error}", path.display());
                    fault(at, SensorFault { kind: FaultKind::Missing, detail })
                })?;
                let sensor = attach(driver, i2c, Delay, address).map_err(|error| fault(at, error))?;
                self.sensors.insert(at.clone(), sensor);
            }
            // A chip that is missing shall be known before the first step.
            self.read_i2c(at, channel)?;
            Ok(Backend::I2c { channel })
        }

        fn read_i2c(&mut self, at: &DeviceAddress, channel: usize) -> Result<f64, DeviceError> {
            let gone = SensorFault { kind: FaultKind::Missing, detail: String::new() };
            match self.sensors.get_mut(at) {
                Some(sensor) => sensor.read(channel).map_err(|error| fault(at, error)),
                None => Err(fault(at, gone)),
            }
        }

        fn find(&mut self, id: DeviceId) -> Result<&mut Open, DeviceError> {
            let index = usize::try_from(id.0).unwrap_or(usize::MAX);
            self.open.get_mut(index).ok_or(DeviceError::NotOpen { id })
        }
    }

    impl DeviceBus for LinuxBus {
        fn open(&mut self, address: &DeviceAddress, wanted_channel: &str) -> Result<DeviceId, DeviceError> {
            let lack = |what| DeviceError::Unsupported { address: address.clone(), what };
            let backend = match address {
                DeviceAddress::I2c { bus, address: chip } => {
                    self.open_i2c(address, *bus, *chip, wanted_channel)?
                }
                DeviceAddress::Gpio { chip, line } => {
                    let path = self.config.dev.join(format!("gpiochip{chip}"));
                    access::GPIO.reach(&path).map_err(|error| fault(address, error))?;
                    let line = CdevLine::new(&path, *line).map_err(|error| fault(address, error))?;
                    Backend::Gpio(Line::new(line))
                }
                DeviceAddress::Hwmon { chip, channel } => {
                    let sensor = SysfsSensor::hwmon(&self.config.sys, chip, channel)
                        .map_err(|error| fault(address, error))?;
                    Backend::Sysfs(sensor)
                }
                DeviceAddress::Adc { channel } => {
                    let sensor = SysfsSensor::converter(&self.config.sys, *channel)
                        .map_err(|error| fault(address, error))?;
                    Backend::Sysfs(sensor)
                }
                DeviceAddress::Pwm { .. } => return Err(lack("PWM outputs are not driven on Linux yet")),
                DeviceAddress::Spi { .. } => return Err(lack("no driver for SPI devices is included yet")),
                DeviceAddress::Console => return Err(lack("the console is written by the kernel itself")),
            };
            let id = u32::try_from(self.open.len())
                .map(DeviceId)
                .map_err(|_| lack("too many devices are open"))?;
            self.open.push(Open { address: address.clone(), backend });
            Ok(id)
        }

        fn read(&mut self, id: DeviceId, _now_ns: i64) -> Result<Reading, DeviceError> {
            let open = self.find(id)?;
            let address = open.address.clone();
            match &mut open.backend {
                Backend::Gpio(line) => line.read().map(Reading::Bool).map_err(|error| fault(&address, error)),
                Backend::Sysfs(sensor) => {
                    sensor.read().map(Reading::F64).map_err(|error| fault(&address, error))
                }
                Backend::I2c { channel } => {
                    let channel = *channel;
                    self.read_i2c(&address, channel).map(Reading::F64)
                }
            }
        }

        fn write(&mut self, id: DeviceId, value: Reading, _now_ns: i64) -> Result<(), DeviceError> {
            let open = self.find(id)?;
            let address = open.address.clone();
            match (&mut open.backend, value) {
                (Backend::Gpio(line), Reading::Bool(value)) => {
                    line.write(value).map_err(|error| fault(&address, error))
                }
                (Backend::Gpio(_), Reading::F64(_)) => {
                    Err(DeviceError::WrongType { address, takes: "bool", given: value.type_name() })
                }
                (Backend::Sysfs(_) | Backend::I2c { .. }, _) => Err(DeviceError::ReadOnly { address }),
            }
        }

        fn list(&self) -> Vec<DeviceInfo> {
            let configured = self.config.drivers.iter().filter_map(|(address, name)| {
                let driver = DriverInfo::find(name)?;
                Some((
                    address.clone(),
                    DeviceInfo {
                        address: address.clone(),
                        driver: name.clone(),
                        channels: driver.list_channels(),
                    },
                ))
            });
            let mut list: BTreeMap<DeviceAddress, DeviceInfo> = configured.collect();
            for open in &self.open {
                let (driver, channel) = match &open.backend {
                    Backend::I2c { .. } => continue,
                    Backend::Gpio(_) => ("gpio", Channel { name: "value".into(), unit: String::new() }),
                    Backend::Sysfs(sensor) => ("sysfs", sensor.channel().clone()),
                };
                list.entry(open.address.clone()).or_insert_with(|| DeviceInfo {
                    address: open.address.clone(),
                    driver: driver.into(),
                    channels: vec![channel],
                });
            }
            list.into_values().collect()
        }
    }
}
