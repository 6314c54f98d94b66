//! What an agent did, counted for the summary.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use flux_abi::message::MessageType;
use flux_kcore::id::AgentId;
use flux_kcore::runtime::Exit;

/// Kinds of message, as indexes of a count.
const TYPES: usize = MessageType::ALL.len();

/// Counts of messages by type.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct MessageCounts([u64; TYPES]);

impl MessageCounts {
    /// How many of `kind` there were.
    pub fn get(&self, kind: MessageType) -> u64 {
        self.0.get(usize::from(kind as u8)).copied().unwrap_or(0)
    }

    /// How many there were that a handler takes.
    pub(crate) fn handled(&self) -> u64 {
        let kinds = [MessageType::Tell, MessageType::Ask, MessageType::Delegate, MessageType::Event];
        kinds.into_iter().map(|kind| self.get(kind)).fold(0, u64::saturating_add)
    }

    fn absorb(&mut self, earlier: &Self) {
        for (count, more) in self.0.iter_mut().zip(earlier.0) {
            *count = count.saturating_add(more);
        }
    }

    /// Counts one more of `kind`.
    pub(crate) fn add(&mut self, kind: MessageType) {
        if let Some(count) = self.0.get_mut(usize::from(kind as u8)) {
            *count = count.saturating_add(1);
        }
    }
}

/// What one agent did until now.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counters {
    /// Device readings that succeeded.
    pub readings: u64,
    /// Device writes that succeeded.
    pub writes: u64,
    /// Device accesses that failed.
    pub device_errors: u64,
    /// Messages it sent, by type.
    pub sent: MessageCounts,
    /// Messages, answers and errors it took, by type.
    pub taken: MessageCounts,
    /// Delegations of it that ended in a RESULT.
    pub results: u64,
    /// Delegations of it that ended in an ERROR.
    pub delegate_errors: u64,
    /// Questions of it that were answered.
    pub replies: u64,
    /// Questions of it that ended in an ERROR.
    pub ask_errors: u64,
    /// Messages it sent, or was sent, that could not be delivered.
    pub dead_letters: u64,
    /// Passes of its loop that ended.
    pub passes: u64,
    /// Handlers and timers that ended.
    pub runs: u64,
    /// Runs that were abandoned for a failed device.
    pub abandoned: u64,
    /// Traps: 0 or 1, since a trap ends an agent; more after restarts.
    pub traps: u64,
    /// What it was refused, once it has ended; of one that lives the kernel counts it.
    pub refusals: u64,
}

impl Counters {
    /// Adds what an earlier agent of the same name did.
    fn absorb(&mut self, earlier: &Self) {
        let Self { sent, taken, .. } = earlier;
        self.sent.absorb(sent);
        self.taken.absorb(taken);
        for (count, more) in [
            (&mut self.readings, earlier.readings),
            (&mut self.writes, earlier.writes),
            (&mut self.device_errors, earlier.device_errors),
            (&mut self.results, earlier.results),
            (&mut self.delegate_errors, earlier.delegate_errors),
            (&mut self.replies, earlier.replies),
            (&mut self.ask_errors, earlier.ask_errors),
            (&mut self.dead_letters, earlier.dead_letters),
            (&mut self.passes, earlier.passes),
            (&mut self.runs, earlier.runs),
            (&mut self.abandoned, earlier.abandoned),
            (&mut self.traps, earlier.traps),
            (&mut self.refusals, earlier.refusals),
        ] {
            *count = count.saturating_add(more);
        }
    }

    /// Adds one to the count that `field` selects.
    pub(crate) fn add(&mut self, field: impl FnOnce(&mut Self) -> &mut u64) {
        let count = field(self);
        *count = count.saturating_add(1);
    }
}

/// Where an agent stands between two programs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SwapState {
    /// Its program stays.
    Settled,
    /// Another one waits for its next safe point.
    Asked,
    /// Its program is on probation.
    Probation,
}

/// One agent's line of the summary.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AgentReport {
    /// Its number.
    pub agent: AgentId,
    /// Its name.
    pub name: Arc<str>,
    /// How many agents of its name, in its place before it, are counted here too.
    pub earlier: u64,
    /// The document that its program comes from.
    pub document: Arc<str>,
    /// Its program, as people tell versions apart.
    pub version: String,
    /// Whether another program comes, or is on trial.
    pub swap: SwapState,
    /// What it did.
    pub counters: Counters,
    /// Gas it used.
    pub gas: u64,
    /// Bytes charged to its quota: now, or when it ended.
    pub memory: u64,
    /// The most bytes that were charged at the end of one of its runs.
    pub memory_peak: u64,
    /// How it ended; `None` while it lives.
    pub exit: Option<Exit>,
    /// The trap or failure that ended it, as the log reports it.
    pub fault: Option<String>,
    /// The last instructions before that, oldest first, if it was traced.
    pub trace: Vec<String>,
}

