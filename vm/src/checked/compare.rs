//! Machine beside model: the oracle of tests and of the verify-then-run fuzz target.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use flux_abi::opcode::Opcode;
use flux_abi::trap::TrapKind;
use flux_isa::Module;
use flux_verify::VerifiedModule;

use super::{Model, Outcome, Settings};
use crate::exit::{Exit, FunctionIndex, Gas};
use crate::instance::{Config, Instance};
use crate::program::Program;
use crate::run::Run;
use crate::testing::TestHost;

/// What both agreed on.
#[derive(Clone, Debug)]
pub struct Agreement {
    /// How the run ended.
    pub outcome: Outcome,
    /// Opcodes that were executed.
    pub executed: BTreeSet<Opcode>,
    /// Traps that were raised.
    pub trapped: BTreeSet<(Opcode, TrapKind)>,
}

fn same<T: PartialEq + core::fmt::Debug>(what: &str, machine: &T, model: &T) -> Result<(), String> {
    if machine == model { Ok(()) } else { Err(format!("{what}: machine {machine:?}, model {model:?}")) }
}

/// Runs function number 0 on the machine, in slices as `slice` says, and on the model; compares
/// outcome, registers, memory, charges, gas and what the host saw. A run of more than
/// [`Settings::steps`] instructions is not compared.
///
/// # Errors
/// What differs, or which promise of the verifier does not hold.
pub fn compare(
    verified: VerifiedModule,
    arguments: &[u64],
    settings: &Settings,
    slice: impl FnMut() -> u64,
) -> Result<Agreement, String> {
    let module = verified.module().clone();
    let program = Program::load(verified).map_err(|error| format!("{error}"))?;
    compare_loaded(&module, &Arc::new(program), arguments, settings, slice)
}

fn compare_loaded(
    module: &Module,
    program: &Arc<Program>,
    arguments: &[u64],
    settings: &Settings,
    mut slice: impl FnMut() -> u64,
) -> Result<Agreement, String> {
    let config = Config { quota: settings.quota, capabilities: settings.capabilities };
    let instance = Instance::new(Arc::clone(program), config);
    let model = Model::new(module, settings.clone());
    let (Ok(mut instance), Some(mut model)) = (instance, model) else {
        return Err(String::from("the quota does not hold the state"));
    };
    for (index, word) in settings.links.iter().enumerate().take(module.links.len()) {
        instance.set_link(index, *word).map_err(|error| format!("{error}"))?;
    }
    for (index, word) in settings.parameters.iter().enumerate().take(module.parameters.len()) {
        instance.set_parameter(index, *word).map_err(|error| format!("{error}"))?;
    }
    instance.set_gas(Gas(settings.gas));

    let mut model_host = TestHost::default();
    let expected = model.run(0, arguments, &mut model_host);
    let agreement = Agreement {
        outcome: expected.clone(),
        executed: model.executed().clone(),
        trapped: model.trapped().clone(),
    };
    match expected {
        Outcome::Violation(what) => return Err(what),
        Outcome::OutOfSteps => return Ok(agreement),
        _ => {}
    }
    let mut host = TestHost::default();
    let mut run = instance.begin(FunctionIndex(0), arguments).map_err(|error| format!("{error}"))?;
    let outcome = loop {
        match instance.resume(&mut run, &mut host, Gas(slice().max(1))) {
            Exit::Preempted => {}
            Exit::Finished(word) => break Outcome::Finished(word),
            Exit::Suspended => break Outcome::Suspended,
            Exit::Stopped(stop) => break Outcome::Stopped(stop),
            Exit::Trapped(trap) => break Outcome::Trapped(trap.kind, trap.pc.0, trap.value),
            Exit::Breakpoint(pc) => return Err(format!("a breakpoint at {} that nobody set", pc.0)),
        }
    };
    same("outcome", &outcome, &agreement.outcome)?;
    compare_state(&instance, &run, &model)?;
    same("gas", &instance.gas_used().0, &model.gas_used())?;
    same("host events", &host.events, &model_host.events)?;
    same("host time and calls", &(host.now, host.calls), &(model_host.now, model_host.calls))?;
    instance.end(run);
    Ok(agreement)
}

fn compare_state(instance: &Instance, run: &Run, model: &Model<'_>) -> Result<(), String> {
    for register in (7..=55).chain([60]) {
        let model = model.register(usize::from(register));
        same(&format!("R{register}"), &run.register(register), &model)?;
    }
    same("R61", &(run.register(61) as i64), &model.status())?;
    let memory = instance.memory_ref();
    let base = memory.writable_base();
    let parts = [memory.bytes(0, base), memory.bytes(base, memory.size() - base)];
    let bytes: Vec<u8> = parts.into_iter().flatten().flatten().copied().collect();
    if bytes != model.memory().all() {
        let at = bytes.iter().zip(model.memory().all()).position(|(machine, model)| machine != model);
        let (machine, model) = (bytes.len(), model.memory().all().len());
        return Err(format!("memory differs at {at:?}; machine {machine} bytes, model {model}"));
    }
    same("bytes charged", &memory.charged(), &model.memory().charged())
}
