//! Types of parameters and answers, and the same bytes every time.

mod support;

use flux_fluxc::Level;
use flux_isa::ExportKind;
use support::{Agent, End, LEVELS, call, codes, compiled, library};

fn parameters(steps: &str) -> Vec<String> {
    let source = format!("## Agent\nname: a\ncapabilities: COMMUNICATE, IO_READ, IO_WRITE\n{steps}\n");
    let module = compiled(&source, Level::None).modules.remove(0);
    module.parameters.iter().map(|row| format!("{}:{}", row.name, row.desc)).collect()
}

#[test]
fn the_uses_of_a_parameter_fix_its_type() {
    for (steps, expected) in [
        ("## Loop\n1. If limit > 3: Stop", "limit:l"),
        ("## Loop\n1. If limit > 3.5: Stop", "limit:d"),
        ("## Loop\n1. If enabled: Stop", "enabled:b"),
        ("## Loop\n1. Wait pause", "pause:t"),
        ("## Loop\n1. If word is \"x\": Stop", "word:s"),
        ("## State\n- n: int = 1\n## Loop\n1. If n > most: Stop", "most:l"),
        ("## State\n- n: int = 1\n## Loop\n1. If n > most: Stop\n2. If most > 1.5: Stop", "most:d"),
        ("## State\n- n: int = 1\n## Loop\n1. If most > 1.5: Stop\n2. If n > most: Stop", "most:d"),
        ("## State\n- n: int = 1\n## Loop\n1. Set x to (n + offset) * 2\n2. If x > 0.5: Stop", "offset:d"),
        ("## Loop\n1. Repeat times_given times: Log \"x\"", "times_given:l"),
        (
            "## Loop\n1. Read t from ADC channel 0\n2. If t > (low_mark + high_mark) / 2: Stop",
            "low_mark:d high_mark:d",
        ),
        ("## fn: f(a: duration) -> duration\n```flux\nreturn a\n```\n## Loop\n1. Wait f(gap)", "gap:t"),
        (
            "## Config\n- a = 3\n- b = 2.5\n- c = 10s\n- d = on\n## Loop\n1. If a * 1.5 > b: Stop",
            "a:d b:d c:t d:b",
        ),
    ] {
        assert_eq!(parameters(steps).join(" "), expected, "{steps}");
    }
}

#[test]
fn defaults_are_written_as_settings() {
    let source = "## Agent\nname: a\n## Config\n- a: f64 = 2\n- b = 3 — how many\n- c = 90s\n- d = \"x y\"\n- e: bool = off\n## Loop\n1. If b > a: Stop\n";
    let module = compiled(source, Level::None).modules.remove(0);
    let defaults: Vec<String> = module
        .parameters
        .iter()
        .map(|row| String::from_utf8(row.default.clone().unwrap_or_default()).unwrap())
        .collect();
    assert_eq!(defaults, ["2.0", "3.0", "90s", "x y", "false"]);
    assert_eq!(module.parameters[1].help, "how many");
}

#[test]
fn the_answer_of_a_handler_in_the_document_has_its_type() {
    let source = "## Agent
name: a
capabilities: COMMUNICATE
## Loop
1. ASK b: level() as now
2. If now > 2.5: Log \"{now}\"
## agent: b
### State
- x: f64 = 1
### On level()
1. Reply with x
";
    let modules = compiled(source, Level::Full).modules;
    let handler = modules[1].exports.iter().find(|row| row.kind == ExportKind::Handler).unwrap();
    assert_eq!(handler.result, "d");
    assert_eq!(codes(source), [] as [&str; 0]);
}

#[test]
fn a_handler_that_may_end_unanswered_has_no_result_word() {
    let answers = |body: &str| {
        let source = format!("## Agent\nname: a\n## On f(n: int) -> int\n{body}\n");
        let module = compiled(&source, Level::Full).modules.remove(0);
        let result = module.exports[0].result.clone();
        let signature = module.signatures[module.functions[0].signature as usize];
        assert_eq!(usize::from(signature.results), result.len());
        result
    };
    assert_eq!(answers("1. Reply with n"), "l");
    assert_eq!(answers("```flux\nreturn n\n```"), "l");
    assert_eq!(answers("1. If n > 1: Reply with n"), "");
    assert_eq!(answers("1. If n > 1: Reply with n\n2. Otherwise: Reply with 0"), "l");
    assert_eq!(answers("1. If n > 1: Fail \"no\"\n2. Reply with 0"), "l");
}

