//! The memory map: not driven on this architecture yet.

use super::Machine;
use crate::memory::MemoryMap;

impl MemoryMap for Machine {}
