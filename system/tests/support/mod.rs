//! Documents as assembly, and a harness that runs them.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where it fails")]
#![allow(clippy::cast_possible_truncation, reason = "small constants")]
#![allow(clippy::arithmetic_side_effects, reason = "an overflow in a test fails the test")]

use std::fmt::Write as _;

use flux_kernel::compile::{CompileError, CompileService, Compiled};
use flux_system::{BootError, ClockMode, Config, LogSink, Platform, Record, Stream, Summary, System};

/// Where the state begins; constants are padded up to it.
pub const STATE: u64 = 1024;
/// Where the words of a message's arguments are put.
pub const SCRATCH: u64 = STATE + 64;

/// An agent written in assembly.
pub struct Doc {
    constants: Vec<u8>,
    head: String,
    code: String,
}

impl Doc {
    pub fn new(name: &str) -> Self {
        let mut doc = Self { constants: vec![0; 16], head: String::new(), code: String::new() };
        doc.head(&format!(".name \"{name}\""));
        doc.head(".period 1000000000");
        doc.head(".memory 1048576");
        doc.head(".gas 50000000");
        doc.head(".priority 128");
        doc
    }

    /// A directive.
    pub fn head(&mut self, line: &str) -> &mut Self {
        writeln!(self.head, "{line}").unwrap();
        self
    }

    /// A text constant; its offset.
    pub fn text(&mut self, text: &str) -> u32 {
        if text.is_empty() {
            return 0;
        }
        while !self.constants.len().is_multiple_of(8) {
            self.constants.push(0);
        }
        let at = u32::try_from(self.constants.len()).unwrap();
        let length = u32::try_from(text.len()).unwrap();
        self.constants.extend(length.to_le_bytes());
        self.constants.extend(length.to_le_bytes());
        self.constants.extend(text.as_bytes());
        at
    }

    /// A message form; its offset.
    pub fn form(&mut self, name: &str, arguments: &str, result: &str, deadline_ns: i64) -> u32 {
        let words = [self.text(name), self.text(arguments), self.text(result), 0];
        while !self.constants.len().is_multiple_of(8) {
            self.constants.push(0);
        }
        let at = u32::try_from(self.constants.len()).unwrap();
        for word in words {
            self.constants.extend(word.to_le_bytes());
        }
        self.constants.extend(deadline_ns.to_le_bytes());
        at
    }

    /// A function that is exported.
    pub fn run(&mut self, export: &str, function: &str, arguments: u8, code: &str) -> &mut Self {
        writeln!(self.head, ".export {export}").unwrap();
        let results = u8::from(export.contains("result"));
        writeln!(self.code, ".function {function} arguments {arguments} results {results}").unwrap();
        writeln!(self.code, "{code}").unwrap();
        self
    }

    /// One pass of the loop.
    pub fn body(&mut self, code: &str) -> &mut Self {
        self.run("loop \"\" function @loop", "loop", 0, code)
    }

    pub fn init(&mut self, code: &str) -> &mut Self {
        self.run("init \"\" function @init", "init", 0, code)
    }

    pub fn every(&mut self, interval_ns: i64, code: &str) -> &mut Self {
        self.run(&format!("every \"\" function @every interval {interval_ns}"), "every", 0, code)
    }

    /// A handler; `result` is a descriptor or empty.
    pub fn on(&mut self, name: &str, arguments: &str, result: &str, code: &str) -> &mut Self {
        let function = format!("on_{name}");
        let mut export = format!("handler \"{name}\" function @{function}");
        if !arguments.is_empty() {
            write!(export, " arguments \"{arguments}\"").unwrap();
        }
        if !result.is_empty() {
            write!(export, " result \"{result}\"").unwrap();
        }
        self.run(&export, &function, u8::try_from(arguments.len()).unwrap(), code)
    }

    /// The text of the whole agent.
    pub fn source(&self) -> Vec<u8> {
        let mut constants = self.constants.clone();
        assert!(constants.len() <= STATE as usize, "{} bytes of constants", constants.len());
        constants.resize(STATE as usize, 0);
        let hex: String = constants.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{}.hex {hex}\n.state 64 scratch 256\n{}", self.head, self.code).into_bytes()
    }
}

/// A compile service for assembly.
pub struct Assembler;

impl CompileService for Assembler {
    fn compile(&mut self, source: &[u8], name: &str) -> Result<Compiled, CompileError> {
        let text = std::str::from_utf8(source).unwrap();
        let service = |reason: String| CompileError::Service { reason };
        match flux_isa::asm::assemble(text) {
            Ok(module) => Ok(Compiled { modules: vec![module], ..Compiled::default() }),
            Err(errors) => {
                let list: Vec<String> = errors.iter().map(ToString::to_string).collect();
                Err(service(format!("{name}: {}", list.join("; "))))
            }
        }
    }
}

/// The lines of both streams.
#[derive(Default)]
pub struct Lines {
    pub boot: Vec<String>,
    pub log: Vec<String>,
}

impl LogSink for Lines {
    fn record(&mut self, record: &Record, line: &str) {
        match record.stream {
            Stream::Boot => self.boot.push(line.to_owned()),
            Stream::Log => self.log.push(line.to_owned()),
        }
    }
}

impl Lines {
    pub fn has(&self, text: &str) -> bool {
        self.log.iter().any(|line| line.contains(text))
    }

    pub fn count(&self, text: &str) -> usize {
        self.log.iter().filter(|line| line.contains(text)).count()
    }

    pub fn at(&self, text: &str) -> usize {
        self.log
            .iter()
            .position(|line| line.contains(text))
            .unwrap_or_else(|| panic!("no `{text}` in\n{}", self.log.join("\n")))
    }

    pub fn joined(&self) -> String {
        self.log.join("\n")
    }
}

pub const SECOND: i64 = 1_000_000_000;

pub fn platform(seed: u64, sims: &[(&str, &str)]) -> Platform {
    let sims: Vec<(String, String)> =
        sims.iter().map(|(address, wave)| ((*address).into(), (*wave).into())).collect();
    Platform {
        name: "test".into(),
        simulated: flux_system::bus::simulated(seed, &sims, &mut |_| Err("no files".into())).unwrap(),
        devices: None,
        files: None,
        hardware: None,
        compiler: Box::new(Assembler),
    }
}

pub fn config(docs: &[&Doc], seconds: i64) -> Config {
    Config {
        documents: docs
            .iter()
            .enumerate()
            .map(|(n, doc)| (format!("doc{n}.flux.md"), doc.source()))
            .collect(),
        duration_ns: Some(seconds * SECOND),
        clock: ClockMode::Simulated,
        // Metrics are shown to engineers only.
        level: flux_abi::select::LogLevel::Debug,
        ..Config::default()
    }
}

/// Runs a configuration in simulated time.
pub fn try_run(config: &Config, sims: &[(&str, &str)]) -> Result<(Summary, Lines), BootError> {
    let mut lines = Lines::default();
    let mut system = System::boot(platform(config.seed, sims), config, &mut lines)?;
    system.run_simulated(&mut lines);
    let summary = system.finish(&mut lines);
    Ok((summary, lines))
}

/// Runs documents in simulated time.
pub fn run(docs: &[&Doc], seconds: i64, sims: &[(&str, &str)]) -> (Summary, Lines) {
    try_run(&config(docs, seconds), sims).unwrap()
}
