//! Random bytes from the processor's own generator, RDRAND.

use core::arch::asm;

use super::Machine;
use super::hardware;
use crate::entropy::Entropy;
use crate::error::HalError;

/// Tries for one word (Intel's implementation guide asks for at least 10).
const MOST_TRIES: u32 = 32;

/// One word, if the processor has the instruction and gives one.
fn word() -> Option<u64> {
    for _ in 0..MOST_TRIES {
        let value: u64;
        let ready: u8;
        // SAFETY: the caller checked that the instruction exists; it writes one
        // register and the flags.
        unsafe {
            asm!("rdrand {value}", "setc {ready}", value = out(reg) value, ready = out(reg_byte) ready, options(nomem, nostack))
        };
        if ready == 1 {
            return Some(value);
        }
    }
    None
}

impl Entropy for Machine {
    fn fill_entropy(&mut self, bytes: &mut [u8]) -> Result<(), HalError> {
        if !hardware::has("rdrand") {
            return Err(HalError::Unsupported { what: "a source of entropy" });
        }
        for chunk in bytes.chunks_mut(8) {
            let word = word().ok_or(HalError::Failed { what: "the processor's random generator" })?;
            for (byte, random) in chunk.iter_mut().zip(word.to_le_bytes()) {
                *byte = random;
            }
        }
        Ok(())
    }
}
