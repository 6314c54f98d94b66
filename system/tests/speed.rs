//! Figures of the kernel. Printed always; the limits hold for release builds.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where it fails")]

mod support;

use std::time::Instant;

use flux_abi::select::LogLevel;
use flux_system::{NoSink, System};
use support::{Doc, SCRATCH, config, platform};

/// Two agents that answer each TELL with a TELL.
fn players() -> [Doc; 2] {
    ["ping", "pong"].map(|name| {
        let other = if name == "ping" { "pong" } else { "ping" };
        let mut doc = Doc::new(name);
        let form = doc.form("ball", "l", "", 0);
        let throw = format!(
            "LINK R20, 0\n MOVI R21, {form}\n MOVI R22, {SCRATCH}\n STORE R22, R16, 0\n TELL R20, R21, R22\n RET"
        );
        doc.head(".capability COMMUNICATE").head(&format!(".link agent \"{other}\""));
        doc.on("ball", "l", "", &format!("INC R16, R16\n{throw}"));
        if name == "ping" {
            doc.init(&format!("MOVI R16, 0\n{throw}"));
        }
        doc
    })
}

#[test]
fn messages_between_two_agents() {
    let [ping, pong] = players();
    let mut config = config(&[&ping, &pong], 1);
    config.level = LogLevel::Warning;
    if cfg!(debug_assertions) {
        config.duration_ns = Some(50_000_000);
    }
    let mut system = System::boot(platform(1, &[]), &config, &mut NoSink).unwrap();
    let start = Instant::now();
    system.run_simulated(&mut NoSink);
    let seconds = start.elapsed().as_secs_f64();
    let messages = system.kernel().core().message_count();
    let rate = messages as f64 / seconds;
    println!("{messages} messages in {seconds:.3} s: {:.2} M/s", rate / 1e6);
    // One every microsecond of simulated time.
    assert!(messages >= if cfg!(debug_assertions) { 49_000 } else { 999_000 });
    // Far below the figure that `cargo xtask bench` measures: machines of tests are busy.
    assert!(cfg!(debug_assertions) || rate > 1e5, "{rate} messages/s");
}

#[test]
fn boot_to_the_first_step_of_an_agent() {
    let [ping, pong] = players();
    let config = config(&[&ping, &pong], 1);
    let start = Instant::now();
    let mut lines = support::Lines::default();
    let mut system = System::boot(platform(1, &[]), &config, &mut lines).unwrap();
    let _ = system.advance(flux_system::Time::START, &mut NoSink);
    let elapsed = start.elapsed();
    println!("boot to first steps: {elapsed:?}");
    assert!(cfg!(debug_assertions) || elapsed.as_millis() < 200);
}
