//! Physical memory belongs to the operating system.

use super::Machine;
use crate::memory::MemoryMap;

impl MemoryMap for Machine {}
