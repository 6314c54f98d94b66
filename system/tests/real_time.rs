//! Real time: the shell tells the time, agents take turns by slices.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where it fails")]

mod support;

use flux_system::{ClockMode, Next, System, Time};
use support::{Doc, Lines, SECOND, config, platform};

fn real(docs: &[&Doc], seconds: Option<i64>) -> (System, Lines) {
    let mut config = config(docs, 0);
    config.clock = ClockMode::Real;
    config.duration_ns = seconds.map(|seconds| seconds * SECOND);
    let mut lines = Lines::default();
    let system = System::boot(platform(1, &[]), &config, &mut lines).unwrap();
    (system, lines)
}

fn counter() -> Doc {
    let mut doc = Doc::new("counter");
    let text = doc.text("pass");
    doc.body(&format!("MOVI R20, {text}\n LOG R20, info\n RET"));
    doc
}

#[test]
fn the_system_says_when_it_must_be_woken_and_ends_after_its_time() {
    let (mut system, mut lines) = real(&[&counter()], Some(3));
    let mut present = Time::START;
    let mut wakes = Vec::new();
    loop {
        match system.advance(present, &mut lines) {
            Next::Again => {}
            Next::Sleep(Some(next)) => {
                assert!(next > present);
                wakes.push(next.ns() / SECOND);
                present = next;
            }
            Next::Sleep(None) => panic!("a loop always has a next point"),
            Next::Over => break,
        }
    }
    let summary = system.finish(&mut lines);
    // The last wake is the end, which is not part of the run's grid.
    assert_eq!(wakes, [1, 2, 3]);
    assert_eq!(lines.count("pass"), 4, "{}", lines.joined());
    assert_eq!(summary.time.ns(), 3 * SECOND);
    assert!(lines.has("stopped"));
}

#[test]
fn a_late_shell_finds_one_pass_due_not_many() {
    let (mut system, mut lines) = real(&[&counter()], None);
    let _ = system.advance(Time::START, &mut lines);
    let next = system.advance(Time::from_ns(10 * SECOND + 1), &mut lines);
    assert_eq!(next, Next::Sleep(Some(Time::from_ns(11 * SECOND))));
    assert_eq!(lines.count("pass"), 2, "{}", lines.joined());
}

#[test]
fn an_endless_loop_does_not_keep_the_others_from_running() {
    let mut endless = Doc::new("endless");
    endless.head(".gas 1000000000").body("again:\n JMP again");
    let (mut system, mut lines) = real(&[&endless, &counter()], None);
    let mut present = Time::START;
    for _ in 0..5 {
        assert_eq!(system.advance(present, &mut lines), Next::Again);
        present = Time::from_ns(present.ns() + SECOND);
    }
    assert_eq!(lines.count("pass"), 5, "{}", lines.joined());
    assert!(!lines.has("trapped"));
}

#[test]
fn a_run_whose_agents_have_all_ended_is_over() {
    let mut doc = Doc::new("short");
    doc.body("HALT");
    let (mut system, mut lines) = real(&[&doc], None);
    assert_eq!(system.advance(Time::START, &mut lines), Next::Over);
    let waiting = {
        let mut doc = Doc::new("waiting");
        doc.on("note", "", "", "RET");
        doc
    };
    let (mut system, mut lines) = real(&[&waiting], None);
    assert_eq!(system.advance(Time::START, &mut lines), Next::Sleep(None));
}
