//! The state machine of an agent.
//!
//! ```text
//! CREATED ─▶ INITIALIZING ─▶ IDLE ◀──▶ THINKING ◀──▶ WAITING      (ASK, barrier, Wait for)
//!                                          ▲
//!                                          └──────▶ DELEGATING    (at YIELD with open delegations)
//! any of these ─▶ TERMINATED (stopped) or FAILED (trapped); both are final
//! ```

/// What an agent does.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[repr(u8)]
pub enum AgentState {
    /// Known by name, not started.
    Created = 0,
    /// Runs its Init.
    Initializing = 1,
    /// Waits for an event and has no delegation open.
    Idle = 2,
    /// Runs.
    Thinking = 3,
    /// A run of it waits in an ASK, a barrier, a pause or for a delegation.
    Waiting = 4,
    /// Waits for an event while delegations are open.
    Delegating = 5,
    /// Stopped in order.
    Terminated = 6,
    /// Ended by a trap or by its own failure.
    Failed = 7,
}

/// A transition that the state machine does not have.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("an agent can't go from {} to {}", from.name(), to.name())]
pub struct NoTransition {
    /// The state it is in.
    pub from: AgentState,
    /// The state asked for.
    pub to: AgentState,
}

impl AgentState {
    /// Every state in the order of the numbers.
    pub const ALL: [Self; 8] = [
        Self::Created,
        Self::Initializing,
        Self::Idle,
        Self::Thinking,
        Self::Waiting,
        Self::Delegating,
        Self::Terminated,
        Self::Failed,
    ];

    /// Its name, as logs print it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Created => "CREATED",
            Self::Initializing => "INITIALIZING",
            Self::Idle => "IDLE",
            Self::Thinking => "THINKING",
            Self::Waiting => "WAITING",
            Self::Delegating => "DELEGATING",
            Self::Terminated => "TERMINATED",
            Self::Failed => "FAILED",
        }
    }

    /// Tells whether the agent has ended.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Terminated | Self::Failed)
    }

    /// The one transition function: `to` if the machine allows it. Staying is allowed.
    ///
    /// # Errors
    /// [`NoTransition`].
    pub const fn to(self, to: Self) -> Result<Self, NoTransition> {
        use AgentState::{Created, Delegating, Failed, Idle, Initializing, Terminated, Thinking, Waiting};
        let allowed = match (self, to) {
            (Terminated, Terminated) | (Failed, Failed) => true,
            (Terminated | Failed, _) | (_, Created) => false,
            (_, Terminated | Failed) => true,
            (Created, Initializing) => true,
            (Created, _) => false,
            (Initializing, _) => true,
            (_, Initializing) => false,
            (Idle | Thinking | Waiting | Delegating, Idle | Thinking | Waiting | Delegating) => true,
        };
        if allowed { Ok(to) } else { Err(NoTransition { from: self, to }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ended_agent_stays_ended() {
        for from in [AgentState::Terminated, AgentState::Failed] {
            for to in AgentState::ALL {
                assert_eq!(from.to(to).is_ok(), from == to);
            }
        }
    }

    #[test]
    fn work_begins_with_initializing_and_never_returns_to_it() {
        for to in AgentState::ALL {
            let expected =
                matches!(to, AgentState::Initializing | AgentState::Terminated | AgentState::Failed);
            assert_eq!(AgentState::Created.to(to).is_ok(), expected, "{}", to.name());
            if to != AgentState::Initializing {
                assert!(to.to(AgentState::Initializing).is_err() || to == AgentState::Created);
            }
            assert!(to.to(AgentState::Created).is_err());
        }
    }

    #[test]
    fn numbers_are_the_published_order() {
        for (number, state) in AgentState::ALL.iter().enumerate() {
            assert_eq!(*state as usize, number);
        }
    }
}
