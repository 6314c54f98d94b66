//! What documents were promised and once did not get: each test is named after what went wrong.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where it fails")]
#![allow(clippy::print_stdout, reason = "the log is shown where a test fails")]

mod support;

use flux_abi::message::MessageType;
use flux_kernel::compile::KernelCompiler;
use flux_system::{ClockMode, Config, Platform, Summary, System};
use support::{Doc, Lines, SCRATCH, SECOND, platform};

#[test]
fn a_trapped_agent_did_not_show_what_it_did_last() {
    let mut doc = Doc::new("faulty");
    doc.body(".line 12\n MOVI R20, 1024\n STORE R20, R20, 0\n MOVI R20, 5\n MOVI R21, 0\n IDIV R22, R20, R21\n RET");
    let config = Config { trace: true, ..support::config(&[&doc], 1) };
    let (summary, lines) = support::try_run(&config, &[]).unwrap();
    let shown: Vec<&String> = lines.boot.iter().filter(|line| line.contains("trace faulty: ")).collect();
    assert!(shown.len() >= 3 && shown.len() <= 16, "{}", lines.boot.join("\n"));
    assert!(shown.last().unwrap().contains("doc0.flux.md:12 (function loop): IDIV at code offset "));
    assert_eq!(summary.traps(), 1);
    // The log is the same, and nothing is shown, without a trace.
    let (_, plain) = support::run(&[&doc], 1, &[]);
    assert_eq!(plain.log, lines.log);
    assert!(!plain.boot.iter().any(|line| line.contains("trace ")));
}

/// Runs one file of agents for `seconds` of simulated time.
fn run(text: &str, seconds: i64, sims: &[(&str, &str)]) -> (Summary, Lines) {
    let config = Config {
        documents: vec![("doc.flux.md".into(), text.as_bytes().to_vec())],
        duration_ns: Some(seconds * SECOND),
        clock: ClockMode::Simulated,
        ..Config::default()
    };
    let platform = Platform { compiler: Box::new(KernelCompiler::default()), ..platform(1, sims) };
    let mut lines = Lines::default();
    let mut system = System::boot(platform, &config, &mut lines).unwrap_or_else(|error| panic!("{error:?}"));
    system.run_simulated(&mut lines);
    let summary = system.finish(&mut lines);
    println!("{}", lines.joined());
    (summary, lines)
}

/// An agent that carries `section` out, with the target `b` beside it.
fn pair(section: &str, target: &str) -> String {
    format!(
        "## Agent\nname: a\ncapabilities: COMMUNICATE\n\n{section}\n\n## agent: b\n### Agent\ncapabilities: COMMUNICATE\n\n{target}\n"
    )
}

/// Number of the first line that contains `text`, from 1.
fn line_of(document: &str, text: &str) -> usize {
    document.lines().position(|line| line.contains(text)).unwrap() + 1
}

#[test]
fn a_yield_with_a_time_outside_of_the_loop_ended_when_a_message_came() {
    let go = "## Init\n1. Wait 100ms\n2. TELL b: go()\n3. Wait 3s\n4. TELL b: go()\n";
    let in_init = "### Init\n- YIELD 2s\n- Log \"after\"\n\n### On go()\n- Log \"go\"\n";
    let (_, lines) = run(&pair(go, in_init), 4, &[]);
    assert!(lines.at("2.000s  b             after") < lines.at("b             go"), "{}", lines.joined());
    let in_every = "### Every 1500ms\n- YIELD 2s\n- Log \"after\"\n\n### On go()\n- Log \"go\"\n";
    let (_, lines) = run(&pair(go, in_every), 4, &[]);
    assert_eq!(lines.count("3.500s  b             after"), 1, "{}", lines.joined());
    assert_eq!(lines.count("b             go"), 1, "the second one waits");
    let in_handler = "### On go()\n- YIELD 5s\n- Log \"after\"\n";
    let (_, lines) = run(&pair(go, in_handler), 9, &[]);
    assert_eq!(lines.count("5.100s  b             after"), 1, "{}", lines.joined());
    assert_eq!(lines.count("b             after"), 1, "the second one goes on beyond the end");
}

#[test]
fn a_yield_with_a_time_woke_before_the_handler_and_took_its_message_from_the_next_one() {
    let text = pair(
        "## Init\n1. Wait 100ms\n2. TELL b: go()\n",
        "### Loop\n- YIELD 500ms\n- Log \"after\"\n- YIELD (Wait forever)\n- Log \"never\"\n\n### On go()\n- Log \"go\"\n",
    );
    let (_, lines) = run(&text, 3, &[]);
    assert!(lines.at("  go") < lines.at("  after"));
    assert!(lines.log[lines.at("  after")].contains("0.100s"));
    assert!(!lines.has("  never"));
    // Without a message it lasts as long as it says.
    let alone = "## Agent\nname: a\n## Loop\n- YIELD 500ms\n- Log \"after\"\n- YIELD (Wait forever)\n";
    let (_, lines) = run(alone, 3, &[]);
    assert!(lines.log[lines.at("  after")].contains("0.500s"));
}

