//! Chooses the compiler that builds for a machine without an operating system.
//!
//! Three branches, tried in this order; [`choose`] says in its result which one
//! it took, and the caller prints it:
//!
//! 1. the active compiler's sysroot already holds the targets: a plain build;
//! 2. a compiler with the sources of `core` and `alloc` is installed: both are
//!    built once into a private sysroot under the cargo target directory, keyed
//!    by the compiler's commit hash;
//! 3. neither: an error that names exactly what to install.
//!
//! # Invariants
//! 1. A private sysroot directory exists only when it is complete: it is filled
//!    under a temporary name and renamed last, so an interrupted build is redone.
//! 2. Sysroot and compiler match exactly (rustc refuses others with E0514), hence
//!    the key by commit hash.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{Error, run, stdout_of};

/// The targets without an operating system that every `no_std` crate builds for.
pub(crate) const TARGETS: [&str; 3] =
    ["x86_64-unknown-none", "riscv64gc-unknown-none-elf", "wasm32-unknown-unknown"];

/// The compiler that Debian's `rustc-web` package installs.
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";

/// Debian packages that make branch 2 possible.
pub(crate) const DEBIAN_PACKAGES: [&str; 4] = ["rustc-web", "rust-web-src", "rust-web-llvm", "lld-22"];

/// Which way the standard library for the bare targets comes from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Branch {
    /// The compiler's own sysroot holds the targets.
    Installed,
    /// `core` and `alloc` were built into this directory.
    PrivateSysroot(PathBuf),
}

/// A compiler together with the library that matches it.
#[derive(Clone, Debug)]
pub(crate) struct Toolchain {
    rustc: PathBuf,
    release: String,
    branch: Branch,
}

impl Toolchain {
    /// One line for people: which branch was taken, and why.
    pub(crate) fn describe(&self) -> String {
        match &self.branch {
            Branch::Installed => {
                format!("toolchain: branch 1, rustc {} has the targets in its own sysroot", self.release)
            }
            Branch::PrivateSysroot(sysroot) => format!(
                "toolchain: branch 2, rustc {} ({}) with core and alloc built into {}",
                self.release,
                self.rustc.display(),
                sysroot.display()
            ),
        }
    }

    /// A `cargo build` for `target`, with this compiler and library.
    ///
    /// `RUSTFLAGS` is removed, not emptied: a set but empty variable would
    /// discard every flag that `.cargo/config.toml` gives.
    pub(crate) fn cargo_build(&self, target: &str) -> Command {
        let mut command = cargo();
        command.env("RUSTC", &self.rustc).args(["build", "--target", target]);
        if let Branch::PrivateSysroot(sysroot) = &self.branch {
            let flag = format!("--sysroot={}", sysroot.display());
            command.arg("--config").arg(format!("target.{target}.rustflags=[{flag:?}]"));
        }
        command
    }
}

/// What a compiler says of itself.
struct Compiler {
    rustc: PathBuf,
    release: String,
    commit: String,
    sysroot: PathBuf,
    host: String,
}

impl Compiler {
    /// Asks `rustc`; `None` if there is no such program or it does not answer.
    fn probe(rustc: &Path) -> Option<Self> {
        let version = stdout_of(Command::new(rustc).arg("-vV")).ok()?;
        let field = |name: &str| {
            version.lines().find_map(|line| line.strip_prefix(name)).map(str::trim).map(str::to_owned)
        };
        let sysroot = stdout_of(Command::new(rustc).args(["--print", "sysroot"])).ok()?;
        Some(Self {
            rustc: rustc.to_owned(),
            release: field("release:")?,
            commit: field("commit-hash:")?,
            host: field("host:")?,
            sysroot: PathBuf::from(sysroot.trim()),
        })
    }

    fn has_target(&self, target: &str) -> bool {
        let lib = self.sysroot.join("lib/rustlib").join(target).join("lib");
        holds_library(&lib, "libcore-") && holds_library(&lib, "liballoc-")
    }

    fn library_sources(&self) -> Option<PathBuf> {
        let library = self.sysroot.join("lib/rustlib/src/rust/library");
        library.join("core/src/lib.rs").is_file().then_some(library)
    }

