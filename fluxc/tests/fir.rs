//! Properties of FIR: its text form, its passes, its verifier, its evaluator.
#![expect(clippy::panic, reason = "helpers of tests fail like tests")]

use flux_abi::opcode::Opcode;
use flux_fluxc::fir::eval::{Evaluator, Outcome};
use flux_fluxc::fir::passes::{self, Level};
use flux_fluxc::fir::verify::verify;
use flux_fluxc::fir::{FuncId, Module, TypeFacts, parse, random};
use proptest::prelude::*;

const GAS: u64 = 1_000_000;

fn entry(module: &Module) -> FuncId {
    FuncId::new(module.functions.len() - 1)
}

/// Arguments that fit the entry's parameters.
fn arguments(module: &Module, seed: u64) -> Vec<u64> {
    let params = &module.functions[entry(module).index()].signature.params;
    params
        .iter()
        .zip(0..)
        .map(|(ty, n)| if ty.size() == 1 { (seed >> n) & 1 } else { (seed >> n) & 0x7f })
        .collect()
}

fn evaluate(module: &Module, seed: u64) -> (Outcome, Vec<u8>) {
    let mut evaluator = Evaluator::new(module, random::WRITABLE, GAS);
    let outcome = evaluator.run(entry(module), &arguments(module, seed));
    (outcome, evaluator.memory().to_vec())
}

fn check(module: &Module) {
    let outcome = verify(module);
    assert!(outcome.is_ok(), "{outcome:?}\n{module}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(400), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_random_module_verifies_and_ends(bytes in proptest::collection::vec(any::<u8>(), 0..900), seed: u64) {
        let module = random::module(&bytes);
        check(&module);
        let (outcome, _) = evaluate(&module, seed);
        prop_assert_ne!(outcome, Outcome::Unsupported);
        prop_assert_ne!(outcome, Outcome::Trapped(flux_abi::trap::TrapKind::Gas));
    }

    #[test]
    fn what_is_printed_reads_back_as_the_same_module(bytes in proptest::collection::vec(any::<u8>(), 0..900)) {
        let mut module = random::module(&bytes);
        module.compact();
        let text = module.to_string();
        let read = parse(&text).map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?;
        prop_assert_eq!(&read, &module);
        prop_assert_eq!(read.to_string(), text);
    }

    #[test]
    fn every_level_keeps_the_meaning(bytes in proptest::collection::vec(any::<u8>(), 0..900), seed: u64) {
        let module = random::module(&bytes);
        let before = evaluate(&module, seed);
        for level in [Level::None, Level::Basic, Level::Small, Level::Full] {
            let mut optimized = module.clone();
            passes::optimize(&mut optimized, level);
            check(&optimized);
            let after = evaluate(&optimized, seed);
            prop_assert_eq!(&before, &after, "{:?}\n{}\n{}", level, module, optimized);
        }
    }

    #[test]
    fn every_pass_leaves_a_verified_module(bytes in proptest::collection::vec(any::<u8>(), 0..900), seed: u64) {
        let mut module = random::module(&bytes);
        let before = evaluate(&module, seed);
        type Pass = fn(&mut flux_fluxc::fir::Function, &mut passes::Workspace);
        let steps: [(&str, Pass); 6] = [
            ("clean_graph", passes::alone::clean_graph),
            ("remove_trivial_params", passes::alone::remove_trivial_params),
            ("rotate_loops", |function, work| {
                passes::alone::rotate_loops(function, work);
            }),
            ("simplify", |function, work| {
                passes::alone::simplify(function, work);
            }),
            ("remove_dead", passes::alone::remove_dead),
            ("lower_switches", |function, _| {
                passes::lower_switches(function);
            }),
        ];
        for (name, step) in steps {
            let old = module.to_string();
            let mut work = passes::Workspace::default();
            module.functions.iter_mut().for_each(|function| step(function, &mut work));
            if let Err(error) = verify(&module) {
                prop_assert!(false, "{} broke it: {}\n{}\n{}", name, error, old, module);
            }
            prop_assert_eq!(&before, &evaluate(&module, seed), "{}\n{}\n{}", name, old, module);
        }
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "(fir|func|data|[a-z0-9_.@ ,:(){}\\[\\]=\"\\\\-]|\n){0,200}") {
        let _ = parse(&text);
    }

    #[test]
    fn a_damaged_text_is_refused_or_gives_a_module_that_can_be_checked(
        bytes in proptest::collection::vec(any::<u8>(), 0..400), at: prop::sample::Index, with: u8,
    ) {
        let mut text = random::module(&bytes).to_string().into_bytes();
        let at = at.index(text.len());
        text[at] = with;
        if let Ok(text) = core::str::from_utf8(&text)
            && let Ok(mut module) = parse(text)
            && verify(&module).is_ok()
        {
            let _ = evaluate(&module, 1);
            passes::optimize(&mut module, Level::Full);
            check(&module);
        }
    }
}

#[test]
fn an_error_says_line_and_column() {
    let error = parse("fir \"x\"\nfunc f0 \"g\"() -> void source 0 {\nb0:\n  return v0, \n}\n").unwrap_err();
    assert_eq!((error.line, error.column), (4, 12));
    let error = parse("fir \"x\"\nfunc f1 \"g\"() -> void source 0 {\nb0:\n  return\n}\n").unwrap_err();
    assert_eq!(error.to_string(), "line 2, column 8: expected f0: numbers follow the order");
}

