//! Gives the crate a number for the sources that a kernel is made from, so that `flux boot` notices an
//! image that was made from others.

use std::io::{Error, Result};
use std::path::{Path, PathBuf};

/// Folders of the repository with the crates of a kernel, and with its documents.
const FOLDERS: [&str; 13] = [
    "abi/src",
    "isa/src",
    "proto/src",
    "verify/src",
    "kcore/src",
    "vm/src",
    "fluxc/src",
    "hal/src",
    "kernel/src",
    "agent/src",
    "system/src",
    "boot/src",
    "std",
];

fn main() -> Result<()> {
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR").ok_or_else(|| Error::other("run by cargo"))?;
    let root = Path::new(&manifest).join("..");
    let mut files = Vec::new();
    for folder in FOLDERS {
        println!("cargo:rerun-if-changed=../{folder}");
        collect(&root, Path::new(folder), &mut files)?;
    }
    files.sort();
    // FNV-1a: what tells apart is no attacker.
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for file in files {
        let name = file.to_string_lossy().into_owned().into_bytes();
        for byte in name.into_iter().chain(std::fs::read(root.join(&file))?) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    println!("cargo:rustc-env=FLUX_SOURCES={hash:016x}");
    Ok(())
}

/// Adds the files below a folder, by their paths from the root.
fn collect(root: &Path, folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(root.join(folder))? {
        let entry = entry?;
        let path = folder.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            collect(root, &path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}
