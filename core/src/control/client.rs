//! The asking end of the socket.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use super::wire::{Answer, Request, RunInfo};
use super::{folder, process_of};
use crate::error::Error;

/// How long a run may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// The longest answer that is read: some hundred bytes for each of 65,536 agents.
const ANSWER_BYTES: u64 = 64 << 20;

/// A run that answers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Run {
    /// Its process.
    pub process: u32,
    path: PathBuf,
}

impl Run {
    /// Asks it something.
    ///
    /// # Errors
    /// [`Error::Control`] if it does not answer, or answers that it can't be done.
    pub fn ask(&self, request: &Request) -> Result<Answer, Error> {
        let failed =
            |why: String| Error::Control { what: format!("the run of process {}", self.process), why };
        let answered = self.exchange(request).map_err(|error| match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => {
                failed(format!("it did not answer within {} s", PATIENCE.as_secs()))
            }
            ErrorKind::UnexpectedEof => failed("it ended before it answered".into()),
            _ => failed(error.to_string()),
        })?;
        match answered {
            Answer::Failed(why) => Err(failed(why)),
            answer => Ok(answer),
        }
    }

    /// What it does.
    ///
    /// # Errors
    /// As [`Run::ask`].
    pub fn info(&self) -> Result<RunInfo, Error> {
        match self.ask(&Request::Agents)? {
            Answer::Agents(info) => Ok(info),
            _ => Err(Error::Control {
                what: format!("the run of process {}", self.process),
                why: "its answer is not understood; it may be of another version of flux".into(),
            }),
        }
    }

    fn exchange(&self, request: &Request) -> std::io::Result<Answer> {
        let mut stream = UnixStream::connect(&self.path)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut text = serde_json::to_string(request)?;
        text.push('\n');
        stream.write_all(text.as_bytes())?;
        let mut line = String::new();
        if BufReader::new(stream.take(ANSWER_BYTES)).read_line(&mut line)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        Ok(serde_json::from_str(&line)?)
    }
}

/// The runs of this user on this machine, by process. What a run left that was killed is taken away.
///
/// # Errors
/// [`Error::Control`] when the folder of the sockets can't be used.
pub fn runs() -> Result<Vec<Run>, Error> {
    let unusable = |why: String| Error::Control { what: "the sockets of runs".into(), why };
    let folder = folder().map_err(unusable)?;
    let entries = std::fs::read_dir(&folder).map_err(|error| unusable(error.to_string()))?;
    let mut found = Vec::new();
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        let Some(process) = process_of(&path) else { continue };
        match UnixStream::connect(&path) {
            Ok(_) => found.push(Run { process, path }),
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                let _ = std::fs::remove_file(&path);
            }
            // It ended just now, or it is busy with others.
            Err(_) => {}
        }
    }
    found.sort_by_key(|run| run.process);
    Ok(found)
}

/// The run that is meant: that of `process`, or the only one there is.
///
/// # Errors
/// [`Error::Control`] if there is none, or more than one and it is not said which.
pub fn find(process: Option<u32>) -> Result<Run, Error> {
    let all = runs()?;
    let numbers = || all.iter().map(|run| run.process.to_string()).collect::<Vec<_>>().join(", ");
    let none = "none is at work in real time; start one, as in `flux run apps/press.flux.md`";
    let (what, why) = match (process, all.as_slice()) {
        (None, [run]) => return Ok(run.clone()),
        (Some(process), _) => match all.iter().find(|run| run.process == process) {
            Some(run) => return Ok(run.clone()),
            None if all.is_empty() => (format!("the run of process {process}"), none.to_owned()),
            None => {
                let why = format!("there is none; at work are those of the processes {}", numbers());
                (format!("the run of process {process}"), why)
            }
        },
        (None, []) => ("runs of this user".to_owned(), none.to_owned()),
        (None, _) => {
            let why = format!("several are at work; say which by --run: {}", numbers());
            ("runs of this user".to_owned(), why)
        }
    };
    Err(Error::Control { what, why })
}
