//! The ecosystem's drivers behind [`Sensor`].

use alloc::format;
use alloc::string::{String, ToString};

use ads1x1x::channel::{SingleA0, SingleA1, SingleA2, SingleA3};
use ads1x1x::{Ads1x1x, ic, mode};
use embedded_hal::delay::DelayNs;
use embedded_hal::i2c::{ErrorKind, I2c};
use shtcx::{LowPower as _, PowerMode};

use super::{Sensor, SensorFault};
use crate::device::FaultKind;

/// What a bus error means for a device.
fn bus_fault(error: &impl embedded_hal::i2c::Error) -> SensorFault {
    let kind = match error.kind() {
        ErrorKind::NoAcknowledge(_) => FaultKind::Missing,
        _ => FaultKind::Io,
    };
    SensorFault { kind, detail: error.kind().to_string() }
}

fn data_fault(detail: &str) -> SensorFault {
    SensorFault { kind: FaultKind::Data, detail: detail.into() }
}

fn no_channel(channel: usize) -> SensorFault {
    SensorFault { kind: FaultKind::Data, detail: format!("there is no channel {channel}") }
}

/// The `f64` nearest to a number that the driver rounded to `f32` from steps of `1 / steps`.
fn from_steps(value: f32, steps: f64) -> f64 {
    libm::round(f64::from(value) * steps) / steps
}

