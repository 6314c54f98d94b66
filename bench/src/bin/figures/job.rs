//! The main job: five minutes of simulated time.

use flux_system::{ClockMode, System};

use crate::report::{Bound, Failure, Report, median, timed};
use crate::setup::{JOB, Lines, config, platform};

const SAMPLES: usize = 51;

/// Measures the job from boot to the summary.
pub fn measure(report: &mut Report) -> Result<(), Failure> {
    let mut config = config(&JOB, ClockMode::Simulated, Some(300_000_000_000));
    config.parameters.push((String::from("threshold"), String::from("30")));
    let mut times = Vec::new();
    let mut lines = 0;
    for _ in 0..SAMPLES {
        let (seconds, result) = timed(|| -> Result<usize, Failure> {
            let mut sink = Lines::default();
            let mut system = System::boot(platform(1)?, &config, &mut sink)?;
            system.run_simulated(&mut sink);
            system.finish(&mut sink);
            Ok(sink.lines)
        });
        lines = result?;
        times.push(seconds);
    }
    report.add(
        format!("the main job, 5 simulated minutes ({lines} lines of log)"),
        "ms",
        median(&mut times) * 1e3,
        Bound::Most(1_000.0),
        Bound::None,
    );
    Ok(())
}
