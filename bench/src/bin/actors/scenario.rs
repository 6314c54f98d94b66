//! What is measured.

use crate::measure::Failure;

/// A system that is measured.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum System {
    /// Handlers in the VM, on the hosted kernel.
    Flux,
    /// Processes of Erlang/OTP.
    Erlang,
    /// Tasks of tokio with a bounded mpsc channel each.
    Tokio,
}

impl System {
    /// All, in the order in which they take turns.
    pub const ALL: [Self; 3] = [Self::Flux, Self::Erlang, Self::Tokio];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Flux => "flux",
            Self::Erlang => "erlang",
            Self::Tokio => "tokio",
        }
    }

    /// The system of a name.
    pub fn named(name: &str) -> Result<Self, Failure> {
        Self::ALL.into_iter().find(|one| one.name() == name).ok_or_else(|| format!("no system {name}").into())
    }
}

/// What actors do. One message is one delivery of 8 bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scenario {
    /// Two that send each other a number.
    PingPong,
    /// A token that goes round a thousand.
    Ring,
    /// One that sends as fast as another one reads.
    Flood,
    /// Actors that end as soon as they have begun.
    Spawn,
    /// Actors that wait for a message.
    Idle,
    /// Twenty callers that tell 500 workers each something, one after the other.
    RoundRobin,
    /// One that sends to 10,000, and again when it was read.
    Broadcast,
    /// An agent whose program is swapped; of FLUX OS alone.
    Swap,
}

impl Scenario {
    /// All, in the order of the table.
    pub const ALL: [Self; 8] = [
        Self::PingPong,
        Self::Ring,
        Self::Flood,
        Self::Spawn,
        Self::Idle,
        Self::RoundRobin,
        Self::Broadcast,
        Self::Swap,
    ];

    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PingPong => "ping-pong",
            Self::Ring => "ring",
            Self::Flood => "flood",
            Self::Spawn => "spawn",
            Self::Idle => "idle",
            Self::RoundRobin => "round-robin",
            Self::Broadcast => "broadcast",
            Self::Swap => "swap",
        }
    }

    /// The scenario of a name.
    pub fn named(name: &str) -> Result<Self, Failure> {
        let found = Self::ALL.into_iter().find(|one| one.name() == name);
        found.ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|one| one.name()).collect();
            format!("no scenario is called {name}; there are {}", names.join(", ")).into()
        })
    }

    /// Messages or actors of one sample.
    pub const fn count(self) -> u64 {
        match self {
            Self::Spawn | Self::Idle => 100_000,
            Self::Swap => 1_000,
            _ => 600_000,
        }
    }

    /// As people read it in the table.
    pub const fn title(self) -> &'static str {
        match self {
            Self::PingPong => "ping-pong",
            Self::Ring => "ring of 1,000",
            Self::Flood => "one-way flood",
            Self::Spawn => "spawn and exit",
            Self::Idle => "spawn of 100,000 idle",
            Self::RoundRobin => "round robin over 10,000",
            Self::Broadcast => "broadcast to 10,000",
            Self::Swap => "swap of a program",
        }
    }

    /// What one of its count is.
    pub const fn unit(self) -> &'static str {
        match self {
            Self::Spawn | Self::Idle => "actor",
            _ => "message",
        }
    }

    /// Most nanoseconds that one may take on one core.
    pub const fn must_ns(self) -> Option<f64> {
        match self {
            Self::PingPong => Some(1e9 / 3e6),
            Self::Spawn | Self::Idle => Some(3_000.0),
            Self::RoundRobin => Some(500.0),
            _ => None,
        }
    }

    /// Most nanoseconds that one should take on one core.
    pub const fn want_ns(self) -> Option<f64> {
        match self {
            Self::PingPong => Some(1e9 / 5e6),
            Self::Spawn | Self::Idle => Some(1_000.0),
            Self::RoundRobin => Some(140.0),
            _ => None,
        }
    }
}

/// Most bytes of resident memory that an idle actor may take.
pub const MUST_BYTES: f64 = 4_096.0;
/// Most bytes that it should take.
pub const WANT_BYTES: f64 = 2_560.0;
