//! Builds for machines without an operating system: every `no_std` crate for
//! every bare target, and the kernel that boots.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Instant;

use crate::error::{Error, run};
use crate::toolchain::{self, TARGETS};

/// Crates that must build without an operating system.
pub(crate) const NO_STD_CRATES: [&str; 11] = [
    "flux-abi",
    "flux-isa",
    "flux-proto",
    "flux-verify",
    "flux-kcore",
    "flux-vm",
    "flux-fluxc",
    "flux-hal",
    "flux-kernel",
    "flux-agent",
    "flux-system",
];

/// Architectures that have a kernel.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub(crate) enum Arch {
    /// A PC, or QEMU's `q35`.
    #[value(name = "x86_64")]
    X86_64,
}

impl Arch {
    /// The compiler's name for this machine without an operating system.
    pub(crate) const fn target(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64-unknown-none",
        }
    }
}

/// The workspace's root and cargo's target directory.
#[derive(Debug)]
pub(crate) struct Places {
    /// Where the workspace's `Cargo.toml` lies.
    pub(crate) root: PathBuf,
    /// Where cargo puts what it builds.
    pub(crate) target: PathBuf,
}

impl Places {
    /// From what cargo tells a program that it runs.
    ///
    /// # Errors
    /// [`Error::Check`] when not started through `cargo xtask`.
    pub(crate) fn find() -> Result<Self, Error> {
        let manifest = std::env::var_os("CARGO_MANIFEST_DIR")
            .ok_or_else(|| Error::Check("run this as `cargo xtask …`, inside the repository".to_owned()))?;
        let root = Path::new(&manifest)
            .parent()
            .ok_or_else(|| Error::Check("xtask must lie inside the workspace".to_owned()))?
            .to_owned();
        let target = match std::env::var_os("CARGO_TARGET_DIR") {
            Some(directory) => std::env::current_dir()?.join(directory),
            None => root.join("target"),
        };
        Ok(Self { root, target })
    }
}

/// Builds the `no_std` crates for every bare target; `only` narrows the crates.
///
/// # Errors
/// The first build that fails, or a toolchain that is missing.
pub(crate) fn targets(only: &[String]) -> Result<(), Error> {
    if let Some(unknown) = only.iter().find(|name| !NO_STD_CRATES.contains(&name.as_str())) {
        return Err(Error::Check(format!(
            "{unknown} is not a no_std crate; these are: {}",
            NO_STD_CRATES.join(" ")
        )));
    }
    let places = Places::find()?;
    let chain = toolchain::choose(&places.target)?;
    println!("{}", chain.describe());
    for target in TARGETS {
        let begin = Instant::now();
        let mut build = chain.cargo_build(target);
        build.current_dir(&places.root);
        for name in NO_STD_CRATES {
            if only.is_empty() || only.iter().any(|wanted| wanted == name) {
                build.args(["--package", name]);
            }
        }
        run(&mut build)?;
        println!("targets: {target} built in {:.1} s", begin.elapsed().as_secs_f64());
    }
    Ok(())
}

/// Builds the kernel and returns the path of its ELF file.
///
/// # Errors
/// A build that fails, or a toolchain that is missing.
pub(crate) fn kernel(arch: Arch) -> Result<PathBuf, Error> {
    let places = Places::find()?;
    let chain = toolchain::choose(&places.target)?;
    eprintln!("{}", chain.describe());
    let mut build = chain.cargo_build(arch.target());
    build
        .current_dir(&places.root)
        .args(["--package", "flux-boot", "--profile", "kernel"])
        // The path of the kernel is this job's only standard output.
        .stdout(Stdio::null());
    run(&mut build)?;
    Ok(places.target.join(arch.target()).join("kernel/flux-boot"))
}
