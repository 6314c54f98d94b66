//! Messages between two agents through the whole kernel: compiled handlers, payloads, mailboxes,
//! scheduler. One message is one delivery of 8 bytes.

use flux_system::{ClockMode, Next, NoSink, System, Time};

use crate::heap::counted;
use crate::report::{Bound, Failure, Report, median, timed};
use crate::setup::{config, platform, quiet};

/// Two documents: name and text.
type Pair = [(&'static str, &'static str); 2];

const TELL: Pair = [
    ("ping.flux.md", include_str!("../../../documents/ping.flux.md")),
    ("pong.flux.md", include_str!("../../../documents/pong.flux.md")),
];
const ASK: Pair = [
    ("asker.flux.md", include_str!("../../../documents/asker.flux.md")),
    ("clerk.flux.md", include_str!("../../../documents/clerk.flux.md")),
];

const SAMPLES: usize = 11;
/// Messages of one sample.
const MESSAGES: u64 = 200_000;

/// Messages a second of each sample, and allocations per message.
fn rate(documents: &[(&str, &str)], clock: ClockMode) -> Result<(f64, f64), Failure> {
    let config = quiet(config(documents, clock, None));
    let mut system = System::boot(platform(1)?, &config, &mut NoSink)?;
    let mut present = 1_000;
    let mut run = |system: &mut System| -> Result<f64, Failure> {
        let before = system.kernel().core().message_count();
        let (seconds, result) = timed(|| -> Result<(), Failure> {
            while system.kernel().core().message_count() - before < MESSAGES {
                present += 1_000_000;
                if system.advance(Time::from_ns(present), &mut NoSink) != Next::Again {
                    return Err("the agents have fallen silent".into());
                }
            }
            Ok(())
        });
        result?;
        Ok((system.kernel().core().message_count() - before) as f64 / seconds)
    };
    run(&mut system)?;
    let mut rates = Vec::new();
    for _ in 0..SAMPLES {
        rates.push(run(&mut system)?);
    }
    let before = system.kernel().core().message_count();
    let (used, result) = counted(|| run(&mut system));
    result?;
    let calls = used.calls / (system.kernel().core().message_count() - before) as f64;
    Ok((median(&mut rates), calls))
}

/// Measures both ways of talking by both clocks.
pub fn measure(report: &mut Report) -> Result<(), Failure> {
    let cases: [(&str, &Pair, ClockMode); 4] = [
        ("TELL ping-pong, real time", &TELL, ClockMode::Real),
        ("TELL ping-pong, simulated time", &TELL, ClockMode::Simulated),
        ("ASK and REPLY, real time", &ASK, ClockMode::Real),
        ("ASK and REPLY, simulated time", &ASK, ClockMode::Simulated),
    ];
    for (name, documents, clock) in cases {
        let (rate, calls) = rate(documents, clock)?;
        report.add(name, "messages/s", rate, Bound::Least(1e6), Bound::Least(3e6));
        report.remark(format!("{name}: {:.0} ns and {calls:.2} allocations a message", 1e9 / rate));
    }
    Ok(())
}
