//! The command line: one definition from which parser, help and completions come.

mod examples;
mod later;
mod live;
mod tools;

use std::path::PathBuf;

pub(crate) use later::Later;
pub(crate) use live::{HotSwapArguments, LinkAction, LinkArguments, Sort, TopArguments};
pub(crate) use tools::{
    CompletionsArguments, ConfigAction, DebugArguments, DocArguments, ExplainArguments, FmtArguments,
    ManArguments, NewArguments,
};

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Runs device programs written as Markdown documents, sandboxed, on anything.
#[derive(Debug, Parser)]
#[command(
    name = "flux",
    version,
    about = "FLUX OS: device programs as Markdown documents, compiled and run by a microkernel",
    after_help = "Begin with:  flux run apps/sensor.flux.md apps/alert.flux.md apps/cloud.flux.md \\\n                 \
                  --set threshold=30 --sim \"i2c:0x48=sine(25,10,60s)\" --for 5m",
    disable_help_subcommand = true
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) global: Global,
}

/// Options of every command.
#[derive(Args, Debug)]
pub(crate) struct Global {
    /// Configuration file [default: $XDG_CONFIG_HOME/flux/config.toml, then ~/.flux/config.toml]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Say more; up to three times
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// When to use colours [default: auto, or what the configuration says]
    #[arg(long, global = true, value_enum, value_name = "WHEN")]
    pub(crate) color: Option<When>,
    /// Shape of the output, tables for people, the others for programs [default: table, or what the
    /// configuration says]
    #[arg(long, global = true, value_enum, value_name = "FORMAT")]
    pub(crate) format: Option<Format>,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum When {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// Shape of the output.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Format {
    /// Text for people
    Table,
    /// One JSON document
    Json,
    /// One JSON object a line
    Ndjson,
    /// Tab-separated values
    Tsv,
    /// Nothing but errors
    Quiet,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Boot the hosted kernel, compile documents through it and run their agents
    #[command(after_help = examples::RUN)]
    Run(Later<RunArguments>),
    /// Report everything that is wrong with documents, and run nothing
    #[command(after_help = examples::CHECK)]
    Check {
        /// Documents
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Run the `## Test` sections of documents in simulated time
    #[command(after_help = examples::TEST)]
    Test(Later<TestArguments>),
    /// Compile documents to .fluxbc modules
    #[command(after_help = examples::BUILD)]
    Build(Later<BuildArguments>),
    /// Take a document, FIR text, assembly or bytecode through the pipeline, stage by stage
    #[command(after_help = examples::COMPILE)]
    Compile(Later<CompileArguments>),
    /// Assemble text into a .fluxbc module
    #[command(after_help = examples::ASM)]
    Asm {
        /// Assembly file
        file: PathBuf,
        /// Where to write [default: the file's name with .fluxbc]
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Leave out what the assembler adds: GAS_CHECK and entry records
        #[arg(long)]
        verbatim: bool,
    },
    /// Print a module as assembly that assembles to the same bytes
    #[command(after_help = examples::DISASM)]
    Disasm {
        /// Module
        file: PathBuf,
        /// Where to write [default: standard output]
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Show a module's sections, hash, capabilities, parameters and functions
    #[command(after_help = examples::INSPECT)]
    Inspect {
        /// Module
        file: PathBuf,
    },
    /// Swap the program of living agents of a run, with their state
    #[command(after_help = examples::HOT_SWAP)]
    HotSwap(Later<HotSwapArguments>),
    /// Show the agents of a run, live
    #[command(after_help = examples::TOP)]
    Top(Later<TopArguments>),
    /// Keys of the links between kernels
    #[command(subcommand, disable_help_subcommand = true, after_help = examples::LINK)]
    Link(LinkAction),
    /// Boot the real kernel in QEMU with documents on board
    #[command(after_help = examples::BOOT)]
    Boot(Later<BootArguments>),
    /// Make a project to begin with: a program, a README, a configuration
    #[command(after_help = examples::NEW)]
    New(Later<NewArguments>),
    /// Give documents their canonical layout; prose stays as it is
    #[command(after_help = examples::FMT)]
    Fmt(Later<FmtArguments>),
    /// Make an HTML page of a document with its compiled facts
    #[command(after_help = examples::DOC)]
    Doc(Later<DocArguments>),
    /// Run documents in simulated time under a debugger [default of --for: 1h]
    #[command(after_help = examples::DEBUG)]
    Debug(Later<DebugArguments>),
    /// Explain a diagnostic: what it means, an example, how to mend it
    #[command(after_help = examples::EXPLAIN)]
    Explain(Later<ExplainArguments>),
    /// Read and change the configuration file
    #[command(subcommand, disable_help_subcommand = true, after_help = examples::CONFIG)]
    Config(ConfigAction),
    /// Print the completions of a shell
    #[command(after_help = examples::COMPLETIONS)]
    Completions(Later<CompletionsArguments>),
    /// Print or write the manual pages
    #[command(after_help = examples::MAN)]
    Man(Later<ManArguments>),
    /// Serve an editor over standard input and output (Language Server Protocol)
    #[command(after_help = examples::LSP)]
    Lsp,
}

/// What agents are given and how long they run.
#[derive(Args, Clone, Debug)]
pub(crate) struct RunOptions {
    /// Value of a parameter of the documents, as in threshold=30; may be given several times
    #[arg(long = "set", value_name = "NAME=VALUE")]
    pub(crate) set: Vec<String>,
    /// What a simulated device gives: const(v), sine(mean, amplitude, period), ramp(from, to, time),
    /// square(low, high, period), noise(mean, sd), csv(file), fault(kind, at), joined by +; the device is
    /// named as in i2c:0x48, gpio:17 or adc:2, and one that is only written needs no wave
    #[arg(long, value_name = "DEVICE=WAVE")]
    pub(crate) sim: Vec<String>,
    /// Run for this long, as in 500ms, 30s, 5m or 1h30m [default: until it is interrupted, in real time]
    #[arg(long = "for", value_name = "TIME", value_parser = parse_duration)]
    pub(crate) duration: Option<i64>,
    /// Seed of every random choice [default: 1, or what the configuration says]
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Gas an agent may use between two pauses [default: 50000000, or what the document says]
    #[arg(long, value_name = "N")]
    pub(crate) gas: Option<u64>,
}

/// Arguments of `flux run`.
#[derive(Args, Debug)]
pub(crate) struct RunArguments {
    /// Documents and compiled modules (.fluxbc), in the order in which their agents start
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) options: RunOptions,
    /// Use the machine's clock, also with --for
    #[arg(long)]
    pub(crate) realtime: bool,
    /// Swap programs when a document is saved: agents go on with their State, messages and handles; what can't
    /// be swapped begins anew. While the new text has errors the run goes on as it was
    #[arg(long)]
    pub(crate) watch: bool,
    /// Folder whose files agents with FILESYSTEM may open [default: files in memory, gone at the end]
    #[arg(long = "files", value_name = "DIR")]
    pub(crate) files_in: Option<PathBuf>,
    /// Print the last instructions of an agent that traps
    #[arg(long)]
    pub(crate) trace: bool,
    /// Write a flame graph of the run as SVG: instructions by agent, section or function, and line
    #[arg(long, value_name = "FILE")]
    pub(crate) profile: Option<PathBuf>,
    /// Write what happened over time, for https://ui.perfetto.dev: slices of each agent, messages as arrows, calls and
    /// swaps. In simulated time a slice is drawn 1 ns long for each gas
    #[arg(long, value_name = "FILE")]
    pub(crate) timeline: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) links: LinkArguments,
    /// Write what agents were refused (a capability missing, a limit reached) as lines of JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) audit: Option<PathBuf>,
    /// Limit an agent: gas and io (accesses to devices and files) in a second, memory, mailbox, priority
    #[arg(long, value_name = "AGENT:NAME=VALUE,…")]
    pub(crate) limit: Vec<String>,
    /// Run native code (not supported yet)
    #[arg(long)]
    pub(crate) jit: bool,
    /// Run bytecode (the default)
    #[arg(long, conflicts_with = "jit")]
    pub(crate) interpret: bool,
}

/// Arguments of `flux test`.
#[derive(Args, Debug)]
pub(crate) struct TestArguments {
    /// Documents, each tested by itself
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Only tests with this in their name
    #[arg(long, value_name = "TEXT")]
    pub(crate) filter: Option<String>,
    /// Print the tests and run none
    #[arg(long)]
    pub(crate) list: bool,
    /// Also write the results as JUnit XML
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,
    /// Show which lines of the documents ran
    #[arg(long)]
    pub(crate) coverage: bool,
    /// Seed of every random choice
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub(crate) seed: u64,
}

/// Arguments of `flux boot`.
#[derive(Args, Debug)]
pub(crate) struct BootArguments {
    /// Machine
    #[arg(long, value_enum, default_value_t = Arch::X86_64)]
    pub(crate) arch: Arch,
    /// Documents and compiled modules (.fluxbc), in the order in which their agents start
    #[arg(value_name = "FILE", required_unless_present = "apps")]
    pub(crate) files: Vec<PathBuf>,
    /// The same, as an option; these come first
    #[arg(long = "app", value_name = "FILE")]
    pub(crate) apps: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) options: RunOptions,
    /// Kernel image [default: beside this program, else the checkout's]
    #[arg(long, value_name = "FILE")]
    pub(crate) kernel: Option<PathBuf>,
    /// Give up after this long
    #[arg(long, default_value = "60s", value_name = "TIME", value_parser = parse_duration)]
    pub(crate) timeout: i64,
}

