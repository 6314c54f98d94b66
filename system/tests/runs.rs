//! Whole runs: documents as assembly, through COMPILE, BC_LOAD and BC_EXEC, in simulated time.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where it fails")]

mod support;

use flux_abi::message::MessageType;
use flux_system::BootError;
use support::{Doc, SCRATCH, SECOND, STATE, config, run, try_run};

/// Reads a sensor, delegates when it is too warm, tells once a minute, yields.
fn sensor() -> Doc {
    let mut doc = Doc::new("temp-monitor");
    let notify = doc.form("send_notification", "ds", "", 0);
    let publish = doc.form("publish_metric", "ds", "", 0);
    doc.head(".capability IO_READ NETWORK MEMORY")
        .head(".heartbeat 30000000000")
        .head(".link device \"i2c:0x48\" channel \"temperature\" rights r")
        .head(".link agent \"alert-agent\"")
        .head(".link agent \"cloud-agent\"")
        .head(".parameter \"threshold\" \"d\"")
        .head(".parameter \"location\" \"s\"")
        .head(".parameter \"device_id\" \"s\"")
        .head(".timer \"loop\" 60000000000")
        .body(&format!(
            "LINK R20, 0
             IO_READ R21, R20
             MOV R22, R61
             BRNZ R22, failed
             PARAM R23, 0
             FCMP_GT R24, R21, R23
             BRZ R24, cool
             MOVI R25, {SCRATCH}
             STORE R25, R21, 0
             PARAM R26, 1
             STORE R25, R26, 8
             LINK R27, 1
             MOVI R28, {notify}
             DELEGATE R29, R27, R28, R25
             cool:
             PACER R30, 0
             BRZ R30, done
             MOVI R25, {SCRATCH}
             STORE R25, R21, 0
             PARAM R26, 2
             STORE R25, R26, 8
             LINK R27, 2
             MOVI R28, {publish}
             TELL R27, R28, R25
             done:
             YIELD_AGENT event
             RET
             failed:
             EXCEPTION R22"
        ));
    doc
}

fn alert() -> Doc {
    let mut doc = Doc::new("alert-agent");
    let text = doc.text("too warm");
    doc.on("send_notification", "ds", "", &format!("MOVI R20, {text}\n LOG R20, warning\n RET"));
    doc
}

fn cloud() -> Doc {
    let mut doc = Doc::new("cloud-agent");
    doc.on("publish_metric", "ds", "", "RET");
    doc
}

const SINE: &[(&str, &str)] = &[("i2c:0x48", "sine(25,10,60s)")];

fn with_threshold(docs: &[&Doc], seconds: i64) -> flux_system::Config {
    let mut config = config(docs, seconds);
    config.parameters.push(("threshold".into(), "30".into()));
    config
}

#[test]
fn five_minutes_give_300_readings_and_5_runs_of_a_minute_pacer() {
    let (summary, lines) = try_run(&with_threshold(&[&sensor(), &alert(), &cloud()], 300), SINE).unwrap();
    println!("{}\n{}", lines.boot.join("\n"), lines.joined());
    assert_eq!(summary.readings(), 300);
    assert_eq!(summary.sent(MessageType::Tell), 5);
    let delegated = summary.sent(MessageType::Delegate);
    assert!(delegated > 80 && delegated < 110, "{delegated}");
    assert_eq!(summary.results(), delegated);
    assert_eq!(summary.delegate_errors() + summary.dead_letters() + summary.traps(), 0);
    assert_eq!(lines.count("warning: too warm"), usize::try_from(delegated).unwrap());
    assert!(lines.has("DELEGATE → alert-agent send_notification("));
    assert!(lines.has("TELL → cloud-agent publish_metric(25, \"flux-device\")"));
    // Points of the grid before the end, without 0: 30, 60 … 270.
    assert_eq!(summary.sent(MessageType::Heartbeat), 9);
}

#[test]
fn equal_runs_give_equal_logs_and_the_slice_is_not_seen() {
    let docs = [&sensor(), &alert(), &cloud()];
    let log = |slice: u64| {
        let mut config = with_threshold(&docs, 300);
        config.slice = flux_kcore::sched::Gas::new(slice);
        try_run(&config, SINE).unwrap().1.joined()
    };
    let usual = log(10_000);
    for slice in [1, 7, 100, 10_000, u64::MAX] {
        assert!(log(slice) == usual, "slice {slice}");
    }
}

