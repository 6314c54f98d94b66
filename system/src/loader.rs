//! Process 2: takes documents through COMPILE, BC_LOAD and BC_EXEC, and compiled modules through the last two.
//!
//! It is started with all kinds and keeps no right over an agent beyond KILL; it ends when the
//! agents are started.
//!
//! # Invariants
//! 1. All agents are registered by name before the first step of any of them.
//! 2. An error anywhere means that no agent runs.

use alloc::boxed::Box;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use flux_abi::capability::CapabilitySet;
use flux_abi::select::LogLevel;
use flux_abi::status::Status;
use flux_abi::syscall::Syscall;
use flux_agent::Runtime;
use flux_agent::parameters::{self, ParameterError};
use flux_fluxc::Sources;
use flux_fluxc::diag::{Diagnostic, Severity, codes};
use flux_fluxc::span::LineTable;
use flux_hal::Stream;
use flux_isa::Module;
use flux_isa::file::MAGIC;
use flux_kcore::capability::{Grant, Handle};
use flux_kcore::id::{AgentId, ProcessId};
use flux_kcore::runtime::Exit;
use flux_kcore::swap::Policy;
use flux_kernel::error::{KernelError, Refusal};
use flux_kernel::exchange::{SwapRequest, SwapRules};
use flux_kernel::kernel::Kernel;
use flux_kernel::user_memory::{NativeMemory, UserMemory, Words, words};

use crate::config::{AgentLimit, Config};
use crate::error::{BootError, Rejected};

/// A compiled agent on its way.
struct Compiled {
    document: String,
    bytes: Vec<u8>,
    module: Module,
}

impl Compiled {
    fn set_gas(&mut self, gas: u64) {
        self.module.meta.gas = gas;
        self.bytes = self.module.encode();
    }
}

struct Loader<'k> {
    kernel: &'k mut Kernel<Runtime>,
    agent: AgentId,
    root: Handle,
    memory: NativeMemory,
    remarks: Vec<(String, Vec<Diagnostic>)>,
}

/// Output that is offered for a document at first: this many bytes for each of its own …
const OUTPUT_FACTOR: usize = 8;
/// … and this many more.
const OUTPUT_BASE: usize = 64 << 10;

/// Compiles, loads and executes the documents of `config`; what the compiler remarked, by document.
///
/// # Errors
/// What is wrong with them, all documents together where that is possible.
pub(crate) fn load(
    kernel: &mut Kernel<Runtime>,
    config: &Config,
) -> Result<Vec<(String, Vec<Diagnostic>)>, BootError> {
    if config.documents.is_empty() {
        return Err(BootError::NoDocument);
    }
    let refused = |status| BootError::Kernel { what: "the loader", status };
    let (_, agent, root) = kernel.native_process("loader", Grant::ROOT).map_err(refused)?;
    let mut loader = Loader { kernel, agent, root, memory: NativeMemory::new(), remarks: Vec::new() };
    let result = loader.run(config).map(|()| core::mem::take(&mut loader.remarks));
    // What the loader holds goes with it; the handles of the agents stay.
    loader.kernel.end_native(agent, Exit::Stopped(0));
    result
}

/// A new version of a document, for the agents that run the old one.
#[derive(Clone, Copy, Debug)]
pub struct Replacement<'d> {
    /// Name of the document, as traps and the log call it.
    pub name: &'d str,
    /// The document with all that it depends on, or a compiled module.
    pub source: &'d [u8],
    /// The one agent that it is for; without one it is for all that it describes.
    pub agent: Option<&'d str>,
    /// What shall be done.
    pub effect: Effect,
    /// What it may do to state and messages.
    pub rules: SwapRules,
}

/// What a replacement does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Effect {
    /// The agents go on with the new program from their next safe point on.
    Swap(Policy),
    /// It is only told whether they could.
    Check,
}

