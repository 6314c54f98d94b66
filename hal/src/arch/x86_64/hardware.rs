//! What the processor tells of itself by CPUID (Intel SDM volume 2, CPUID).

use alloc::string::String;
use alloc::vec::Vec;
use core::arch::x86_64::{__cpuid, __cpuid_count, CpuidResult};

use super::Machine;
use crate::error::HalError;
use crate::hardware::{Hardware, HardwareInfo};
use crate::memory::MemoryKind;

/// Which word of CPUID's answer a feature stands in.
#[derive(Clone, Copy)]
enum Word {
    Leaf1Ecx,
    Leaf1Edx,
    Leaf7Ebx,
    ExtendedEcx,
}

/// Features with their bit, in the order in which they are listed. Those that
/// need the operating system to save wider registers are left out: this kernel
/// does not.
const FEATURES: [(&str, Word, u32); 11] = [
    ("sse2", Word::Leaf1Edx, 26),
    ("sse3", Word::Leaf1Ecx, 0),
    ("ssse3", Word::Leaf1Ecx, 9),
    ("sse4.1", Word::Leaf1Ecx, 19),
    ("sse4.2", Word::Leaf1Ecx, 20),
    ("popcnt", Word::Leaf1Ecx, 23),
    ("aes", Word::Leaf1Ecx, 25),
    ("rdrand", Word::Leaf1Ecx, 30),
    ("bmi1", Word::Leaf7Ebx, 3),
    ("bmi2", Word::Leaf7Ebx, 8),
    ("lzcnt", Word::ExtendedEcx, 5),
];

const EXTENDED: u32 = 0x8000_0000;

fn leaf(number: u32) -> Option<CpuidResult> {
    let most = __cpuid(number & EXTENDED).eax;
    (number <= most).then(|| __cpuid_count(number, 0))
}

/// Whether the processor has the feature of this name in [`FEATURES`].
pub(super) fn has(name: &str) -> bool {
    FEATURES.iter().any(|(known, word, bit)| {
        let value = match word {
            Word::Leaf1Ecx => leaf(1).map(|answer| answer.ecx),
            Word::Leaf1Edx => leaf(1).map(|answer| answer.edx),
            Word::Leaf7Ebx => leaf(7).map(|answer| answer.ebx),
            Word::ExtendedEcx => leaf(EXTENDED | 1).map(|answer| answer.ecx),
        };
        *known == name && value.is_some_and(|value| value >> bit & 1 == 1)
    })
}

/// The processor's name, 48 bytes from three leaves.
fn brand() -> String {
    let mut bytes = Vec::with_capacity(48);
    for number in [EXTENDED | 2, EXTENDED | 3, EXTENDED | 4] {
        let Some(answer) = leaf(number) else { break };
        for word in [answer.eax, answer.ebx, answer.ecx, answer.edx] {
            bytes.extend_from_slice(&word.to_le_bytes());
        }
    }
    let text = String::from_utf8_lossy(&bytes);
    text.trim_matches(['\0', ' ']).into()
}

impl Hardware for Machine {
    fn hardware(&self) -> Result<HardwareInfo, HalError> {
        let usable = self.info.regions.iter().filter(|region| region.kind == MemoryKind::Usable);
        Ok(HardwareInfo {
            architecture: "x86_64",
            processor: brand(),
            features: FEATURES.iter().map(|(name, ..)| *name).filter(|name| has(name)).collect(),
            cores: 1,
            memory_bytes: usable.fold(0, |sum: u64, region| sum.saturating_add(region.bytes)),
        })
    }
}