#[test]
fn a_missing_parameter_a_wrong_one_and_an_unknown_one_are_named_before_anything_runs() {
    let docs = [&sensor(), &alert(), &cloud()];
    let error = try_run(&config(&docs, 5), SINE).err().unwrap().to_string();
    assert_eq!(
        error,
        "parameter `threshold` of temp-monitor has no value; give it one with --set threshold=30.5 (an f64)"
    );
    let mut wrong = config(&docs, 5);
    wrong.parameters.push(("threshold".into(), "warm".into()));
    assert!(matches!(try_run(&wrong, SINE), Err(BootError::Parameters(list)) if list.len() == 1));
    let mut unknown = with_threshold(&docs, 5);
    unknown.parameters.push(("treshold".into(), "30".into()));
    let error = try_run(&unknown, SINE).err().unwrap().to_string();
    assert_eq!(error, "no document has a parameter `treshold`; did you mean `threshold`?");
    let mut location = with_threshold(&[&alert()], 5);
    location.parameters = vec![("location".into(), "lab".into())];
    assert!(try_run(&location, &[]).is_ok());
}

#[test]
fn a_device_that_is_not_there_is_an_error_before_the_first_step() {
    let error = try_run(&with_threshold(&[&sensor(), &alert(), &cloud()], 5), &[]).err().unwrap().to_string();
    assert!(error.starts_with("doc0.flux.md: agent temp-monitor: no device at i2c:0x48"), "{error}");
}

#[test]
fn two_agents_of_one_name_are_an_error_before_start() {
    let error = try_run(&config(&[&alert(), &alert()], 5), &[]).err().unwrap().to_string();
    assert!(error.contains("two agents are named `alert-agent`"), "{error}");
}

#[test]
fn ten_failed_runs_in_a_row_trap_the_agent_and_the_others_go_on() {
    let docs = [&sensor(), &alert(), &cloud()];
    let (summary, lines) =
        try_run(&with_threshold(&docs, 60), &[("i2c:0x48", "const(1)+fault(timeout,5s)")]).unwrap();
    println!("{}", lines.joined());
    assert_eq!(summary.readings(), 5);
    assert_eq!(lines.count("; the rest of this loop is skipped, failed run "), 10);
    assert!(lines.has("agent temp-monitor trapped: DEVICE at doc0.flux.md (function loop, code offset "));
    assert_eq!(summary.traps(), 1);
    assert!(summary.agents.iter().skip(1).all(|agent| agent.fault.is_none()));
}

/// Asks `target` for double of 21 once and logs the status, or the answer.
fn asker(target: &str, deadline_ns: i64) -> Doc {
    let mut doc = Doc::new("asker");
    let form = doc.form("double", "l", "l", deadline_ns);
    let metric = doc.text("answer");
    let status = doc.text("status");
    doc.head(".capability COMMUNICATE").head(&format!(".link agent \"{target}\"")).init(&format!(
        "LINK R20, 0
         MOVI R21, {form}
         MOVI R22, {SCRATCH}
         MOVI R23, 21
         STORE R22, R23, 0
         ASK R24, R20, R21, R22
         MOV R25, R61
         I2F R26, R25
         MOVI R27, {status}
         METRIC R27, R26
         BRNZ R25, end
         I2F R26, R24
         MOVI R27, {metric}
         METRIC R27, R26
         end:
         RET"
    ));
    doc
}

fn doubler() -> Doc {
    let mut doc = Doc::new("doubler");
    doc.on("double", "l", "l", "IADD R16, R16, R16\n RET");
    doc
}

#[test]
fn an_ask_gets_its_reply_after_two_message_delays() {
    let (summary, lines) = run(&[&asker("doubler", 0), &doubler()], 1, &[]);
    println!("{}", lines.joined());
    assert!(lines.has("METRIC answer = 42") && lines.has("METRIC status = 0"));
    assert!(lines.has("ASK → doubler double(21) #1") && lines.has("REPLY ← doubler double = 42 #1"));
    assert_eq!((summary.sent(MessageType::Ask), summary.agents[0].counters.replies), (1, 1));
}