/// What became of an agent of a document that took the place of another version.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Replaced {
    /// Its program could be swapped.
    Fits {
        /// The agent.
        agent: String,
    },
    /// Its program is swapped at its next safe point; the log tells of it.
    Asked {
        /// The agent.
        agent: String,
    },
    /// It runs this program already.
    Same {
        /// The agent.
        agent: String,
    },
    /// It keeps its program.
    Refused {
        /// The agent.
        agent: String,
        /// Why.
        reason: String,
    },
    /// No agent of this name runs.
    Missing {
        /// The agent.
        agent: String,
    },
}

/// Compiles a new version of a document and swaps it into the agents that run the old one.
///
/// # Errors
/// What is wrong with the document.
pub(crate) fn replace(
    kernel: &mut Kernel<Runtime>,
    config: &Config,
    replacement: &Replacement<'_>,
) -> Result<Vec<Replaced>, BootError> {
    let Replacement { name, source, agent: only, effect, rules } = *replacement;
    let refused = |status| BootError::Kernel { what: "the loader", status };
    let (agent, root) = kernel.native_agent("loader", ProcessId::KERNEL, Grant::ROOT).map_err(refused)?;
    let mut loader = Loader { kernel, agent, root, memory: NativeMemory::new(), remarks: Vec::new() };
    let is_module = source.starts_with(&MAGIC);
    let compiled = if is_module { read_module(name, source) } else { loader.compile(name, source) };
    let result = compiled.map_err(|rejected| BootError::Documents(alloc::vec![rejected])).and_then(|all| {
        loader.check_parameters(config, &all)?;
        let wanted = all.iter().filter(|one| only.is_none_or(|only| one.module.meta.name == only));
        Ok(wanted.map(|one| loader.replace(config, one, (effect, rules))).collect())
    });
    loader.kernel.end_native(agent, Exit::Stopped(0));
    result
}

