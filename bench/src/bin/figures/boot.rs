//! From nothing to the first step of every agent.

use flux_system::{ClockMode, System, Time};

use crate::report::{Bound, Failure, Report, median, timed};
use crate::setup::{JOB, Lines, config, platform};

const SAMPLES: usize = 301;

fn boot(documents: &[(&str, &str)]) -> Result<f64, Failure> {
    let mut config = config(documents, ClockMode::Simulated, Some(1));
    if documents.len() == JOB.len() {
        config.parameters.push((String::from("threshold"), String::from("30")));
    }
    let mut times = Vec::new();
    for _ in 0..SAMPLES {
        let (seconds, system) = timed(|| -> Result<System, Failure> {
            let mut lines = Lines::default();
            let mut system = System::boot(platform(1)?, &config, &mut lines)?;
            // Up to the first nanosecond: Init and the first step of each agent.
            while system.advance(Time::START, &mut lines) == flux_system::Next::Again {}
            Ok(system)
        });
        if system?.kernel().living() != documents.len() {
            return Err("an agent has not come up".into());
        }
        times.push(seconds);
    }
    Ok(median(&mut times))
}

/// Measures one document and three.
pub fn measure(report: &mut Report) -> Result<(), Failure> {
    for (name, documents) in [
        ("boot to the first step, one document", &JOB[1..2]),
        ("boot to the first step, three documents", &JOB[..]),
    ] {
        report.add(name, "ms", boot(documents)? * 1e3, Bound::None, Bound::Most(10.0));
    }
    Ok(())
}