#[test]
fn an_ask_to_nobody_ends_at_once_and_one_that_is_not_answered_at_its_deadline() {
    let (_, lines) = run(&[&asker("nobody", 0)], 1, &[]);
    println!("{}", lines.joined());
    assert!(lines.has("METRIC status = -7"));
    assert!(lines.has("ERROR ← nobody double #1"));
    // The doubler sleeps in its Init longer than the deadline.
    let mut sleeper = doubler();
    sleeper.init("MOVI64 R20, 9000000000\n SLEEP R20\n RET");
    let (summary, lines) = run(&[&asker("doubler", 2 * SECOND), &sleeper], 20, &[]);
    println!("{}", lines.joined());
    let at = lines.at("METRIC status = -5");
    assert!(lines.log[at].contains("2.000s"), "{}", lines.log[at]);
    assert_eq!(summary.agents[0].counters.ask_errors, 1);
    // The handler never started: its deadline had passed.
    assert!(lines.has("its deadline passed before the handler could start"));
}

#[test]
fn wrong_values_and_unknown_names_are_invalid_to_a_request_and_a_dead_letter_for_a_tell() {
    let mut target = Doc::new("doubler");
    target.on("double", "s", "l", "MOVI R16, 1\n RET");
    let (_, lines) = run(&[&asker("doubler", 0), &target], 1, &[]);
    assert!(lines.has("METRIC status = -3"), "{}", lines.joined());
    assert!(lines.has("refused: ASK ← asker double(21): its values are not those of the handler"));

    let mut teller = Doc::new("teller");
    let form = teller.form("nothing", "", "", 0);
    teller
        .head(".capability COMMUNICATE")
        .head(".link agent \"doubler\"")
        .init(&format!("LINK R20, 0\n MOVI R21, {form}\n MOVI R22, {SCRATCH}\n TELL R20, R21, R22\n RET"));
    let (summary, lines) = run(&[&teller, &target], 1, &[]);
    assert!(
        lines.has("dead letter: TELL ← teller nothing(): it has no handler of this name"),
        "{}",
        lines.joined()
    );
    assert_eq!(summary.dead_letters(), 1);
}

#[test]
fn an_int_is_taken_where_an_f64_is_wanted() {
    let mut target = Doc::new("doubler");
    target.on("double", "d", "l", "F2I R16, R16\n IADD R16, R16, R16\n RET");
    let (_, lines) = run(&[&asker("doubler", 0), &target], 1, &[]);
    assert!(lines.has("METRIC answer = 42"), "{}", lines.joined());
}

/// Sends `count` TELLs in its Init.
fn flood(target: &str, count: u32) -> Doc {
    let mut doc = Doc::new("flood");
    let form = doc.form("double", "l", "", 0);
    doc.head(".capability COMMUNICATE").head(&format!(".link agent \"{target}\"")).init(&format!(
        "LINK R20, 0
         MOVI R21, {form}
         MOVI R22, {SCRATCH}
         MOVI R23, {count}
         next:
         STORE R22, R23, 0
         TELL R20, R21, R22
         LOOP R23, next
         RET"
    ));
    doc
}

#[test]
fn a_full_share_of_a_mailbox_and_unknown_targets_are_dead_letters() {
    let (summary, lines) = run(&[&flood("doubler", 40), &doubler()], 1, &[]);
    // A quarter of 64 places for any one sender.
    assert_eq!(summary.dead_letters(), 24, "{}", lines.joined());
    assert_eq!(summary.agents[1].counters.taken.get(MessageType::Tell), 16);
    assert_eq!(lines.count("its mailbox, or this agent's share of it, is full"), 24);
    let (summary, lines) = run(&[&flood("nobody", 3)], 1, &[]);
    assert_eq!(summary.dead_letters(), 3, "{}", lines.joined());
    assert_eq!(lines.count("dead letter: TELL → nobody double("), 3);
}

/// An agent whose loop is `code`, on line 12 of its document.
fn faulty(code: &str) -> Doc {
    let mut doc = Doc::new("faulty");
    doc.head(".gas 200000").head(".memory 65536").body(&format!(".line 12\n{code}"));
    doc
}

