//! What Linux tells of the processor.

use std::fs;

use super::Machine;
use crate::error::HalError;
use crate::hardware::{Hardware, HardwareInfo};

impl Hardware for Machine {
    fn hardware(&self) -> Result<HardwareInfo, HalError> {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Ok(HardwareInfo {
            architecture: std::env::consts::ARCH,
            processor: field("/proc/cpuinfo", "model name").unwrap_or_default(),
            features: features(),
            cores: u32::try_from(cores).unwrap_or(u32::MAX),
            memory_bytes: memory_bytes().unwrap_or(0),
        })
    }
}

/// The text after `name` and a colon in a file of `/proc`.
fn field(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim().to_owned())
    })
}

fn memory_bytes() -> Option<u64> {
    let text = field("/proc/meminfo", "MemTotal")?;
    text.strip_suffix(" kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(target_arch = "x86_64")]
fn features() -> Vec<&'static str> {
    let mut found = Vec::new();
    macro_rules! probe {
        ($($name:tt)*) => { $(if std::arch::is_x86_feature_detected!($name) { found.push($name); })* };
    }
    probe!("sse2" "sse3" "ssse3" "sse4.1" "sse4.2" "popcnt" "avx" "avx2" "fma" "bmi1" "bmi2" "lzcnt" "aes" "rdrand" "rdseed");
    found
}

#[cfg(target_arch = "aarch64")]
fn features() -> Vec<&'static str> {
    let mut found = Vec::new();
    macro_rules! probe {
        ($($name:tt)*) => { $(if std::arch::is_aarch64_feature_detected!($name) { found.push($name); })* };
    }
    probe!("neon" "crc" "aes" "sha2" "lse" "sve");
    found
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn features() -> Vec<&'static str> {
    Vec::new()
}
