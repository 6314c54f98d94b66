//! The bytecode back end against the FIR evaluator: equal result, trap, memory and gas.
#![expect(clippy::panic, clippy::unwrap_used, reason = "helpers of tests fail like tests")]

use flux_abi::capability::CapabilitySet;
use flux_fluxc::backend::bytecode;
use flux_fluxc::fir::eval::{Evaluator, Outcome};
use flux_fluxc::fir::passes::{self, Level};
use flux_fluxc::fir::verify::verify;
use flux_fluxc::fir::{FuncId, Module, TypeFacts, parse, random};
use flux_isa::{Meta, StateLayout};
use flux_vm::{Config, Exit, FunctionIndex, Gas, Instance, NoHost, Program, Stop};
use proptest::prelude::*;
use std::sync::Arc;

const GAS: u64 = 2_000_000;

fn module_of(fir: &mut Module) -> flux_isa::Module {
    let code = bytecode::generate(fir).unwrap_or_else(|error| panic!("{error}\n{fir}"));
    flux_isa::Module {
        meta: Meta {
            name: "test".into(),
            period_ns: 1_000_000_000,
            memory: 1 << 20,
            gas: GAS,
            ..Meta::default()
        },
        capabilities: CapabilitySet::default(),
        constants: fir.data.clone(),
        state: StateLayout { size: u32::try_from(random::WRITABLE).unwrap(), ..StateLayout::default() },
        signatures: code.signatures,
        functions: code.functions,
        code: code.code,
        entries: code.entries,
        lines: code.lines,
        ..flux_isa::Module::default()
    }
}

#[derive(Debug, PartialEq)]
struct Run {
    outcome: Outcome,
    memory: Vec<u8>,
    gas: u64,
}

fn run_bytecode(fir: &mut Module, func: FuncId, args: &[u64]) -> Run {
    let module = module_of(fir);
    let text = flux_isa::asm::disassemble(&module);
    let verified = flux_verify::verify(module).unwrap_or_else(|error| panic!("{error}\n{fir}\n{text}"));
    let size = usize::try_from(verified.module().state_base()).unwrap() + random::WRITABLE;
    let program = Arc::new(Program::load(verified).unwrap());
    let config = Config { quota: 1 << 20, capabilities: CapabilitySet::default() };
    let mut instance = Instance::new(program, config).unwrap();
    instance.set_gas(Gas(GAS));
    let mut run = instance.begin(FunctionIndex(u32::try_from(func.index()).unwrap()), args).unwrap();
    let outcome = match instance.resume(&mut run, &mut NoHost, Gas(u64::MAX)) {
        Exit::Finished(word) => Outcome::Returned(word),
        Exit::Trapped(trap) => Outcome::Trapped(trap.kind),
        Exit::Stopped(Stop::Exception(status)) => {
            Outcome::Left(flux_abi::opcode::Opcode::Exception, status.cast_unsigned())
        }
        other => panic!("{other:?}\n{text}"),
    };
    let memory = instance.memory_ref();
    let memory = (0..size as u64).map(|at| memory.read_u8(at).unwrap()).collect();
    Run { outcome, memory, gas: instance.gas_left().0 }
}

fn run_fir(fir: &Module, func: FuncId, args: &[u64]) -> Run {
    let mut evaluator = Evaluator::new(fir, random::WRITABLE, GAS);
    let outcome = evaluator.run(func, args);
    Run { outcome, memory: evaluator.memory().to_vec(), gas: evaluator.gas() }
}

/// Arguments that fit the parameters of `func`.
fn arguments(fir: &Module, func: FuncId, seed: u64) -> Vec<u64> {
    let params = &fir.functions[func.index()].signature.params;
    params
        .iter()
        .zip(0..)
        .map(|(ty, n)| if ty.size() == 1 { (seed >> n) & 1 } else { (seed >> n) & 0x7f })
        .collect()
}

