//! Random well-typed programs mean the same four times: as trees, whose meaning is written down
//! in this test, as FIR evaluated directly, and as bytecode without and with optimisation.
//!
//! `FLUX_PROGRAMS` says how many, `FLUX_SEED` where to begin; `cargo xtask programs` sets both.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(unreachable_pub, reason = "parts of one test")]
#![allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "as the language converts")]

mod support;
mod typed {
    pub mod generate;
    pub mod tree;
}

use flux_abi::trap::TrapKind;
use flux_fluxc::backend::bytecode;
use flux_fluxc::diag::Sink;
use flux_fluxc::fir::eval::{Evaluator, Outcome};
use flux_fluxc::fir::passes::optimize;
use flux_fluxc::span::SourceId;
use flux_fluxc::{Level, Sources, analyse};
use support::oracle::{Functions, Random};
use support::{End, diagnostics, library};
use typed::generate::{entry_params, program};
use typed::tree::{Leave, Program, Ty, Value, call};

/// How a program ended: a word or a trap.
type Ended = Result<u64, TrapKind>;

const GAS: u64 = 50_000_000;

fn word(value: &Value) -> u64 {
    match value {
        Value::Int(number) => *number as u64,
        Value::Float(number) => number.to_bits(),
        Value::Bool(holds) => u64::from(*holds),
        other => panic!("{other:?} is no word"),
    }
}

fn as_tree(program: &Program, args: &[Value]) -> Ended {
    match call(program, program.functions.len() - 1, args.to_vec()) {
        Ok(value) => Ok(word(&value)),
        Err(Leave::Trap(kind)) => Err(kind),
        Err(_) => panic!("a function was left in the middle"),
    }
}

/// FIR as the bytecode at -O0 is made of it.
fn as_fir(source: &str, args: &[u64]) -> Ended {
    let mut sink = Sink::new(SourceId(0));
    let sources = Sources::new(source.as_bytes(), "test.flux.md").unwrap();
    let analysis = analyse(&sources, &mut sink).unwrap();
    let mut lowered = analysis.lower(&mut sink).remove(0);
    optimize(&mut lowered.fir, Level::None);
    bytecode::generate(&mut lowered.fir).unwrap();
    let state = &lowered.shell.state;
    let writable =
        usize::try_from(u64::from(state.size).next_multiple_of(16) + u64::from(state.scratch)).unwrap();
    let main = lowered.shell.exports.iter().find(|export| export.name == "main").unwrap().function;
    let mut evaluator = Evaluator::new(&lowered.fir, writable, GAS);
    match evaluator.run(flux_fluxc::fir::FuncId::new(main as usize), args) {
        Outcome::Returned(word) => Ok(word),
        Outcome::Trapped(kind) => Err(kind),
        other => panic!("{other:?}\n{source}"),
    }
}

fn as_bytecode(source: &str, level: Level, args: &[u64]) -> Ended {
    ended(&Functions::new(source, level), source, args)
}

fn ended(functions: &Functions, source: &str, args: &[u64]) -> Ended {
    match functions.call("main", args) {
        End::Word(word) => Ok(word),
        End::Trap(kind, _) => Err(kind),
        other => panic!("{other:?}\n{source}"),
    }
}

fn arguments(random: &mut Random) -> Vec<Value> {
    let whole = [0, 1, -1, 7, 1000, i128::from(i64::MAX), i128::from(i64::MIN)];
    let values = entry_params().into_iter().map(|ty| match ty {
        Ty::Int(kind) => {
            let (low, high) = typed::tree::bounds(kind);
            Value::Int(whole[random.below(whole.len())].clamp(low, high))
        }
        Ty::Bool => Value::Bool(random.below(2) == 0),
        _ => Value::Float([0.0, 1.25, -3.5, 1e20][random.below(4)]),
    });
    values.collect()
}

fn number_of(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().map_or(otherwise, |text| text.parse().unwrap())
}

#[test]
fn typed_programs_mean_the_same_in_every_form() {
    let (seed, count) = (number_of("FLUX_SEED", 1), number_of("FLUX_PROGRAMS", 300));
    let mut traps = 0;
    for n in seed..seed.saturating_add(count) {
        let mut random = Random::new(n);
        let program = program(&mut random);
        let last = program.functions.len() - 1;
        let text = program.text().replace(&format!("fn f{last}("), "fn main(");
        let source = library(&text);
        let errors: Vec<String> =
            diagnostics(&source).into_iter().filter(|row| row.starts_with('E')).collect();
        assert!(errors.is_empty(), "program {n} is refused: {errors:#?}\n{source}");
        let args = arguments(&mut random);
        let words: Vec<u64> = args.iter().map(word).collect();
        let meant = as_tree(&program, &args);
        traps += u64::from(meant.is_err());
        let found = [
            ("FIR", as_fir(&source, &words)),
            ("-O0", as_bytecode(&source, Level::None, &words)),
            ("-O0 with locals", ended(&Functions::with_locals(&source), &source, &words)),
            ("-O2", as_bytecode(&source, Level::Full, &words)),
        ];
        for (form, ended) in found {
            assert_eq!(ended, meant, "program {n} as {form}, with {args:?}\n{text}");
        }
    }
    // Programs that all trap at once would show nothing.
    assert!(traps * 10 < count * 9, "{traps} of {count} programs trap");
}
