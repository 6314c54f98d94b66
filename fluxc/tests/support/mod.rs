//! Compiles documents and runs what comes out, at every level of optimisation.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::print_stderr, reason = "a test that compares nothing says so")]

pub mod oracle;

use std::ops::Range;
use std::sync::Arc;

use flux_abi::select::AllocKind;
use flux_abi::trap::TrapKind;
use flux_fluxc::span::{LineTable, SourceId};
use flux_fluxc::{Compiled, Found, Level, Options, Sources, compile, gather};
use flux_isa::{ExportKind, Module};
use flux_vm::testing::{Event, TestHost};
use flux_vm::{Config, Exit, FunctionIndex, Gas, Instance, Program, Stop};

pub const LEVELS: [Level; 3] = [Level::None, Level::Small, Level::Full];

/// How a call ended.
#[derive(Clone, Debug, PartialEq)]
pub enum End {
    Word(u64),
    Text(String),
    Trap(TrapKind, u32),
    Left(String),
}

/// A result that is one word.
pub fn word(value: i64) -> End {
    End::Word(value.cast_unsigned())
}

/// A result that is a text.
pub fn text(value: &str) -> End {
    End::Text(value.into())
}

/// What a document says about itself, one line for each diagnostic.
pub fn diagnostics(source: &(impl AsRef<[u8]> + ?Sized)) -> Vec<String> {
    let compiled = compile(source.as_ref(), "test.flux.md", &Options::default());
    let sources = Sources::new(source.as_ref(), "test.flux.md").unwrap();
    let place = |source, at| {
        let (name, text) = sources.document(source);
        let line = LineTable::new(std::str::from_utf8(text).unwrap_or("")).line(at);
        if source == SourceId(0) { format!("line {line}") } else { format!("{name} line {line}") }
    };
    compiled
        .diagnostics
        .iter()
        .map(|row| format!("{} {}: {}", row.code, place(row.source, row.span.start), row.message))
        .collect()
}

/// A document with others in one piece; the first is the document itself.
pub fn bundle(files: &[(&str, &str)]) -> Vec<u8> {
    let (name, document) = files[0];
    let mut read = |path: &str| match files.iter().find(|(name, _)| *name == path) {
        Some((_, text)) => Ok(Found { bytes: text.as_bytes().to_vec(), identity: path.into() }),
        None => Err("there is no such file".to_owned()),
    };
    let bundle = gather(name, document.as_bytes(), name.into(), &mut read).unwrap();
    bundle.unwrap_or_else(|| document.as_bytes().to_vec())
}

/// Checks at every level that an agent which was told `add(n)` for each n below `half`, and then for as
/// many again, keeps at most `most` bytes more than after the first half.
pub fn keeps_no_more(source: &str, half: u64, most: usize) {
    for level in LEVELS {
        let mut agent = Agent::start(source, level);
        let mut used =
            |numbers: Range<u64>| agent.used_after(ExportKind::Handler, "add", numbers.map(|n| [n]));
        let before = used(0..half + 1);
        let grown = used(half + 1..half * 2).saturating_sub(before);
        assert!(grown <= most, "{grown} bytes more after {half} runs");
    }
}

/// The codes of a document's diagnostics.
pub fn codes(source: &str) -> Vec<String> {
    let compiled = compile(source.as_bytes(), "test.flux.md", &Options::default());
    compiled.diagnostics.iter().map(|row| row.code.to_string()).collect()
}

pub fn compiled(source: &(impl AsRef<[u8]> + ?Sized), level: Level) -> Compiled {
    let options = Options { level, ..Options::default() };
    let compiled = compile(source.as_ref(), "test.flux.md", &options);
    assert_eq!(compiled.errors, 0, "{:#?}", diagnostics(source));
    compiled
}

/// A document of functions from the inside of a `flux` fence.
pub fn library(code: &str) -> String {
    format!("# Test\n## Types\n```flux\n{code}\n```\n")
}

pub fn instance(module: &Module) -> Instance {
    let verified = flux_verify::verify(module.clone())
        .unwrap_or_else(|error| panic!("{error}\n{}", flux_isa::asm::disassemble(module)));
    let program = Arc::new(Program::load(verified).unwrap());
    let config = Config { quota: 32 << 20, capabilities: module.capabilities };
    let mut instance = Instance::new(program, config).unwrap();
    instance.set_gas(Gas(100_000_000));
    instance
}

