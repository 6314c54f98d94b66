//! Every CI job as a local command.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a job's words are for the terminal")]

mod ci;
mod docs;
mod editor;
mod emulator;
mod error;
mod extension;
mod fuzz;
mod install;
mod layers;
mod metal;
mod mutants;
mod toolchain;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use error::Error;
use install::Consent;

/// The jobs of this repository; CI calls them by the same names.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    job: Job,
}

#[derive(Debug, Subcommand)]
enum Job {
    /// Run everything that CI runs, in order.
    Ci,
    /// Check that crates depend only on lower layers.
    Layers,
    /// Check the layout of the sources.
    Fmt,
    /// Run the lint wall.
    Clippy,
    /// Run every test.
    Test,
    /// Run the tests in the example documents.
    AppTest,
    /// Print the figures beside the peers.
    Bench,
    /// Run the fuzz targets.
    Fuzz {
        /// Only this target.
        target: Option<String>,
        /// Seconds for each target.
        #[arg(long, default_value_t = 20)]
        seconds: u32,
    },
    /// Change the code in every way that `cargo mutants` knows, and print what no test notices.
    Mutants(mutants::Arguments),
    /// Compare random typed programs in every form that they take, by hand for hours or minutes.
    Programs {
        /// How many.
        #[arg(long, default_value_t = 100_000)]
        count: u64,
        /// Number of the first one.
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Write the pages that are derived from tables.
    Docs {
        /// Only check that they are up to date.
        #[arg(long)]
        check: bool,
    },
    /// Install what the tests need, with apt-get (as root or through sudo).
    Install {
        /// Do it without asking.
        #[arg(long)]
        yes: bool,
    },
    /// Build every no_std crate for every target without an operating system.
    Targets {
        /// Only these crates.
        #[arg(long = "package", short, value_name = "CRATE")]
        packages: Vec<String>,
    },
    /// Build the kernel that boots and print the path of its ELF file.
    Kernel {
        /// The machine.
        #[arg(long, value_enum, default_value = "x86_64")]
        arch: metal::Arch,
    },
    /// Boot the kernel in QEMU, with and without faults on purpose.
    BootTest,
    /// Drive the language server and the grammars of the extension as an editor does.
    EditorTest,
    /// Package the VS Code extension and print the path of its .vsix file.
    Extension,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match dispatch(arguments.job) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(error.exit_code())
        }
    }
}

fn dispatch(job: Job) -> Result<(), Error> {
    match job {
        Job::Ci => ci::ci(),
        Job::Layers => layers::layers(),
        Job::Fmt => ci::fmt(),
        Job::Clippy => ci::clippy(),
        Job::Test => ci::test(),
        Job::AppTest => ci::app_test(),
        Job::Bench => ci::bench(),
        Job::Fuzz { target, seconds } => fuzz::fuzz(target.as_deref(), seconds),
        Job::Mutants(arguments) => mutants::mutants(&arguments),
        Job::Programs { count, seed } => ci::programs(count, seed),
        Job::Extension => extension::extension().map(|path| println!("{}", path.display())),
        Job::Docs { check } => docs::docs(if check { docs::Mode::Check } else { docs::Mode::Write }),
        Job::Install { yes } => install::install(if yes { Consent::Given } else { Consent::Ask }),
        Job::Targets { packages } => metal::targets(&packages),
        Job::Kernel { arch } => metal::kernel(arch).map(|path| println!("{}", path.display())),
        Job::BootTest => emulator::boot_test(),
        Job::EditorTest => editor::editor_test(),
    }
}
