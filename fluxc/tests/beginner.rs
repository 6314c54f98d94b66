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
        told("1. Turn on the lamp").ends_with("| name the pin that switches it: Set GPIO pin 27 to on | ")
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
    assert!(told("1. Stop worker").starts_with("E0501 `worker` is no agent that this one has a handle of"));
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

/// What `diagnostics` says of a library, code and message alone.
fn messages(source: &str) -> Vec<String> {
    let rows = compile(source.as_bytes(), "test.flux.md", &Options::default()).diagnostics;
    rows.into_iter().map(|row| format!("{} {}", row.code, row.message)).collect()
}

#[test]
fn a_range_between_floats_is_refused() {
    let source = library("fn f() -> int {\n  var n = 0\n  for i in 0..2.5 { n += 1 }\n  return n\n}");
    assert_eq!(messages(&source), ["E0506 a range of f64 cannot be counted through"]);
}

#[test]
fn an_index_that_no_element_has_is_refused() {
    let source = library("fn f(a: [int; 4]) -> int { return a[3] + a[4] }");
    assert_eq!(messages(&source), ["E0512 an array of 4 has no element 4"]);
}

#[test]
fn two_values_of_a_request_have_two_names() {
    let source = agent("test", "## On add(a: int, a: int)\n1. Log \"{a}\"");
    let rows = rows(&source);
    assert_eq!(rows.len(), 1, "{rows:#?}");
    assert_eq!(rows[0].message, "a parameter of this section is called `a` already");
    assert_eq!(rows[0].secondary.len(), 1);
}

/// `Set held to off` set it to false, whatever the request gave.
#[test]
fn a_word_of_steps_is_no_value_of_a_request() {
    let source = agent("test", "## State\n- held: bool = false\n\n## On hold(off: bool)\n1. Set held to off");
    let rows = rows(&source);
    assert_eq!(rows.len(), 1, "{rows:#?}");
    assert_eq!(rows[0].message, "`off` has a meaning in steps and cannot be a name there");
}

#[test]
fn an_agent_has_the_name_of_its_heading_alone() {
    let source = agent("a", "## Loop\n1. YIELD\n## agent: b\n### Agent\nname: c\n### Loop\n1. YIELD");
    assert_eq!(
        rows(&source).into_iter().map(|row| format!("{} {}", row.code, row.message)).collect::<Vec<_>>(),
        ["E0105 the name here and in the heading are not the same"]
    );
}

#[test]
fn a_raised_digit_is_no_letter_of_a_name() {
    let text = told("1. Set n to 3\n2. Set m to n² + 1\n3. Log \"{m}\"");
    assert!(text.starts_with("E0404 expected the end of the step, found `²`"), "{text}");
}

#[test]
fn an_error_in_braces_leaves_the_lines_after_it() {
    let source = library(
        "struct Point { x: f64, y: f64 }\nfn f() -> Point {\n  let a = Point { x = 1.0, y = 2.0 }\n  \
         let b = Point { 1.0, 2.0 }\n  let c = Point { x: 1.0, z: 2.0 }\n  return c\n}",
    );
    let found = codes(&source);
    assert_eq!(found, ["E0401", "E0401", "E0507", "E0505"], "{:#?}", diagnostics(&source));
}

#[test]
fn times_and_numbers_are_converted_by_what_they_count() {
    assert!(told("1. Wait 1.5").ends_with("| seconds? | 1. Wait 1.5s"), "{}", told("1. Wait 1.5"));
    let steps = |step: &str| {
        told(&format!("1. Let pause be 2s\n2. Let n be 3\n3. {step}\n4. Log \"{{pause}} {{n}}\""))
    };
    for (step, mended) in [
        ("Wait n", "3. Wait (n * 1_000_000_000) as duration"),
        ("Set n to pause", "3. Set n to pause as int / 1_000_000_000"),
        ("Wait pause * 2", "3. Wait (pause as int * 2) as duration"),
        ("If pause > 60: Log \"x\"", "3. If pause > 60s: Log \"x\""),
    ] {
        assert!(steps(step).ends_with(mended), "{}", steps(step));
        let again = steps(mended.trim_start_matches("3. "));
        assert_eq!(again, "", "the advice itself must compile");
    }
}

#[test]
fn words_for_units_are_put_behind_their_number() {
    for (step, mended) in [
        ("1. Wait 30 sec", "1. Wait 30s"),
        ("1. Every 5 minutes: Log \"x\"", "1. Every 5min: Log \"x\""),
        ("1. YIELD for 5 seconds", "1. YIELD for 5s"),
    ] {
        assert!(
            told(step).ends_with(&format!("| write the unit directly behind the number | {mended}")),
            "{}",
            told(step)
        );
    }
}

#[test]
fn words_of_other_languages_are_put_into_ours() {
    for (step, mended) in [
        ("1. n = 3", "1. Set n to 3"),
        ("1. Increment n", "1. Add 1 to n"),
        ("1. Turn off GPIO pin 4", "1. Set GPIO pin 4 to off"),
        ("1. Please wait 5s", "1. wait 5s"),
        ("1. Read x of ADC channel 2", "1. Read x from ADC channel 2"),
        ("1. Set GPIO pin 4 on", "1. Set GPIO pin 4 to on"),
        ("1. TELL cloud agent: f(1)", "1. TELL cloud-agent: f(1)"),
        ("1. TELL cloud f(1)", "1. TELL cloud: f(1)"),
        ("1. TELL cloud: f 1", "1. TELL cloud: f(1)"),
        ("1. If 1 > 2 then: Log \"x\"", "1. If 1 > 2: Log \"x\""),
        ("1. Log ‘x’", "1. Log \"x\""),
        ("1. Read x from I2C sensor at 0x48", "1. Read x from I2C sensor (addr 0x48)"),
    ] {
        assert!(told(step).lines().next().is_some_and(|line| line.ends_with(mended)), "{}", told(step));
    }
    for (code, mended) in [
        ("`var n: integer = 3`", "`var n: int = 3`"),
        ("`let mut n = 3`", "`var n = 3`"),
        ("`var n := 3`", "`var n = 3`"),
        ("`if 1 <> 2 { return }`", "`if 1 != 2 { return }`"),
        ("`for i in 0 to 3 { }`", "`for i in 0..3 { }`"),
        ("`loop { break }`", "`while true { break }`"),
    ] {
        let text = told(&format!("1. {code}"));
        assert!(text.lines().next().is_some_and(|line| line.ends_with(mended)), "{text}");
    }
}