#[test]
fn the_text_form_holds_what_the_random_modules_lack() {
    let text = "fir \"a \\\"name\\\"\"\n\nfunc f0 \"main\"(i64, capability) -> void source 2 @7 {\nb0(v0: i64, v1: capability):\n  v2: ptr = const 0x20\n  v3: i64 = host DELEGATE[0](v1, v2, v2) @8\n  v4: i64 = runtime last_status[0]() @8\n  host YIELD_AGENT[0]() @9\n  v5: ptr = text.int v0\n  v6: ptr = text.concat v5, v5\n  host LOG[2](v6)\n  v7: f64 = runtime param[3]()\n  v8: bool = runtime pacer_due[1]()\n  branch v8, b1, b2\nb1:\n  leave EXCEPTION v4 @10\nb2:\n  leave HALT\n}\n";
    let module = parse(text).unwrap();
    check(&module);
    assert_eq!(module.to_string(), text);
    assert!(flux_fluxc::fir::host_shape(Opcode::Halt, 0).is_none());
}

/// The verifier's message for a body of `func f0 "t"(i64) -> i64`.
fn refusal(body: &str) -> String {
    let text = format!("fir \"t\"\nfunc f0 \"t\"(i64) -> i64 source 0 {{\n{body}\n}}");
    let module = parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    verify(&module).map_or_else(|error| error.problem.to_string(), |()| String::from("accepted"))
}

#[test]
fn the_verifier_says_what_is_wrong() {
    let cases = [
        ("b0(v0: i64):\n return v0", "accepted"),
        ("b0(v0: i32):\n unreachable", "the entry block's parameters differ from the signature"),
        ("", "the function has no block"),
        ("b0(v0: i64):\n jump b0(v0)", "the entry block is jumped to; add a block after it"),
        ("b0(v0: i64):\n jump b7", "there is no block b7"),
        ("b0(v0: i64):\n return v9", "there is no value v9"),
        ("b0(v0: i64):\n return", "the result must be of type i64"),
        ("b0(v0: i64):\n v1: i32 = add.i32 v0, v0\n return v0", "value v0 is of type i64, i32 is needed"),
        ("b0(v0: i64):\n v1: i32 = add.i64 v0, v0\n return v0", "the result must be of type i64"),
        (
            "b0(v0: i64):\n v1: i64 = add.i64 v2, v0\n v2: i64 = const 1\n return v1",
            "value v2 is used where it need not be defined yet",
        ),
        (
            "b0(v0: i64):\n v1: bool = eq v0, v0\n branch v1, b1, b2\nb1:\n v2: i64 = const 1\n jump b2\nb2:\n return v2",
            "value v2 is used where it need not be defined yet",
        ),
        (
            "b0(v0: i64):\n v1: bool = eq v0, v0\n branch v1, b1, b2\nb1:\n return v0\nb2:\n branch v0, b1, b2",
            "value v0 is of type i64, bool is needed",
        ),
        ("b0(v0: i64):\n jump b1\nb1(v1: i64):\n return v1", "0 operands, 1 are needed"),
        ("b0(v0: i64):\n v1: i8 = const 256\n return v0", "0x100 is no constant of type i8"),
        ("b0(v0: i64):\n v1: bool = const 2\n return v0", "0x2 is no constant of type bool"),
        ("b0(v0: i64):\n v1: i64 = call f3(v0)\n return v1", "there is no function f3"),
        ("b0(v0: i64):\n v1: i64 = call f0()\n return v1", "0 operands, 1 are needed"),
        ("b0(v0: i64):\n v1: i64 = load.w64 v0, 0\n return v1", "value v0 is of type i64, ptr is needed"),
        ("b0(v0: i64):\n host IADD[0](v0)\n return v0", "opcode IADD cannot be used here"),
        ("b0(v0: i64):\n host YIELD_AGENT[9]()\n return v0", "immediate operand 9 is out of range"),
        ("b0(v0: i64):\n leave RET v0", "opcode RET cannot be used here"),
        ("b0(v0: i64):\n switch v0, [1: b1, 1: b1], b1\nb1:\n return v0", "the switch has two cases for 1"),
        ("b0(v0: i64):\n v1: void = const 0\n return v0", "no such operation on type void"),
    ];
    for (body, wanted) in cases {
        assert_eq!(refusal(body), wanted, "{body}");
    }
}

/// Such data became a module that the verifier of modules refused.
#[test]
fn data_leaves_address_0_free() {
    let text = |first: &str| format!("fir \"x\"\ndata {first}00000000000000\n");
    assert!(verify(&parse(&text("00")).unwrap()).is_ok());
    let error = verify(&parse(&text("01")).unwrap()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "fir: the first 8 bytes of the data must be zero, so that address 0 names nothing"
    );
}

#[test]
fn a_head_that_a_way_into_its_loop_leads_past_was_copied() {
    // The head is b2; b3 jumps back to it and is reached from b1, too. What it loads with does not change.
    let text = r#"
fir "two ways in"

func f0 "f"() -> void source 0 @1 {
b0:
  v0: i64 = runtime last_status[0]() @1
  v1: i64 = const 0 @1
  v2: bool = eq v0, v1 @1
  branch v2, b1, b2 @1
b1:
  v3: i64 = runtime last_status[0]() @2
  v4: bool = eq v3, v1 @2
  branch v4, b2, b3 @2
b2:
  v5: ptr = const 0x70 @3
  v6: bool = load.z8 v5, 0 @3
  branch v6, b3, b4 @3
b3:
  host YIELD_AGENT[0]() @4
  jump b2 @4
b4:
  return @5
}
"#;
    let module = parse(text).expect("it reads");
    verify(&module).expect("it is right");
    for level in [Level::None, Level::Basic, Level::Small, Level::Full] {
        let mut optimized = module.clone();
        passes::optimize(&mut optimized, level);
        verify(&optimized).unwrap_or_else(|error| panic!("{level:?}: {error}\n{optimized}"));
    }
}
