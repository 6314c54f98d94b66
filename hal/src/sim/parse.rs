//! The text form of simulated devices: `i2c:0x48=sine(25, 10, 60s)+noise(0, 0.2)`.
//!
//! ```text
//! spec  = ADDRESS [ "=" wave ]
//! wave  = term { "+" term }
//! term  = const(v) | sine(mean, amplitude, period) | ramp(from, to, time)
//!       | square(low, high, period) | noise(mean, sd) | csv(file)
//!       | fault(kind, at) | fault(kind, at, time)
//! ```
//! Numbers are decimal; times carry a unit (`ns us ms s m h d`). A fault without
//! a third argument lasts for ever. Several terms add up; faults befall the sum.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::address::DeviceAddress;
use crate::sim::csv::Table;
use crate::sim::wave::{Failure, Fault, Term, Wave};

/// Longest text that is taken, in bytes.
const MOST_TEXT: usize = 4096;
/// Most terms and faults of a wave.
const MOST_TERMS: usize = 64;
/// Longest time, in seconds (about 31 years).
const MOST_SECONDS: f64 = 1.0e9;

/// One simulated device, as `--sim` gives it.
#[derive(Clone, Debug, PartialEq)]
pub struct SimSpec {
    /// Where it is.
    pub address: DeviceAddress,
    /// What it gives; `None` for a device that reports what was written to it.
    pub wave: Option<Wave>,
}

/// Why a text describes no simulated device.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SimError {
    /// Column of the mistake in characters, counted from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub hint: String,
}

impl fmt::Display for SimError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "column {}: {}; {}", self.column, self.message, self.hint)
    }
}

impl core::error::Error for SimError {}

/// Gives the text of the file that `csv(file)` names, or says why it can't.
pub type LoadFile<'a> = dyn FnMut(&str) -> Result<String, String> + 'a;

impl SimSpec {
    /// Parses `ADDRESS=WAVE`, or `ADDRESS` alone.
    ///
    /// `load` gives the text of a file that `csv(file)` names.
    ///
    /// # Errors
    /// [`SimError`] with the column of the mistake.
    pub fn parse(text: &str, load: &mut LoadFile<'_>) -> Result<Self, SimError> {
        let parser = Parser::new(text)?;
        let (address, start) = match text.split_once('=') {
            Some((address, _)) => (address, Some(address.len().saturating_add(1))),
            None => (text, None),
        };
        Self::assemble(address, start.map(|at| Parser { at, ..parser }), load)
    }

    /// From the two sides of `ADDRESS=WAVE`; an empty wave is none.
    ///
    /// # Errors
    /// [`SimError`] with the column of the mistake in its own side.
    pub fn from_parts(address: &str, wave: &str, load: &mut LoadFile<'_>) -> Result<Self, SimError> {
        let wave = if wave.trim().is_empty() { None } else { Some(Parser::new(wave)?) };
        Self::assemble(address, wave, load)
    }

    fn assemble(address: &str, wave: Option<Parser<'_>>, load: &mut LoadFile<'_>) -> Result<Self, SimError> {
        let address = address.trim().parse().map_err(|error: crate::AddressError| SimError {
            column: 1,
            message: format!("{error}"),
            hint: "a simulated device is written `i2c:0x48=sine(25, 10, 60s)`".into(),
        })?;
        let wave = wave.map(|mut parser| parser.wave(load)).transpose()?;
        Ok(Self { address, wave })
    }
}

impl Wave {
    /// Parses a wave alone.
    ///
    /// # Errors
    /// [`SimError`] with the column of the mistake.
    pub fn parse(text: &str, load: &mut LoadFile<'_>) -> Result<Self, SimError> {
        Parser::new(text)?.wave(load)
    }
}

const FORMS: [(&str, &str); 7] = [
    ("const", "const(v)"),
    ("sine", "sine(mean, amplitude, period)"),
    ("ramp", "ramp(from, to, time)"),
    ("square", "square(low, high, period)"),
    ("noise", "noise(mean, sd)"),
    ("csv", "csv(file)"),
    ("fault", "fault(kind, at)"),
];

struct Parser<'t> {
    text: &'t str,
    /// Byte offset; always on a character boundary.
    at: usize,
}

