//! Agents that documents start and start again: the same in every slice, and in real time.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where it fails")]

mod support;

use std::path::Path;

use flux_fluxc::{Found, gather};
use flux_kcore::sched::Gas;
use flux_kernel::compile::KernelCompiler;
use flux_system::{ClockMode, Config, Next, Platform, System, Time};
use support::{Lines, SECOND, platform};

const MILLISECOND: i64 = SECOND / 1_000;

/// A golden document with those that it names, as one piece.
fn golden(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/run");
    let read = |path: &str| std::fs::read(folder.join(path)).unwrap();
    let mut found = |path: &str| Ok(Found { bytes: read(path), identity: path.into() });
    gather(name, &read(name), name.into(), &mut found).unwrap().unwrap()
}

fn booted(document: &str, (clock, slice): (ClockMode, u64), seconds: i64, lines: &mut Lines) -> System {
    let config = Config {
        documents: vec![(document.into(), golden(document))],
        duration_ns: Some(seconds * SECOND),
        clock,
        slice: Gas::new(slice),
        ..Config::default()
    };
    let platform =
        Platform { compiler: Box::new(KernelCompiler::default()), ..platform(1, &[("adc:0", "const(1)")]) };
    System::boot(platform, &config, lines).unwrap_or_else(|error| panic!("{error:?}"))
}

/// The log without its times: in real time no time passes between two messages.
fn texts(lines: &Lines) -> Vec<String> {
    lines.log.iter().map(|line| line.get(13..).unwrap_or(line).to_owned()).collect()
}

fn simulated(document: &str, slice: u64, seconds: i64) -> Lines {
    let mut lines = Lines::default();
    let mut system = booted(document, (ClockMode::Simulated, slice), seconds, &mut lines);
    system.run_simulated(&mut lines);
    system.finish(&mut lines);
    lines
}

/// Runs by a clock that goes on by steps of a millisecond or less; looks at the time when the system asks to.
fn real(document: &str, slice: u64, seconds: i64) -> Lines {
    let mut lines = Lines::default();
    let mut system = booted(document, (ClockMode::Real, slice), seconds, &mut lines);
    let mut present = Time::START;
    loop {
        match system.advance_slices(present, 1, &mut lines) {
            Next::Again => {}
            Next::Sleep(Some(next)) => present = next.min(Time::from_ns(present.ns() + MILLISECOND)),
            Next::Sleep(None) => panic!("a timer is always set"),
            Next::Over => break,
        }
    }
    system.finish(&mut lines);
    lines
}

const DOCUMENTS: [(&str, i64); 6] = [
    ("introductions.flux.md", 25),
    ("spawn.flux.md", 361),
    ("supervise.flux.md", 70),
    ("supervise_all.flux.md", 50),
    ("supervise_rest.flux.md", 24),
    ("supervise_nested.flux.md", 60),
];

#[test]
fn slices_have_no_visible_effect_on_agents_that_are_started() {
    for (document, seconds) in DOCUMENTS {
        let whole = simulated(document, 10_000, seconds);
        for slice in [1, 7, 64] {
            assert_eq!(simulated(document, slice, seconds).joined(), whole.joined(), "{document}, {slice}");
        }
    }
}

/// What one agent says and does, in order: other agents may be at work between its lines.
fn of(name: &str, lines: &Lines) -> Vec<String> {
    texts(lines).into_iter().filter(|line| line.split_whitespace().next() == Some(name)).collect()
}

#[test]
fn a_started_agent_begins_with_all_that_it_is_granted_however_short_a_slice_is() {
    let expected = simulated("spawn.flux.md", 10_000, 361);
    for slice in [1, 5, 10_000] {
        let lines = real("spawn.flux.md", slice, 361);
        for name in ["boss", "worker", "worker-2"] {
            assert_eq!(of(name, &lines), of(name, &expected), "{name}, slices of {slice} gas");
        }
    }
}

#[test]
fn agents_as_values_are_the_same_in_real_time() {
    let expected = simulated("introductions.flux.md", 10_000, 25);
    for slice in [1, 10_000] {
        let lines = real("introductions.flux.md", slice, 25);
        for name in ["boss", "clerk", "adder"] {
            assert_eq!(of(name, &lines), of(name, &expected), "{name}, slices of {slice} gas");
        }
    }
}

#[test]
fn restarts_are_the_same_in_real_time() {
    for (document, names) in [
        ("supervise_all.flux.md", ["crew", "pump", "meter"].as_slice()),
        ("supervise_nested.flux.md", &["works", "shift", "candle"]),
    ] {
        let expected = simulated(document, 10_000, 44);
        assert!(expected.count("restart") >= 2, "{}", expected.joined());
        for slice in [1, 10_000] {
            let lines = real(document, slice, 44);
            for name in names {
                assert_eq!(of(name, &lines), of(name, &expected), "{document}, {name}, {slice}");
            }
        }
    }
}

#[test]
fn a_wait_before_a_restart_is_kept_by_the_clock() {
    let lines = real("supervise_all.flux.md", 10_000, 20);
    let time = |text: &str| -> f64 {
        let line = &lines.log[lines.at(text)];
        line.split_whitespace().next().unwrap().trim_end_matches('s').parse().unwrap()
    };
    let failed = time("pump failed; restart 1");
    let again = lines.log.iter().filter(|line| line.contains("pump is up")).nth(1).unwrap();
    let again: f64 = again.split_whitespace().next().unwrap().trim_end_matches('s').parse().unwrap();
    assert!((0.999..1.01).contains(&(again - failed)), "{}", lines.joined());
}