impl Loader<'_> {
    /// Swaps one agent's program.
    fn replace(&mut self, config: &Config, one: &Compiled, (effect, rules): (Effect, SwapRules)) -> Replaced {
        let agent = one.module.meta.name.clone();
        let Some(running) = self.kernel.core().shard().find(&agent) else {
            return Replaced::Missing { agent };
        };
        self.memory.clear();
        let length = u64::try_from(one.bytes.len()).unwrap_or(u64::MAX);
        let root = self.root.word();
        let loaded = self.memory.place(&one.bytes).map_err(Refusal::from);
        let loaded = loaded.and_then(|bytes| self.call(Syscall::BcLoad, [root, bytes, length, 0]));
        let program = loaded.and_then(|word| Ok(self.kernel.program(self.agent, word)?));
        let program = match program {
            Ok(program) => program,
            Err(refusal) => return Replaced::Refused { reason: detail(refusal, &agent).to_string(), agent },
        };
        if self.kernel.core().runs(running, &program) {
            return Replaced::Same { agent };
        }
        let parameters =
            own_parameters(config, &one.module).map(|(name, text)| (name.to_string(), text.to_string()));
        let wanted = SwapRequest {
            agent: running,
            program,
            document: one.document.clone(),
            parameters: parameters.collect(),
            grants: self.root,
            rules,
            policy: match effect {
                Effect::Swap(policy) => policy,
                Effect::Check => Policy::USUAL,
            },
        };
        let done = match effect {
            Effect::Swap(_) => self.kernel.swap(self.agent, self.root, wanted),
            Effect::Check => self.kernel.check_swap(self.agent, self.root, &wanted),
        };
        match (done, effect) {
            (Ok(()), Effect::Swap(_)) => Replaced::Asked { agent },
            (Ok(()), Effect::Check) => Replaced::Fits { agent },
            (Err(KernelError::Swap { agent, reason, .. }), _) => Replaced::Refused { agent, reason },
            (Err(error), _) => Replaced::Refused { agent, reason: error.to_string() },
        }
    }

    fn run(&mut self, config: &Config) -> Result<(), BootError> {
        let mut compiled = Vec::new();
        let mut rejected = Vec::new();
        let mut outlines = Vec::new();
        let mut libraries = Vec::new();
        for (name, source) in &config.documents {
            let is_module = source.starts_with(&MAGIC);
            let modules = if is_module { read_module(name, source) } else { self.compile(name, source) };
            let mut outline = self.kernel.take_outline();
            match modules {
                Ok(modules) => {
                    if is_module {
                        modules.iter().for_each(|one| outline.add_module(&one.module));
                    }
                    if outline.is_library() {
                        libraries.push(name.clone());
                    } else {
                        compiled.extend(modules);
                    }
                }
                Err(one) => rejected.push(one),
            }
            outlines.push(outline);
        }
        if !rejected.is_empty() {
            return Err(BootError::Documents(rejected));
        }
        if compiled.is_empty() {
            return Err(BootError::OnlyLibraries { documents: libraries });
        }
        for name in libraries {
            let text = alloc::format!("{name}: a library, so no agent of it starts");
            self.kernel.record(Stream::Boot, LogLevel::Warning, &text);
        }
        let warnings = flux_fluxc::check_targets(&outlines.iter().collect::<Vec<_>>());
        for ((name, source), mut rows) in config.documents.iter().zip(warnings) {
            // Whoever is not here is looked for in other kernels.
            rows.retain(|row| config.links.peers.is_empty() || row.code != codes::TARGET_UNKNOWN);
            self.remark(name, source, rows);
        }
        self.check_parameters(config, &compiled)?;
        if let Some(gas) = config.gas {
            compiled.iter_mut().for_each(|one| one.set_gas(gas));
        }
        for one in &compiled {
            self.execute(config, one)
                .map_err(|error| BootError::Agent { document: one.document.clone(), error })?;
        }
        for AgentLimit { agent, limit, value } in &config.limits {
            let found = self.kernel.core().shard().find(agent).ok_or(Status::NotFound);
            found.and_then(|found| self.kernel.limit(found, *limit, *value)).map_err(|status| {
                BootError::Limit {
                    agent: agent.clone(),
                    limit: limit.name(),
                    meaning: limit.meaning(),
                    status,
                }
            })?;
        }
        // The first error names its agent; where it came from is of no more help.
        self.kernel
            .start_pending()
            .map_err(|error| BootError::Agent { document: String::from("start"), error })
    }

    fn call(&mut self, call: Syscall, arguments: [u64; 4]) -> Result<u64, Refusal> {
        self.kernel.syscall(self.agent, call.number(), arguments, &mut self.memory)
    }

    fn compile(&mut self, name: &str, source: &[u8]) -> Result<Vec<Compiled>, Rejected> {
        let offered = source.len().saturating_mul(OUTPUT_FACTOR).saturating_add(OUTPUT_BASE);
        let (first, needed) = self.compile_into(name, source, offered);
        let result = match first {
            Err(Refusal { status: Status::Overflow, error: None, .. }) => {
                self.kernel.take_diagnostics();
                self.compile_into(name, source, usize::try_from(needed).unwrap_or(usize::MAX)).0
            }
            result => result,
        };
        let diagnostics: Vec<_> =
            self.kernel.take_diagnostics().into_iter().flat_map(|(_, diagnostics)| diagnostics).collect();
        self.memory.clear();
        match result {
            Ok(modules) => {
                self.remark(name, source, diagnostics);
                Ok(modules)
            }
            Err(refusal) => {
                let error = Box::new(detail(refusal, name));
                Err(Rejected { document: name.to_string(), diagnostics, error })
            }
        }
    }

    /// Says what the compiler remarked on a document that it took.
    fn remark(&mut self, name: &str, source: &[u8], diagnostics: Vec<Diagnostic>) {
        let sources = Sources::new(source, name);
        for diagnostic in &diagnostics {
            let (file, text) = match &sources {
                Ok(sources) => sources.document(diagnostic.source),
                Err(_) => (name, source),
            };
            // Few documents have a remark, and few remarks.
            let lines = LineTable::new(core::str::from_utf8(text).unwrap_or_default());
            let (level, word) = match diagnostic.severity() {
                Severity::Note => (LogLevel::Info, "note: "),
                _ => (LogLevel::Warning, ""),
            };
            let line = lines.line(diagnostic.span.start);
            let text = alloc::format!("{file}:{line}: {word}{} ({})", diagnostic.message, diagnostic.code);
            self.kernel.record(Stream::Boot, level, &text);
        }
        match self.remarks.iter_mut().find(|(document, _)| document == name) {
            Some((_, remarks)) => remarks.extend(diagnostics),
            None => self.remarks.push((name.to_string(), diagnostics)),
        }
    }

    /// One COMPILE call; also how many bytes its output takes.
    fn compile_into(
        &mut self,
        name: &str,
        source: &[u8],
        capacity: usize,
    ) -> (Result<Vec<Compiled>, Refusal>, u64) {
        self.memory.clear();
        let mut needed = 0;
        let result = self.try_compile(name, source, capacity, &mut needed);
        (result, needed)
    }

    fn try_compile(
        &mut self,
        name: &str,
        source: &[u8],
        capacity: usize,
        needed: &mut u64,
    ) -> Result<Vec<Compiled>, Refusal> {
        let source_at = self.memory.place(source)?;
        let name_at = self.memory.place(name.as_bytes())?;
        let output = self.memory.reserve(capacity)?;
        let length = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
        let record = self.memory.place(&words(&[
            source_at,
            length(source.len()),
            name_at,
            length(name.len()),
            output,
            length(capacity),
            0,
            0,
        ]))?;
        let count = self.call(Syscall::Compile, [self.root.word(), record, 0, 0]);
        *needed = Words::<8>::read(&self.memory, record)?.get(7);
        let mut modules = Vec::new();
        let mut at = output;
        for _ in 0..count? {
            let length = Words::<1>::read(&self.memory, at)?.get(0);
            let bytes = self.memory.read(at.saturating_add(8), length)?.to_vec();
            let module = Module::decode(&bytes).map_err(KernelError::Module)?;
            modules.push(Compiled { document: name.to_string(), bytes, module });
            at = at.saturating_add(8).saturating_add(length.next_multiple_of(8));
        }
        Ok(modules)
    }

    /// Every parameter has a value of its type, and every `--set` has a parameter.
    fn check_parameters(&self, config: &Config, compiled: &[Compiled]) -> Result<(), BootError> {
        let mut errors: Vec<ParameterError> = Vec::new();
        let mut known: Vec<String> = Vec::new();
        let children = compiled.iter().flat_map(|one| descendants(&one.module));
        let children: Vec<Module> = children.collect();
        for module in compiled.iter().map(|one| &one.module).chain(&children) {
            let agent = &module.meta.name;
            for parameter in &module.parameters {
                let name = &parameter.name;
                known.push(name.clone());
                let given = given(config, name);
                if let Err(error) = parameters::bind(agent, parameter, given, built_in(config, name)) {
                    errors.push(error);
                }
            }
        }
        if !errors.is_empty() {
            return Err(BootError::Parameters(errors));
        }
        known.sort();
        known.dedup();
        let always = |name: &str| built_in(config, name).is_some();
        let unknown = config.parameters.iter().find(|(name, _)| !known.contains(name) && !always(name));
        match unknown {
            Some((name, _)) => Err(BootError::UnknownParameter { name: name.clone(), known }),
            None => Ok(()),
        }
    }

    fn execute(&mut self, config: &Config, one: &Compiled) -> Result<(), KernelError> {
        let name = &one.module.meta.name;
        self.memory.clear();
        let result = self.try_execute(config, one).map_err(|refusal| detail(refusal, name));
        if result.is_ok() {
            self.announce(one);
        }
        result
    }

    fn try_execute(&mut self, config: &Config, one: &Compiled) -> Result<(), Refusal> {
        let length = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
        let root = self.root.word();
        let bytes = self.memory.place(&one.bytes)?;
        let module = self.call(Syscall::BcLoad, [root, bytes, length(one.bytes.len()), 0])?;
        let mut block = String::new();
        for (name, text) in own_parameters(config, &one.module) {
            block.push_str(name);
            block.push('=');
            // A zero byte would end the piece; no type but str could hold one anyway.
            block.extend(text.chars().filter(|c| *c != '\0'));
            block.push('\0');
        }
        let document = self.memory.place(one.document.as_bytes())?;
        let parameters = self.memory.place(block.as_bytes())?;
        let record = self.memory.place(&words(&[
            module,
            root,
            0,
            0,
            document,
            length(one.document.len()),
            parameters,
            length(block.len()),
        ]))?;
        self.call(Syscall::BcExec, [root, module, record, 0]).map(drop)
    }

    /// Says on the boot stream what was loaded.
    fn announce(&mut self, one: &Compiled) {
        let identity = one.module.identity();
        let hash: String = identity.iter().take(8).map(|byte| alloc::format!("{byte:02x}")).collect();
        let text = alloc::format!(
            "  {} → agent {}: {} bytes, sha256 {hash}…, {}",
            one.document,
            one.module.meta.name,
            one.bytes.len(),
            kinds(one.module.capabilities)
        );
        self.kernel.record(Stream::Boot, LogLevel::Info, &text);
    }
}