/// An argument with the offset where it begins.
struct Argument<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Parser<'t> {
    fn new(text: &'t str) -> Result<Self, SimError> {
        let parser = Self { text, at: 0 };
        if text.len() > MOST_TEXT {
            let message = format!("the text has {} bytes, at most {MOST_TEXT} are taken", text.len());
            return Err(parser.error(0, message, "put long series into a file and use csv(file)"));
        }
        Ok(parser)
    }

    fn error(&self, at: usize, message: impl Into<String>, hint: impl Into<String>) -> SimError {
        let before = self.text.get(..at).unwrap_or(self.text);
        SimError {
            column: before.chars().count().saturating_add(1),
            message: message.into(),
            hint: hint.into(),
        }
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn skip_space(&mut self) {
        let rest = self.rest();
        let trimmed = rest.trim_start();
        self.at = self.at.saturating_add(rest.len().saturating_sub(trimmed.len()));
    }

    fn eat(&mut self, wanted: char) -> bool {
        self.skip_space();
        let found = self.rest().starts_with(wanted);
        if found {
            self.at = self.at.saturating_add(wanted.len_utf8());
        }
        found
    }

    fn wave(&mut self, load: &mut LoadFile<'_>) -> Result<Wave, SimError> {
        let mut wave = Wave::default();
        loop {
            self.term(&mut wave, load)?;
            if wave.terms.len().saturating_add(wave.faults.len()) > MOST_TERMS {
                let message = format!("a wave has at most {MOST_TERMS} terms");
                return Err(self.error(self.at, message, "join fewer by `+`"));
            }
            if self.eat('+') {
                continue;
            }
            self.skip_space();
            if !self.rest().is_empty() {
                return Err(self.error(self.at, "text after the wave", "join terms by `+`"));
            }
            return Ok(wave);
        }
    }

    fn term(&mut self, wave: &mut Wave, load: &mut LoadFile<'_>) -> Result<(), SimError> {
        self.skip_space();
        let start = self.at;
        let rest = self.rest();
        let length = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        let name = rest.get(..length).unwrap_or("");
        let Some((_, form)) = FORMS.iter().find(|(known, _)| *known == name) else {
            let all: Vec<&str> = FORMS.iter().map(|(_, form)| *form).collect();
            let number = rest.split('+').next().unwrap_or(rest).trim();
            if number.parse::<f64>().is_ok() {
                let hint = format!("a device that always gives {number} is written const({number})");
                return Err(self.error(start, format!("`{number}` is no wave"), hint));
            }
            let message = if name.is_empty() {
                "a wave is missing here".into()
            } else {
                format!("no wave is called `{name}`")
            };
            return Err(self.error(start, message, format!("waves are {}", all.join(", "))));
        };
        self.at = start.saturating_add(length);
        if !self.eat('(') {
            return Err(self.error(
                self.at,
                format!("`(` is missing after `{name}`"),
                format!("write {form}"),
            ));
        }
        let arguments = self.arguments(form)?;
        let count = |least: usize, most: usize| {
            if (least..=most).contains(&arguments.len()) {
                return Ok(());
            }
            let message = format!("`{name}` has {} arguments here", arguments.len());
            Err(self.error(start, message, format!("write {form}")))
        };
        match name {
            "const" => {
                count(1, 1)?;
                wave.terms.push(Term::Const { value: self.number(&arguments, 0)? });
            }
            "sine" => {
                count(3, 3)?;
                let (mean, amplitude) = (self.number(&arguments, 0)?, self.number(&arguments, 1)?);
                wave.terms.push(Term::Sine { mean, amplitude, period: self.period(&arguments, 2)? });
            }
            "ramp" => {
                count(3, 3)?;
                let (from, to) = (self.number(&arguments, 0)?, self.number(&arguments, 1)?);
                wave.terms.push(Term::Ramp { from, to, time: self.period(&arguments, 2)? });
            }
            "square" => {
                count(3, 3)?;
                let (low, high) = (self.number(&arguments, 0)?, self.number(&arguments, 1)?);
                wave.terms.push(Term::Square { low, high, period: self.period(&arguments, 2)? });
            }
            "noise" => {
                count(2, 2)?;
                let (mean, deviation) = (self.number(&arguments, 0)?, self.number(&arguments, 1)?);
                wave.terms.push(Term::Noise { mean, deviation });
            }
            "csv" => {
                count(1, 1)?;
                let table = self.table(&arguments, load)?;
                wave.terms.push(Term::Csv { table });
            }
            _ => {
                count(2, 3)?;
                let fault = self.fault(&arguments)?;
                wave.faults.push(fault);
            }
        }
        Ok(())
    }

    /// What stands up to the closing parenthesis, cut at the commas.
    fn arguments(&mut self, form: &str) -> Result<Vec<Argument<'t>>, SimError> {
        let rest = self.rest();
        let Some(length) = rest.find(')') else {
            let at = self.text.len();
            return Err(self.error(at, "`)` is missing", format!("write {form}")));
        };
        let mut at = self.at;
        let mut arguments = Vec::new();
        for piece in rest.get(..length).unwrap_or("").split(',') {
            let space = piece.len().saturating_sub(piece.trim_start().len());
            arguments.push(Argument { text: piece.trim(), at: at.saturating_add(space) });
            at = at.saturating_add(piece.len()).saturating_add(1);
        }
        self.at = self.at.saturating_add(length).saturating_add(1);
        Ok(arguments)
    }

    fn argument<'a>(
        &self,
        arguments: &'a [Argument<'t>],
        index: usize,
    ) -> Result<&'a Argument<'t>, SimError> {
        arguments.get(index).filter(|argument| !argument.text.is_empty()).ok_or_else(|| {
            let at = arguments.get(index).map_or(self.at, |argument| argument.at);
            self.error(at, "an argument is missing here", "separate arguments by commas")
        })
    }

    fn number(&self, arguments: &[Argument<'t>], index: usize) -> Result<f64, SimError> {
        let argument = self.argument(arguments, index)?;
        match argument.text.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(value),
            _ => Err(self.error(
                argument.at,
                format!("`{}` is not a number", argument.text),
                "write one as 25, -3.5 or 1e3",
            )),
        }
    }

    /// A time of at least 0, in nanoseconds.
    fn time(&self, arguments: &[Argument<'t>], index: usize) -> Result<i64, SimError> {
        const UNITS: [(&str, f64); 7] = [
            ("ns", 1.0),
            ("us", 1.0e3),
            ("ms", 1.0e6),
            ("s", 1.0e9),
            ("m", 60.0e9),
            ("h", 3600.0e9),
            ("d", 86_400.0e9),
        ];
        let argument = self.argument(arguments, index)?;
        let error = |message| Err(self.error(argument.at, message, "write a time as 60s, 5m or 500ms"));
        let split = argument.text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(argument.text.len());
        let (digits, unit) = argument.text.split_at(split);
        let digits_only = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let value = digits.parse::<f64>().ok().filter(|_| digits_only);
        let Some(value) = value else {
            return error(format!("`{}` is not a time", argument.text));
        };
        let Some((_, scale)) = UNITS.iter().find(|(name, _)| *name == unit) else {
            return error(if unit.is_empty() {
                format!("the unit of the time `{digits}` is missing")
            } else {
                format!("`{unit}` is not a unit of time")
            });
        };
        let ns = libm::round(value * scale);
        if ns > MOST_SECONDS * 1.0e9 {
            return error(format!("the time `{}` is over 1e9 seconds", argument.text));
        }
        #[expect(clippy::cast_possible_truncation, reason = "at most 1e18, checked above")]
        Ok(ns as i64)
    }

    /// A time above 0.
    fn period(&self, arguments: &[Argument<'t>], index: usize) -> Result<i64, SimError> {
        let ns = self.time(arguments, index)?;
        if ns == 0 {
            let at = arguments.get(index).map_or(self.at, |argument| argument.at);
            return Err(self.error(at, "the time is 0", "write a time of at least 1ns"));
        }
        Ok(ns)
    }

    fn fault(&self, arguments: &[Argument<'t>]) -> Result<Fault, SimError> {
        let kind = self.argument(arguments, 0)?;
        let Some((_, failure)) = Failure::NAMES.iter().find(|(name, _)| *name == kind.text) else {
            let names: Vec<&str> = Failure::NAMES.iter().map(|(name, _)| *name).collect();
            let message = format!("no fault is called `{}`", kind.text);
            return Err(self.error(kind.at, message, format!("faults are {}", names.join(", "))));
        };
        let from = self.time(arguments, 1)?;
        let until = match arguments.len() {
            2 => i64::MAX,
            _ => from.saturating_add(self.period(arguments, 2)?),
        };
        Ok(Fault { failure: *failure, from, until })
    }

    fn table(&self, arguments: &[Argument<'t>], load: &mut LoadFile<'_>) -> Result<Table, SimError> {
        let argument = self.argument(arguments, 0)?;
        let name = argument.text;
        let text = load(name).map_err(|reason| {
            self.error(argument.at, format!("can't read `{name}`: {reason}"), "name a file that is there")
        })?;
        Table::parse(&text).map_err(|error| {
            self.error(argument.at, format!("`{name}`: {error}"), "rows are `time,value` or `value`")
        })
    }
}
