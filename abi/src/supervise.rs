//! How supervisors react to the end of an agent that they started: the choices of `## Supervise`.
//!
//! Each list is one table: number, name in documents and assembly, meaning.

crate::numbered! {
    /// Who is started again beside the child that ended.
    Strategy {
        0 OneForOne "one-for-one" = "the child that ended, and no other";
        1 OneForAll "one-for-all" = "all children: the others are stopped first, the youngest first";
        2 RestForOne "rest-for-one" = "the child that ended and those started after it, which are stopped first";
    }
    /// When a child is started again.
    Restart {
        0 OnFailure "on-failure" = "when it traps, fails, stops with a status or is ended from outside";
        1 Always "always" = "whenever it ends";
        2 Never "never" = "not at all";
    }
}

/// Most restarts that a supervisor may allow itself in its time.
pub const MOST_RESTARTS: u32 = 1_000;
/// Restarts that a supervisor allows itself unless its document says otherwise.
pub const DEFAULT_RESTARTS: u32 = 3;
/// The time in which they are counted unless its document says otherwise, in nanoseconds.
pub const DEFAULT_WINDOW_NS: i64 = 60_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_are_found_by_number_and_by_name() {
        for (number, strategy) in (0..).zip(Strategy::ALL) {
            assert_eq!(Strategy::from_byte(number), Some(*strategy));
            assert_eq!(Strategy::from_name(strategy.name()), Some(*strategy));
        }
        for (number, restart) in (0..).zip(Restart::ALL) {
            assert_eq!(Restart::from_byte(number), Some(*restart));
            assert_eq!(Restart::from_name(restart.name()), Some(*restart));
        }
        assert_eq!((Strategy::from_byte(3), Restart::from_byte(3)), (None, None));
        assert_eq!((Strategy::from_name("one for one"), Restart::from_name("")), (None, None));
    }
}
