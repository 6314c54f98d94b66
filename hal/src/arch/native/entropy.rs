//! The operating system's random bytes.

use std::fs::File;
use std::io::Read;

use super::Machine;
use crate::entropy::Entropy;
use crate::error::HalError;

impl Entropy for Machine {
    fn fill_entropy(&mut self, bytes: &mut [u8]) -> Result<(), HalError> {
        File::open("/dev/urandom")
            .and_then(|mut file| file.read_exact(bytes))
            .map_err(|_| HalError::Failed { what: "reading /dev/urandom" })
    }
}
