//! A process does not switch its machine off.

use super::Machine;
use crate::power::Power;

impl Power for Machine {}
