//! Interrupts belong to the operating system.

use super::Machine;
use crate::interrupts::Interrupts;

impl Interrupts for Machine {}
