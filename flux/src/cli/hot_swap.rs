//! `flux hot-swap`: a new program for the agents of a run that goes on.

use std::path::Path;
use std::time::{Duration, Instant};

use flux_core::Level;
use flux_core::compile;
use flux_core::control::{self, Answer, Outcome as SwapOutcome, Request, Run, SwapResult};
use flux_core::error::Error;
use flux_core::source::Source;

use super::args::{Format, HotSwapArguments};
use super::progress::Progress;
use super::terminal::Terminal;
use super::{Outcome, check};

/// A pause between two looks at agents that are being swapped.
const PAUSE: Duration = Duration::from_millis(50);

/// An agent reaches its safe point or not within a second; a busy machine may tell of it later.
const TO_SAFE_POINT: Duration = Duration::from_secs(10);

/// Probation ends within ten times ten seconds, after the safe point was reached.
const TO_THE_END: Duration = Duration::from_secs(120);

pub(crate) fn hot_swap(arguments: &HotSwapArguments, terminal: &Terminal) -> Result<Outcome, Error> {
    if arguments.device.is_some() {
        return Err(Error::NotSupported("--device; without it a run on this machine is changed".into()));
    }
    let source = Source::runnable(&arguments.file)?;
    if !source.is_module() {
        refuse_errors(&source, terminal)?;
    }
    let run = control::find(arguments.run)?;
    let path = std::path::absolute(&arguments.file).unwrap_or_else(|_| arguments.file.clone());
    let request = Request::Swap {
        path: text(&path)?,
        agent: arguments.agent.clone(),
        verify_only: arguments.verify_only,
        drop_unfit: arguments.drop_unfit,
        lossy_way_back: arguments.lossy_way_back,
    };
    // Where they stood before tells a swap that ended at once from one that never began.
    let before = run.info()?;
    let Answer::Swap(mut results) = run.ask(&request)? else {
        return Err(Error::Control {
            what: format!("the run of process {}", run.process),
            why: "its answer is not understood; it may be of another version of flux".into(),
        });
    };
    if results.is_empty() {
        let wanted = arguments.agent.as_deref().unwrap_or("any");
        return Err(Error::Option {
            option: format!("--agent-id {wanted}"),
            why: format!("{} describes no agent of this name", source.name),
        });
    }
    let mut ends: Vec<End> = results.iter().map(End::of).collect();
    let asked = results.iter().any(|result| result.outcome == SwapOutcome::Asked);
    if asked {
        follow(&run, &before, &results, &mut ends, arguments.wait, terminal)?;
    }
    for (result, end) in results.iter_mut().zip(&ends) {
        show(result, end, &run, terminal);
    }
    Ok(if ends.iter().all(End::is_good) { Outcome::Done } else { Outcome::AtFault })
}

/// Errors of the document are shown here, with its text, rather than told by the run.
fn refuse_errors(source: &Source, terminal: &Terminal) -> Result<(), Error> {
    let compiled = compile::documents(std::slice::from_ref(source), Level::default());
    for one in &compiled {
        if one.errors > 0 {
            check::show(source, &one.diagnostics, terminal);
            return Err(Error::Document { name: source.name.clone(), errors: one.errors });
        }
    }
    Ok(())
}

fn text(path: &Path) -> Result<String, Error> {
    path.to_str().map(str::to_owned).ok_or_else(|| Error::Read {
        path: path.to_owned(),
        why: "its name is not UTF-8 text".into(),
        advice: "rename the file".into(),
    })
}

/// How the swap of an agent stands when the command ends.
#[derive(Clone, Debug, Eq, PartialEq)]
enum End {
    /// As the run said at once.
    Told(SwapOutcome),
    /// The new program runs, on probation.
    Probation,
    /// The new program stays.
    Stays,
    /// The agent goes on with the old program.
    Back,
    /// The agent is gone.
    Gone,
    /// Not known: it takes longer than it should.
    Open,
}

