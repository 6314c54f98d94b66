//! What a simulated device gives at each moment.

use crate::address::DeviceAddress;
use crate::device::FaultKind;
use crate::sim::csv::Table;
use alloc::string::ToString;
use alloc::vec::Vec;

/// A sum of terms, and the faults that befall it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wave {
    pub(super) terms: Vec<Term>,
    pub(super) faults: Vec<Fault>,
}

/// One summand. Times are nanoseconds; periods are above 0.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Term {
    Const {
        value: f64,
    },
    /// `mean + amplitude · sin(2π · t / period)`
    Sine {
        mean: f64,
        amplitude: f64,
        period: i64,
    },
    /// Linear from `from` to `to` during `time`, then `to` for ever.
    Ramp {
        from: f64,
        to: f64,
        time: i64,
    },
    /// `low` in the first half of each period, `high` in the second.
    Square {
        low: f64,
        high: f64,
        period: i64,
    },
    /// Normally distributed, drawn anew for each nanosecond.
    Noise {
        mean: f64,
        deviation: f64,
    },
    Csv {
        table: Table,
    },
}

/// How a simulated device breaks.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Failure {
    /// It does not answer; at 0 it is missing when agents start.
    Missing,
    /// Each read ends in a timeout.
    Timeout,
    /// Each read ends in a checksum error.
    Data,
    /// Each read ends in an input/output error.
    Io,
    /// It goes on giving the value of that moment.
    Stuck,
    /// It gives NaN.
    Nan,
}

impl Failure {
    /// Every failure with its name in `fault(kind, at)`.
    pub const NAMES: [(&'static str, Self); 6] = [
        ("missing", Self::Missing),
        ("timeout", Self::Timeout),
        ("data", Self::Data),
        ("io", Self::Io),
        ("stuck", Self::Stuck),
        ("nan", Self::Nan),
    ];

    const fn fault_kind(self) -> Option<FaultKind> {
        match self {
            Self::Missing => Some(FaultKind::Missing),
            Self::Timeout => Some(FaultKind::Timeout),
            Self::Data => Some(FaultKind::Data),
            Self::Io => Some(FaultKind::Io),
            Self::Stuck | Self::Nan => None,
        }
    }
}

/// A failure from `from` until `until`, which is not part of it any more.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Fault {
    pub(super) failure: Failure,
    pub(super) from: i64,
    pub(super) until: i64,
}

impl Fault {
    const fn holds(&self, now: i64) -> bool {
        self.from <= now && now < self.until
    }
}

impl Wave {
    /// The value at `now_ns`, for the device that `key` distinguishes.
    ///
    /// # Errors
    /// The fault that holds then, the first one in the order of writing.
    pub fn value(&self, now_ns: i64, seed: u64, key: u64) -> Result<f64, FaultKind> {
        if let Some(kind) = self.failure(now_ns) {
            return Err(kind);
        }
        let mut now = now_ns;
        for fault in self.faults.iter().filter(|fault| fault.holds(now_ns)) {
            match fault.failure {
                Failure::Nan => return Ok(f64::from_bits(CANONICAL_NAN)),
                Failure::Stuck => now = now.min(fault.from),
                Failure::Missing | Failure::Timeout | Failure::Data | Failure::Io => {}
            }
        }
        let mut sum = 0.0;
        for (position, term) in (0_u64..).zip(&self.terms) {
            sum += term.value(now, [seed, key, position]);
        }
        Ok(sum)
    }

    /// The fault that makes an access fail at `now_ns`.
    pub(super) fn failure(&self, now_ns: i64) -> Option<FaultKind> {
        self.faults.iter().filter(|fault| fault.holds(now_ns)).find_map(|fault| fault.failure.fault_kind())
    }

    pub(super) fn is_missing(&self, now_ns: i64) -> bool {
        self.faults.iter().any(|fault| fault.failure == Failure::Missing && fault.holds(now_ns))
    }
}

/// The one NaN that all of FLUX OS shows.
const CANONICAL_NAN: u64 = 0x7ff8_0000_0000_0000;

impl Term {
    fn value(&self, now: i64, noise_key: [u64; 3]) -> f64 {
        match *self {
            Self::Const { value } => value,
            Self::Sine { mean, amplitude, period } => {
                mean + amplitude * libm::sin(core::f64::consts::TAU * phase(now, period))
            }
            Self::Ramp { from, to, time } => {
                if now >= time {
                    to
                } else {
                    from + (to - from) * (now.max(0) as f64 / time as f64)
                }
            }
            Self::Square { low, high, period } => {
                if phase(now, period) < 0.5 {
                    low
                } else {
                    high
                }
            }
            Self::Noise { mean, deviation } => mean + deviation * normal(noise_key, now),
            Self::Csv { ref table } => table.value(now),
        }
    }
}

/// How far `now` is into its period, 0 up to 1. The remainder is taken of
/// integers, so that precision does not fade as time goes on.
fn phase(now: i64, period: i64) -> f64 {
    now.checked_rem_euclid(period).unwrap_or(0) as f64 / period as f64
}

/// A standard normal number for a key and a moment (Box and Muller 1958), from
/// a generator without state: each moment has a number of its own, whichever
/// moments were asked for before.
fn normal(key: [u64; 3], now: i64) -> f64 {
    let mut state = 0;
    for word in key.into_iter().chain([now.cast_unsigned()]) {
        state = split_mix(state ^ word);
    }
    let first = unit(split_mix(state));
    let second = unit(split_mix(state ^ SECOND_DRAW));
    // 1 - first lies in (0, 1]: its logarithm is finite.
    libm::sqrt(-2.0 * libm::log(1.0 - first)) * libm::cos(core::f64::consts::TAU * second)
}

const SECOND_DRAW: u64 = 0x5851_f42d_4c95_7f2d;

/// The output function of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
const fn split_mix(state: u64) -> u64 {
    let z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The upper 53 bits as a number from 0 up to 1.
fn unit(bits: u64) -> f64 {
    const SCALE: f64 = 1.0 / 9_007_199_254_740_992.0;
    (bits >> 11) as f64 * SCALE
}

/// A number for an address that stays the same from build to build (FNV-1a of its text).
pub(super) fn key_of(address: &DeviceAddress) -> u64 {
    address.to_string().bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