#[test]
fn a_timer_did_not_end_a_yield_with_a_time() {
    let text = "## Agent\nname: a\n## Loop\n- YIELD 5s\n- Log \"after\"\n- YIELD (Wait forever)\n## Every 2s\n- Log \"tick\"\n";
    let (_, lines) = run(text, 4, &[]);
    assert!(lines.log[lines.at("  after")].contains("2.000s"));
}

/// An agent that makes one send of a variant that its enum does not have.
fn sender(opcode: &str, link: &str) -> Doc {
    let mut doc = Doc::new("sender");
    let form = doc.form("say", "<|>", "", 0);
    doc.head(".capability COMMUNICATE").head(link);
    let result = if opcode == "TELL" { "" } else { "R24, " };
    doc.init(&format!(
        "LINK R20, 0\n MOVI R21, {form}\n MOVI R22, {SCRATCH}\n MOVI R23, 7\n STORE R22, R23, 0\n {opcode} {result}R20, R21, R22\n RET"
    ));
    doc
}

#[test]
fn a_message_whose_values_can_not_be_sent_vanished_without_a_word() {
    let why = "a value is not of its type";
    for (opcode, link, said) in [
        ("TELL", ".link agent \"b\"", "dead letter: TELL → b say: "),
        ("BROADCAST", ".link topic \"b\"", "dead letter: EVENT → b: "),
        ("ASK", ".link agent \"b\"", "ERROR ← b say #1: "),
        ("DELEGATE", ".link agent \"b\"", "ERROR ← b say #1: "),
    ] {
        let (summary, lines) = support::run(&[&sender(opcode, link)], 1, &[]);
        assert!(lines.has(&format!("warning: {said}{why}")), "{opcode}\n{}", lines.joined());
        let letters = u64::from(said.starts_with("dead"));
        assert_eq!(summary.dead_letters(), letters, "{opcode}");
        assert_eq!(summary.sent(MessageType::Delegate), summary.results() + summary.delegate_errors());
    }
}

#[test]
fn an_answer_whose_value_can_not_be_sent_vanished_without_a_word() {
    let mut target = Doc::new("b");
    let form = target.form("", "<|>", "", 0);
    target.on(
        "say",
        "",
        "",
        &format!(
            "MOVI R20, {form}\n MOVI R21, {SCRATCH}\n MOVI R22, 7\n STORE R21, R22, 0\n REPLY R20, R21\n RET"
        ),
    );
    let mut asker = Doc::new("asker");
    let form = asker.form("say", "", "", 0);
    asker.head(".capability COMMUNICATE").head(".link agent \"b\"").init(&format!(
        "LINK R20, 0\n MOVI R21, {form}\n MOVI R22, {SCRATCH}\n ASK R24, R20, R21, R22\n RET"
    ));
    let (_, lines) = support::run(&[&asker, &target], 1, &[]);
    assert!(
        lines.has("the answer to say is the error INVALID: a value is not of its type"),
        "{}",
        lines.joined()
    );
    assert!(lines.has("ERROR ← b say #1: answered with the error INVALID"));
}

#[test]
fn an_ask_that_trapped_did_not_say_why() {
    let text = pair("## Init\n1. Log \"x\"\n2. ASK c: find(1)\n", "### Init\n- Log \"b\"\n");
    let (summary, lines) = run(&text, 1, &[]);
    let line = line_of(&text, "ASK c");
    assert!(lines.has(&format!("agent a trapped: MESSAGE at doc.flux.md:{line} (function Init)")));
    assert!(lines.has("(ASK → c find #1: no agent of this name is running, NOTFOUND)"));
    assert_eq!(summary.traps(), 1);
    let text = pair("## Init\n1. ASK b: find(1) within 2s\n", "### On find(n: int)\n- Wait 4s\n");
    let (_, lines) = run(&text, 3, &[]);
    assert!(lines.has("(ASK → b find #1: no answer before the deadline, TIMEOUT)"));
}

