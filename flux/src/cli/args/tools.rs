//! Arguments of the tools round a document: explanations, layout, configuration, the command itself.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use clap_complete::Shell;

/// Arguments of `flux explain`.
#[derive(Args, Debug)]
pub(crate) struct ExplainArguments {
    /// Code of a diagnostic, such as E0301 [default: a list of all]
    #[arg(value_name = "CODE")]
    pub(crate) code: Option<String>,
    /// Print every page as one Markdown document
    #[arg(long, conflicts_with = "code")]
    pub(crate) markdown: bool,
}

/// Actions of `flux config`.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigAction {
    /// Print the value of a key
    Get {
        /// Key, such as seed or devices.i2c:0x48
        key: String,
    },
    /// Write a value into the file, which keeps its comments
    Set {
        /// Key, such as seed or devices.i2c:0x48
        key: String,
        /// Value
        value: String,
    },
    /// Print every key, its value and where that comes from
    List,
    /// Take a key out of the file, or all of them
    Reset {
        /// Key [default: all]
        key: Option<String>,
        /// Do not ask before all keys are taken out
        #[arg(long)]
        yes: bool,
    },
}

/// Arguments of `flux completions`.
#[derive(Args, Debug)]
pub(crate) struct CompletionsArguments {
    /// Shell
    pub(crate) shell: Shell,
}

/// Arguments of `flux man`.
#[derive(Args, Debug)]
pub(crate) struct ManArguments {
    /// Folder to write a page for each command into [default: the page of flux to standard output]
    #[arg(value_name = "DIR")]
    pub(crate) folder: Option<PathBuf>,
    /// Print the reference of all commands as Markdown
    #[arg(long, conflicts_with = "folder")]
    pub(crate) markdown: bool,
}

/// Arguments of `flux fmt`.
#[derive(Args, Debug)]
pub(crate) struct FmtArguments {
    /// Documents
    #[arg(required_unless_present = "stdin", value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Write nothing, and fail if a layout is not canonical
    #[arg(long)]
    pub(crate) check: bool,
    /// Read a document from standard input and print its layout
    #[arg(long, conflicts_with = "files")]
    pub(crate) stdin: bool,
}

/// Arguments of `flux doc`.
#[derive(Args, Debug)]
pub(crate) struct DocArguments {
    /// Document
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Where to write [default: the document's name with .html]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// Arguments of `flux debug`.
#[derive(Args, Debug)]
pub(crate) struct DebugArguments {
    /// Documents, in the order in which their agents start
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) options: super::RunOptions,
}

/// Arguments of `flux new`.
#[derive(Args, Debug)]
pub(crate) struct NewArguments {
    /// Folder to make; its last part is the name of the project and its agent
    #[arg(value_name = "NAME")]
    pub(crate) name: PathBuf,
    /// What to begin with: sensor, actuator, agents, library
    #[arg(long, default_value = "sensor", value_name = "TEMPLATE")]
    pub(crate) template: String,
}
