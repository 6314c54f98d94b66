//! What a refused call says to people, beside the status that programs see.

use alloc::boxed::Box;
use alloc::string::String;

use flux_abi::capability::CapabilityKind;
use flux_abi::status::Status;
use flux_isa::ModuleError;
use flux_verify::VerifyError;
use flux_vm::LoadError;

use crate::compile::CompileError;
use crate::devices::OpenError;

/// Why a call was refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum KernelError {
    /// The document could not be compiled at all.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// The document has mistakes; the diagnostics name them.
    #[error("`{document}` has {errors} mistakes; correct what the diagnostics name")]
    Diagnostics {
        /// The document.
        document: String,
        /// How many.
        errors: usize,
    },
    /// The bytes are no module file.
    #[error("not a module file: {0}")]
    Module(ModuleError),
    /// The verifier refuses the module.
    #[error("the module is refused: {0}")]
    Verify(VerifyError),
    /// The module can't be loaded.
    #[error("the module can't be loaded: {0}")]
    Load(LoadError),
    /// No place for another module.
    #[error("{limit} modules are loaded, which is the most there can be")]
    ModulesFull {
        /// Places.
        limit: usize,
    },
    /// Modules stand in modules too deep.
    #[error("modules stand more than {limit} deep in each other")]
    ModulesNested {
        /// Levels.
        limit: usize,
    },
    /// Two agents have one name.
    #[error("two agents are named `{name}`; rename one, since names are how agents reach each other")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// The module has no agent name and none was given.
    #[error("the agent has no name; give it one with `name:` in ## Agent")]
    NoName,
    /// The agent can't be registered.
    #[error("agent {name} can't be registered: {} ({})", status.meaning(), status.name())]
    Register {
        /// The name.
        name: String,
        /// Why.
        status: Status,
    },
    /// A device of the agent can't be had.
    #[error("agent {agent}: {error}")]
    Device {
        /// The agent.
        agent: String,
        /// What is wrong.
        error: Box<OpenError>,
    },
    /// The agent uses something it does not declare.
    #[error("agent {agent} uses {object} without {kind}; add {kind} to its capabilities", kind = kind.name())]
    Undeclared {
        /// The agent.
        agent: String,
        /// What it uses.
        object: String,
        /// What it lacks.
        kind: CapabilityKind,
    },
    /// A handle for the agent can't be made.
    #[error("agent {agent} can't be given {object}: {} ({})", status.meaning(), status.name())]
    Grant {
        /// The agent.
        agent: String,
        /// What for.
        object: String,
        /// Why.
        status: Status,
    },
    /// Another program can't take the place of the agent's.
    #[error("agent {agent} keeps its program: {reason}")]
    Swap {
        /// The agent.
        agent: String,
        /// What a program sees.
        status: Status,
        /// Why.
        reason: String,
    },
    /// The agent can't be started.
    #[error("agent {agent} can't be started: {reason}")]
    Start {
        /// The agent.
        agent: String,
        /// Why.
        reason: String,
    },
}

impl KernelError {
    /// The status that a program sees.
    pub fn status(&self) -> Status {
        match self {
            Self::Compile(CompileError::TooLarge { .. }) => Status::Overflow,
            Self::Compile(CompileError::Service { .. }) | Self::Start { .. } => Status::General,
            Self::Diagnostics { .. } | Self::Module(_) | Self::Verify(_) | Self::Load(_) | Self::NoName => {
                Status::Invalid
            }
            Self::ModulesFull { .. } => Status::Busy,
            Self::ModulesNested { .. } => Status::Overflow,
            Self::NameTaken { .. } => Status::Exists,
            Self::Register { status, .. } | Self::Grant { status, .. } | Self::Swap { status, .. } => *status,
            Self::Device { .. } => Status::NotFound,
            Self::Undeclared { .. } => Status::Denied,
        }
    }
}

/// A refused system call: the status for the program, the error for whoever calls from Rust.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// What R61 shows.
    pub status: Status,
    /// What R16 shows: the bytes needed where a buffer was too small, else 0.
    pub value: u64,
    /// What happened, where more can be said than the status.
    pub error: Option<Box<KernelError>>,
}

impl From<Status> for Refusal {
    fn from(status: Status) -> Self {
        Self { status, value: 0, error: None }
    }
}

impl From<KernelError> for Refusal {
    fn from(error: KernelError) -> Self {
        Self { status: error.status(), value: 0, error: Some(Box::new(error)) }
    }
}