#[test]
fn equal_documents_give_equal_bytes() {
    for name in ["sensor", "alert", "cloud"] {
        let path = format!("{}/../apps/{name}.flux.md", env!("CARGO_MANIFEST_DIR"));
        let source = std::fs::read_to_string(path).unwrap();
        for level in LEVELS {
            let first = compiled(&source, level).modules;
            let second = compiled(&source, level).modules;
            assert_eq!(first, second);
            assert_eq!(first[0].encode(), second[0].encode());
        }
    }
}

#[test]
fn the_alert_agent_counts_and_keeps_the_hottest() {
    let path = format!("{}/../apps/alert.flux.md", env!("CARGO_MANIFEST_DIR"));
    let source = std::fs::read_to_string(path).unwrap();
    for level in LEVELS {
        let mut agent = Agent::start(&source, level);
        for (temp, expected) in [(31.25f64, "31.3"), (30.0, "30"), (35.04, "35")] {
            let place = agent.text("hall");
            agent.export(ExportKind::Handler, "send_notification", &[temp.to_bits(), place]).unwrap();
            let log = agent.logged();
            assert!(log[0].contains(expected) && log[0].contains("hall"), "{log:?}");
            agent.host = Default::default();
        }
        let base = agent.module.state_base();
        let field = |name: &str| {
            let row = agent.module.state.fields.iter().find(|row| row.name == name).unwrap();
            agent.instance.memory_ref().read_u64(base + u64::from(row.offset)).unwrap()
        };
        assert_eq!(field("notifications"), 3);
        assert_eq!(f64::from_bits(field("hottest")), 35.04);
    }
}

#[test]
fn several_agents_share_the_functions_of_their_document() {
    let source = "## fn: twice(n: int) -> int\n```flux\nreturn n * 2\n```\n## fn: unused() -> int\n```flux\nreturn 1\n```\n## Agent\nname: a\n## Init\n1. Log \"{twice(1)}\"\n## agent: b\n### Init\n1. Log \"{twice(2)}\"\n";
    let modules = compiled(source, Level::None).modules;
    assert_eq!(modules.len(), 2);
    for module in &modules {
        let names: Vec<&str> = module.functions.iter().map(|row| row.name.as_str()).collect();
        assert_eq!(names, ["Init", "twice"]);
    }
    assert_eq!(modules[1].meta.name, "b");
}

#[test]
fn an_agent_without_a_name_takes_that_of_its_file() {
    let source = b"## Loop\n1. YIELD\n";
    let compiled = flux_fluxc::compile(source, "apps/green house.flux.md", &flux_fluxc::Options::default());
    assert_eq!(compiled.modules[0].meta.name, "green house");
}

/// The export said that there are no arguments, and its function took one.
#[test]
fn a_request_carries_nothing_of_an_unknown_type() {
    for heading in ["On go(e) -> int", "On go(e)"] {
        let source = format!("## Agent\nname: a\n## {heading}\n1. Reply with 1\n");
        assert_eq!(codes(&source)[0], "E0510", "{heading}");
    }
    assert_eq!(codes("## Agent\nname: a\n## On go(e)\n1. Log \"{e + 1}\"\n"), Vec::<String>::new());
}

#[test]
fn a_field_or_element_says_what_type_its_new_value_takes() {
    let source = library(
        "struct Cell { count: u32, limit: u8? }
fn f() -> u32 {
  var cells = [Cell { count: 1, limit: 3 }; 2]
  cells[1].count = wrapping_mul(1, 6) + 3
  cells[1].limit = if cells[0].count == 2 { 4 } else { none }
  return cells[1].count
}",
    );
    assert_eq!(call(&source, "f", &[]), End::Word(9));
}
