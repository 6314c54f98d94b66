//! The console: not driven on this architecture yet.

use super::Machine;
use crate::console::Console;

impl Console for Machine {}