impl AgentReport {
    /// Adds what an earlier agent of the same name did; how the later one ended stays.
    pub fn absorb(&mut self, earlier: &Self) {
        self.earlier = self.earlier.saturating_add(earlier.earlier).saturating_add(1);
        self.counters.absorb(&earlier.counters);
        self.gas = self.gas.saturating_add(earlier.gas);
        self.memory_peak = self.memory_peak.max(earlier.memory_peak);
    }
}

/// Statistics of a metric that agents recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// Its name.
    pub name: String,
    /// Values recorded.
    pub count: u64,
    /// The last value.
    pub last: f64,
    /// The least value.
    pub least: f64,
    /// The greatest value.
    pub greatest: f64,
    /// Sum of all values in the order of recording.
    pub sum: f64,
}

/// Metrics of one run, at most [`Metrics::MOST`] names.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    /// Sorted by name.
    list: Vec<Metric>,
    refused: u64,
}

impl Metrics {
    /// Most names that are kept; values of further names are counted and dropped.
    pub const MOST: usize = 256;

    /// Records a value.
    pub fn record(&mut self, name: &str, value: f64) {
        match self.list.binary_search_by(|metric| metric.name.as_str().cmp(name)) {
            Ok(at) => {
                if let Some(metric) = self.list.get_mut(at) {
                    metric.count = metric.count.saturating_add(1);
                    metric.last = value;
                    metric.sum += value;
                    if value < metric.least {
                        metric.least = value;
                    }
                    if value > metric.greatest {
                        metric.greatest = value;
                    }
                }
            }
            Err(_) if self.list.len() >= Self::MOST => self.refused = self.refused.saturating_add(1),
            Err(at) => self.list.insert(
                at,
                Metric {
                    name: name.into(),
                    count: 1,
                    last: value,
                    least: value,
                    greatest: value,
                    sum: value,
                },
            ),
        }
    }

    /// The metrics in the order of their names.
    pub fn list(&self) -> &[Metric] {
        &self.list
    }

    /// Values that were dropped since there were too many names.
    pub const fn refused(&self) -> u64 {
        self.refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_earlier_agent_did_is_added_and_how_the_later_one_ended_stays() {
        let report = |traps: u64, gas, memory_peak, exit| {
            let mut counters = Counters { traps, readings: 1, ..Counters::default() };
            counters.sent.add(MessageType::Tell);
            let (agent, name, memory) = (AgentId::SUPERVISOR, "a".into(), 5);
            AgentReport {
                agent,
                name,
                earlier: 0,
                document: "a.flux.md".into(),
                version: String::new(),
                swap: SwapState::Settled,
                counters,
                gas,
                memory,
                memory_peak,
                exit,
                fault: None,
                trace: Vec::new(),
            }
        };
        let mut later = report(0, 10, 7, Some(Exit::Killed));
        later.absorb(&report(1, 20, 9, Some(Exit::Stopped(0))));
        assert_eq!((later.gas, later.memory, later.memory_peak), (30, 5, 9));
        assert_eq!((later.counters.traps, later.counters.readings), (1, 2));
        assert_eq!((later.counters.sent.get(MessageType::Tell), later.exit), (2, Some(Exit::Killed)));
    }

    #[test]
    fn metrics_keep_count_extremes_and_sum_by_name() {
        let mut metrics = Metrics::default();
        for value in [3.0, -1.0, 2.0] {
            metrics.record("latency", value);
        }
        metrics.record("depth", 7.0);
        let names: Vec<&str> = metrics.list().iter().map(|metric| metric.name.as_str()).collect();
        assert_eq!(names, ["depth", "latency"]);
        let latency = &metrics.list()[1];
        assert_eq!(
            (latency.count, latency.last, latency.least, latency.greatest, latency.sum),
            (3, 2.0, -1.0, 3.0, 4.0)
        );
    }

    #[test]
    fn names_beyond_the_limit_are_refused_and_counted() {
        let mut metrics = Metrics::default();
        for n in 0..Metrics::MOST + 2 {
            metrics.record(&alloc::format!("m{n}"), 0.0);
        }
        metrics.record("m0", 1.0);
        assert_eq!((metrics.list().len(), metrics.refused()), (Metrics::MOST, 2));
    }

    #[test]
    fn messages_are_counted_by_type() {
        let mut counts = MessageCounts::default();
        counts.add(MessageType::Tell);
        counts.add(MessageType::Tell);
        counts.add(MessageType::Heartbeat);
        assert_eq!(
            (counts.get(MessageType::Tell), counts.get(MessageType::Heartbeat), counts.get(MessageType::Ask)),
            (2, 1, 0)
        );
    }
}
