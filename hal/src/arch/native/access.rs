//! Tells whether this user may use a device file, and if not, what to do about it.

use std::fs::OpenOptions;
use std::io::{Error, ErrorKind};
use std::path::Path;

use crate::device::FaultKind;
use crate::drivers::SensorFault;

/// A family of device files.
#[derive(Clone, Copy, Debug)]
pub(super) struct Family {
    /// What to do when there is no such file.
    pub(super) absent: &'static str,
    /// The group of users that boards give it to.
    pub(super) group: &'static str,
}

/// `/dev/i2c-*`.
pub(super) const I2C: Family = Family {
    absent: "`ls /dev/i2c-*` lists the I2C buses; without one switch I2C on, on a Raspberry Pi with \
             `sudo raspi-config nonint do_i2c 0`, elsewhere with `sudo modprobe i2c-dev`",
    group: "i2c",
};

/// `/dev/gpiochip*`.
pub(super) const GPIO: Family = Family {
    absent: "`ls /dev/gpiochip*` lists the chips; another one is named as in `GPIO line 17 (chip 1)`",
    group: "gpio",
};

impl Family {
    /// Opens the file and closes it again.
    ///
    /// # Errors
    /// [`FaultKind::Missing`] with the path, the reason and what to do.
    pub(super) fn reach(self, path: &Path) -> Result<(), SensorFault> {
        let opened = OpenOptions::new().read(true).write(true).open(path);
        opened.map(drop).map_err(|error| SensorFault {
            kind: FaultKind::Missing,
            detail: format!("{}: {}", path.display(), self.explain(&error)),
        })
    }

    fn explain(self, error: &Error) -> String {
        match error.kind() {
            ErrorKind::NotFound => format!("there is no such file; {}", self.absent),
            ErrorKind::PermissionDenied => format!(
                "this user may not use it; `sudo usermod -aG {} $USER`, then log in again",
                self.group
            ),
            _ => error.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bus_that_is_absent_or_closed_to_this_user_says_what_to_do() {
        let fault = I2C.reach(Path::new("/nonexistent/i2c-1")).unwrap_err();
        assert_eq!(fault.kind, FaultKind::Missing);
        assert!(fault.detail.starts_with("/nonexistent/i2c-1: there is no such file; `ls /dev/i2c-*`"));
        assert!(I2C.explain(&ErrorKind::PermissionDenied.into()).contains("usermod -aG i2c $USER"));
        assert!(GPIO.explain(&ErrorKind::PermissionDenied.into()).contains("usermod -aG gpio $USER"));
    }
}
