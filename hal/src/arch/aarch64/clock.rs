//! Clock and timer: not driven on this architecture yet.

use super::Machine;
use crate::clock::{Clock, Timer};

impl Clock for Machine {}

impl Timer for Machine {}
