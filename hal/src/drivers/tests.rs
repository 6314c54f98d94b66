//! Each driver against a bus that expects the bytes of the data sheet.

use super::*;
use alloc::vec;
use embedded_hal::i2c::{ErrorKind, NoAcknowledgeSource};
use embedded_hal_mock::eh1::delay::NoopDelay;
use embedded_hal_mock::eh1::i2c::{Mock, Transaction};

/// Reads one channel of a driver while the bus sees exactly `expected`.
fn read(driver: &str, address: u8, channel: usize, expected: &[Transaction]) -> Result<f64, SensorFault> {
    let mut bus = Mock::new(expected);
    let driver = DriverInfo::find(driver).unwrap();
    let result =
        attach(driver, bus.clone(), NoopDelay::new(), address).and_then(|mut sensor| sensor.read(channel));
    bus.done();
    result
}

#[test]
fn a_tmp102_gives_sixteenths_of_a_degree() {
    for (bytes, celsius) in [([0x19, 0x00], 25.0), ([0x19, 0x10], 25.0625), ([0xff, 0xf0], -0.0625)] {
        let expected = [Transaction::write_read(0x49, vec![0], bytes.to_vec())];
        assert_eq!(read("tmp102", 0x49, 0, &expected), Ok(celsius));
    }
}

#[test]
fn an_lm75_and_a_pct2075_give_their_own_steps() {
    let expected = [Transaction::write_read(0x48, vec![0], vec![0x19, 0x80])];
    assert_eq!(read("lm75", 0x48, 0, &expected), Ok(25.5));
    let expected = [Transaction::write_read(0x37, vec![0], vec![0x19, 0x20])];
    assert_eq!(read("pct2075", 0x37, 0, &expected), Ok(25.125));
}

/// The bytes of an SHTC3 measurement: 23.725 °C and 62.968 %.
fn shtc3_transactions() -> Vec<Transaction> {
    vec![
        Transaction::write(0x70, vec![0x35, 0x17]),
        Transaction::write(0x70, vec![0x78, 0x66]),
        Transaction::read(0x70, vec![0x64, 0x8b, 0xc7, 0xa1, 0x33, 0x1c]),
        Transaction::write(0x70, vec![0xb0, 0x98]),
    ]
}

#[test]
fn an_shtc3_is_woken_measured_and_put_to_sleep() {
    assert_eq!(read("shtc3", 0x70, 0, &shtc3_transactions()), Ok(23.73));
    assert_eq!(read("shtc3", 0x70, 1, &shtc3_transactions()), Ok(62.968));
}

#[test]
fn a_wrong_checksum_is_invalid_data() {
    let mut expected = shtc3_transactions();
    expected.pop();
    expected[2] = Transaction::read(0x70, vec![0x64, 0x8b, 0xc8, 0xa1, 0x33, 0x1c]);
    assert_eq!(read("shtc3", 0x70, 0, &expected).map_err(|fault| fault.kind), Err(FaultKind::Data));
}

#[test]
fn an_ads1115_converts_one_input_and_waits_for_the_end() {
    // Configuration 0x8583 with input 1 against ground (multiplexer 101).
    let idle = || Transaction::write_read(0x48, vec![1], vec![0x85, 0x83]);
    let busy = || Transaction::write_read(0x48, vec![1], vec![0x05, 0x83]);
    let expected = [
        idle(),
        Transaction::write(0x48, vec![1, 0xd5, 0x83]),
        busy(),
        idle(),
        Transaction::write_read(0x48, vec![0], vec![0x3e, 0x80]),
    ];
    assert_eq!(read("ads1115", 0x48, 1, &expected), Ok(1.0));
}

#[test]
fn a_conversion_that_never_ends_is_a_timeout() {
    let busy = vec![Transaction::write_read(0x48, vec![1], vec![0x05, 0x83]); 50];
    assert_eq!(read("ads1115", 0x48, 0, &busy).map_err(|fault| fault.kind), Err(FaultKind::Timeout));
}