#[test]
fn a_ticket_that_was_not_there_in_time_trapped_without_a_reason() {
    let text = pair(
        "## Init\n1. DELEGATE b: find(1) as t\n2. Wait for t within 1s\n",
        "### On find(n: int) -> int\n- Wait 4s\n- Reply with n\n",
    );
    let (_, lines) = run(&text, 6, &[]);
    assert!(lines.has("trapped: MESSAGE at doc.flux.md:"));
    assert!(lines.has("(Wait for #1: no RESULT in the time given, TIMEOUT)"));
}

#[test]
fn a_failing_agent_and_a_device_trap_named_no_line() {
    let text = "## Agent\nname: a\n\n## Init\n1. Log \"x\"\n2. Fail \"no water\"\n";
    let (summary, lines) = run(text, 1, &[]);
    assert!(lines.has("error: agent a failed at doc.flux.md:6 (function Init): no water"));
    assert_eq!(summary.traps(), 1);
    let (_, lines) = run(FLAKY, 30, BROKEN);
    assert!(lines.has("agent probe trapped: DEVICE at doc.flux.md:6 (function Loop): a device failed too often, 10 runs in a row"));
}

const FLAKY: &str = "## Agent\nname: probe\ncapabilities: IO_READ\n\n## Loop\n1. Read depth from I2C sensor (addr 0x76)\n2. Log \"{depth} m\"\n3. YIELD\n";
const BROKEN: &[(&str, &str)] = &[("i2c:0x76", "const(12.5)+fault(io, 2s)")];

#[test]
fn a_failed_reading_took_two_lines_and_a_status_without_meaning() {
    let (_, lines) = run(FLAKY, 30, BROKEN);
    assert_eq!(lines.count("warning: "), 10);
    let first = &lines.log[lines.at("warning: ")];
    let said = "warning: i2c:0x76: input/output error (simulated); the rest of this loop is skipped, failed run 1 of 10 in a row";
    assert!(first.ends_with(said), "{first}");
    assert!(lines.has("failed run 10 of 10 in a row") && !lines.has("GENERAL"));
}

#[test]
fn a_failed_reading_that_the_document_handles_is_logged_once_and_before_what_follows() {
    let text = FLAKY.replace("2. Log", "2. Otherwise: Log \"guessing\"\n3. Log");
    let text = text.replace("- YIELD", "4. YIELD").replace("Log \"{depth} m\"", "Log \"on\"");
    let (summary, lines) = run(&text, 30, BROKEN);
    assert_eq!(lines.count("input/output error (simulated)"), lines.count("guessing"));
    assert_eq!(lines.at("input/output error") + 1, lines.at("guessing"));
    assert!(lines.count("guessing") > 10 && !lines.has("skipped"));
    assert_eq!(summary.traps(), 0);
}

const SLOW: &str = "### On find(title: str) -> str\n- Wait 4s\n- Reply with \"shelf of {title}\"\n";

#[test]
fn a_late_answer_named_neither_its_target_nor_its_request() {
    let late = |ask: &str| {
        pair(&format!("## Init\n1. {ask} b: find(\"maps\") within 2s\n2. Otherwise: Log \"late\"\n"), SLOW)
    };
    let (summary, lines) = run(&late("ASK"), 6, &[]);
    assert!(lines.has("warning: dead letter: REPLY → a find #1: the request had ended before"));
    assert_eq!(summary.dead_letters(), 1);
    let text = pair("## Init\n1. DELEGATE b: find(\"maps\") within 2s\n", SLOW);
    let (summary, lines) = run(&text, 6, &[]);
    assert!(lines.has("warning: dead letter: RESULT → a find #1: the request had ended before"));
    assert_eq!((summary.dead_letters(), summary.delegate_errors()), (1, 1));
}

#[test]
fn a_handler_that_the_stop_interrupts_after_its_request_timed_out_is_no_dead_letter() {
    let text = pair("## Init\n1. DELEGATE b: find(\"maps\") within 2s\n", SLOW);
    let (summary, lines) = run(&text, 3, &[]);
    assert_eq!((summary.dead_letters(), summary.delegate_errors()), (0, 1));
    assert!(!lines.has("dead letter:"));
}

#[test]
fn one_unread_message_was_many() {
    let text = pair("## Init\n1. TELL b: go()\n", "### Init\n- Wait 9s\n\n### On go()\n- Log \"go\"\n");
    let (_, lines) = run(&text, 2, &[]);
    assert!(lines.has("warning: 1 message was never read"));
}

#[test]
fn a_handler_that_ends_without_an_answer_answers_none() {
    let text =
        pair("## Init\n1. ASK b: note(1)\n2. Log \"done\"\n", "### On note(n: int)\n- Log \"noted\"\n");
    let (summary, lines) = run(&text, 1, &[]);
    assert!(lines.has("REPLY ← b note #1") && lines.at("noted") < lines.at("done"));
    assert_eq!((summary.sent(MessageType::Reply), summary.traps()), (1, 0));
}