/// A chip with temperature alone needs no more than this.
macro_rules! thermometer {
    ($(#[doc = $doc:literal])* $name:ident, $driver:ty, $make:expr, $error:ident) => {
        $(#[doc = $doc])*
        pub(super) struct $name<I: I2c>($driver);

        impl<I: I2c> $name<I> {
            pub(super) fn new(i2c: I, address: u8) -> Self {
                let make: fn(I, u8) -> $driver = $make;
                Self(make(i2c, address))
            }
        }

        impl<I: I2c> Sensor for $name<I> {
            fn read(&mut self, channel: usize) -> Result<f64, SensorFault> {
                if channel != 0 {
                    return Err(no_channel(channel));
                }
                self.0.read_temperature().map(f64::from).map_err($error)
            }
        }
    };
}

thermometer!(
    /// TI TMP102: steps of 1/16 °C, exact in `f32`.
    Tmp102,
    tmp1x2::Tmp1x2<I, tmp1x2::marker::mode::Continuous>,
    |i2c, address| tmp1x2::Tmp1x2::new(i2c, tmp1x2::SlaveAddr::Alternative(address & 2 != 0, address & 1 != 0)),
    tmp102_fault
);

fn tmp102_fault<E: embedded_hal::i2c::Error>(error: tmp1x2::Error<E>) -> SensorFault {
    let tmp1x2::Error::I2C(error) = error;
    bus_fault(&error)
}

thermometer!(
    /// LM75: steps of 1/2 °C, exact in `f32`.
    Lm75,
    lm75::Lm75<I, lm75::ic::Lm75>,
    |i2c, address| lm75::Lm75::new(i2c, address),
    lm75_fault
);

thermometer!(
    /// NXP PCT2075: steps of 1/8 °C, exact in `f32`.
    Pct2075,
    lm75::Lm75<I, lm75::ic::Pct2075>,
    |i2c, address| lm75::Lm75::new_pct2075(i2c, address),
    lm75_fault
);

fn lm75_fault<E: embedded_hal::i2c::Error>(error: lm75::Error<E>) -> SensorFault {
    match error {
        lm75::Error::I2C(error) => bus_fault(&error),
        lm75::Error::InvalidInputData => data_fault("the sensor refused its settings"),
    }
}

/// Sensirion SHTC3: asleep between measurements.
pub(super) struct Shtc3<I, D> {
    sensor: shtcx::ShtC3<I>,
    delay: D,
}

impl<I: I2c, D: DelayNs> Shtc3<I, D> {
    pub(super) fn new(i2c: I, delay: D) -> Self {
        Self { sensor: shtcx::shtc3(i2c), delay }
    }
}

impl<I: I2c, D: DelayNs> Sensor for Shtc3<I, D> {
    fn read(&mut self, channel: usize) -> Result<f64, SensorFault> {
        fn fault<E: embedded_hal::i2c::Error>(error: shtcx::Error<E>) -> SensorFault {
            match error {
                shtcx::Error::I2c(error) => bus_fault(&error),
                shtcx::Error::Crc => data_fault("wrong checksum"),
            }
        }
        self.sensor.wakeup(&mut self.delay).map_err(fault)?;
        let measured = self.sensor.measure(PowerMode::NormalMode, &mut self.delay).map_err(fault)?;
        self.sensor.sleep().map_err(fault)?;
        let thousandths = match channel {
            0 => measured.temperature.as_millidegrees_celsius(),
            1 => measured.humidity.as_millipercent(),
            other => return Err(no_channel(other)),
        };
        Ok(f64::from(thousandths) / 1000.0)
    }
}

/// Bosch BME280: one forced measurement for each reading.
pub(super) struct Bme280<I, D> {
    sensor: bme280::i2c::BME280<I>,
    delay: D,
}

impl<I: I2c, D: DelayNs> Bme280<I, D> {
    pub(super) fn new(i2c: I, mut delay: D, address: u8) -> Result<Self, SensorFault> {
        let mut sensor = bme280::i2c::BME280::new(i2c, address);
        sensor.init_with_config(&mut delay, weather()).map_err(bme280_fault)?;
        Ok(Self { sensor, delay })
    }
}

/// One sample of each quantity and no filter: a reading is the value of its
/// moment (data sheet BST-BME280-DS002, section 3.5.1, weather monitoring).
fn weather() -> bme280::Configuration {
    bme280::Configuration::default()
        .with_temperature_oversampling(bme280::Oversampling::Oversampling1X)
        .with_pressure_oversampling(bme280::Oversampling::Oversampling1X)
        .with_humidity_oversampling(bme280::Oversampling::Oversampling1X)
}

fn bme280_fault<E: embedded_hal::i2c::Error>(error: bme280::Error<E>) -> SensorFault {
    match error {
        bme280::Error::Bus(error) => bus_fault(&error),
        bme280::Error::UnsupportedChip => data_fault("there is another chip at this address"),
        _ => data_fault("the sensor gave data that can't be right"),
    }
}

impl<I: I2c, D: DelayNs> Sensor for Bme280<I, D> {
    fn read(&mut self, channel: usize) -> Result<f64, SensorFault> {
        let measured = self.sensor.measure(&mut self.delay).map_err(bme280_fault)?;
        match channel {
            0 => Ok(from_steps(measured.temperature, 100.0)),
            1 => Ok(from_steps(measured.pressure, 256.0)),
            2 => Ok(from_steps(measured.humidity, 1024.0)),
            other => Err(no_channel(other)),
        }
    }
}

/// TI ADS1115: four inputs against ground, ±2.048 V, 128 conversions a second.
pub(super) struct Ads1115<I, D> {
    converter: Ads1x1x<I, ic::Ads1115, ic::Resolution16Bit, mode::OneShot>,
    delay: D,
}

/// Volts per step at ±2.048 V (data sheet SBAS444, table 7-1).
const ADS1115_STEP: f64 = 62.5e-6;
/// A conversion takes 7.8 ms; this many polls of 1 ms are waited for.
const ADS1115_POLLS: u32 = 50;

impl<I: I2c, D: DelayNs> Ads1115<I, D> {
    pub(super) fn new(i2c: I, delay: D, address: u8) -> Self {
        let address = match address & 3 {
            0 => ads1x1x::TargetAddr::Gnd,
            1 => ads1x1x::TargetAddr::Vdd,
            2 => ads1x1x::TargetAddr::Sda,
            _ => ads1x1x::TargetAddr::Scl,
        };
        Self { converter: Ads1x1x::new_ads1115(i2c, address), delay }
    }
}

impl<I: I2c, D: DelayNs> Sensor for Ads1115<I, D> {
    fn read(&mut self, channel: usize) -> Result<f64, SensorFault> {
        for _ in 0..ADS1115_POLLS {
            let polled = match channel {
                0 => self.converter.read(SingleA0),
                1 => self.converter.read(SingleA1),
                2 => self.converter.read(SingleA2),
                3 => self.converter.read(SingleA3),
                other => return Err(no_channel(other)),
            };
            match polled {
                Ok(steps) => return Ok(f64::from(steps) * ADS1115_STEP),
                Err(nb::Error::WouldBlock) => self.delay.delay_ms(1),
                Err(nb::Error::Other(ads1x1x::Error::I2C(error))) => return Err(bus_fault(&error)),
                Err(nb::Error::Other(_)) => return Err(data_fault("the converter refused its settings")),
            }
        }
        Err(SensorFault { kind: FaultKind::Timeout, detail: String::from("the conversion did not end") })
    }
}
