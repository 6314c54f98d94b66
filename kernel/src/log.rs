//! Log records on their way to people.
//!
//! The kernel keeps what was written until its caller takes it: it knows neither files nor
//! terminals. A record holds kernel time, never the host's, so that one run gives the same
//! records on every machine.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use flux_abi::select::LogLevel;
pub use flux_hal::console::Stream;
use flux_kcore::time::Time;

/// One record.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Record {
    /// The stream it belongs to.
    pub stream: Stream,
    /// Kernel time.
    pub time: Time,
    /// Name of the agent that it is about; `None` for the kernel and for lines of the summary.
    pub agent: Option<Arc<str>>,
    /// How severe it is.
    pub level: LogLevel,
    /// One line of text, without control characters.
    pub text: String,
}

/// Where records go.
pub trait LogSink {
    /// Takes a record; `line` is its canonical text without a line break, the same on every machine.
    fn record(&mut self, record: &Record, line: &str);
}

/// A sink that drops everything.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoSink;

impl LogSink for NoSink {
    fn record(&mut self, _: &Record, _: &str) {}
}

/// Records that nobody took yet.
#[derive(Clone, Debug)]
pub struct LogBuffer {
    records: Vec<Record>,
    /// Records above this level are dropped.
    level: LogLevel,
    /// Records for which there was no memory.
    lost: u64,
}

/// Records after which the kernel comes back, so that nobody fills its memory with them.
const FULL: usize = 4_096;

/// Longest text of a record in bytes; the rest is cut.
pub const MOST_TEXT: usize = 4_096;

impl LogBuffer {
    /// A buffer that keeps records up to `level`.
    pub const fn new(level: LogLevel) -> Self {
        Self { records: Vec::new(), level, lost: 0 }
    }

    /// Tells whether records of `level` are kept.
    pub fn wants(&self, level: LogLevel) -> bool {
        level <= self.level
    }

    /// Adds a record; its text is cut and freed of control characters, so that no agent can
    /// write a line in another one's name.
    pub fn push(&mut self, stream: Stream, time: Time, agent: Option<Arc<str>>, level: LogLevel, text: &str) {
        if self.wants(level) {
            match one_line(text).filter(|_| self.records.try_reserve(1).is_ok()) {
                Some(text) => self.records.push(Record { stream, time, agent, level, text }),
                None => self.lost = self.lost.saturating_add(1),
            }
        }
    }

    /// Records that were wanted and for which there was no memory.
    pub const fn lost(&self) -> u64 {
        self.lost
    }

    /// Tells whether so much was written that somebody should take it before more is.
    pub const fn is_full(&self) -> bool {
        self.records.len() >= FULL
    }

    /// Tells whether there is nothing to take.
    pub const fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Takes all records in the order of writing.
    pub fn take(&mut self) -> Vec<Record> {
        core::mem::take(&mut self.records)
    }
}

/// `text` on one line and of bounded length; `None` without memory for it.
fn one_line(text: &str) -> Option<String> {
    let mut end = text.len().min(MOST_TEXT);
    while !text.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    let kept = text.get(..end).unwrap_or_default();
    let mut line = String::new();
    // A control character becomes a space, which is never longer.
    line.try_reserve_exact(kept.len().saturating_add('…'.len_utf8())).ok()?;
    line.extend(kept.chars().map(|c| if c.is_control() { ' ' } else { c }));
    if end < text.len() {
        line.push('…');
    }
    Some(line)
}

/// Kernel time as people read it: seconds and milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Seconds(pub Time);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ns = self.0.ns().max(0).unsigned_abs();
        let (seconds, rest) = (ns / 1_000_000_000, ns % 1_000_000_000);
        let text = alloc::format!("{seconds}.{:03}s", rest / 1_000_000);
        f.pad(&text)
    }
}

/// Narrowest column of agent names, in characters.
const NAME_COLUMN: usize = 12;
/// Widest column of agent names; longer names push the text to the right.
const NAME_COLUMN_MOST: usize = 24;

/// Makes canonical lines of records.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LineFormat {
    names: usize,
}

impl Default for LineFormat {
    fn default() -> Self {
        Self { names: NAME_COLUMN }
    }
}

impl LineFormat {
    /// A format whose column of names fits all of `names`, within reason.
    pub fn for_names<'n>(names: impl Iterator<Item = &'n str>) -> Self {
        let widest = names.map(|name| name.chars().count()).max().unwrap_or(0);
        Self { names: widest.clamp(NAME_COLUMN, NAME_COLUMN_MOST) }
    }

    /// The canonical line of `record`, without line break.
    ///
    /// `   12.000s  temp-monitor  DELEGATE → alert-agent send_notification(30.4, "lab") #7`
    pub fn line(&self, record: &Record) -> String {
        let mark = match record.level {
            LogLevel::Error => "error: ",
            LogLevel::Warning => "warning: ",
            LogLevel::Info => "",
            LogLevel::Debug => "debug: ",
        };
        match (&record.agent, record.stream) {
            (Some(agent), Stream::Boot) => alloc::format!("{mark}{agent}: {}", record.text),
            (Some(agent), Stream::Log) => alloc::format!(
                "{:>11}  {agent:<width$}  {mark}{}",
                Seconds(record.time),
                record.text,
                width = self.names
            ),
            (None, _) => alloc::format!("{mark}{}", record.text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_holds_time_name_level_and_text_in_columns() {
        let record = |level, text: &str| Record {
            stream: Stream::Log,
            time: Time::from_ns(12_000_000_999),
            agent: Some("alert".into()),
            level,
            text: text.into(),
        };
        let format = LineFormat::for_names(["alert", "temp-monitor"].into_iter());
        assert_eq!(format.line(&record(LogLevel::Info, "up")), "    12.000s  alert         up");
        assert_eq!(format.line(&record(LogLevel::Warning, "up")), "    12.000s  alert         warning: up");
    }

    #[test]
    fn a_record_stays_on_one_line_and_within_bounds() {
        let mut buffer = LogBuffer::new(LogLevel::Info);
        buffer.push(Stream::Log, Time::START, None, LogLevel::Info, "a\n  0.000s  other\tx\u{1b}[0m");
        buffer.push(Stream::Log, Time::START, None, LogLevel::Debug, "unwanted");
        buffer.push(Stream::Log, Time::START, None, LogLevel::Info, &"ä".repeat(MOST_TEXT));
        let records = buffer.take();
        assert_eq!(records.len(), 2);
        assert_eq!(records[0].text, "a   0.000s  other x [0m");
        assert_eq!(records[1].text.chars().count(), MOST_TEXT / 2 + 1);
        assert!(buffer.is_empty());
    }
}
