//! Boot levels and the state of each subsystem.
//!
//! ```text
//! NONE ─▶ PROBE ─▶ READY ─▶ DRIVERS ─▶ FULL
//! ```
//! A subsystem that does not come up leaves the kernel running without it, and says so.

use alloc::string::String;
use alloc::vec::Vec;

pub use flux_hal::BootLevel;

/// How a subsystem came up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SubsystemState {
    /// It works.
    Up,
    /// It works in part.
    Degraded,
    /// This platform or configuration has none.
    Absent,
}

impl SubsystemState {
    /// Its name, as the boot stream prints it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Degraded => "degraded",
            Self::Absent => "absent",
        }
    }
}

/// One subsystem at boot.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Subsystem {
    /// Its name.
    pub name: &'static str,
    /// The level it belongs to.
    pub level: BootLevel,
    /// How it came up.
    pub state: SubsystemState,
    /// What people may want to know of it.
    pub detail: String,
}

/// What came up so far.
#[derive(Clone, Debug, Default)]
pub struct BootReport {
    level: BootLevel,
    subsystems: Vec<Subsystem>,
}

impl BootReport {
    /// Records a subsystem of the level that comes next.
    pub fn subsystem(&mut self, name: &'static str, state: SubsystemState, detail: String) {
        let level = self.level.next().unwrap_or(BootLevel::Full);
        self.subsystems.push(Subsystem { name, level, state, detail });
    }

    /// Reaches the next level.
    pub fn reach(&mut self) -> BootLevel {
        self.level = self.level.next().unwrap_or(BootLevel::Full);
        self.level
    }

    /// Falls back to the level before, when something that made this one is gone.
    pub fn fall(&mut self) -> BootLevel {
        self.level = self.level.previous().unwrap_or(BootLevel::None);
        self.level
    }

    /// The level reached.
    pub const fn level(&self) -> BootLevel {
        self.level
    }

    /// The subsystems in the order in which they came up.
    pub fn subsystems(&self) -> &[Subsystem] {
        &self.subsystems
    }

    /// Lines for the boot stream that tell of the subsystems of `level`, and of the level itself.
    pub fn lines(&self, level: BootLevel) -> Vec<String> {
        let of_level = self.subsystems.iter().filter(|subsystem| subsystem.level == level);
        let mut lines: Vec<String> = of_level
            .map(|subsystem| {
                let detail = alloc::format!(
                    "  {:<12} {:<9} {}",
                    subsystem.name,
                    subsystem.state.name(),
                    subsystem.detail
                );
                String::from(detail.trim_end())
            })
            .collect();
        lines.push(alloc::format!("boot level {}: {level}", level as u8));
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subsystems_stand_under_the_level_they_make() {
        let mut report = BootReport::default();
        report.subsystem("console", SubsystemState::Up, String::from("two streams"));
        assert_eq!(report.reach(), BootLevel::Probe);
        report.subsystem("compiler", SubsystemState::Absent, String::new());
        assert_eq!(report.reach(), BootLevel::Ready);
        assert_eq!(
            report.lines(BootLevel::Probe),
            ["  console      up        two streams", "boot level 1: PROBE"]
        );
        assert_eq!(report.lines(BootLevel::Ready), ["  compiler     absent", "boot level 2: READY"]);
    }
}