    /// `rust-lld`, which links the bare targets, beside the compiler or on the path.
    fn has_linker(&self) -> bool {
        let beside = self.sysroot.join("lib/rustlib").join(&self.host).join("bin/rust-lld");
        // `exists` follows the link: Debian ships a dangling one without lld.
        beside.exists() || find_program("rust-lld").is_some()
    }
}

/// Finds the compiler for the bare targets, building its library if need be.
///
/// # Errors
/// [`Error::Missing`] with the text of branch 3, or what went wrong while the
/// private sysroot was built.
pub(crate) fn choose(target_dir: &Path) -> Result<Toolchain, Error> {
    let active = std::env::var_os("RUSTC").unwrap_or_else(|| OsString::from("rustc"));
    let candidates: Vec<Compiler> = [PathBuf::from(active), PathBuf::from(DEBIAN_RUSTC)]
        .iter()
        .filter_map(|path| Compiler::probe(path))
        .collect();

    if let Some(compiler) = candidates.iter().find(|c| TARGETS.iter().all(|target| c.has_target(target))) {
        return Ok(Toolchain {
            rustc: compiler.rustc.clone(),
            release: compiler.release.clone(),
            branch: Branch::Installed,
        });
    }
    for compiler in &candidates {
        if let Some(library) = compiler.library_sources().filter(|_| compiler.has_linker()) {
            let sysroot = private_sysroot(compiler, &library, target_dir)?;
            return Ok(Toolchain {
                rustc: compiler.rustc.clone(),
                release: compiler.release.clone(),
                branch: Branch::PrivateSysroot(sysroot),
            });
        }
    }
    Err(Error::Missing(missing_text(&candidates)))
}

fn missing_text(candidates: &[Compiler]) -> String {
    let mut text =
        String::from("toolchain: branch 3, no compiler on this machine can build for the bare targets\n");
    for compiler in candidates {
        let lacks = match (compiler.library_sources(), compiler.has_linker()) {
            (None, _) => "neither the targets nor the sources of core and alloc",
            (Some(_), false) => "sources, but no rust-lld (Debian: lld-22)",
            (Some(_), true) => "a state that changed while it was looked at; try again",
        };
        text.push_str(&format!(
            "  rustc {} at {}: has {lacks}\n",
            compiler.release,
            compiler.rustc.display()
        ));
    }
    text.push_str("install one of:\n");
    text.push_str(&format!("  rustup target add {}\n", TARGETS.join(" ")));
    text.push_str(&format!(
        "  apt-get install {}   (or: cargo xtask install --yes)",
        DEBIAN_PACKAGES.join(" ")
    ));
    text
}

/// Builds `core` and `alloc` for every bare target, once per compiler commit.
fn private_sysroot(compiler: &Compiler, library: &Path, target_dir: &Path) -> Result<PathBuf, Error> {
    let root = target_dir.join("metal-sysroot");
    let sysroot = root.join(&compiler.commit);
    if is_complete(&sysroot) {
        return Ok(sysroot);
    }
    eprintln!(
        "toolchain: building core and alloc of rustc {} for {} targets, once",
        compiler.release,
        TARGETS.len()
    );

    let work = root.join(format!("build-{}-{}", compiler.commit, std::process::id()));
    fs::create_dir_all(work.join("seed/src"))?;
    fs::write(work.join("seed/Cargo.toml"), SEED_MANIFEST)?;
    fs::write(work.join("seed/src/lib.rs"), "#![no_std]\n")?;

    let mut build = cargo();
    build
        .current_dir(work.join("seed"))
        .env("RUSTC", &compiler.rustc)
        .env("RUSTC_BOOTSTRAP", "1")
        // Without embedded bitcode, link-time optimisation of the kernel fails.
        .env("RUSTFLAGS", "-Cembed-bitcode=yes")
        .env("CARGO_TARGET_DIR", work.join("target"))
        .args(["build", "--release", "-Zbuild-std=core,alloc,compiler_builtins"]);
    let vendor = library.join("vendor");
    if vendor.is_dir() {
        // The library's own dependencies lie beside its sources: no network.
        build.arg("--offline").args(["--config", "source.crates-io.replace-with='library-vendor'"]);
        build.arg("--config").arg(format!("source.library-vendor.directory={vendor:?}"));
    }
    for target in TARGETS {
        build.args(["--target", target]);
    }
    run(&mut build)?;

    let complete = work.join("sysroot");
    for target in TARGETS {
        let lib = target_lib(&complete, target);
        fs::create_dir_all(&lib)?;
        for entry in fs::read_dir(work.join("target").join(target).join("release/deps"))? {
            let path = entry?.path();
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
            if ["libcore-", "liballoc-", "libcompiler_builtins-"].iter().any(|p| name.starts_with(p))
                && name.ends_with(".rlib")
            {
                fs::copy(&path, lib.join(name))?;
            }
        }
    }
    let renamed = fs::rename(&complete, &sysroot);
    // A rename fails when another process finished first; its result is as good.
    if !is_complete(&sysroot) {
        renamed?;
    }
    fs::remove_dir_all(&work)?;
    Ok(sysroot)
}

