//! Runs documents on the hosted kernel, and packs them for a kernel that boots.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use flux_abi::ioctl::Limit;
use flux_abi::select::LogLevel;
use flux_fluxc::Options;
use flux_fluxc::diag::Diagnostic;
use flux_hal::Stream;
use flux_hal::arch::native::{DeviceConfig, Directory, LinuxBus};
use flux_hal::{DeviceBus, FileSystem, Hardware, SimBus};
use flux_proto::archive::{Archive, Document, RunClock};
use flux_system::compile::KernelCompiler;
use flux_system::{AgentLimit, BootError, ClockMode, LogSink, Next, Platform, Summary, System, Time};

use crate::audit::AuditFile;
use crate::config::Config;
use crate::error::Error;
use crate::flame;
use crate::link::Links;
use crate::linked::{self, LinkOptions};
use crate::live::{Live, Signal};
use crate::source::Source;
use crate::timeline::Timeline;

/// What to run, and how.
#[derive(Clone, Debug)]
pub struct Request {
    /// Documents and compiled modules in the order in which their agents start.
    pub documents: Vec<Source>,
    /// `--set`, as typed.
    pub set: Vec<String>,
    /// `--sim`, as typed.
    pub sim: Vec<String>,
    /// How long, in nanoseconds; without end if `None`.
    pub duration_ns: Option<i64>,
    /// The clock.
    pub clock: ClockMode,
    /// Seed of all randomness.
    pub seed: u64,
    /// Gas between two pauses, instead of what the documents say.
    pub gas: Option<u64>,
    /// The most detailed level that is logged.
    pub level: LogLevel,
    /// The last instructions of an agent that traps are shown.
    pub trace: bool,
    /// Where to write a flame graph of the run.
    pub profile: Option<PathBuf>,
    /// Where to write a picture of the run over time.
    pub timeline: Option<PathBuf>,
    /// Other kernels.
    pub links: LinkOptions,
    /// Where to write what was refused.
    pub audit: Option<PathBuf>,
    /// `--limit`, as typed.
    pub limits: Vec<String>,
    /// The folder whose files agents with FILESYSTEM may open; without one files are kept in memory.
    pub files: Option<PathBuf>,
}

/// Why a run did not start.
#[derive(Debug)]
pub enum RunError {
    /// Documents do not compile; the sources stand in the order of the request.
    Documents(Vec<(Source, Vec<Diagnostic>)>),
    /// Anything else.
    Other(Error),
}

