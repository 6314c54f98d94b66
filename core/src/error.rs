//! Why something that a person asked for could not be done.

use std::path::PathBuf;

/// An error for people: what, where, and what to do next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read.
    #[error("can't read {}: {why}; {advice}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
        /// What to do.
        advice: String,
    },
    /// A file could not be written.
    #[error("can't write {}: {why}; check the folder, its permissions and the space left", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        why: String,
    },
    /// A document does not compile; the diagnostics say why.
    #[error("{name}: {errors} {}", if *errors == 1 { "error" } else { "errors" })]
    Document {
        /// The document.
        name: String,
        /// Number of errors.
        errors: usize,
    },
    /// A module file is damaged or not accepted.
    #[error("{name}: {why}")]
    Module {
        /// The file.
        name: String,
        /// What is wrong with it, where.
        why: String,
    },
    /// The configuration file holds something that can't be used.
    #[error("{}: {}; mend the file, or name another one with --config FILE", path.display(), why.trim_end())]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong, where.
        why: String,
    },
    /// An option's value can't be used.
    #[error("{option}: {why}")]
    Option {
        /// The option, as typed.
        option: String,
        /// What is wrong with it, and what would be right.
        why: String,
    },
    /// A layout would change what a document means.
    #[error(
        "{name}: the layout would change what the document means, so it is left as it is; this is a fault of flux fmt, please report it with the document"
    )]
    Layout {
        /// The document.
        name: String,
    },
    /// The kernel refused to start or to go on.
    #[error("{0}")]
    Boot(String),
    /// A run of another process can't be reached, or can't do what it is asked for.
    #[error("{what}: {why}")]
    Control {
        /// Which run.
        what: String,
        /// What is wrong, and what to do.
        why: String,
    },
    /// The key that this kernel is known by can't be used.
    #[error("{what}: {why}")]
    Key {
        /// Which key.
        what: String,
        /// What is wrong with it, and what to do.
        why: String,
    },
    /// Links to other kernels can't be had as they are configured.
    #[error("{what}: {why}")]
    Link {
        /// What of the configuration.
        what: String,
        /// What is wrong with it, and what to do.
        why: String,
    },
    /// The editor broke the protocol or went away.
    #[error("language server: {why}")]
    Editor {
        /// What happened.
        why: String,
    },
    /// This version can't do it yet.
    #[error("not supported yet: {0}")]
    NotSupported(String),
}

impl Error {
    /// What is wrong and what to do, without the place.
    #[must_use]
    pub fn reason(&self) -> String {
        match self {
            Self::Read { why, advice, .. } => format!("{why}; {advice}"),
            other => other.to_string(),
        }
    }

    /// The stable code that scripts can match.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Read { .. } => "F0001",
            Self::Write { .. } => "F0002",
            Self::Document { .. } => "F0003",
            Self::Module { .. } => "F0004",
            Self::Config { .. } => "F0005",
            Self::Option { .. } => "F0006",
            Self::Boot(_) => "F0007",
            Self::Layout { .. } => "F0009",
            Self::Editor { .. } => "F0008",
            Self::Control { .. } => "F0010",
            Self::Key { .. } => "F0011",
            Self::Link { .. } => "F0012",
            Self::NotSupported(_) => "F0099",
        }
    }
}
