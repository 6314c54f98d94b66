//! The devices of a Linux machine: published files in a folder of the test, and
//! the kernel's own simulators of I2C and GPIO where this kernel has them.
#![cfg(feature = "linux")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "the helpers of a test fail like the test")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use flux_hal::arch::native::{DeviceConfig, LinuxBus};
use flux_hal::{DeviceBus, DeviceError, FaultKind, Reading};

/// A folder of this test's own, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(files: &[(&str, &str)]) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("flux-hal-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        for (file, text) in files {
            let path = folder.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Self(folder)
    }

    fn bus(&self) -> LinuxBus {
        LinuxBus::new(DeviceConfig::under("/nonexistent", &self.0))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn read(bus: &mut LinuxBus, address: &str) -> Result<Reading, DeviceError> {
    let id = bus.open(&address.parse().unwrap(), "x")?;
    bus.read(id, 0)
}

#[test]
fn hwmon_channels_are_scaled_to_si_units() {
    let folder = Folder::new(&[
        ("class/hwmon/hwmon2/name", "coretemp\n"),
        ("class/hwmon/hwmon2/temp1_input", "41250\n"),
        ("class/hwmon/hwmon10/name", "board\n"),
        ("class/hwmon/hwmon10/in0_input", "3300\n"),
        ("class/hwmon/hwmon10/power1_input", "2500000\n"),
        ("class/hwmon/hwmon10/fan1_input", "1200\n"),
    ]);
    let mut bus = folder.bus();
    for (address, value) in [
        ("hwmon:coretemp/temp1", 41.25),
        ("hwmon:board/in0", 3.3),
        ("hwmon:board/power1", 2.5),
        ("hwmon:board/fan1", 1200.0),
    ] {
        match read(&mut bus, address) {
            Ok(Reading::F64(given)) => assert!((given - value).abs() < 1e-9, "{address}: {given}"),
            other => panic!("{address}: {other:?}"),
        }
    }
    let units: Vec<String> = bus.list().into_iter().map(|info| info.channels[0].unit.clone()).collect();
    assert_eq!(units, ["1/min", "V", "W", "°C"]);
}

#[test]
fn a_value_is_read_anew_each_time() {
    let folder =
        Folder::new(&[("class/hwmon/hwmon0/name", "cpu"), ("class/hwmon/hwmon0/temp1_input", "1000")]);
    let mut bus = folder.bus();
    let id = bus.open(&"hwmon:cpu/temp1".parse().unwrap(), "t").unwrap();
    assert_eq!(bus.read(id, 0), Ok(Reading::F64(1.0)));
    fs::write(folder.0.join("class/hwmon/hwmon0/temp1_input"), "2000").unwrap();
    assert_eq!(bus.read(id, 1), Ok(Reading::F64(2.0)));
    fs::write(folder.0.join("class/hwmon/hwmon0/temp1_input"), "warm").unwrap();
    assert!(matches!(bus.read(id, 2), Err(DeviceError::Fault { kind: FaultKind::Data, .. })));
    fs::remove_file(folder.0.join("class/hwmon/hwmon0/temp1_input")).unwrap();
    assert!(matches!(bus.read(id, 3), Err(DeviceError::Fault { kind: FaultKind::Missing, .. })));
    assert!(matches!(bus.write(id, Reading::F64(1.0), 4), Err(DeviceError::ReadOnly { .. })));
}

#[test]
fn a_chip_or_channel_that_is_not_there_lists_what_is() {
    let folder = Folder::new(&[
        ("class/hwmon/hwmon0/name", "cpu"),
        ("class/hwmon/hwmon0/temp1_input", "1"),
        ("class/hwmon/hwmon0/temp2_input", "1"),
    ]);
    let message = |address: &str| read(&mut folder.bus(), address).unwrap_err().to_string();
    assert!(message("hwmon:gpu/temp1").contains("there are: cpu"), "{}", message("hwmon:gpu/temp1"));
    assert!(message("hwmon:cpu/temp9").contains("it has: temp1, temp2"), "{}", message("hwmon:cpu/temp9"));
    assert!(message("hwmon:cpu/name").contains("no channel `name`"));
}

#[test]
fn converter_inputs_are_volts_by_their_own_scale() {
    let folder = Folder::new(&[
        ("bus/iio/devices/iio:device0/in_voltage0_raw", "1000"),
        ("bus/iio/devices/iio:device0/in_voltage1_raw", "100"),
        ("bus/iio/devices/iio:device0/in_voltage1_offset", "-20"),
        ("bus/iio/devices/iio:device0/in_voltage_scale", "0.5"),
        ("bus/iio/devices/iio:device0/in_voltage1_scale", "2"),
    ]);
    let mut bus = folder.bus();
    assert_eq!(read(&mut bus, "adc:0"), Ok(Reading::F64(0.5)));
    assert_eq!(read(&mut bus, "adc:1"), Ok(Reading::F64(0.16)));
    assert!(matches!(read(&mut bus, "adc:2"), Err(DeviceError::Fault { kind: FaultKind::Missing, .. })));
}

#[test]
fn an_i2c_device_needs_a_driver_and_a_bus() {
    let mut config = DeviceConfig::under("/nonexistent", "/nonexistent");
    let address = "i2c:0x48".parse().unwrap();
    let error = read(&mut LinuxBus::new(config.clone()), "i2c:0x48").unwrap_err().to_string();
    assert!(error.contains("name its driver"), "{error}");
    let error = config.set_driver("i2c:0x48".parse().unwrap(), "tmp103").unwrap_err().to_string();
    assert!(error.contains("tmp103") && error.contains("tmp102"), "{error}");
    assert!(config.set_driver("gpio:1".parse().unwrap(), "tmp102").is_err());
    config.set_driver(address, "tmp102").unwrap();
    let error = read(&mut LinuxBus::new(config), "i2c:0x48").unwrap_err();
    assert!(matches!(error, DeviceError::Fault { kind: FaultKind::Missing, .. }), "{error}");
}

#[test]
fn several_channels_want_the_name_of_one() {
    let mut config = DeviceConfig::under("/nonexistent", "/nonexistent");
    config.set_driver("i2c:0x76".parse().unwrap(), "bme280").unwrap();
    let error = read(&mut LinuxBus::new(config), "i2c:0x76").unwrap_err().to_string();
    assert!(error.contains("temperature, pressure, humidity"), "{error}");
}

/// Loads a module of the kernel; `false`, said aloud, where that can't be.
fn load(module: &str, arguments: &[&str]) -> bool {
    let loaded = Command::new("modprobe").arg(module).args(arguments).output();
    let works = loaded.is_ok_and(|output| output.status.success());
    if !works {
        skip(module);
    }
    works
}

/// Says on the terminal, past the test runner's capture, that a check was not made.
fn skip(what: &str) {
    use std::io::Write;
    let text = format!("SKIPPED: {what} is not available on this kernel; its check was not made\n");
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// The bus that the module made, by the name in sysfs.
fn stub_bus() -> Option<u8> {
    let entries = fs::read_dir("/sys/bus/i2c/devices").ok()?;
    entries.filter_map(Result::ok).find_map(|entry| {
        let name = fs::read_to_string(entry.path().join("name")).ok()?;
        let number = entry.file_name().to_str()?.strip_prefix("i2c-")?.parse().ok()?;
        name.starts_with("SMBus stub driver").then_some(number)
    })
}

#[test]
fn a_sensor_of_the_kernels_i2c_simulator_is_found_missing_or_read() {
    if !load("i2c-dev", &[]) || !load("i2c-stub", &["chip_addr=0x48"]) {
        return;
    }
    let Some(bus) = stub_bus() else { return skip("the bus of i2c-stub") };
    let mut config = DeviceConfig::default();
    let address = format!("i2c:{bus}:0x48");
    config.set_driver(address.parse().unwrap(), "tmp102").unwrap();
    // i2c-stub speaks SMBus only, the drivers use plain transfers: the machine
    // has to say so as an error of the device, never as a value.
    let error = read(&mut LinuxBus::new(config), &address).unwrap_err();
    assert!(matches!(error, DeviceError::Fault { .. }), "{error}");
}

#[test]
fn lines_of_the_kernels_gpio_simulator_are_read_and_written() {
    let configfs = Path::new("/sys/kernel/config/gpio-sim");
    if !load("gpio-sim", &[]) || !configfs.is_dir() {
        return;
    }
    let device = configfs.join(format!("flux-{}", std::process::id()));
    let bank = device.join("bank0");
    fs::create_dir_all(&bank).unwrap();
    fs::write(bank.join("num_lines"), "4").unwrap();
    fs::write(device.join("live"), "1").unwrap();
    let chip = fs::read_to_string(bank.join("chip_name")).unwrap();
    let number = chip.trim().trim_start_matches("gpiochip").to_owned();
    let sysfs = PathBuf::from("/sys/devices/platform")
        .join(fs::read_to_string(device.join("dev_name")).unwrap().trim())
        .join(chip.trim());

    let mut bus = LinuxBus::new(DeviceConfig::default());
    let input = bus.open(&format!("gpio:{number}:1").parse().unwrap(), "x").unwrap();
    fs::write(sysfs.join("sim_gpio1/pull"), "pull-up").unwrap();
    assert_eq!(bus.read(input, 0), Ok(Reading::Bool(true)));
    fs::write(sysfs.join("sim_gpio1/pull"), "pull-down").unwrap();
    assert_eq!(bus.read(input, 0), Ok(Reading::Bool(false)));
    let output = bus.open(&format!("gpio:{number}:2").parse().unwrap(), "x").unwrap();
    bus.write(output, Reading::Bool(true), 0).unwrap();
    assert_eq!(fs::read_to_string(sysfs.join("sim_gpio2/value")).unwrap().trim(), "1");

    drop(bus);
    fs::write(device.join("live"), "0").unwrap();
    fs::remove_dir(&bank).unwrap();
    fs::remove_dir(&device).unwrap();
}