impl From<Error> for RunError {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

/// Splits `NAME=VALUE` options.
fn pairs(option: &str, list: &[String], example: &str) -> Result<Vec<(String, String)>, Error> {
    list.iter()
        .map(|text| match text.split_once('=') {
            Some((name, value)) if !name.trim().is_empty() => Ok((name.trim().to_owned(), value.to_owned())),
            _ => Err(Error::Option {
                option: format!("{option} {text}"),
                why: format!("a name and a value are needed, as in {option} {example}"),
            }),
        })
        .collect()
}

/// Gives the text of a file that a `csv(file)` wave names.
fn load_csv(path: &str) -> Result<String, String> {
    let source = Source::text(Path::new(path)).map_err(|error| error.reason())?;
    String::from_utf8(source.bytes).map_err(|_| format!("{path} is not UTF-8 text"))
}

/// Addresses and waves; a device without a wave reads back what is written to it.
fn waves(request: &Request) -> Result<Vec<(String, String)>, Error> {
    let whole = |text: &String| if text.contains('=') { text.clone() } else { format!("{text}=") };
    let list: Vec<String> = request.sim.iter().map(whole).collect();
    pairs("--sim", &list, "\"i2c:0x48=sine(25,10,60s)\"")
}

fn simulated(request: &Request) -> Result<SimBus, Error> {
    let sims = waves(request)?;
    flux_system::bus::simulated(request.seed, &sims, &mut load_csv)
        .map_err(|error| Error::Boot(error.to_string()))
}

fn real_devices(config: &Config) -> Result<Box<dyn DeviceBus>, Error> {
    let mut devices = DeviceConfig::default();
    for (address, driver) in &config.devices {
        let fail =
            |why: String| Error::Option { option: format!("[devices] \"{address}\" = \"{driver}\""), why };
        let parsed = address.parse().map_err(|error: flux_hal::AddressError| fail(error.to_string()))?;
        devices.set_driver(parsed, driver).map_err(|error| fail(error.to_string()))?;
    }
    Ok(Box::new(LinuxBus::new(devices)))
}

/// The files below a folder.
fn folder(path: &Path) -> Result<Box<dyn FileSystem>, Error> {
    match Directory::new(path) {
        Ok(directory) => Ok(Box::new(directory)),
        Err(error) => Err(Error::Option {
            option: format!("--files {}", path.display()),
            why: format!("{error}; name a folder that is there and can be read"),
        }),
    }
}

/// Boots the hosted kernel and runs the agents to the end of the time, or until a signal ends it.
///
/// `reached` hears from time to time how far the run is.
///
/// In real time the thread sleeps between events; [`Signal::Stop`] ends the run in order.
///
/// # Errors
/// [`RunError`]; nothing of any agent has run then.
pub fn run(
    request: &Request,
    config: &Config,
    (tell, signals): (&Sender<Signal>, &Receiver<Signal>),
    sink: &mut dyn LogSink,
    reached: &mut dyn FnMut(Time),
) -> Result<Summary, RunError> {
    let start = Instant::now();
    let settings = settings(request, config)?;
    let timeline =
        request.timeline.as_deref().map(|path| Timeline::create(path, request.clock)).transpose()?;
    let mut audit = request.audit.as_deref().map(AuditFile::create).transpose()?;
    let mut system = boot_with(request, config, &settings, Options::default(), sink)?;
    let links = request.links.open(tell)?;
    if let Some(at) = links.as_ref().and_then(Links::listening) {
        system.kernel_mut().record(Stream::Boot, LogLevel::Info, &format!("links: at {at}"));
    }
    if let Some(timeline) = &timeline {
        system.observe(timeline.observer());
    }
    loop {
        let elapsed = i64::try_from(start.elapsed().as_nanos()).unwrap_or(i64::MAX);
        let wait = match system.advance(Time::from_ns(elapsed), sink) {
            Next::Over => break,
            Next::Again => Duration::ZERO,
            Next::Sleep(None) => Duration::from_secs(3600),
            Next::Sleep(Some(due)) => {
                Duration::from_nanos(due.ns().saturating_sub(elapsed).max(0).unsigned_abs())
            }
        };
        reached(system.now());
        if let Some(links) = &links {
            linked::send(&mut system, links);
        }
        if let Some(audit) = &mut audit {
            audit.follow(system.kernel().core().audit())?;
        }
        match signals.recv_timeout(wait) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(Signal::Do(task)) => task(&mut Live::new(&mut system, &settings)),
            Ok(Signal::Stop) | Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    drop(links);
    if request.clock == ClockMode::Real {
        // Nothing may have happened for long.
        let elapsed = i64::try_from(start.elapsed().as_nanos()).unwrap_or(i64::MAX);
        system.kernel_mut().set_time(Time::from_ns(elapsed.min(request.duration_ns.unwrap_or(i64::MAX))));
    }
    let summary = system.finish(sink);
    if let Some(audit) = audit {
        audit.finish(system.kernel().core().audit())?;
    }
    if let Some(timeline) = timeline {
        timeline.finish()?;
    }
    if let Some(path) = &request.profile {
        crate::module::write(path, flame::svg(&system.executed(), &request.documents).as_bytes())?;
    }
    Ok(summary)
}

/// Boots the hosted kernel with the documents of a request; nothing of their agents has run yet.
///
/// # Errors
/// [`RunError`].
pub fn boot(
    request: &Request,
    config: &Config,
    options: Options,
    sink: &mut dyn LogSink,
) -> Result<System, RunError> {
    boot_with(request, config, &settings(request, config)?, options, sink)
}

/// Reads `--limit AGENT:NAME=VALUE,…`.
fn limits(list: &[String]) -> Result<Vec<AgentLimit>, Error> {
    let mut limits = Vec::new();
    for text in list {
        let names: Vec<&str> = Limit::ALL.iter().map(|limit| limit.name()).collect();
        let fail = |what: &str| Error::Option {
            option: format!("--limit {text}"),
            why: format!(
                "{what}; an agent and limits are needed, as in --limit reader:gas=50000,io=10,memory=64KB; there are {}",
                names.join(", ")
            ),
        };
        let (agent, rows) = text.split_once(':').ok_or_else(|| fail("no agent is named"))?;
        for row in rows.split(',') {
            let (name, value) = row.split_once('=').ok_or_else(|| fail(&format!("`{row}` has no value")))?;
            let limit = Limit::from_name(name.trim());
            let limit = limit.ok_or_else(|| fail(&format!("there is no limit `{}`", name.trim())))?;
            let value = amount(value.trim()).ok_or_else(|| fail(&format!("`{value}` is no amount")))?;
            limits.push(AgentLimit { agent: agent.trim().to_owned(), limit, value });
        }
    }
    Ok(limits)
}

/// A number, or one of KB or MB.
fn amount(text: &str) -> Option<u64> {
    let (digits, unit) = match text {
        text if text.ends_with("KB") => (text.strip_suffix("KB")?, 1 << 10),
        text if text.ends_with("MB") => (text.strip_suffix("MB")?, 1 << 20),
        text => (text, 1),
    };
    digits.trim().parse::<u64>().ok()?.checked_mul(unit)
}

/// What the kernel is told of a run.
fn settings(request: &Request, config: &Config) -> Result<flux_system::Config, Error> {
    if request.clock == ClockMode::Simulated && !request.links.peers.is_empty() {
        return Err(Error::Option {
            option: "--peer".into(),
            why: "other kernels go by the machine's clock; add --realtime".into(),
        });
    }
    Ok(flux_system::Config {
        documents: request
            .documents
            .iter()
            .map(|source| (source.name.clone(), source.compiled().to_vec()))
            .collect(),
        parameters: config.merged(&pairs("--set", &request.set, "threshold=30")?),
        seed: request.seed,
        gas: request.gas,
        duration_ns: request.duration_ns,
        clock: request.clock,
        level: request.level,
        trace: request.trace,
        profile: request.profile.is_some(),
        links: request.links.for_kernel()?,
        limits: limits(&request.limits)?,
        ..flux_system::Config::default()
    })
}

fn boot_with(
    request: &Request,
    config: &Config,
    settings: &flux_system::Config,
    options: Options,
    sink: &mut dyn LogSink,
) -> Result<System, RunError> {
    let host = flux_hal::arch::native::Machine::new();
    let platform = Platform {
        name: format!("hosted on {}", std::env::consts::OS),
        simulated: simulated(request)?,
        devices: match request.clock {
            ClockMode::Real => Some(real_devices(config)?),
            ClockMode::Simulated => None,
        },
        files: match request.files.as_ref().or(config.files.as_ref()) {
            Some(path) => Some(folder(path)?),
            None => None,
        },
        hardware: host.hardware().ok(),
        compiler: Box::new(KernelCompiler { options }),
    };
    System::boot(platform, settings, sink).map_err(|error| explain(error, request))
}

fn explain(error: BootError, request: &Request) -> RunError {
    match error {
        BootError::Documents(rejected) if rejected.iter().any(|one| !one.diagnostics.is_empty()) => {
            let sources: BTreeMap<&str, &Source> =
                request.documents.iter().map(|source| (source.name.as_str(), source)).collect();
            RunError::Documents(
                rejected
                    .into_iter()
                    .filter_map(|one| Some(((*sources.get(one.document.as_str())?).clone(), one.diagnostics)))
                    .collect(),
            )
        }
        BootError::Documents(rejected) => {
            let texts: Vec<String> =
                rejected.iter().map(|one| format!("{}: {}", one.document, one.error)).collect();
            RunError::Other(Error::Boot(texts.join("\n")))
        }
        other => RunError::Other(Error::Boot(other.to_string())),
    }
}

/// Packs a run into the archive that a booting kernel is given.
///
/// # Errors
/// [`Error::Option`] for an option that is not understood, [`Error::NotSupported`] for what the
/// archive can't carry, [`Error::Boot`] when it is over a limit.
pub fn pack(request: &Request, config: &Config) -> Result<Vec<u8>, Error> {
    if request.gas.is_some() {
        return Err(Error::NotSupported("--gas with flux boot; write `gas:` into the document".into()));
    }
    if let Some(sim) = request.sim.iter().find(|sim| sim.contains("csv(")) {
        return Err(Error::NotSupported(format!(
            "--sim {sim} with flux boot: files can't be taken on board"
        )));
    }
    // A mistake in a simulation is reported here, with the option, rather than by the machine.
    simulated(request)?;
    let archive = Archive {
        documents: request
            .documents
            .iter()
            .map(|source| Document { name: source.name.clone(), bytes: source.compiled().to_vec() })
            .collect(),
        parameters: config.merged(&pairs("--set", &request.set, "threshold=30")?),
        simulations: waves(request)?,
        seed: request.seed,
        duration_ns: request.duration_ns,
        clock: match request.clock {
            ClockMode::Simulated => RunClock::Simulated,
            ClockMode::Real => RunClock::Real,
        },
    };
    archive.encode().map_err(|error| Error::Boot(format!("these documents can't be packed: {error}")))
}
