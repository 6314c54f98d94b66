//! Power: not driven on this architecture yet.

use super::Machine;
use crate::power::Power;

impl Power for Machine {}
