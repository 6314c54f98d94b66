//! What machine this is: the architecture's name, and nothing that must be asked for.

use alloc::string::String;
use alloc::vec::Vec;

use super::Machine;
use crate::error::HalError;
use crate::hardware::{Hardware, HardwareInfo};

impl Hardware for Machine {
    fn hardware(&self) -> Result<HardwareInfo, HalError> {
        Ok(HardwareInfo {
            architecture: "wasm32",
            processor: String::new(),
            features: Vec::new(),
            cores: 1,
            memory_bytes: 0,
        })
    }
}
