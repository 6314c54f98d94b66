//! Interrupts: not driven on this architecture yet.

use super::Machine;
use crate::interrupts::Interrupts;

impl Interrupts for Machine {}
