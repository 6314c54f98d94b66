//! What the tests against other compilers share: random numbers, and calls of many functions.

use std::sync::Arc;

use flux_abi::trap::TrapKind;
use flux_fluxc::{Level, Options, Symbols, compile};
use flux_isa::{ExportKind, Module};
use flux_vm::testing::TestHost;
use flux_vm::{Config, Exit, FunctionIndex, Gas, Instance, Program};

use super::{End, compiled};

/// A generator of random numbers (xorshift64*), the same on every run.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub fn word(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.word() >> 33).unwrap() % end
    }

    pub fn pick<'t>(&mut self, texts: &[&'t str]) -> &'t str {
        texts[self.below(texts.len())]
    }
}

/// A document, compiled, whose functions are called one after the other.
pub struct Functions {
    module: Module,
    program: Arc<Program>,
}

impl Functions {
    pub fn new(source: &str, level: Level) -> Self {
        Self::of(compiled(source, level).modules.remove(0))
    }

    /// Without optimisation, with the names and places of all locals.
    pub fn with_locals(source: &str) -> Self {
        let options = Options { level: Level::None, symbols: Symbols::Include, ..Options::default() };
        Self::of(compile(source.as_bytes(), "test.flux.md", &options).modules.remove(0))
    }

    fn of(module: Module) -> Self {
        let program = Arc::new(Program::load(flux_verify::verify(module.clone()).unwrap()).unwrap());
        Self { module, program }
    }

    pub fn call(&self, name: &str, args: &[u64]) -> End {
        let export = self
            .module
            .exports
            .iter()
            .find(|export| export.name == name && export.kind == ExportKind::Function)
            .unwrap_or_else(|| panic!("no function {name}"));
        let config = Config { quota: 4 << 20, capabilities: self.module.capabilities };
        let mut instance = Instance::new(self.program.clone(), config).unwrap();
        instance.set_gas(Gas(100_000_000));
        let mut run = instance.begin(FunctionIndex(export.function), args).unwrap();
        let mut host = TestHost::default();
        loop {
            match instance.resume(&mut run, &mut host, Gas(10_000)) {
                Exit::Preempted => {}
                Exit::Finished(word) => return End::Word(word),
                Exit::Trapped(trap) => return End::Trap(trap.kind, trap.line.unwrap_or(0)),
                other => return End::Left(format!("{other:?}")),
            }
        }
    }
}

/// Tells whether another compiler is there; without it a test says so and checks nothing.
pub fn is_there(program: &str, argument: &str) -> bool {
    let there =
        std::process::Command::new(program).arg(argument).output().is_ok_and(|out| out.status.success());
    if !there {
        // Past the test runner's capture, so that it is seen.
        let text = format!("SKIPPED: {program} is not there; nothing was compared with it\n");
        let _ = std::io::Write::write_all(&mut std::io::stderr(), text.as_bytes());
    }
    there
}

/// A word as the programs print it; one form for all floats that are no number.
pub fn shown(end: &End, is_float: bool) -> String {
    match end {
        End::Word(word) if is_float && f64::from_bits(*word).is_nan() => "nan".to_string(),
        End::Word(word) => format!("{word:016x}"),
        End::Trap(TrapKind::Gas, _) => "gas".to_string(),
        End::Trap(..) => "trap".to_string(),
        other => format!("{other:?}"),
    }
}
