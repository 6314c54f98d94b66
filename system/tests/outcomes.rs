//! Whatever agents do, every request has exactly one outcome, and every run is repeatable.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where it fails")]

mod support;

use std::collections::BTreeMap;

use flux_abi::message::MessageType;
use flux_kcore::sched::Gas;
use proptest::prelude::*;
use support::{Doc, Lines, SCRATCH, config, try_run};

/// What a random agent does with one message, or at its start.
#[derive(Clone, Copy, Debug)]
enum Act {
    Delegate(u8),
    Ask(u8),
    Tell(u8),
    Sleep(u16),
    Yield,
    Trap,
    Halt,
    Spin,
    Reply,
    Exception,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (0u8..6).prop_map(Act::Delegate),
        3 => (0u8..6).prop_map(Act::Ask),
        2 => (0u8..6).prop_map(Act::Tell),
        2 => (0u16..400).prop_map(Act::Sleep),
        1 => Just(Act::Yield),
        1 => Just(Act::Reply),
        1 => Just(Act::Exception),
        1 => prop_oneof![Just(Act::Trap), Just(Act::Halt), Just(Act::Spin)],
    ]
}

/// Agents of the run; the numbers above the last one name nobody.
const AGENTS: u8 = 4;

fn code(doc: &mut Doc, acts: &[Act], prefix: &str, in_handler: bool) -> String {
    let work = doc.form("work", "l", "", 0);
    let hurried = doc.form("work", "l", "l", 150_000);
    let answer = doc.form("", "l", "", 0);
    let send = |opcode: &str, target: u8, form: u32| {
        format!(
            "LINK R20, {target}\n MOVI R21, {form}\n MOVI R22, {SCRATCH}\n MOVI R23, 5\n STORE R22, R23, 0\n {opcode} R20, R21, R22\n"
        )
    };
    let mut text = String::new();
    for (n, act) in acts.iter().enumerate() {
        text += &match *act {
            Act::Delegate(target) => send("DELEGATE R24,", target, work),
            Act::Ask(target) => send("ASK R24,", target, hurried),
            Act::Tell(target) => send("TELL", target, work),
            Act::Sleep(us) => format!("MOVI64 R20, {}\n SLEEP R20\n", i64::from(us) * 1_000),
            Act::Yield => "YIELD_AGENT event\n".into(),
            // In a condition that always holds, so that code may follow.
            Act::Trap => format!("MOVI R20, 0\n BRNZ R20, {prefix}{n}\n EXPECT R20\n {prefix}{n}:\n"),
            Act::Halt => format!("MOVI R20, 0\n BRNZ R20, {prefix}{n}\n HALT\n {prefix}{n}:\n"),
            Act::Spin => format!("{prefix}{n}:\n MOVI R20, 1\n BRNZ R20, {prefix}{n}\n"),
            Act::Exception => {
                format!("MOVI R20, -5\n BRZ R20, {prefix}{n}\n EXCEPTION R20\n {prefix}{n}:\n")
            }
            Act::Reply if in_handler => format!(
                "MOVI R20, {answer}\n MOVI R21, {SCRATCH}\n MOVI R22, 1\n STORE R21, R22, 0\n REPLY R20, R21\n"
            ),
            Act::Reply => String::new(),
        };
    }
    text + "RET"
}

fn agent(number: usize, init: &[Act], handler: &[Act]) -> Doc {
    let mut doc = Doc::new(&format!("a{number}"));
    doc.head(".capability COMMUNICATE").head(".gas 20000");
    for target in 0..6 {
        doc.head(&format!(".link agent \"a{target}\""));
    }
    let start = code(&mut doc, init, "i", false);
    doc.init(&start);
    let work = code(&mut doc, handler, "h", true);
    doc.on("work", "l", "", &work);
    doc
}

/// Outcomes of each request by its number in the log.
fn outcomes(lines: &Lines) -> BTreeMap<&str, (usize, usize)> {
    let mut found: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for line in &lines.log {
        // A late answer is neither the request nor its outcome.
        if line.contains("dead letter: ") {
            continue;
        }
        let Some((_, after)) = line.rsplit_once('#') else { continue };
        let number = after.split(':').next().unwrap();
        if number.parse::<u64>().is_err() {
            continue;
        }
        let entry = found.entry(number).or_default();
        if line.contains(" → ") {
            entry.0 += 1;
        } else if line.contains(" ← ") {
            entry.1 += 1;
        }
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn every_request_has_exactly_one_outcome_and_the_slice_is_not_seen(
        agents in proptest::collection::vec(
            (proptest::collection::vec(act(), 0..6), proptest::collection::vec(act(), 0..5)),
            usize::from(AGENTS),
        ),
    ) {
        let docs: Vec<Doc> =
            agents.iter().enumerate().map(|(n, (init, handler))| agent(n, init, handler)).collect();
        let refs: Vec<&Doc> = docs.iter().collect();
        let mut config = config(&refs, 0);
        // A message takes a microsecond, and every handler may send several: a millisecond is long.
        config.duration_ns = Some(1_000_000);
        let (summary, lines) = try_run(&config, &[]).unwrap();
        for (number, (sent, ended)) in outcomes(&lines) {
            prop_assert_eq!((sent, ended), (1, 1), "#{} in\n{}", number, lines.joined());
        }
        for agent in &summary.agents {
            let counters = &agent.counters;
            let delegated = counters.sent.get(MessageType::Delegate);
            prop_assert_eq!(delegated, counters.results + counters.delegate_errors, "{}", agent.name);
            let asked = counters.sent.get(MessageType::Ask);
            prop_assert_eq!(asked, counters.replies + counters.ask_errors, "{}", agent.name);
        }
        config.slice = Gas::new(13);
        let again = try_run(&config, &[]).unwrap().1;
        prop_assert_eq!(lines.log, again.log);
    }
}
