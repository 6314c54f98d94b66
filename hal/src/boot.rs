//! How far a machine has come up.
//!
//! Levels are reached in order; one that fails leaves the machine at the level
//! before it, degraded but running, and says so.

use core::fmt;

/// A stage of boot; greater means that more works.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[repr(u8)]
pub enum BootLevel {
    /// Nothing but the processor.
    #[default]
    None = 0,
    /// Console and memory map are known.
    Probe = 1,
    /// Heap, faults, clock and timer work.
    Ready = 2,
    /// Devices were looked for.
    Drivers = 3,
    /// Agents can run.
    Full = 4,
}

impl BootLevel {
    /// Every level in order.
    pub const ALL: [Self; 5] = [Self::None, Self::Probe, Self::Ready, Self::Drivers, Self::Full];

    /// Its name, as the boot stream prints it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::Probe => "PROBE",
            Self::Ready => "READY",
            Self::Drivers => "DRIVERS",
            Self::Full => "FULL",
        }
    }

    /// The level after this one; [`BootLevel::Full`] has none.
    pub const fn next(self) -> Option<Self> {
        match self {
            Self::None => Some(Self::Probe),
            Self::Probe => Some(Self::Ready),
            Self::Ready => Some(Self::Drivers),
            Self::Drivers => Some(Self::Full),
            Self::Full => None,
        }
    }

    /// The level before this one; [`BootLevel::None`] has none.
    pub const fn previous(self) -> Option<Self> {
        match self {
            Self::None => None,
            Self::Probe => Some(Self::None),
            Self::Ready => Some(Self::Probe),
            Self::Drivers => Some(Self::Ready),
            Self::Full => Some(Self::Drivers),
        }
    }
}

impl fmt::Display for BootLevel {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_follow_one_another_in_the_order_of_the_table() {
        for pair in BootLevel::ALL.windows(2) {
            assert_eq!((pair[0].next(), pair[1].previous()), (Some(pair[1]), Some(pair[0])));
            assert!(pair[0] < pair[1]);
        }
        assert_eq!((BootLevel::Full.next(), BootLevel::None.previous()), (None, None));
    }
}