#[test]
fn a_trap_ends_its_agent_names_its_line_and_leaves_the_others() {
    for (code, kind) in [
        ("again:\n JMP again", "GAS"),
        ("CALL @loop\n RET", "CALL_DEPTH"),
        ("MOVI R20, 5\n MOVI R21, 0\n IDIV R22, R20, R21\n RET", "DIVIDE_BY_ZERO"),
        ("MOVI R20, 9\n MOVI R21, 3\n INDEX_CHECK R20, R21\n RET", "INDEX"),
        ("MOVI R20, 5000\n again:\n ALLOC R21, R20, arena\n JMP again", "QUOTA"),
        ("MOVI R20, -1\n LOAD R21, R20, 0\n RET", "BAD_ACCESS"),
        ("MOVI R20, 0\n EXPECT R20\n RET", "ASSERTION"),
        ("INVALID", "INVALID"),
    ] {
        let (summary, lines) = run(&[&faulty(code), &asker("doubler", 0), &doubler()], 3, &[]);
        let line = &lines.log[lines.at("trapped")];
        assert!(
            line.contains(&format!("agent faulty trapped: {kind} at doc0.flux.md:12 (function loop)")),
            "{line}"
        );
        assert_eq!(summary.traps(), 1, "{code}");
        assert!(lines.has("METRIC answer = 42"), "{code}");
    }
}

#[test]
fn a_handle_that_is_not_held_is_a_capability_trap() {
    let mut doc = Doc::new("thief");
    doc.head(".capability IO_READ").body("MOVI R20, 1\n IO_READ R21, R20\n RET");
    let (_, lines) = run(&[&doc], 2, &[("i2c:0x48", "const(1)")]);
    assert!(lines.has("agent thief trapped: CAPABILITY"), "{}", lines.joined());
}

#[test]
fn a_capability_that_is_not_declared_is_refused_at_load() {
    let mut doc = Doc::new("thief");
    doc.body("MOVI R20, 1\n IO_READ R21, R20\n RET");
    let error = try_run(&config(&[&doc], 2), &[]).err().unwrap().to_string();
    assert!(error.contains("the module is refused") && error.contains("IO_READ"), "{error}");
    let mut doc = Doc::new("thief");
    doc.head(".link agent \"x\"").body("RET");
    let error = try_run(&config(&[&doc], 2), &[]).err().unwrap().to_string();
    assert!(error.contains("COMMUNICATE"), "{error}");
}

#[test]
fn a_request_whose_handler_traps_ends_in_one_error() {
    let mut target = Doc::new("doubler");
    target.on("double", "l", "l", "INVALID");
    let (summary, lines) = run(&[&asker("doubler", 0), &target], 1, &[]);
    assert!(lines.has("METRIC status = -1"), "{}", lines.joined());
    assert!(lines.has("the agent trapped while it worked on the request"));
    assert_eq!((summary.agents[0].counters.ask_errors, summary.traps()), (1, 1));
}

#[test]
fn a_second_reply_traps_and_a_reply_without_request_too() {
    let mut target = Doc::new("doubler");
    let form = target.form("", "l", "", 0);
    let reply =
        format!("MOVI R20, {form}\n MOVI R21, {SCRATCH}\n MOVI R22, 7\n STORE R21, R22, 0\n REPLY R20, R21");
    target.on("double", "l", "", &format!("{reply}\n {reply}\n RET"));
    let (_, lines) = run(&[&asker("doubler", 0), &target], 1, &[]);
    assert!(lines.has("METRIC answer = 7") && lines.has("trapped: REPLY"), "{}", lines.joined());
    let mut alone = Doc::new("alone");
    let form = alone.form("", "", "", 0);
    alone.init(&format!("MOVI R20, {form}\n MOVI R21, {SCRATCH}\n REPLY R20, R21\n RET"));
    let (_, lines) = run(&[&alone], 1, &[]);
    assert!(lines.has("agent alone trapped: REPLY"), "{}", lines.joined());
}

/// Delegates `double(21)` in Init, keeps the ticket and waits for it.
fn delegator(wait_ns: i64) -> Doc {
    let mut doc = Doc::new("delegator");
    let form = doc.form("double", "l", "l", 0);
    let wait = doc.form("", "", "l", wait_ns);
    let answer = doc.text("answer");
    let status = doc.text("status");
    doc.head(".capability COMMUNICATE").head(".link agent \"doubler\"").init(&format!(
        "LINK R20, 0
         MOVI R21, {form}
         MOVI R22, {SCRATCH}
         MOVI R23, 21
         STORE R22, R23, 0
         DELEGATE R24, R20, R21, R22
         MOVI64 R25, 500000000
         SLEEP R25
         MOVI R26, {wait}
         AGENT_WAIT R27, R24, R26
         MOV R28, R61
         I2F R28, R28
         MOVI R29, {status}
         METRIC R29, R28
         I2F R27, R27
         MOVI R29, {answer}
         METRIC R29, R27
         RET"
    ));
    doc
}

