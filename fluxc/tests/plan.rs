//! Tests of documents as plans, and what they leave alone.

mod support;

use flux_fluxc::plan::{Action, Compare, Presence, Sent};
use flux_fluxc::{Compiled, Options, Tests, compile};

const DOCUMENT: &str = "\
## Agent\nname: heater\ncapabilities: IO_READ, COMMUNICATE\n\n\
## State\n- heating: bool = false\n\n\
## Loop\n1. Read temperature from I2C sensor (addr 0x48)\n\
2. If temperature < threshold: TELL cloud: switched(1, temperature)\n3. Set heating to temperature < threshold\n4. YIELD\n";

fn compiled(test: &str, tests: Tests) -> Compiled {
    let source = format!("{DOCUMENT}\n## Test \"t\"\n{test}\n");
    compile(source.as_bytes(), "heater.flux.md", &Options { tests, ..Options::default() })
}

fn actions(test: &str) -> Vec<Action> {
    let compiled = compiled(test, Tests::Include);
    assert_eq!(compiled.errors, 0, "{test}: {:?}", compiled.diagnostics);
    compiled.tests.into_iter().flat_map(|test| test.steps).map(|step| step.action).collect()
}

fn codes(test: &str) -> Vec<String> {
    compiled(test, Tests::Leave).diagnostics.iter().map(|row| row.code.to_string()).collect()
}

#[test]
fn probes_are_exports_of_modules_with_tests_alone() {
    let test = "- Given threshold = 30\n- Given temperature is 20\n- Expect heating is false";
    let probes = |tests| {
        let compiled = compiled(test, tests);
        compiled.modules[0].exports.iter().filter(|export| export.name.starts_with("probe ")).count()
    };
    assert_eq!((probes(Tests::Leave), probes(Tests::Include)), (0, 2));
    let plain = compile(DOCUMENT.as_bytes(), "heater.flux.md", &Options::default());
    assert_eq!(plain.modules[0].identity(), compiled(test, Tests::Leave).modules[0].identity());
}

#[test]
fn steps_become_actions() {
    let found = actions(
        "- Given threshold = 30\n- Given temperature is 20\n- Given heating is true\n- When 2s pass\n\
         - Expect TELL to cloud: switched(_, _ is below 25)\n- Expect no DELEGATE",
    );
    let [first, reading, state, pass, tell, none] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(*first, Action::GiveParameter { name: "threshold".into(), text: "30.0".into() });
    assert!(matches!(reading, Action::GiveReading { readings, .. } if readings[0].address == "i2c:0x48"));
    assert!(matches!(state, Action::GiveState(_)) && matches!(pass, Action::Pass(_)));
    let Action::ExpectMessage { message: Some(pattern), .. } = tell else { panic!("{tell:?}") };
    assert_eq!(pattern.values, [None, Some(Compare::Less)]);
    let no_delegate =
        Action::ExpectMessage { presence: Presence::No, kind: Sent::Delegate, target: None, message: None };
    assert_eq!(*none, no_delegate);
}

#[test]
fn a_library_with_tests_becomes_an_agent_only_for_them() {
    let source = "```flux\nfn one() -> int { 1 }\n```\n\n## Test \"one\"\n- Expect one() is 1\n";
    let compile =
        |tests| compile(source.as_bytes(), "unit.flux.md", &Options { tests, ..Options::default() });
    let (plain, tested) = (compile(Tests::Leave), compile(Tests::Include));
    assert_eq!((plain.stats.agents, plain.modules.len(), tested.modules.len()), (0, 1, 1));
    assert!(plain.tests.is_empty() && tested.tests.len() == 1);
    assert_eq!(tested.modules[0].meta.name, "unit");
}

#[test]
fn a_lambda_of_a_test_was_part_of_the_library() {
    let library =
        "```flux\nfn one(f: fn(int) -> int) -> int { f(1) }\nfn two() -> int { one(|x| x + 1) }\n```\n";
    let tested = format!("{library}\n## Test \"one\"\n- `expect one(|x| x * 7) == 7`\n");
    let identity = |source: &str| {
        let compiled = compile(source.as_bytes(), "unit.flux.md", &Options::default());
        assert_eq!(compiled.errors, 0, "{:?}", compiled.diagnostics);
        compiled.modules[0].identity()
    };
    assert_eq!(identity(library), identity(&tested));
}

#[test]
fn mistakes_in_tests_have_codes() {
    for (test, want) in [
        ("- Given temprature is 5\n- Expect heating", "E0701"),
        ("- When told rest()\n- Expect heating", "E0706"),
        ("- When told bell: ring()\n- Expect heating", "E0702"),
        ("- When 1s passes\n- Given threshold = 3\n- Expect heating", "E0703"),
        ("- Expect reply 1", "E0703"),
        ("- Log \"x\"\n- Expect heating", "E0704"),
        ("- Given ASK to heater: f() gives 1\n- Expect heating", "E0705"),
        ("- When 1s passes", "W0701"),
        ("- Expect TELL to clod", "W0702"),
        ("- Expect unknown is 3", "E0501"),
        ("- Given threshold = heating\n- Expect heating", "E0506"),
    ] {
        assert_eq!(codes(test), [want], "{test}");
    }
}

#[test]
fn an_agent_that_is_spawned_may_have_a_number_behind_its_name() {
    let worker = "# W\n## Agent\nname: worker\n## On job(n: int)\n1. Log \"{n}\"\n";
    let boss = "# B\n## Agent\nname: boss\ncapabilities: SPAWN, COMMUNICATE\n## Init\n1. Spawn worker from \"worker.flux.md\" as w\n2. TELL w: job(1)\n3. TELL cloud: up()\n## Test \"t\"\n";
    for (target, known) in [
        ("worker", true),
        ("worker-2", true),
        ("worker-12", true),
        ("cloud", true),
        ("worker-x", false),
        ("worker2", false),
        ("work", false),
        ("x-worker", false),
    ] {
        let source = format!("{boss}- Expect TELL to {target}\n");
        let found =
            support::diagnostics(&support::bundle(&[("boss.flux.md", &source), ("worker.flux.md", worker)]));
        let found = found.iter().filter(|row| row.starts_with("W0702")).count();
        assert_eq!(found == 0, known, "{target}");
    }
    let source = format!("{boss}- Expect TELL: job(1)\n- Expect TELL to cloud: down()\n");
    let found =
        support::diagnostics(&support::bundle(&[("boss.flux.md", &source), ("worker.flux.md", worker)]));
    assert_eq!(found, ["W0702 line 11: no step of this document sends `down(…)` there"]);
}