const SEED_MANIFEST: &str = r#"[package]
name = "metal-seed"
version = "0.0.0"
edition = "2021"

[profile.release]
panic = "abort"

[workspace]
"#;

fn is_complete(sysroot: &Path) -> bool {
    TARGETS.iter().all(|target| holds_library(&target_lib(sysroot, target), "liballoc-"))
}

fn target_lib(sysroot: &Path, target: &str) -> PathBuf {
    sysroot.join("lib/rustlib").join(target).join("lib")
}

fn holds_library(lib: &Path, prefix: &str) -> bool {
    fs::read_dir(lib).is_ok_and(|mut entries| {
        entries.any(|entry| {
            entry.is_ok_and(|entry| {
                let name = entry.file_name();
                let name = name.to_string_lossy();
                name.starts_with(prefix) && name.ends_with(".rlib")
            })
        })
    })
}

/// The cargo that runs this program, without flags that would shadow the configuration's.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    for variable in [
        "RUSTFLAGS",
        "CARGO_ENCODED_RUSTFLAGS",
        "CARGO_BUILD_RUSTFLAGS",
        "RUSTC_WRAPPER",
        "RUSTC_WORKSPACE_WRAPPER",
    ] {
        command.env_remove(variable);
    }
    command
}

/// The first file of this name in `PATH` that is there, links followed.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn toolchain(branch: Branch) -> Toolchain {
        Toolchain { rustc: PathBuf::from("/opt/rustc"), release: "1.96.0".into(), branch }
    }

    #[test]
    fn a_private_sysroot_reaches_cargo_as_a_flag_of_that_target_alone() {
        let command = toolchain(Branch::PrivateSysroot("/s".into())).cargo_build("x86_64-unknown-none");
        let args: Vec<_> = command.get_args().map(|a| a.to_string_lossy().into_owned()).collect();
        assert_eq!(
            args,
            [
                "build",
                "--target",
                "x86_64-unknown-none",
                "--config",
                "target.x86_64-unknown-none.rustflags=[\"--sysroot=/s\"]"
            ]
        );
    }

    #[test]
    fn an_installed_target_is_a_plain_build() {
        let command = toolchain(Branch::Installed).cargo_build("wasm32-unknown-unknown");
        assert_eq!(command.get_args().count(), 3);
    }

    #[test]
    fn rustflags_are_removed_and_never_emptied() {
        let command = cargo();
        let set = command.get_envs().find(|(name, _)| *name == "RUSTFLAGS");
        assert_eq!(set.map(|(_, value)| value.is_none()), Some(true));
    }

    #[test]
    fn what_is_missing_is_said_with_both_remedies() {
        let text = missing_text(&[]);
        assert!(text.contains("rustup target add x86_64-unknown-none"), "{text}");
        assert!(text.contains("rustc-web rust-web-src rust-web-llvm lld-22"), "{text}");
    }

    #[test]
    fn an_empty_folder_holds_no_library() {
        assert!(!holds_library(Path::new("/nonexistent"), "libcore-"));
    }
}