#[test]
fn a_kept_ticket_gives_its_result_whether_it_came_before_or_after_the_wait() {
    let (_, lines) = run(&[&delegator(0), &doubler()], 5, &[]);
    assert!(lines.has("METRIC answer = 42") && lines.has("METRIC status = 0"), "{}", lines.joined());
    let mut late = doubler();
    late.init("MOVI64 R20, 2000000000\n SLEEP R20\n RET");
    let (_, lines) = run(&[&delegator(5 * SECOND), &late], 5, &[]);
    assert!(lines.has("METRIC answer = 42"), "{}", lines.joined());
    let (_, lines) = run(&[&delegator(SECOND), &late], 5, &[]);
    assert!(lines.has("METRIC status = -5"), "{}", lines.joined());
    assert!(lines.has("RESULT ← doubler double = 42 #1"), "{}", lines.joined());
}

#[test]
fn a_message_ends_a_yield_and_a_pause_does_not_end_early() {
    let mut doc = Doc::new("doubler");
    let pass = doc.text("pass");
    doc.head(".period 10000000000");
    doc.on("double", "l", "l", "IADD R16, R16, R16\n RET");
    doc.body(&format!("MOVI R20, {pass}\n LOG R20, info\n YIELD_AGENT event\n RET"));
    let (summary, lines) = run(&[&doc, &asker("doubler", 0)], 9, &[]);
    // At 0, after the handler at 1 µs, and not again before 10 s.
    assert_eq!(lines.count("pass"), 2, "{}", lines.joined());
    assert_eq!(summary.agents[0].counters.runs, 1);
    let mut doc = Doc::new("doubler");
    let pass = doc.text("pass");
    doc.on("double", "l", "l", "IADD R16, R16, R16\n RET");
    doc.body(&format!("MOVI R20, {pass}\n LOG R20, info\n MOVI64 R21, 4000000000\n SLEEP R21\n RET"));
    let (_, lines) = run(&[&doc, &asker("doubler", 0)], 9, &[]);
    assert_eq!(lines.count("pass"), 3, "{}", lines.joined());
    assert!(lines.has("METRIC answer = 42"));
}

#[test]
fn timers_run_on_their_grid_and_make_no_second_pass_of_the_loop() {
    let mut doc = Doc::new("clock");
    let tick = doc.text("tick");
    let pass = doc.text("pass");
    doc.every(2 * SECOND, &format!("MOVI R20, {tick}\n LOG R20, info\n RET"));
    doc.body(&format!("MOVI R20, {pass}\n LOG R20, info\n RET"));
    let (_, lines) = run(&[&doc], 10, &[]);
    // 2, 4, 6, 8; 0 to 9. At 2 s the timer ends the YIELD that the grid ends as well.
    assert_eq!((lines.count("tick"), lines.count("pass")), (4, 10), "{}", lines.joined());
}

#[test]
fn handlers_wait_while_a_run_waits_for_an_answer() {
    // `middle` asks the slow doubler; while it waits, a TELL to it must not run.
    let mut middle = asker("doubler", 0);
    middle.head(".name \"middle\"");
    let told = middle.text("told");
    middle.on("note", "", "", &format!("MOVI R20, {told}\n LOG R20, info\n RET"));
    let mut slow = doubler();
    slow.init("MOVI64 R20, 2000000000\n SLEEP R20\n RET");
    let mut teller = Doc::new("teller");
    let form = teller.form("note", "", "", 0);
    teller
        .head(".capability COMMUNICATE")
        .head(".link agent \"middle\"")
        .init(&format!("LINK R20, 0\n MOVI R21, {form}\n MOVI R22, {SCRATCH}\n TELL R20, R21, R22\n RET"));
    let (_, lines) = run(&[&middle, &slow, &teller], 5, &[]);
    assert!(lines.at("METRIC answer = 42") < lines.at("told"), "{}", lines.joined());
}