/// Machines that boot.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Arch {
    /// PC, 64 bits
    #[value(name = "x86_64")]
    X86_64,
    /// ARM, 64 bits (not supported yet)
    Arm64,
    /// RISC-V, 64 bits (not supported yet)
    Riscv64,
}

/// Arguments of `flux build`.
#[derive(Args, Debug)]
pub(crate) struct BuildArguments {
    /// Documents, each compiled by itself
    #[arg(value_name = "FILE", required_unless_present = "source")]
    pub(crate) files: Vec<PathBuf>,
    /// One document, in place of FILE
    #[arg(long, value_name = "FILE", conflicts_with = "files")]
    pub(crate) source: Option<PathBuf>,
    /// What to make [default: bytecode]
    #[arg(long, value_enum, value_name = "TARGET")]
    pub(crate) target: Option<Target>,
    /// Board to build for
    #[arg(long, value_name = "BOARD")]
    pub(crate) board: Option<String>,
    /// Optimisation: 0 none, 1 cheap, 2 balanced, 3 most, s and z for size [default: the document's, else 2]
    #[arg(short = 'O', value_name = "LEVEL")]
    pub(crate) level: Option<String>,
    /// Where to write [default: the document's name with .fluxbc]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Name the document's locals in the module, for `flux debug` (lines are always in it); with -O0
    /// also where they are, with other levels they are optimised away
    #[arg(long)]
    pub(crate) debug_symbols: bool,
    /// Do everything but write
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// What `flux build` makes.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Target {
    /// This machine's code (not supported yet)
    Native,
    /// Portable bytecode
    Bytecode,
    /// PC, 64 bits (not supported yet)
    #[value(name = "x86_64")]
    X86_64,
    /// ARM, 64 bits (not supported yet)
    Arm64,
    /// RISC-V, 64 bits (not supported yet)
    Riscv64,
    /// WebAssembly (not supported yet)
    Wasm32,
    /// C source (not supported yet)
    C,
}

