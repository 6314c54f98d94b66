//! Verified code on the machine and on the checking model: they agree in everything a program or
//! its host can see, and nothing that the verifier promises is broken.
//!
//! The first byte says where the module comes from: a file (but for its digest), a generated program (as it is, or with
//! words changed, so that the verifier decides), or generated FIR through the back end. The next
//! bytes are the start of the run; the rest is the module.

use std::sync::Arc;

use flux_abi::capability::CapabilitySet;
use flux_abi::opcode::Opcode;
use flux_fluxc::Level;
use flux_fluxc::fir::eval::{self, Evaluator};
use flux_fluxc::fir::{FuncId, TypeFacts, passes, random};
use flux_isa::file::seal;
use flux_isa::{Module, asm};
use flux_vm::checked::{Model, Outcome, Settings};
use flux_vm::testing::TestHost;
use flux_vm::{Config, Exit, FunctionIndex, Gas, Instance, Program, Stop};

use crate::fir_text::{WRITABLE, lower};
use crate::generate::{self, Bytes};

/// Most bytes of memory that an instance takes.
const QUOTA: u64 = 256 << 10;
/// Gas of a run.
const GAS: u64 = 5_000;
/// Instructions that this much gas can pay for: 16 each and 16 more, and a block has at least one.
const STEPS: u64 = GAS * 34;
/// Words that links and parameters hold: what the test host knows, and some that it does not.
const WORDS: [u64; 10] = [1, 10, 20, 25, 30, 40, 2, 0, 7, u64::MAX];

/// How a run starts.
#[derive(Clone, Debug)]
pub struct Start {
    /// Picks the function.
    pub function: u8,
    /// Gas of a slice.
    pub slice: u8,
    /// Arguments are made of it.
    pub seed: u8,
    /// Whether the gas is scarce.
    pub poor: bool,
}

/// Makes a module of `data` and runs it on both.
///
/// # Panics
/// If they do not agree, a promise of the verifier is broken, or a program that our own tools made
/// is refused.
pub fn check(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let origin = bytes.byte();
    let start =
        Start { function: bytes.byte(), slice: bytes.byte(), seed: bytes.byte(), poor: bytes.below(8) == 0 };
    match origin % 4 {
        0 => {
            if let Ok(module) = Module::decode(&seal(bytes.rest().to_vec())) {
                run_if_verified(&module, &start);
            }
        }
        1 => {
            let module = generate::program(&mut bytes);
            if let Err(error) = flux_verify::verify(module.clone()) {
                panic!("a generated program is refused: {error}\n{}", asm::disassemble(&module));
            }
            run_if_verified(&module, &start);
        }
        2 => {
            let changes = 1 + bytes.below(3);
            let changes: Vec<[u8; 4]> = (0..changes).map(|_| std::array::from_fn(|_| bytes.byte())).collect();
            let mut module = generate::program(&mut bytes);
            changes.iter().for_each(|change| generate::damage(&mut module, *change));
            run_if_verified(&module, &start);
        }
        _ => run_fir(bytes.rest(), &start),
    }
}

fn run_if_verified(module: &Module, start: &Start) {
    if module.functions.is_empty() || flux_verify::verify(module.clone()).is_err() {
        return;
    }
    let function = usize::from(start.function) % module.functions.len();
    let signature = module.signatures[usize::from(module.functions[function].signature)];
    let arguments: Vec<u64> = (0..signature.arguments)
        .map(|place| generate::interesting(start.seed.wrapping_add(place.wrapping_mul(37))))
        .collect();
    both(module, function, &arguments, start);
}

/// FIR through the back end: the evaluator of FIR is the third that has to agree.
fn run_fir(bytes: &[u8], start: &Start) {
    let mut fir = random::module(bytes);
    let level = [Level::None, Level::Basic, Level::Small, Level::Full][usize::from(start.slice % 4)];
    passes::optimize(&mut fir, level);
    let function = FuncId::new(fir.functions.len() - 1);
    let arguments: Vec<u64> = fir.functions[function.index()]
        .signature
        .params
        .iter()
        .zip(0..)
        .map(|(ty, n)| u64::from(start.seed) >> (n % 8) & if ty.size() == 1 { 1 } else { 0x7f })
        .collect();
    let Some(module) = lower(&mut fir) else { panic!("generated FIR passes a limit:\n{fir}") };
    if let Err(error) = flux_verify::verify(module.clone()) {
        panic!("the verifier refuses our own code: {error}\n{fir}\n{}", asm::disassemble(&module));
    }
    let outcome = both(&module, function.index(), &arguments, start);
    let gas = if start.poor { GAS / 50 } else { GAS };
    let mut evaluator = Evaluator::new(&fir, WRITABLE as usize, gas);
    let expected = match evaluator.run(function, &arguments) {
        eval::Outcome::Returned(word) => Some(Outcome::Finished(word)),
        eval::Outcome::Left(Opcode::Exception, status) => {
            Some(Outcome::Stopped(Stop::Exception(status.cast_signed())))
        }
        eval::Outcome::Trapped(kind) => match &outcome {
            Outcome::Trapped(found, ..) if *found == kind => None,
            other => panic!("FIR traps {kind:?}, the machine ends in {other:?}\n{fir}"),
        },
        other => panic!("{other:?}\n{fir}"),
    };
    if let Some(expected) = expected {
        assert_eq!(outcome, expected, "{fir}\n{}", asm::disassemble(&module));
    }
}