impl End {
    const fn of(result: &SwapResult) -> Self {
        Self::Told(result.outcome)
    }

    const fn is_good(&self) -> bool {
        matches!(self, Self::Told(SwapOutcome::Fits | SwapOutcome::Same) | Self::Probation | Self::Stays)
    }
}

/// Looks at the agents until each has its new program or keeps the old one; until probation is over if `wait` says so.
fn follow(
    run: &Run,
    before: &control::RunInfo,
    results: &[SwapResult],
    ends: &mut [End],
    wait: bool,
    terminal: &Terminal,
) -> Result<(), Error> {
    let start = Instant::now();
    let patience = if wait { TO_THE_END } else { TO_SAFE_POINT };
    let mut progress = Progress::over(u64::try_from(patience.as_millis()).unwrap_or(u64::MAX), terminal);
    loop {
        let info = run.info()?;
        let mut open = false;
        for (result, end) in results.iter().zip(ends.iter_mut()) {
            if result.outcome != SwapOutcome::Asked {
                continue;
            }
            let old = before.agents.iter().rev().find(|agent| agent.name == result.agent && agent.alive);
            let now = info.agents.iter().rev().find(|agent| agent.name == result.agent && agent.alive);
            *end = match (now, old) {
                (Some(now), _) if now.swap == "asked" => End::Open,
                (Some(now), _) if now.swap == "probation" => End::Probation,
                (Some(now), Some(old)) if now.version == old.version => End::Back,
                (Some(_), _) => End::Stays,
                (None, _) => End::Gone,
            };
            open |= *end == End::Open || (wait && *end == End::Probation);
        }
        if !open || start.elapsed() > patience {
            return Ok(());
        }
        let told = if ends.contains(&End::Open) { "waits for a safe point" } else { "on probation" };
        progress.reach(u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX), told);
        std::thread::sleep(PAUSE);
    }
}

fn show(result: &SwapResult, end: &End, run: &Run, terminal: &Terminal) {
    let word = match end {
        End::Told(SwapOutcome::Fits) => "fits",
        End::Told(SwapOutcome::Same) => "same",
        End::Told(SwapOutcome::Refused) => "refused",
        End::Told(SwapOutcome::Missing) => "missing",
        End::Told(SwapOutcome::Asked) | End::Open => "open",
        End::Probation => "probation",
        End::Stays => "stays",
        End::Back => "back",
        End::Gone => "gone",
    };
    let meaning = match end {
        End::Told(SwapOutcome::Fits) => "the new program fits; nothing was swapped".to_owned(),
        End::Told(SwapOutcome::Same) => "runs this program already".to_owned(),
        End::Told(SwapOutcome::Missing) => "no agent of this name runs there".to_owned(),
        End::Told(SwapOutcome::Refused) => {
            format!("keeps its program: {}", result.reason.as_deref().unwrap_or("no reason was given"))
        }
        End::Told(SwapOutcome::Asked) | End::Open => {
            format!("no answer yet; `flux top --run {}` shows what becomes of it", run.process)
        }
        End::Probation => "runs the new program, on probation: a trap brings the old one back".to_owned(),
        End::Stays => "runs the new program, which stays".to_owned(),
        End::Back => "goes on with the old program; the log of the run says why".to_owned(),
        End::Gone => "ended; the log of the run says why".to_owned(),
    };
    match terminal.format {
        Format::Table if end.is_good() => terminal.print(&format!("{}: {meaning}\n", result.agent)),
        Format::Table | Format::Quiet if !end.is_good() => {
            terminal.error_line(&format!("{}: {meaning}", result.agent));
        }
        Format::Table | Format::Quiet => {}
        Format::Json | Format::Ndjson => {
            let row = serde_json::json!({ "agent": result.agent, "swap": word, "text": meaning });
            terminal.print(&format!("{row}\n"));
        }
        Format::Tsv => terminal.row(&[&result.agent, word, &meaning]),
    }
}