/// A module that was compiled before.
fn read_module(name: &str, bytes: &[u8]) -> Result<Vec<Compiled>, Rejected> {
    match Module::decode(bytes) {
        Ok(module) => Ok(alloc::vec![Compiled { document: name.to_string(), bytes: bytes.to_vec(), module }]),
        Err(error) => Err(Rejected {
            document: name.to_string(),
            diagnostics: Vec::new(),
            error: Box::new(KernelError::Module(error)),
        }),
    }
}

/// The modules that stand in a module, at any depth.
fn descendants(module: &Module) -> Vec<Module> {
    let mut all = Vec::new();
    // One that can't be read is refused when the module is loaded.
    let mut open: Vec<Module> =
        module.children.iter().filter_map(|child| Module::decode(&child.module).ok()).collect();
    while let Some(module) = open.pop() {
        open.extend(module.children.iter().filter_map(|child| Module::decode(&child.module).ok()));
        all.push(module);
    }
    all
}

/// What a refusal says, or at least what its status means.
fn detail(refusal: Refusal, name: &str) -> KernelError {
    match refusal.error {
        Some(error) => *error,
        None => KernelError::Start { agent: name.to_string(), reason: refusal.status.meaning().to_string() },
    }
}

/// Names of capability kinds, for people.
fn kinds(set: CapabilitySet) -> String {
    let names: Vec<&str> = set.iter().map(flux_abi::capability::CapabilityKind::name).collect();
    if names.is_empty() { String::from("no capabilities") } else { names.join(" ") }
}

/// The parameters of a module that the run gives a value.
fn own_parameters<'m>(config: &'m Config, module: &'m Module) -> impl Iterator<Item = (&'m str, &'m str)> {
    module.parameters.iter().filter_map(|parameter| {
        let name = parameter.name.as_str();
        let default = parameter.default.is_none().then(|| built_in(config, name)).flatten();
        Some((name, given(config, name).or(default)?))
    })
}

fn given<'c>(config: &'c Config, name: &str) -> Option<&'c str> {
    let set = config.parameters.iter().rev().find(|(other, _)| other == name);
    set.map(|(_, text)| text.as_str())
}

fn built_in<'c>(config: &'c Config, name: &str) -> Option<&'c str> {
    match name {
        "device_id" => Some(&config.device_id),
        "location" => Some(&config.location),
        _ => None,
    }
}
