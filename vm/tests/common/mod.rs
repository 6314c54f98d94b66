//! Runs a module on the machine and on the model and compares everything that can be seen.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a helper of tests fails the test it is called from"
)]

use std::collections::BTreeSet;
use std::sync::Arc;

use flux_abi::capability::CapabilitySet;
use flux_abi::opcode::Opcode;
use flux_abi::trap::TrapKind;
use flux_isa::{Module, asm};
use flux_vm::checked::{Outcome, Settings, compare};
use flux_vm::{Config, Gas, Instance, Program};

/// What the model saw over many runs.
#[derive(Default)]
pub struct Coverage {
    pub executed: BTreeSet<Opcode>,
    pub trapped: BTreeSet<(Opcode, TrapKind)>,
}

/// A small generator (xorshift64*, Vigna 2016), so that cases are the same everywhere.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }
}

pub fn settings() -> Settings {
    Settings {
        gas: 100_000,
        quota: 4 << 20,
        steps: 1_000_000,
        links: vec![1, 10, 20],
        parameters: vec![77, u64::MAX],
        capabilities: CapabilitySet::ALL,
    }
}

pub fn assemble(text: &str) -> Module {
    let mut module = asm::assemble(text).unwrap_or_else(|errors| {
        let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
        panic!("{}\n{text}", errors.join("\n"))
    });
    if module.meta.name.is_empty() {
        module.meta.name = String::from("case");
    }
    module
}

pub fn verified(module: &Module) -> flux_verify::VerifiedModule {
    flux_verify::verify(module.clone())
        .unwrap_or_else(|error| panic!("{error}\n{}", asm::disassemble(module)))
}

pub fn program(text: &str) -> Arc<Program> {
    Arc::new(Program::load(verified(&assemble(text))).unwrap())
}

pub fn instance(program: &Arc<Program>, settings: &Settings) -> Instance {
    let config = Config { quota: settings.quota, capabilities: settings.capabilities };
    let mut instance = Instance::new(Arc::clone(program), config).unwrap();
    for (index, word) in settings.links.iter().enumerate() {
        let _ = instance.set_link(index, *word);
    }
    for (index, word) in settings.parameters.iter().enumerate() {
        let _ = instance.set_parameter(index, *word);
    }
    instance.set_gas(Gas(settings.gas));
    instance
}

/// Runs function 0 of the text with `arguments` on both, in slices as `slice` says.
pub fn both(
    text: &str,
    arguments: &[u64],
    settings: &Settings,
    slice: impl FnMut() -> u64,
    coverage: &mut Coverage,
) -> Outcome {
    both_modules(&assemble(text), arguments, settings, slice, coverage)
}

pub fn both_modules(
    module: &Module,
    arguments: &[u64],
    settings: &Settings,
    mut slice: impl FnMut() -> u64,
    coverage: &mut Coverage,
) -> Outcome {
    let agreement = compare(verified(module), arguments, settings, &mut slice)
        .unwrap_or_else(|difference| panic!("{difference}\n{}", asm::disassemble(module)));
    assert_ne!(agreement.outcome, Outcome::OutOfSteps, "{}", asm::disassemble(module));
    coverage.executed.extend(agreement.executed);
    coverage.trapped.extend(agreement.trapped);
    agreement.outcome
}
