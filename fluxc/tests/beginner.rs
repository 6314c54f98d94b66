//! Mistakes that beginners make, and what they are told.

mod support;

use flux_abi::trap::TrapKind;
use flux_fluxc::diag::Diagnostic;
use flux_fluxc::{Options, check_targets, compile};
use support::{End, call, codes, diagnostics, library};

fn agent(name: &str, sections: &str) -> String {
    format!("# Test\n## Agent\nname: {name}\ncapabilities: COMMUNICATE, IO_READ, IO_WRITE\n{sections}\n")
}

fn rows(source: &str) -> Vec<Diagnostic> {
    let rows = compile(source.as_bytes(), "test.flux.md", &Options::default()).diagnostics;
    rows.into_iter().filter(|row| row.code.to_string() != "W0601").collect()
}

/// Code, message, hint and edit of every diagnostic of one loop.
fn told(steps: &str) -> String {
    let source = agent("test", &format!("## Loop\n{steps}"));
    let lines = rows(&source).into_iter().map(|row| {
        let hint = row.hint.as_ref();
        let edit = hint.and_then(|hint| hint.replacement.as_ref());
        let mut mended = source.clone();
        if let Some(edit) = edit {
            mended.replace_range(edit.span.start as usize..edit.span.end as usize, &edit.text);
        }
        let line = source[..row.span.start as usize].matches('\n').count();
        format!(
            "{} {} | {} | {}",
            row.code,
            row.message,
            hint.map_or("", |hint| hint.text.as_str()),
            edit.map_or("", |_| mended.lines().nth(line).unwrap_or(""))
        )
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_shift_by_no_place_of_the_number_traps_with_its_line() {
    let source = library(
        "fn left(a: int, n: int) -> int {\n  return a << n\n}\n\
         fn right(a: int, n: int) -> int {\n  return a >> n\n}\n\
         fn small(a: u8, n: u8) -> u8 { return a << n }\n\
         fn signed(a: i8, n: i8) -> i8 { return a >> n }\n\
         fn fixed(a: int) -> int { return a << 63 }",
    );
    assert_eq!(call(&source, "left", &[1, 63]), End::Word(1 << 63));
    assert_eq!(call(&source, "left", &[1, 64]), End::Trap(TrapKind::Overflow, 5));
    assert_eq!(call(&source, "right", &[8, 3]), End::Word(1));
    assert_eq!(call(&source, "right", &[8, u64::MAX]), End::Trap(TrapKind::Overflow, 8));
    assert_eq!(call(&source, "small", &[1, 7]), End::Word(128));
    assert_eq!(call(&source, "small", &[1, 8]), End::Trap(TrapKind::Overflow, 10));
    assert_eq!(call(&source, "signed", &[4, 2]), End::Word(1));
    assert_eq!(call(&source, "signed", &[4, u64::MAX]), End::Trap(TrapKind::Overflow, 11));
    assert_eq!(call(&source, "fixed", &[1]), End::Word(1 << 63));
}

#[test]
fn a_state_above_the_quota_is_refused_at_its_variable() {
    let source = agent(
        "test",
        "memory: 64KB\n## State\n- small: int = 0\n- large: [int; 10000] = [0; 10000]\n## Loop\n1. Set large[0] to small",
    );
    let rows = rows(&source);
    assert_eq!(rows.len(), 1, "{rows:#?}");
    assert_eq!(rows[0].code.to_string(), "E0518");
    assert!(rows[0].message.contains("`test`") && rows[0].message.contains("65536"), "{}", rows[0].message);
    assert!(rows[0].span.text(&source).contains("large"), "{}", rows[0].span.text(&source));
    assert!(rows[0].hint.as_ref().is_some_and(|hint| hint.text.contains("memory:")));
    let more = source.replace("64KB", "128KB");
    assert_eq!(diagnostics(&more).iter().filter(|row| row.starts_with('E')).count(), 0);
}

fn targets(documents: &[&str]) -> Vec<String> {
    let compiled: Vec<_> = documents
        .iter()
        .map(|source| compile(source.as_bytes(), "test.flux.md", &Options::default()).outline)
        .collect();
    let all = check_targets(&compiled.iter().collect::<Vec<_>>());
    all.into_iter().flatten().map(|row| format!("{} {}", row.code, row.message)).collect()
}

#[test]
fn a_message_to_an_agent_that_no_document_defines_is_warned_of_once() {
    let sender = agent("a", "## Loop\n1. TELL b: f(1)\n2. TELL b: f(2)");
    let receiver = agent("b", "## On f(n: int)\n1. Log \"{n}\"");
    assert_eq!(targets(&[&sender]), ["W0602 no agent `b` in the documents given"]);
    assert!(targets(&[&sender, &receiver]).is_empty());
}

#[test]
fn a_request_that_the_receiver_does_not_have_is_warned_of() {
    let receiver = agent("b", "## On f(n: int)\n1. Log \"{n}\"");
    let other = agent("a", "## Loop\n1. ASK b: g(1) as x\n2. DELEGATE to b: f(1, 2)");
    assert_eq!(
        targets(&[&other, &receiver]),
        ["W0603 the agent `b` has no `## On g(…)`", "W0603 `f` of `b` takes 1 value, 2 given"]
    );
}

#[test]
fn a_topic_without_a_handler_is_warned_of() {
    let source = agent("a", "## Init\n1. Subscribe to \"x\"");
    assert!(codes(&source).contains(&"W0604".to_owned()), "{:#?}", diagnostics(&source));
    let handled = format!("{source}## On topic \"x\"\n1. Log \"x\"\n");
    assert!(!codes(&handled).contains(&"W0604".to_owned()), "{:#?}", diagnostics(&handled));
}

#[test]
fn a_block_without_a_colon_shows_where_it_belongs() {
    for (step, mended) in [
        ("1. If 1 > 2\n   - Log \"x\"", "1. If 1 > 2:"),
        ("1. While 1 > 2 Log \"x\"", "1. While 1 > 2: Log \"x\""),
        ("1. If 1 > 2 then Log \"x\"", "1. If 1 > 2: Log \"x\""),
    ] {
        assert_eq!(
            told(step),
            format!("E0302 this step opens a block, but `:` is missing | write `:` | {mended}")
        );
    }
}

#[test]
fn a_misspelt_first_word_is_mended_alone() {
    assert_eq!(
        told("1. Ad 1 to x"),
        "E0301 no form of step begins with `Ad` | did you mean `Add`? | 1. Add 1 to x"
    );
    assert_eq!(
        told("1. Print \"x\""),
        "E0301 no form of step begins with `Print` | did you mean `Log`? | 1. Log \"x\""
    );
    // Another form has other words: an example, and nothing of the user's is replaced.
    assert!(
        told("1. Turn on the lamp")
            .ends_with("| for example: Set average to (average * 9 + temperature) / 10 | ")
    );
}

#[test]
fn devices_are_explained_by_what_was_written() {
    assert_eq!(
        told("1. Read x from ADC channel two"),
        "E0302 expected the number of the channel, found `two` | write it in digits | 1. Read x from ADC channel 2"
    );
    assert_eq!(
        told("1. Read x from I2C sensor (address 0x48)"),
        "E0306 I2C has no argument `address` | did you mean `addr`? | 1. Read x from I2C sensor (addr 0x48)"
    );
    assert_eq!(
        told("1. Set GPIO pin 5 to 2"),
        "E0506 a GPIO pin is on or off, not 2 | write `on` | 1. Set GPIO pin 5 to on"
    );
}

#[test]
fn a_statement_may_follow_a_block_on_its_line() {
    let source = library("fn f(c: bool) -> int { if c { return 1 } return 2 }");
    assert_eq!(call(&source, "f", &[1]), End::Word(1));
    assert_eq!(call(&source, "f", &[0]), End::Word(2));
    assert!(!codes(&library("fn f(c: bool) -> int { let a = 1 return a }")).is_empty());
}

#[test]
fn stopping_another_agent_is_not_confused_with_stopping() {
    assert_eq!(told("1. Stop"), "");
    assert!(
        told("1. Stop worker").starts_with("E0499 `Stop worker`, for another agent, cannot be compiled yet")
    );
}

#[test]
fn one_parameter_gets_one_message() {
    let state = "## State\n- total: f64 = 0";
    let source = agent("test", &format!("{state}\n## Loop\n1. Log \"{{totl}}\"\n2. Set total to 1"));
    assert_eq!(rows(&source).iter().map(|row| row.code.to_string()).collect::<Vec<_>>(), ["E0510"]);
    assert_eq!(rows(&source)[0].hint.as_ref().map(|hint| hint.text.as_str()), Some("did you mean `total`?"));
    let typed = agent("test", &format!("{state}\n## Loop\n1. Set total to totl + 0.5"));
    assert_eq!(rows(&typed).iter().map(|row| row.code.to_string()).collect::<Vec<_>>(), ["W0501"]);
}

#[test]
fn a_name_from_a_step_that_was_not_understood_is_not_reported_again() {
    let text = told("1. Read x from ADC channel two\n2. Log \"{x}\"");
    assert!(text.starts_with("E0302") && !text.contains("E0510"), "{text}");
}

#[test]
fn signs_of_other_languages_are_put_into_words() {
    assert!(told("1. Set n = 3").ends_with("| write `to` | 1. Set n to 3"), "{}", told("1. Set n = 3"));
    let text = told("1. Repeat 3: Log \"z\"");
    assert!(text.ends_with("| write `times` | 1. Repeat 3 times: Log \"z\""), "{text}");
    let text = told("1. If 1 = 3: Log \"z\"");
    assert!(text.ends_with("| write `is` | 1. If 1 is 3: Log \"z\""), "{text}");
}