/// Runs `function` of a verified module on the machine and on the model.
///
/// # Panics
/// At the first thing that differs.
pub fn both(module: &Module, function: usize, arguments: &[u64], start: &Start) -> Outcome {
    let listing = || asm::disassemble(module);
    let words = |count: usize| (0..count).map(|at| WORDS[at % WORDS.len()]).collect::<Vec<u64>>();
    let settings = Settings {
        gas: if start.poor { GAS / 50 } else { GAS },
        quota: module.meta.memory.min(QUOTA),
        steps: STEPS,
        links: words(module.links.len()),
        parameters: words(module.parameters.len()),
        capabilities: CapabilitySet::ALL,
    };
    let verified = flux_verify::verify(module.clone()).expect("the caller verified it");
    let program = Arc::new(Program::load(verified).unwrap_or_else(|error| panic!("{error}\n{}", listing())));
    let config = Config { quota: settings.quota, capabilities: settings.capabilities };
    let model = Model::new(module, settings.clone());
    let instance = Instance::new(Arc::clone(&program), config);
    let (mut model, mut instance) = match (model, instance) {
        (Some(model), Ok(instance)) => (model, instance),
        (None, Err(_)) => return Outcome::OutOfSteps,
        (model, instance) => panic!("quota: model {}, machine {}", model.is_some(), instance.is_ok()),
    };
    for (index, word) in settings.links.iter().enumerate() {
        instance.set_link(index, *word).expect("a link of the module");
    }
    for (index, word) in settings.parameters.iter().enumerate() {
        instance.set_parameter(index, *word).expect("a parameter of the module");
    }
    instance.set_gas(Gas(settings.gas));

    let mut model_host = TestHost::default();
    let expected = model.run(function, arguments, &mut model_host);
    assert!(
        !matches!(expected, Outcome::Violation(_) | Outcome::OutOfSteps),
        "function {function}: {expected:?}\n{}",
        listing()
    );

    let mut host = TestHost::default();
    let index = FunctionIndex(u32::try_from(function).expect("a function of the module"));
    let mut run = instance.begin(index, arguments).expect("arguments of the function");
    let slice = Gas(1 + u64::from(start.slice) * 8);
    let outcome = loop {
        match instance.resume(&mut run, &mut host, slice) {
            Exit::Preempted => {}
            Exit::Finished(word) => break Outcome::Finished(word),
            Exit::Suspended => break Outcome::Suspended,
            Exit::Stopped(stop) => break Outcome::Stopped(stop),
            Exit::Trapped(trap) => break Outcome::Trapped(trap.kind, trap.pc.0, trap.value),
            Exit::Breakpoint(_) => panic!("no breakpoint was set"),
        }
    };
    assert_eq!(outcome, expected, "outcome\n{}", listing());
    for register in (7..=55).chain([60]) {
        let (is, should) = (run.register(register), model.register(usize::from(register)));
        assert_eq!(is, should, "R{register}\n{}", listing());
    }
    assert_eq!(run.register(61).cast_signed(), model.status(), "R61\n{}", listing());
    let memory = instance.memory_ref();
    let base = memory.writable_base();
    let constants = memory.bytes(0, base).expect("constants");
    let writable = memory.bytes(base, memory.size() - base).expect("memory");
    assert!([constants, writable].concat() == model.memory().all(), "memory differs\n{}", listing());
    assert_eq!(memory.charged(), model.memory().charged(), "bytes charged\n{}", listing());
    assert_eq!(instance.gas_used().0, model.gas_used(), "gas\n{}", listing());
    assert_eq!((host.events, host.now, host.calls), (model_host.events, model_host.now, model_host.calls));
    instance.end(run);
    outcome
}
