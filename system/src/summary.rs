//! The block of lines at the end of a run.
//!
//! Everything in it is deterministic: simulated time, counts, gas, bytes charged to quotas.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::fmt::Write as _;

use flux_abi::message::MessageType;
use flux_agent::report::{AgentReport, Metric};
use flux_kcore::runtime::Exit;
use flux_kcore::time::Time;
use flux_kernel::log::Seconds;

/// What a run did.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// Kernel time at its end.
    pub time: Time,
    /// Seed of all randomness.
    pub seed: u64,
    /// One report for each agent, in the order of starting.
    pub agents: Vec<AgentReport>,
    /// Metrics that agents recorded, by name.
    pub metrics: Vec<Metric>,
}

/// Alignment of a column.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Align {
    Left,
    Right,
}

/// A table whose columns fit their content.
struct Table {
    align: Vec<Align>,
    rows: Vec<Vec<String>>,
}

impl Table {
    fn new(columns: &[(&str, Align)]) -> Self {
        Self {
            align: columns.iter().map(|(_, align)| *align).collect(),
            rows: alloc::vec![columns.iter().map(|(name, _)| (*name).to_string()).collect()],
        }
    }

    fn lines(&self) -> Vec<String> {
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.align.len()).map(width).collect();
        let line = |row: &Vec<String>| {
            let mut line = String::new();
            for ((cell, align), width) in row.iter().zip(&self.align).zip(&widths) {
                // Writing to a String never fails.
                let _ = match align {
                    Align::Left => write!(line, "  {cell:<width$}"),
                    Align::Right => write!(line, "  {cell:>width$}"),
                };
            }
            String::from(line.trim_end())
        };
        self.rows.iter().map(line).collect()
    }
}

