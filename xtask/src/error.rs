//! What a job can end in, and how a child process is run.

use std::process::Command;

/// Why a job failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A program that the job needs is not installed; the text says which and how to get it.
    #[error("{0}")]
    Missing(String),
    /// A child process ended with a failure.
    #[error("{program} ended with {status}")]
    Failed {
        /// The command line, for people.
        program: String,
        /// How it ended.
        status: std::process::ExitStatus,
    },
    /// A child process could not be started.
    #[error("can't start {program}: {source}; is it installed?")]
    NotStarted {
        /// The program's name.
        program: String,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// A check of this repository found faults; they were printed before.
    #[error("{0}")]
    Check(String),
    /// Reading or writing a file.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl Error {
    /// 2 when something must be installed first, else 1.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Missing(_) => 2,
            Self::Failed { .. } | Self::NotStarted { .. } | Self::Check(_) | Self::Io(_) => 1,
        }
    }
}

/// Runs a command with the terminal's streams; anything but success is an error.
pub(crate) fn run(command: &mut Command) -> Result<(), Error> {
    let status = command.status().map_err(|source| not_started(command, source))?;
    if status.success() { Ok(()) } else { Err(Error::Failed { program: shown(command), status }) }
}

/// Runs a command and returns what it printed; anything but success is an error.
pub(crate) fn stdout_of(command: &mut Command) -> Result<String, Error> {
    let output = command.output().map_err(|source| not_started(command, source))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(Error::Failed { program: shown(command), status: output.status })
    }
}

fn not_started(command: &Command, source: std::io::Error) -> Error {
    Error::NotStarted { program: command.get_program().to_string_lossy().into_owned(), source }
}

fn shown(command: &Command) -> String {
    let mut text = command.get_program().to_string_lossy().into_owned();
    for arg in command.get_args() {
        text.push(' ');
        text.push_str(&arg.to_string_lossy());
    }
    text
}
