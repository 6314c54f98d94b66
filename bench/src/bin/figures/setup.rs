//! Systems as the command line makes them, in this process.

use flux_abi::select::LogLevel;
use flux_system::compile::KernelCompiler;
use flux_system::{ClockMode, Config, LogSink, Platform, Record};

use crate::report::Failure;

/// Documents of the main job.
pub const JOB: [(&str, &str); 3] = [
    ("apps/sensor.flux.md", include_str!("../../../../apps/sensor.flux.md")),
    ("apps/alert.flux.md", include_str!("../../../../apps/alert.flux.md")),
    ("apps/cloud.flux.md", include_str!("../../../../apps/cloud.flux.md")),
];

/// A hosted platform with the compiler in the kernel and the simulated sensor of the main job.
pub fn platform(seed: u64) -> Result<Platform, Failure> {
    let sims = [(String::from("i2c:0x48"), String::from("sine(25,10,60s)"))];
    Ok(Platform {
        name: String::from("hosted"),
        simulated: flux_system::bus::simulated(seed, &sims, &mut |_| Err(String::from("no files")))?,
        devices: None,
        files: None,
        hardware: None,
        compiler: Box::new(KernelCompiler::default()),
    })
}

/// How to run `documents`; `duration_ns` is kernel time.
pub fn config(documents: &[(&str, &str)], clock: ClockMode, duration_ns: Option<i64>) -> Config {
    let documents: Vec<_> =
        documents.iter().map(|(name, text)| ((*name).into(), text.as_bytes().to_vec())).collect();
    Config { documents, duration_ns, clock, ..Config::default() }
}

/// The same without records of single messages, as an engineer runs a busy system.
pub fn quiet(config: Config) -> Config {
    Config { level: LogLevel::Warning, ..config }
}

/// A sink that takes what a terminal would, without the terminal.
#[derive(Debug, Default)]
pub struct Lines {
    /// Lines of both streams.
    pub lines: usize,
    text: String,
}

impl LogSink for Lines {
    fn record(&mut self, _: &Record, line: &str) {
        self.lines += 1;
        if self.text.len() > 1 << 20 {
            self.text.clear();
        }
        self.text.push_str(line);
        self.text.push('\n');
    }
}
