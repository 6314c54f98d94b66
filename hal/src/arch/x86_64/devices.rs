//! Devices on buses: not driven on bare x86_64 yet; documents use simulated ones.

use super::Machine;
use crate::device::Devices;

impl Devices for Machine {}
