//! Arguments of the commands that look at a run and change it.

use std::fmt;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// Arguments of `flux hot-swap`.
#[derive(Args, Debug)]
pub(crate) struct HotSwapArguments {
    /// The new version: a document or a compiled module (.fluxbc)
    pub(crate) file: PathBuf,
    /// Process of the run on this machine [default: the only one]
    #[arg(long, value_name = "PROCESS")]
    pub(crate) run: Option<u32>,
    /// Device of a fleet (not supported yet)
    #[arg(long, value_name = "DEVICE", conflicts_with = "run")]
    pub(crate) device: Option<String>,
    /// Only the agent of this name [default: all agents of the document]
    #[arg(long = "agent-id", value_name = "NAME")]
    pub(crate) agent: Option<String>,
    /// Tell whether it could be swapped, and swap nothing
    #[arg(long)]
    pub(crate) verify_only: bool,
    /// Swap although the new version no longer answers some messages: requests end in an ERROR, others are dead letters
    #[arg(long)]
    pub(crate) drop_unfit: bool,
    /// Swap although no way leads back to the old state: after a trap the old version goes on from the state that it
    /// had at the swap, and the log says how many messages that undoes
    #[arg(long)]
    pub(crate) lossy_way_back: bool,
    /// Wait until the new program has proved itself, or the old one is back
    #[arg(long, conflicts_with = "verify_only")]
    pub(crate) wait: bool,
}

/// Other kernels whose agents can be reached, and what they may reach.
#[derive(Args, Clone, Debug)]
pub(crate) struct LinkArguments {
    /// Another kernel: what it is called here, its key, and its address unless it connects by itself, as in
    /// yard=ed25519:KEY@192.0.2.7:7400. Agents that no document of the run has are looked for there; may be given
    /// several times
    #[arg(long = "peer", value_name = "NAME=KEY[@ADDRESS]")]
    pub(crate) peers: Vec<String>,
    /// Address and port at which these kernels can connect, as in 0.0.0.0:7400
    #[arg(long, value_name = "ADDRESS", requires = "peers")]
    pub(crate) listen: Option<String>,
    /// Agent that these kernels may send to; without any they reach none; may be given several times
    #[arg(long, value_name = "AGENT", requires = "peers")]
    pub(crate) share: Vec<String>,
    /// File of this kernel's key [default: link.key beside the configuration file; made if it is not there]
    #[arg(long = "link-key", value_name = "FILE", requires = "peers")]
    pub(crate) key: Option<PathBuf>,
}

/// What `flux link` does.
#[derive(Debug, Subcommand)]
pub(crate) enum LinkAction {
    /// Print what other kernels know this one by, for their --peer
    Key {
        /// File of the key [default: link.key beside the configuration file; made if it is not there]
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
    },
}

/// Arguments of `flux top`.
#[derive(Args, Debug)]
pub(crate) struct TopArguments {
    /// Process of the run on this machine [default: the only one]
    #[arg(long, value_name = "PROCESS")]
    pub(crate) run: Option<u32>,
    /// What the agents are sorted by
    #[arg(long, value_enum, default_value_t = Sort::Gas, value_name = "COLUMN")]
    pub(crate) sort: Sort,
    /// Seconds between two looks
    #[arg(long, default_value_t = 1.0, value_name = "SECONDS")]
    pub(crate) interval: f64,
    /// Print once and end, as it does where no terminal is
    #[arg(long)]
    pub(crate) once: bool,
}

/// Columns to sort by.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Sort {
    /// Gas used each second
    Gas,
    /// Memory in use
    Memory,
    /// Messages that wait
    Queue,
    /// Messages sent and taken
    Messages,
    /// Name
    Name,
}

impl Sort {
    /// The order that a key of `flux top` selects.
    pub(crate) const fn by_key(letter: char) -> Option<Self> {
        Some(match letter {
            'g' => Self::Gas,
            'm' => Self::Memory,
            'u' => Self::Queue,
            's' => Self::Messages,
            'n' => Self::Name,
            _ => return None,
        })
    }
}

impl fmt::Display for Sort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gas => "gas",
            Self::Memory => "memory",
            Self::Queue => "queue",
            Self::Messages => "messages",
            Self::Name => "name",
        })
    }
}
