//! Devices: not driven on this architecture yet.

use super::Machine;
use crate::device::Devices;

impl Devices for Machine {}