#[test]
fn an_event_reaches_the_subscribers_of_its_topic() {
    let mut publisher = Doc::new("publisher");
    let form = publisher.form("", "d", "", 0);
    publisher.head(".capability COMMUNICATE").head(".link topic \"greenhouse/temp\"").init(&format!(
        "LINK R20, 0
         MOVI R21, {form}
         MOVI R22, {SCRATCH}
         MOVI64 R23, 21.5
         STORE R22, R23, 0
         BROADCAST R24, R20, R21, R22
         RET"
    ));
    let mut subscriber = Doc::new("subscriber");
    let name = subscriber.text("heard");
    subscriber.head(".capability COMMUNICATE").run(
        "topic \"greenhouse/temp\" function @heard arguments \"d\"",
        "heard",
        1,
        &format!("MOVI R20, {name}\n METRIC R20, R16\n RET"),
    );
    let (summary, lines) = run(&[&publisher, &subscriber], 1, &[]);
    assert!(lines.has("METRIC heard = 21.5"), "{}", lines.joined());
    assert!(lines.has("EVENT → \"greenhouse/temp\" (21.5) (1 delivered)"), "{}", lines.joined());
    assert_eq!(summary.sent(MessageType::Event), 1);
}

#[test]
fn agents_meet_at_a_barrier() {
    let party = |name: &str, sleep: i64| {
        let mut doc = Doc::new(name);
        let (ready, done) = (doc.text("ready"), doc.text("through"));
        doc.head(".capability COMMUNICATE").init(&format!(
            "MOVI64 R20, {sleep}\n SLEEP R20\n MOVI R21, {ready}\n MOVI R22, 2\n MOVI R23, 0\n BARRIER R21, R22, R23
             MOVI R24, {done}\n LOG R24, info\n RET"
        ));
        doc
    };
    let (_, lines) = run(&[&party("a", 0), &party("b", 3 * SECOND)], 5, &[]);
    assert_eq!(lines.count("through"), 2, "{}", lines.joined());
    assert!(lines.log[lines.at("through")].contains("3.000s"));
}

#[test]
fn open_requests_end_in_an_error_when_the_run_stops_and_agents_stop_in_reverse_order() {
    let mut slow = doubler();
    slow.init("MOVI64 R20, 9000000000\n SLEEP R20\n RET");
    let (summary, lines) = run(&[&delegator(0), &slow], 3, &[]);
    println!("{}", lines.joined());
    assert_eq!((summary.results(), summary.delegate_errors()), (0, 1));
    let error = lines.at("ERROR ← doubler double #1: the system stops");
    let first =
        lines.log.iter().position(|line| line.contains("doubler  ") && line.ends_with("stopped")).unwrap();
    let second =
        lines.log.iter().position(|line| line.contains("delegator") && line.ends_with("stopped")).unwrap();
    assert!(error < first && first < second);
}

#[test]
fn a_stop_ends_the_agent_and_a_failure_names_its_reason() {
    let mut doc = Doc::new("done");
    doc.body("HALT");
    let (summary, lines) = run(&[&doc], 5, &[]);
    assert!(lines.has("stopped"), "{}", lines.joined());
    assert_eq!((summary.traps(), summary.time.ns()), (0, 0));
    let mut doc = Doc::new("broken");
    let reason = doc.text("sensor is gone");
    doc.body(&format!("MOVI R20, {reason}\n PANIC R20"));
    let (summary, lines) = run(&[&doc], 5, &[]);
    assert!(
        lines.has("agent broken failed at doc0.flux.md (function loop, code offset 4): sensor is gone"),
        "{}",
        lines.joined()
    );
    assert_eq!(summary.traps(), 1);
}

#[test]
fn state_outlives_runs_and_a_reset_starts_from_the_initial_state() {
    let mut doc = Doc::new("counter");
    let name = doc.text("count");
    doc.run(
        "state_init \"\" function @start",
        "start",
        0,
        &format!("MOVI R20, {STATE}\n MOVI R21, 40\n STORE R20, R21, 0\n RET"),
    );
    doc.body(&format!(
        "MOVI R20, {STATE}
         LOAD R21, R20, 0
         INC R21, R21
         STORE R20, R21, 0
         I2F R22, R21
         MOVI R23, {name}
         METRIC R23, R22
         BR_CMPI R21, lt, 43, end
         RESET
         end:
         RET"
    ));
    let (_, lines) = run(&[&doc], 5, &[]);
    println!("{}", lines.joined());
    // 41, 42, 43 reset 41 … in the same second, then 42 …
    assert!(lines.count("METRIC count = 41") >= 2 && lines.count("METRIC count = 43") >= 1);
    assert!(!lines.has("METRIC count = 44"));
}

