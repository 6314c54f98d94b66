//! Tables of recorded values for `csv(file)`.
//!
//! One row a line: `time,value` with the time in seconds, or `value` alone for
//! one row a second. Empty lines and lines that begin with `#` are skipped, as
//! is a first line of names. A value holds until the next row; the first also
//! before it, the last for ever.

use alloc::vec::Vec;
use core::fmt;

/// Most rows of a table.
const MOST_ROWS: usize = 1_000_000;
/// Times beyond this many seconds (about 31 years) are refused.
const MOST_SECONDS: f64 = 1.0e9;
const NS_PER_S: f64 = 1.0e9;

/// A table of values over time; never empty, times strictly increasing.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    rows: Vec<(i64, f64)>,
}

/// Why a text is no table.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TableError {
    /// Line, counted from 1; 0 for the table as a whole.
    pub line: usize,
    /// What is wrong.
    pub reason: &'static str,
}

impl fmt::Display for TableError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => out.write_str(self.reason),
            line => write!(out, "line {line}: {}", self.reason),
        }
    }
}

impl core::error::Error for TableError {}

impl Table {
    /// Parses a table.
    ///
    /// # Errors
    /// [`TableError`] with the line.
    pub fn parse(text: &str) -> Result<Self, TableError> {
        let mut rows: Vec<(i64, f64)> = Vec::new();
        let mut header_allowed = true;
        let mut columns = None;
        for (index, line) in text.lines().enumerate() {
            let number = index.saturating_add(1);
            let error = |reason| TableError { line: number, reason };
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let fields = line.split(',').count();
            let row = match (line.split_once(','), fields) {
                (Some((time, value)), 2) => finite(time).zip(finite(value)),
                (None, _) => {
                    let second = rows.len();
                    // Row numbers stay far below 2^52, so this is exact.
                    finite(line).map(|value| (second as f64, value))
                }
                _ => return Err(error("a row has one or two columns: `time,value` or `value`")),
            };
            let Some((seconds, value)) = row else {
                if core::mem::take(&mut header_allowed) {
                    continue;
                }
                return Err(error("not a number"));
            };
            header_allowed = false;
            if *columns.get_or_insert(fields) != fields {
                return Err(error("rows with and without a time are mixed"));
            }
            if !(0.0..=MOST_SECONDS).contains(&seconds) {
                return Err(error("the time is not between 0 and 1e9 seconds"));
            }
            #[expect(clippy::cast_possible_truncation, reason = "at most 1e18, checked above")]
            let time = libm::round(seconds * NS_PER_S) as i64;
            if rows.last().is_some_and(|(last, _)| *last >= time) {
                return Err(error("times must increase from row to row"));
            }
            if rows.len() >= MOST_ROWS {
                return Err(error("a table has at most 1,000,000 rows"));
            }
            rows.push((time, value));
        }
        if rows.is_empty() {
            return Err(TableError { line: 0, reason: "there is no row with a value" });
        }
        Ok(Self { rows })
    }

    /// The value at `now_ns`.
    pub fn value(&self, now_ns: i64) -> f64 {
        let after = self.rows.partition_point(|(time, _)| *time <= now_ns);
        self.rows.get(after.saturating_sub(1)).map_or(0.0, |(_, value)| *value)
    }
}

fn finite(text: &str) -> Option<f64> {
    text.trim().parse::<f64>().ok().filter(|value| value.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: i64 = 1_000_000_000;

    #[test]
    fn a_value_holds_until_the_next_row() {
        let table = Table::parse("time,value\n# start\n1,10\n2.5,20\n\n4,-3e1\n").unwrap();
        for (now, value) in
            [(0, 10.0), (S, 10.0), (2 * S, 10.0), (5 * S / 2, 20.0), (4 * S, -30.0), (99 * S, -30.0)]
        {
            assert_eq!(table.value(now), value, "at {now} ns");
        }
    }

    #[test]
    fn rows_without_a_time_are_one_a_second() {
        let table = Table::parse("5\n6\n7").unwrap();
        assert_eq!([0, S - 1, S, 2 * S].map(|now| table.value(now)), [5.0, 5.0, 6.0, 7.0]);
    }

    #[test]
    fn a_bad_table_names_its_line() {
        for (text, line) in [
            ("", 0),
            ("names\n", 0),
            ("1,2\nx,3", 2),
            ("1,2\n1,3", 2),
            ("1,2,3", 1),
            ("1,2\n3", 2),
            ("-1,2", 1),
            ("1,inf\n2,nan", 2),
            ("1e10,2", 1),
        ] {
            assert_eq!(Table::parse(text).map_err(|error| error.line), Err(line), "{text:?}");
        }
    }
}