#[test]
fn a_second_reply_in_a_document_is_a_trap_with_its_line() {
    let text = pair(
        "## Init\n1. ASK b: twice(1) as x\n2. Log \"got {x}\"\n",
        "### On twice(n: int) -> int\n- Reply with n\n- If n > 0: Reply with n\n",
    );
    let (summary, lines) = run(&text, 1, &[]);
    let line = line_of(&text, "If n > 0");
    assert!(lines.has("got 1"));
    assert!(lines.has(&format!("agent b trapped: REPLY at doc.flux.md:{line}")));
    assert_eq!(summary.traps(), 1);
}

#[test]
fn wrong_counts_are_invalid_to_ask_and_delegate_and_a_dead_letter_for_tell() {
    let mut target = Doc::new("b");
    target.on("note", "l", "", "RET");
    for (opcode, result) in [("TELL", ""), ("ASK", "R24, "), ("DELEGATE", "R24, ")] {
        let mut doc = Doc::new("a");
        let form = doc.form("note", "ll", "", 0);
        doc.head(".capability COMMUNICATE").head(".link agent \"b\"").init(&format!(
            "LINK R20, 0\n MOVI R21, {form}\n MOVI R22, {SCRATCH}\n {opcode} {result}R20, R21, R22\n RET"
        ));
        let (summary, lines) = support::run(&[&doc, &target], 1, &[]);
        let refused = format!("{opcode} ← a note(0, 0): its values are not those of the handler");
        assert!(lines.has(&refused), "{}", lines.joined());
        let answered = lines.has("ERROR ← b note #1: answered with the error INVALID");
        assert_eq!(answered, opcode != "TELL", "{}", lines.joined());
        assert_eq!(summary.dead_letters(), u64::from(opcode == "TELL"));
        assert_eq!(summary.traps(), 0);
    }
}

/// Steps that make `big` a text of 8,192 bytes.
const GROW: &str = "1. Set big to \"0123456789abcdef\"\n2. Repeat 9 times:\n   - Set big to \"{big}{big}\"\n";

#[test]
fn a_message_over_4096_bytes_is_an_overflow_at_the_sender_that_names_it() {
    let target = "### On note(text: str)\n- Log \"noted\"\n";
    for send in ["TELL b: note(big)", "ASK b: note(big)", "DELEGATE b: note(big)", "Publish big on \"news\""]
    {
        let text = pair(&format!("## Init\n{GROW}3. {send}\n"), target);
        let (summary, lines) = run(&text, 1, &[]);
        let line = line_of(&text, send);
        assert!(
            lines.has(&format!("agent a trapped: OVERFLOW at doc.flux.md:{line} (function Init)")),
            "{send}"
        );
        assert!(lines.has("the values take more than the 4096 bytes of a message)"), "{send}");
        assert!(!lines.has("noted"));
        assert_eq!(summary.traps(), 1);
    }
}

#[test]
fn an_answer_over_4096_bytes_became_an_error_of_the_asker_alone() {
    let text = pair(
        "## Init\n1. ASK b: all() as x\n2. Otherwise: Log \"none\"\n",
        &format!("### On all() -> str\n{GROW}3. Reply with big\n"),
    );
    let (summary, lines) = run(&text, 1, &[]);
    assert!(lines.has("agent b trapped: OVERFLOW at doc.flux.md:"));
    assert!(lines.has("(the answer to all: the values take more than the 4096 bytes of a message)"));
    assert!(lines.has("the agent trapped while it worked on the request") && lines.has("none"));
    assert_eq!(summary.traps(), 1);
}

#[test]
fn a_returned_number_that_no_message_carries_became_an_error_of_the_asker_alone() {
    let mut target = Doc::new("b");
    target.on("most", "", "L", ".line 7\nMOVI R16, -1\n RET");
    let mut asker = Doc::new("a");
    let form = asker.form("most", "", "L", 0);
    asker.head(".capability COMMUNICATE").head(".link agent \"b\"").init(&format!(
        "LINK R20, 0\n MOVI R21, {form}\n MOVI R22, {SCRATCH}\n ASK R24, R20, R21, R22\n RET"
    ));
    let (summary, lines) = support::run(&[&asker, &target], 1, &[]);
    assert!(
        lines.has("agent b trapped: OVERFLOW at doc1.flux.md:7 (function on_most)"),
        "{}",
        lines.joined()
    );
    assert!(lines.has("(the answer to most: a number above 9223372036854775807 can't be sent)"));
    assert!(lines.has("the agent trapped while it worked on the request"));
    assert_eq!(summary.traps(), 1);
}