#[test]
fn text_in_messages_is_copied_and_freed() {
    let mut sender = Doc::new("sender");
    let form = sender.form("say", "s", "s", 0);
    let text = sender.text("hello");
    sender.head(".capability COMMUNICATE").head(".link agent \"echo\"").body(&format!(
        "LINK R20, 0
         MOVI R21, {form}
         MOVI R22, {SCRATCH}
         MOVI R23, {text}
         STORE R22, R23, 0
         ASK R24, R20, R21, R22
         MOV R25, R61
         BRNZ R25, end
         LOG R24, info
         end:
         YIELD_AGENT event
         RET"
    ));
    let mut echo = Doc::new("echo");
    let mark = echo.text("!");
    echo.on("say", "s", "s", &format!("MOVI R20, {mark}\n TEXT R16, R16, R20, concat\n RET"));
    let (summary, lines) = run(&[&sender, &echo], 100, &[]);
    assert_eq!(lines.count("  hello!"), 100, "{}", lines.joined());
    // Nothing is left behind: memory after 100 rounds is what it was at first.
    for agent in &summary.agents {
        assert!(agent.memory < 4096, "{} {}", agent.name, agent.memory);
    }
}

#[test]
fn asks_in_a_circle_end_in_a_deadlock_error_and_not_at_their_deadline() {
    let asker = |name: &str, target: &str, init: bool| {
        let mut doc = Doc::new(name);
        let form = doc.form("turn", "", "l", 0);
        let status = doc.text("status");
        let ask = format!(
            "LINK R20, 0\n MOVI R21, {form}\n MOVI R22, {SCRATCH}\n ASK R24, R20, R21, R22
             MOV R25, R61\n I2F R26, R25\n MOVI R27, {status}\n METRIC R27, R26\n MOVI R16, 7\n RET"
        );
        doc.head(".capability COMMUNICATE").head(&format!(".link agent \"{target}\""));
        doc.on("turn", "", "l", &ask);
        if init {
            doc.init(&ask);
        }
        doc
    };
    let (summary, lines) = run(&[&asker("a", "b", true), &asker("b", "a", false)], 10, &[]);
    assert!(lines.has("METRIC status = -10"), "{}", lines.joined());
    assert!(lines.has("METRIC status = 0"), "{}", lines.joined());
    assert_eq!(summary.agents[0].counters.replies, 1);
    assert_eq!(summary.agents[1].counters.ask_errors, 1);
}

#[test]
fn the_gas_budget_is_full_again_when_time_has_advanced() {
    // Each pass takes between a half and the whole of the budget.
    let work = "MOVI R20, 10000\n next:\n MOVI R21, 0\n LOOP R20, next\n";
    let mut steady = Doc::new("steady");
    steady.head(".gas 30000").body(&format!("{work} YIELD_AGENT event\n RET"));
    let (summary, lines) = run(&[&steady], 20, &[]);
    assert_eq!(summary.traps(), 0, "{}", lines.joined());
    assert!(summary.gas() > 10 * 30_000, "{}", summary.gas());
    // Twice the work without a pause is too much; a pause of no time is none.
    let mut greedy = Doc::new("greedy");
    let again = work.replace("next", "more");
    greedy.head(".gas 30000").body(&format!("{work} MOVI R22, 0\n SLEEP R22\n {again} RET"));
    let (_, lines) = run(&[&greedy], 20, &[]);
    assert!(lines.has("agent greedy trapped: GAS"), "{}", lines.joined());
}

#[test]
fn an_agent_that_ends_leaves_unread_messages_as_dead_letters() {
    let mut target = Doc::new("doubler");
    target.init("MOVI64 R20, 1000000000\n SLEEP R20\n HALT");
    target.on("double", "l", "", "RET");
    let (_, lines) = run(&[&flood("doubler", 3), &target], 5, &[]);
    assert!(lines.has("3 messages were never read"), "{}", lines.joined());
}
