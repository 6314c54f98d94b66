//! Checks that a crate depends only on crates of a lower layer.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::error::{Error, stdout_of};

/// Each crate and its layer, as the architecture draws them.
const LAYERS: &[(&str, u8)] = &[
    ("flux-abi", 0),
    ("flux-isa", 1),
    ("flux-proto", 1),
    ("flux-verify", 2),
    ("flux-kcore", 2),
    ("flux-vm", 3),
    ("flux-fluxc", 3),
    ("flux-hal", 4),
    ("flux-kernel", 5),
    ("flux-agent", 5),
    ("flux-system", 6),
    ("flux-core", 7),
    ("flux-cli", 8),
    ("flux-boot", 8),
];

/// Crates that are tools, not layers: they may use every crate, and none may use them.
const TOOLS: &[&str] = &["flux-xtask"];

/// Crates that may hold unsafe code.
const UNSAFE: &[&str] = &["flux-hal", "flux-vm", "flux-boot"];

/// Checks every edge of the workspace and that unsafe code stays where it may be.
///
/// # Errors
/// [`Error::Check`] that names each wrong edge, each crate without a layer, and each crate
/// that does not forbid unsafe code.
pub(crate) fn layers() -> Result<(), Error> {
    let text = stdout_of(Command::new("cargo").args([
        "metadata",
        "--no-deps",
        "--format-version",
        "1",
        "--locked",
    ]))?;
    let metadata: Value =
        serde_json::from_str(&text).map_err(|error| Error::Check(format!("cargo metadata: {error}")))?;
    let mut faults = Vec::new();
    let mut edges = 0usize;
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let name = package["name"].as_str().unwrap_or_default();
        check_unsafe(package, name, &mut faults);
        let Some(from) = layer(name) else {
            if !TOOLS.contains(&name) {
                faults.push(format!("{name} has no layer; add it to the table in xtask/src/layers.rs"));
            }
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let to_name = dependency["name"].as_str().unwrap_or_default();
            // Tests may look upward: a back end's test runs its output in the machine.
            let for_tests = dependency["kind"].as_str() == Some("dev");
            if for_tests || !to_name.starts_with("flux-") {
                continue;
            }
            edges += 1;
            match layer(to_name) {
                Some(to) if to < from => {}
                Some(to) => faults.push(format!(
                    "{name} (layer {from}) depends on {to_name} (layer {to}): only lower layers"
                )),
                None => faults.push(format!("{name} depends on {to_name}, which is no layer")),
            }
        }
    }
    if faults.is_empty() {
        println!("layers: {edges} edges, all downward");
        Ok(())
    } else {
        Err(Error::Check(format!("layers: {}", faults.join("\nlayers: "))))
    }
}

fn layer(name: &str) -> Option<u8> {
    LAYERS.iter().find(|row| row.0 == name).map(|row| row.1)
}

fn check_unsafe(package: &Value, name: &str, faults: &mut Vec<String>) {
    if UNSAFE.contains(&name) {
        return;
    }
    for target in package["targets"].as_array().into_iter().flatten() {
        let kind = target["kind"][0].as_str().unwrap_or_default();
        let path = target["src_path"].as_str().unwrap_or_default();
        if !matches!(kind, "lib" | "bin") {
            continue;
        }
        let root = std::fs::read_to_string(Path::new(path)).unwrap_or_default();
        if !root.contains("#![forbid(unsafe_code)]") {
            faults.push(format!("{name}: {kind} root lacks #![forbid(unsafe_code)]"));
        }
    }
}