fn check_equal(fir: &mut Module, seed: u64) -> Result<(), TestCaseError> {
    let func = FuncId::new(fir.functions.len() - 1);
    let args = arguments(fir, func, seed);
    let machine = run_bytecode(fir, func, &args);
    verify(fir).map_err(|error| TestCaseError::fail(format!("{error}")))?;
    let reference = run_fir(fir, func, &args);
    if machine != reference {
        let text = flux_isa::asm::disassemble(&module_of(fir));
        prop_assert_eq!(machine, reference, "{}\n{}", fir, text);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(300), failure_persistence: None, max_shrink_iters: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn bytecode_means_what_fir_means(
        bytes in proptest::collection::vec(any::<u8>(), 0..900), seed: u64, level in 0..4usize,
    ) {
        let mut fir = random::module(&bytes);
        passes::optimize(&mut fir, [Level::None, Level::Basic, Level::Small, Level::Full][level]);
        check_equal(&mut fir, seed)?;
    }

    #[test]
    fn unoptimized_fir_can_be_lowered_as_it_is(bytes in proptest::collection::vec(any::<u8>(), 0..900), seed: u64) {
        check_equal(&mut random::module(&bytes), seed)?;
    }

    #[test]
    fn equal_fir_gives_equal_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let bytes_of = |mut fir: Module| {
            passes::optimize(&mut fir, Level::Full);
            module_of(&mut fir).encode()
        };
        prop_assert_eq!(bytes_of(random::module(&bytes)), bytes_of(random::module(&bytes)));
    }
}

fn run_text(text: &str, args: &[u64]) -> Run {
    let mut fir = parse(text).unwrap();
    verify(&fir).unwrap();
    passes::optimize(&mut fir, Level::Full);
    run_bytecode(&mut fir, FuncId::new(0), args)
}

#[test]
fn recursion_keeps_values_across_calls() {
    let text = "fir \"fib\"
func f0 \"fib\"(i64) -> i64 source 0 @1 {
b0(v0: i64):
  v1: i64 = const 2
  v2: bool = slt v0, v1
  branch v2, b1, b2
b1:
  return v0
b2:
  v3: i64 = const 1
  v4: i64 = sub.i64 v0, v3
  v5: i64 = call f0(v4)
  v6: i64 = sub.i64 v0, v1
  v7: i64 = call f0(v6)
  v8: i64 = add.i64 v5, v7
  return v8
}
";
    assert_eq!(run_text(text, &[15]).outcome, Outcome::Returned(610));
}

#[test]
fn many_live_values_go_to_the_stack_and_come_back() {
    // 100 products are all alive at once, in front of a call that clobbers registers.
    let mut text = String::from("fir \"wide\"\nfunc f0 \"wide\"(i64) -> i64 source 0 {\nb0(v0: i64):\n");
    for n in 1..=100 {
        text.push_str(&format!("  v{n}: i64 = mul.i64 v{}, v0\n", if n == 1 { 0 } else { n - 1 }));
    }
    text.push_str("  v101: i64 = call f1(v0, v1, v2, v3, v4, v5)\n");
    for n in 0..100 {
        text.push_str(&format!("  v{}: i64 = wadd.i64 v{}, v{}\n", 102 + n, 101 + n, 1 + n));
    }
    text.push_str("  return v201\n}\nfunc f1 \"six\"(i64, i64, i64, i64, i64, i64) -> i64 source 0 {\n");
    text.push_str("b0(v0: i64, v1: i64, v2: i64, v3: i64, v4: i64, v5: i64):\n  v6: i64 = wadd.i64 v4, v5\n");
    text.push_str("  v7: i64 = wsub.i64 v6, v0\n  return v7\n}\n");
    assert_eq!(run_text(&text, &[1]).outcome, Outcome::Returned(101));
}

#[test]
fn arguments_beyond_four_come_in_order() {
    let text = "fir \"args\"
func f0 \"main\"(i64) -> i64 source 0 {
b0(v0: i64):
  v1: i64 = const 10
  v2: i64 = const 4000000000
  v3: func = func f1
  v4: i64 = call_indirect v3(v0, v0, v0, v0, v1, v2, v0)
  return v4
}
func f1 \"pick\"(i64, i64, i64, i64, i64, i64, i64) -> i64 source 0 {
b0(v0: i64, v1: i64, v2: i64, v3: i64, v4: i64, v5: i64, v6: i64):
  v7: i64 = sub.i64 v5, v4
  v8: i64 = add.i64 v7, v6
  return v8
}
";
    assert_eq!(run_text(text, &[3]).outcome, Outcome::Returned(3_999_999_993));
}

