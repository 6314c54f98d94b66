//! Entropy: not driven on this architecture yet.

use super::Machine;
use crate::entropy::Entropy;

impl Entropy for Machine {}
