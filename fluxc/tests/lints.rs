//! Warnings about what is right by the rules and surely not meant.

use flux_fluxc::{Options, compile};

fn warned(sections: &str) -> Vec<String> {
    let source = format!("# Test\n\n## Agent\nname: test\n\n{sections}\n");
    let rows = compile(source.as_bytes(), "test.flux.md", &Options::default()).diagnostics;
    rows.into_iter().map(|row| format!("{} {}", row.code, row.message)).collect()
}

#[test]
fn a_state_variable_that_a_test_alone_names_is_used() {
    let state = "## State\n- n: int = 0\n";
    assert_eq!(warned(state), ["W0503 nothing uses the state variable `n`"]);
    for user in [
        "## Loop\n1. Add 1 to n",
        "## Loop\n1. Set n to 5",
        "## Loop\n1. Log \"{n}\"",
        "## Loop\n1. `n += 1`",
        "## Test \"n\"\n1. Expect n is 0",
        "## Test \"n\"\n1. Given n is 3\n2. Expect no trap",
    ] {
        assert!(warned(&format!("{state}\n{user}")).is_empty(), "{user}");
    }
}

#[test]
fn a_state_variable_that_an_ask_alone_fills_was_called_unused() {
    let source = "# Test\n\n## Agent\nname: test\ncapabilities: COMMUNICATE\n\n## State\n- n: int = 0\n\n## Init\n1. ASK clock: now() as n\n\n## agent: clock\n\n### On now() -> int\n1. Reply with 1\n";
    let rows = compile(source.as_bytes(), "test.flux.md", &Options::default()).diagnostics;
    assert!(rows.is_empty(), "{rows:?}");
}

#[test]
fn only_what_no_way_reaches_is_warned_of() {
    let never = ["W0504 this step is never reached"];
    assert_eq!(warned("## Loop\n1. Stop\n2. Log \"a\"\n3. Log \"b\""), never);
    assert_eq!(warned("## Loop\n1. If 1 > 2: Stop\n2. Otherwise: Fail \"x\"\n3. Log \"a\""), never);
    assert!(warned("## Loop\n1. If 1 > 2: Stop\n2. Log \"a\"").is_empty());
    assert!(warned("## Loop\n1. While 1 > 2: Stop\n2. Log \"a\"").is_empty());
    assert!(warned("## Init\n1. If 1 > 2: Stop\n\n## Loop\n1. YIELD").is_empty());
    let sections = "## Init\n1. Stop\n\n## Loop\n1. YIELD\n\n## On f()\n1. Log \"f\"";
    assert_eq!(warned(sections), ["W0504 this section never runs"]);
}

#[test]
fn a_new_name_near_a_variable_is_warned_of_unless_it_is_read() {
    let state = "## State\n- average: f64 = 0\n\n## Loop\n1. Set average to average + 1\n";
    assert_eq!(
        warned(&format!("{state}2. Set averge to 5")),
        ["W0505 `averge` is a new name, and nothing reads it"]
    );
    assert!(warned(&format!("{state}2. Set averge to 5\n3. Log \"{{averge}}\"")).is_empty());
    assert!(warned(&format!("{state}2. Set other to 5")).is_empty());
}