#[test]
fn a_loop_may_turn_more_values_than_there_are_registers() {
    for count in [3, 40, 47, 120, 250] {
        // b1 passes its parameters on, each to its neighbour, a number of times.
        let names = |first: usize| (0..count).map(|n| format!("v{}", first + n)).collect::<Vec<_>>();
        let mut text = String::from("fir \"turn\"\nfunc f0 \"turn\"(i64) -> i64 source 0 {\nb0(v0: i64):\n");
        for n in 1..=count {
            text.push_str(&format!("  v{n}: i64 = const {}\n", n * 1_000_003));
        }
        text.push_str(&format!("  jump b1(v0, {})\n", names(1).join(", ")));
        let first = count + 2;
        let typed = names(first).iter().map(|name| format!("{name}: i64")).collect::<Vec<_>>().join(", ");
        let mut turned = names(first);
        turned.rotate_left(1);
        let next = first + count;
        text.push_str(&format!("b1(v{}: i64, {typed}):\n", first - 1));
        text.push_str(&format!(
            "  v{next}: i64 = const 0\n  v{}: bool = sgt v{}, v{next}\n",
            next + 1,
            first - 1
        ));
        text.push_str(&format!("  branch v{}, b2, b3\nb2:\n", next + 1));
        text.push_str(&format!("  v{}: i64 = const 1\n", next + 2));
        text.push_str(&format!("  v{}: i64 = sub.i64 v{}, v{}\n", next + 3, first - 1, next + 2));
        text.push_str(&format!("  jump b1(v{}, {})\nb3:\n", next + 3, turned.join(", ")));
        let mut sum = format!("v{first}");
        for n in 1..count {
            let (product, total) = (next + 2 + 2 * n, next + 3 + 2 * n);
            text.push_str(&format!("  v{product}: i64 = wmul.i64 {sum}, v{first}\n"));
            text.push_str(&format!("  v{total}: i64 = wadd.i64 v{product}, v{}\n", first + n));
            sum = format!("v{total}");
        }
        text.push_str(&format!("  return {sum}\n}}\n"));
        for level in [Level::None, Level::Full] {
            let mut fir = parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
            verify(&fir).unwrap_or_else(|error| panic!("{error}\n{text}"));
            passes::optimize(&mut fir, level);
            for turns in [0, 1, 7] {
                let machine = run_bytecode(&mut fir, FuncId::new(0), &[turns]);
                assert_eq!(machine, run_fir(&fir, FuncId::new(0), &[turns]), "{count} values, {turns} turns");
            }
        }
    }
}

#[test]
fn calls_with_the_most_arguments_work() {
    let params = vec!["i64"; 255].join(", ");
    let typed = (0..255).map(|n| format!("v{n}: i64")).collect::<Vec<_>>().join(", ");
    let mut turned = (0..255).map(|n| format!("v{n}")).collect::<Vec<_>>();
    turned.reverse();
    let text = format!(
        "fir \"most\"\nfunc f0 \"outer\"({params}) -> i64 source 0 {{\nb0({typed}):\n  v255: i64 = call f1({})\n  return v255\n}}\n\
         func f1 \"inner\"({params}) -> i64 source 0 {{\nb0({typed}):\n  v255: i64 = sub.i64 v0, v254\n  v256: i64 = mul.i64 v255, v5\n  return v256\n}}\n",
        turned.join(", ")
    );
    let mut fir = parse(&text).unwrap();
    verify(&fir).unwrap();
    let words: Vec<u64> = (0..255).collect();
    let machine = run_bytecode(&mut fir, FuncId::new(0), &words);
    assert_eq!(machine.outcome, Outcome::Returned(254 * 249));
    assert_eq!(machine, run_fir(&fir, FuncId::new(0), &words));
}