/// Arguments of `flux compile`.
#[derive(Args, Debug)]
pub(crate) struct CompileArguments {
    /// File to read
    #[arg(long, value_name = "FILE")]
    pub(crate) input: PathBuf,
    /// What it holds
    #[arg(long, value_enum, default_value_t = InputLanguage::FluxMd, value_name = "LANGUAGE")]
    pub(crate) input_lang: InputLanguage,
    /// What to make
    #[arg(long, value_enum, default_value_t = OutputFormat::Bytecode, value_name = "FORMAT")]
    pub(crate) output_format: OutputFormat,
    /// Where to write [default: standard output for text, the input's name with .fluxbc for bytecode]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Print the FIR text and stop
    #[arg(long)]
    pub(crate) emit_fir: bool,
    /// Print the syntax tree and stop
    #[arg(long)]
    pub(crate) dump_ast: bool,
    /// Optimisation: 0, 1, 2, 3, s, z
    #[arg(long, value_name = "N")]
    pub(crate) opt_level: Option<String>,
}

/// What `flux compile` reads.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum InputLanguage {
    /// FLUX.MD document
    #[value(name = "flux_md")]
    FluxMd,
    /// C (not supported yet)
    C,
    /// Assembly
    Assembly,
    /// Bytecode module
    Bytecode,
    /// FIR text
    Fir,
}

/// What `flux compile` makes.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum OutputFormat {
    /// Bytecode module
    Bytecode,
    /// C source (not supported yet)
    C,
    /// This machine's code (not supported yet)
    Native,
    /// FIR text
    Ir,
    /// Object file (not supported yet)
    Obj,
}

/// A time such as `500ms`, `30s`, `5m`, `1h30m`, in nanoseconds.
fn parse_duration(text: &str) -> Result<i64, String> {
    let duration = humantime::parse_duration(text)
        .map_err(|error| format!("{error}; a time looks like 500ms, 30s, 5m or 1h30m"))?;
    match i64::try_from(duration.as_nanos()) {
        Ok(0) => Err("the time must be more than 0".to_owned()),
        Ok(nanoseconds) => Ok(nanoseconds),
        Err(_) => Err("the time must be under 292 years".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_consistent() {
        Arguments::command().debug_assert();
    }

    /// A command line as a shell would take it apart, up to where its output goes.
    fn words(line: &str) -> Vec<String> {
        let line = line.split(['>', '|']).next().unwrap_or("");
        let mut words = Vec::new();
        for (place, part) in line.split('"').enumerate() {
            match place % 2 {
                1 => words.push(part.to_owned()),
                _ => words.extend(part.split_whitespace().map(str::to_owned)),
            }
        }
        words
    }

    #[test]
    fn every_command_shows_examples_that_are_understood() {
        for command in Arguments::command().get_subcommands() {
            let name = command.get_name();
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let examples: Vec<&str> = help.lines().skip(1).map(str::trim).collect();
            assert!(!examples.is_empty(), "{name} has no example");
            for example in examples {
                assert!(example.starts_with(&format!("flux {name}")), "{name}: {example}");
                if let Err(error) = Arguments::try_parse_from(words(example)) {
                    panic!("{example}: {error}");
                }
            }
        }
    }

    #[test]
    fn times_are_read_in_nanoseconds_and_zero_is_refused() {
        assert_eq!(parse_duration("5m"), Ok(300_000_000_000));
        assert_eq!(parse_duration("500ms"), Ok(500_000_000));
        assert!(
            parse_duration("0s").is_err()
                && parse_duration("5").is_err()
                && parse_duration("300000y").is_err()
        );
    }
}