pub fn run(instance: &mut Instance, host: &mut TestHost, function: u32, args: &[u64]) -> End {
    let mut run = instance.begin(FunctionIndex(function), args).unwrap();
    let end = loop {
        match instance.resume(&mut run, host, Gas(10_000)) {
            Exit::Preempted => {}
            Exit::Finished(word) => break End::Word(word),
            Exit::Trapped(trap) => break End::Trap(trap.kind, trap.line.unwrap_or(0)),
            Exit::Stopped(Stop::Exception(status)) => break End::Left(format!("exception {status}")),
            Exit::Stopped(stop) => break End::Left(format!("{stop:?}")),
            other => panic!("{other:?}"),
        }
    };
    if let End::Word(word) = end {
        // A result may be a text of the arena.
        let text = instance.memory_ref().str(word).map(<[u8]>::to_vec);
        instance.end(run);
        let _ = text;
        return End::Word(word);
    }
    end
}

/// Calls a function of a library at every level; all must agree.
pub fn call(source: &(impl AsRef<[u8]> + ?Sized), name: &str, args: &[u64]) -> End {
    let mut ends = Vec::new();
    for level in LEVELS {
        let compiled = compiled(source, level);
        let module = &compiled.modules[0];
        let export = module
            .exports
            .iter()
            .find(|export| export.name == name && export.kind == ExportKind::Function)
            .unwrap_or_else(|| panic!("no function {name}"));
        let mut instance = instance(module);
        let mut run = instance.begin(FunctionIndex(export.function), args).unwrap();
        let mut host = TestHost::default();
        let end = loop {
            match instance.resume(&mut run, &mut host, Gas(10_000)) {
                Exit::Preempted => {}
                Exit::Finished(word) if export.result == "s" => {
                    let bytes = instance.memory_ref().str(word).unwrap().to_vec();
                    break End::Text(String::from_utf8(bytes).unwrap());
                }
                Exit::Finished(word) => break End::Word(word),
                Exit::Trapped(trap) => break End::Trap(trap.kind, trap.line.unwrap_or(0)),
                other => panic!("{other:?}"),
            }
        };
        ends.push(end);
    }
    assert!(ends.windows(2).all(|pair| pair[0] == pair[1]), "the levels differ: {ends:?}");
    ends.pop().unwrap()
}

/// Evaluates an expression of a type.
pub fn eval(ty: &str, expr: &str) -> End {
    call(&library(&format!("fn test() -> {ty} {{ return {expr} }}")), "test", &[])
}

/// Runs the sections of an agent once in order: state, Init, then the Loop `passes` times.
pub struct Agent {
    pub instance: Instance,
    pub host: TestHost,
    pub module: Module,
}

impl Agent {
    pub fn start(source: &(impl AsRef<[u8]> + ?Sized), level: Level) -> Self {
        let compiled = compiled(source, level);
        let module = compiled.modules[0].clone();
        let mut agent = Self { instance: instance(&module), host: TestHost::default(), module };
        agent.export(ExportKind::StateInit, "", &[]);
        agent
    }

    /// Runs an export if the module has it.
    pub fn export(&mut self, kind: ExportKind, name: &str, args: &[u64]) -> Option<End> {
        let export = self.module.exports.iter().find(|export| export.kind == kind && export.name == name)?;
        Some(run(&mut self.instance, &mut self.host, export.function, args))
    }

    /// Bytes that are kept after runs with these arguments, each of which ends well.
    pub fn used_after(
        &mut self,
        kind: ExportKind,
        name: &str,
        runs: impl IntoIterator<Item = impl AsRef<[u64]>>,
    ) -> usize {
        for (number, args) in runs.into_iter().enumerate() {
            assert_eq!(self.export(kind, name, args.as_ref()), Some(word(0)), "run {number}");
        }
        usize::try_from(self.instance.memory_ref().charged()).unwrap()
    }

    /// Puts a text into memory, for an argument.
    pub fn text(&mut self, text: &str) -> u64 {
        u64::from(self.instance.memory().alloc_str(AllocKind::State, text.as_bytes()).unwrap())
    }

    /// Texts that were logged since the last call.
    pub fn logged(&mut self) -> Vec<String> {
        let events = std::mem::take(&mut self.host.events);
        events
            .into_iter()
            .filter_map(|event| match event {
                Event::Logged(_, text) => Some(text),
                _ => None,
            })
            .collect()
    }
}

/// What an agent logs in Init, the same at every level.
pub fn init_log(source: &(impl AsRef<[u8]> + ?Sized)) -> Vec<String> {
    let mut logs = Vec::new();
    for level in LEVELS {
        let mut agent = Agent::start(source, level);
        let end = agent.export(ExportKind::Init, "", &[]);
        let mut log = agent.logged();
        if let Some(end) = end.filter(|end| !matches!(end, End::Word(_))) {
            log.push(format!("{end:?}"));
        }
        logs.push(log);
    }
    assert!(logs.windows(2).all(|pair| pair[0] == pair[1]), "the levels differ: {logs:#?}");
    logs.pop().unwrap()
}