#[test]
fn a_chip_that_is_no_bme280_is_told_apart() {
    let expected = [Transaction::write_read(0x76, vec![0xd0], vec![0x42])];
    let fault = read("bme280", 0x76, 0, &expected).unwrap_err();
    assert_eq!(
        (fault.kind, fault.detail.as_str()),
        (FaultKind::Data, "there is another chip at this address")
    );
}

/// A BME280 with the calibration and the raw values of Bosch's data sheet for
/// temperature and pressure (BMP280 data sheet, section 3.12): 25.08 °C, 100,653 Pa.
fn bme280_transactions() -> Vec<Transaction> {
    let mut calibration = Vec::new();
    for word in [27504_u16, 26435, 64536, 36477, 54851, 3024, 2855, 140, 65529, 15500, 50936, 6000] {
        calibration.extend(word.to_le_bytes());
    }
    calibration.extend([0, 75]);
    let get = |register: u8, bytes: Vec<u8>| Transaction::write_read(0x77, vec![register], bytes);
    let set = |register: u8, value: u8| Transaction::write(0x77, vec![register, value]);
    vec![
        get(0xd0, vec![0x60]),
        set(0xe0, 0xb6),
        get(0x88, calibration),
        get(0xe1, vec![0x6a, 0x01, 0x00, 0x13, 0x2a, 0x03, 0x1e]),
        get(0xf4, vec![0]),
        set(0xf2, 0x01),
        get(0xf4, vec![0]),
        set(0xf4, 0x24),
        get(0xf5, vec![0]),
        set(0xf5, 0),
        get(0xf4, vec![0x24]),
        get(0xf4, vec![0x24]),
        set(0xf4, 0x25),
        get(0xf7, vec![0x65, 0x5a, 0xc0, 0x7e, 0xed, 0x00, 0x6d, 0x8a]),
    ]
}

#[test]
fn a_bme280_gives_what_the_data_sheet_computes() {
    assert_eq!(read("bme280", 0x77, 0, &bme280_transactions()), Ok(25.08));
    let pascal = read("bme280", 0x77, 1, &bme280_transactions()).unwrap();
    assert!((pascal - 100_653.27).abs() < 0.5, "{pascal}");
    let percent = read("bme280", 0x77, 2, &bme280_transactions()).unwrap();
    assert!((0.0..=100.0).contains(&percent), "{percent}");
}

#[test]
fn a_chip_that_does_not_acknowledge_is_missing() {
    let missing = ErrorKind::NoAcknowledge(NoAcknowledgeSource::Address);
    for (driver, address) in [("tmp102", 0x48), ("lm75", 0x48)] {
        let expected = [Transaction::write_read(address, vec![0], vec![0, 0]).with_error(missing)];
        assert_eq!(read(driver, address, 0, &expected).map_err(|fault| fault.kind), Err(FaultKind::Missing));
    }
    let expected = [Transaction::write_read(0x48, vec![0], vec![0, 0]).with_error(ErrorKind::Bus)];
    assert_eq!(read("tmp102", 0x48, 0, &expected).map_err(|fault| fault.kind), Err(FaultKind::Io));
}

#[test]
fn an_address_that_a_chip_can_not_have_is_refused_before_the_bus_is_touched() {
    for driver in DRIVERS {
        let fault = read(driver.name, driver.addresses.1 + 1, 0, &[]).unwrap_err();
        assert!(fault.detail.contains(driver.name), "{fault:?}");
    }
}

#[test]
fn drivers_are_listed_in_the_order_of_their_names() {
    assert!(DRIVERS.is_sorted_by_key(|driver| driver.name));
    assert_eq!(DriverInfo::names(), "ads1115, bme280, lm75, pct2075, shtc3, tmp102");
    assert!(DriverInfo::find("tmp103").is_none());
}