/// A count with a comma between groups of three digits.
fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && digits.len().saturating_sub(place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Bytes as people read them, rounded down to a tenth.
pub fn bytes(count: u64) -> String {
    match count {
        0..1_024 => alloc::format!("{count} B"),
        1_024..1_048_576 => tenths(count, 1_024, "KB"),
        _ => tenths(count, 1_048_576, "MB"),
    }
}

fn tenths(count: u64, unit: u64, name: &str) -> String {
    let tenths = u128::from(count).saturating_mul(10).checked_div(u128::from(unit)).unwrap_or(0);
    alloc::format!("{}.{} {name}", tenths / 10, tenths % 10)
}

/// What became of an agent, in a word or two.
fn state(exit: Option<Exit>) -> String {
    match exit {
        None => String::from("running"),
        Some(Exit::Stopped(0)) => String::from("stopped"),
        Some(Exit::Stopped(status)) => alloc::format!("stopped ({status})"),
        Some(Exit::Trapped(kind)) => alloc::format!("trap {}", kind.name()),
        Some(Exit::Killed) => String::from("killed"),
    }
}

impl Summary {
    /// Sum of one count over all agents.
    fn total(&self, count: impl Fn(&AgentReport) -> u64) -> u64 {
        self.agents.iter().map(count).fold(0, u64::saturating_add)
    }

    /// Device readings of all agents.
    pub fn readings(&self) -> u64 {
        self.total(|agent| agent.counters.readings)
    }

    /// Messages of one type that all agents sent.
    pub fn sent(&self, kind: MessageType) -> u64 {
        self.total(|agent| agent.counters.sent.get(kind))
    }

    /// Delegations that ended in a RESULT.
    pub fn results(&self) -> u64 {
        self.total(|agent| agent.counters.results)
    }

    /// Delegations that ended in an ERROR.
    pub fn delegate_errors(&self) -> u64 {
        self.total(|agent| agent.counters.delegate_errors)
    }

    /// Messages that could not be delivered.
    pub fn dead_letters(&self) -> u64 {
        self.total(|agent| agent.counters.dead_letters)
    }

    /// Agents that ended in a trap.
    pub fn traps(&self) -> u64 {
        self.total(|agent| agent.counters.traps)
    }

    /// Gas of all agents.
    pub fn gas(&self) -> u64 {
        self.total(|agent| agent.gas)
    }

    /// The lines for people, without line breaks.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        lines.push(alloc::format!("── summary after {} (seed {})", Seconds(self.time), self.seed));
        lines.extend(self.agent_table().lines());
        lines.push(alloc::format!("  messages     {}", self.messages()));
        lines.push(alloc::format!(
            "  delegations  {} sent = {} RESULT + {} ERROR",
            grouped(self.sent(MessageType::Delegate)),
            grouped(self.results()),
            grouped(self.delegate_errors())
        ));
        lines.push(alloc::format!("  dead letters {}", grouped(self.dead_letters())));
        if !self.metrics.is_empty() {
            lines.extend(self.metric_table().lines());
        }
        for agent in &self.agents {
            if let Some(fault) = &agent.fault {
                lines.push(alloc::format!("  fault: {fault}"));
            }
        }
        lines
    }

    fn messages(&self) -> String {
        let mut parts = Vec::new();
        for kind in MessageType::ALL {
            // Who answers or fails a request is often the kernel, so these count where they arrive.
            let count = match kind {
                MessageType::Reply | MessageType::Result | MessageType::Error => {
                    self.total(|agent| agent.counters.taken.get(*kind))
                }
                _ => self.sent(*kind),
            };
            if count > 0 {
                parts.push(alloc::format!("{} {}", kind.name(), grouped(count)));
            }
        }
        if parts.is_empty() { String::from("none") } else { parts.join(", ") }
    }

    /// One report for each name, in the order in which the first agent of that name started; how the
    /// last one ended stays.
    fn by_name(&self) -> Vec<AgentReport> {
        let mut places: BTreeMap<&str, usize> = BTreeMap::new();
        let mut all: Vec<AgentReport> = Vec::new();
        for agent in &self.agents {
            match places.get(&*agent.name).and_then(|at| all.get_mut(*at)) {
                Some(earlier) => {
                    let mut sum = agent.clone();
                    sum.absorb(earlier);
                    *earlier = sum;
                }
                None => {
                    places.insert(&agent.name, all.len());
                    all.push(agent.clone());
                }
            }
        }
        all
    }

    fn agent_table(&self) -> Table {
        use Align::{Left, Right};
        let agents = self.by_name();
        let restarted = agents.iter().any(|agent| agent.earlier > 0);
        let restarts = if restarted { Some(("restarts", Right)) } else { None };
        let first = [
            ("agent", Left),
            ("readings", Right),
            ("sent", Right),
            ("received", Right),
            ("RESULT", Right),
            ("ERROR", Right),
            ("dead", Right),
            ("runs", Right),
            ("gas", Right),
            ("memory", Right),
            ("traps", Right),
        ];
        let columns: Vec<_> = first.into_iter().chain(restarts).chain([("state", Left)]).collect();
        let mut table = Table::new(&columns);
        let mut add = |cells: Vec<String>, earlier: u64, state: String| {
            let restarts = restarted.then(|| grouped(earlier));
            table.rows.push(cells.into_iter().chain(restarts).chain([state]).collect());
        };
        let sent = |agent: &AgentReport| {
            [MessageType::Tell, MessageType::Ask, MessageType::Delegate, MessageType::Event]
                .iter()
                .map(|kind| agent.counters.sent.get(*kind))
                .fold(0, u64::saturating_add)
        };
        let received = |agent: &AgentReport| {
            [MessageType::Tell, MessageType::Ask, MessageType::Delegate, MessageType::Event]
                .iter()
                .map(|kind| agent.counters.taken.get(*kind))
                .fold(0, u64::saturating_add)
        };
        let errors =
            |agent: &AgentReport| agent.counters.delegate_errors.saturating_add(agent.counters.ask_errors);
        let runs = |agent: &AgentReport| agent.counters.passes.saturating_add(agent.counters.runs);
        for agent in &agents {
            let cells = alloc::vec![
                agent.name.to_string(),
                grouped(agent.counters.readings),
                grouped(sent(agent)),
                grouped(received(agent)),
                grouped(agent.counters.results),
                grouped(errors(agent)),
                grouped(agent.counters.dead_letters),
                grouped(runs(agent)),
                grouped(agent.gas),
                bytes(agent.memory_peak),
                grouped(agent.counters.traps),
            ];
            add(cells, agent.earlier, state(agent.exit));
        }
        if agents.len() > 1 {
            let sum =
                |count: &dyn Fn(&AgentReport) -> u64| agents.iter().map(count).fold(0, u64::saturating_add);
            let cells = alloc::vec![
                String::from("total"),
                grouped(self.readings()),
                grouped(self.total(sent)),
                grouped(self.total(received)),
                grouped(self.results()),
                grouped(self.total(errors)),
                grouped(self.dead_letters()),
                grouped(self.total(runs)),
                grouped(self.gas()),
                bytes(sum(&|agent| agent.memory_peak)),
                grouped(self.traps()),
            ];
            add(cells, sum(&|agent| agent.earlier), String::new());
        }
        table
    }

    fn metric_table(&self) -> Table {
        use Align::{Left, Right};
        let mut table = Table::new(&[
            ("metric", Left),
            ("count", Right),
            ("mean", Right),
            ("least", Right),
            ("greatest", Right),
            ("last", Right),
        ]);
        for metric in &self.metrics {
            #[expect(clippy::cast_precision_loss, reason = "a mean over 2^53 values is exact enough")]
            let mean = metric.sum / metric.count.max(1) as f64;
            table.rows.push(alloc::vec![
                metric.name.clone(),
                grouped(metric.count),
                alloc::format!("{mean:.3}"),
                alloc::format!("{:.3}", metric.least),
                alloc::format!("{:.3}", metric.greatest),
                alloc::format!("{:.3}", metric.last),
            ]);
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_bytes_have_units() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(
            [0, 1_023, 1_024, 1_587, 3 << 20].map(bytes),
            ["0 B", "1023 B", "1.0 KB", "1.5 KB", "3.0 MB"]
        );
        assert_eq!(bytes(u64::MAX).len(), "17592186044415.9 MB".len());
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(&[("a", Align::Left), ("count", Align::Right)]);
        table.rows.push(alloc::vec![String::from("temp-monitor"), String::from("7")]);
        assert_eq!(table.lines(), ["  a             count", "  temp-monitor      7"]);
    }
}
