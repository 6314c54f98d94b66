//! Points in kernel time and spans between them, in nanoseconds.
//!
//! Time is injected: nothing in this crate reads a clock. Arithmetic saturates,
//! so a deadline far away stays far away instead of wrapping into the past.

/// A point in time: nanoseconds since the kernel started.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Time(i64);

impl Time {
    /// The start of the kernel.
    pub const START: Self = Self(0);
    /// A point that is never reached: no deadline.
    pub const NEVER: Self = Self(i64::MAX);

    /// The point `ns` nanoseconds after the start.
    pub const fn from_ns(ns: i64) -> Self {
        Self(ns)
    }

    /// Nanoseconds since the start.
    pub const fn ns(self) -> i64 {
        self.0
    }

    /// This point and `span` later; saturates at [`Time::NEVER`].
    #[must_use]
    pub const fn after(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }

    /// The span from `earlier` to this point; saturates.
    pub const fn since(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}

/// A span of time in nanoseconds.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Span(i64);

impl Span {
    /// No time.
    pub const ZERO: Self = Self(0);
    /// Simulated time a message takes to arrive.
    pub const MESSAGE_DELAY: Self = Self(flux_abi::limits::MESSAGE_DELAY_NS);

    /// A span of `ns` nanoseconds.
    pub const fn from_ns(ns: i64) -> Self {
        Self(ns)
    }

    /// Its nanoseconds.
    pub const fn ns(self) -> i64 {
        self.0
    }
}
