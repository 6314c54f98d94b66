//! How other processes of the same user find a run, look at it and change it: a socket for each run.
//!
//! A request is one line of JSON on a connection of its own, its answer another. The sockets lie in a folder that
//! only the user may enter: `$XDG_RUNTIME_DIR/flux`, or `flux-<user>` in the folder for temporary files.
//!
//! # Invariants
//! 1. Only the user who started a run reaches it: a folder that others may enter is refused.
//! 2. A client that says nothing, too much or nonsense costs the run nothing: it never waits for one.
//! 3. What a request asks for is done by the run's own thread, between two steps.

mod client;
mod server;
mod wire;

pub use client::{Run, find, runs};
pub use server::Server;
pub use wire::{AgentInfo, Answer, Outcome, Request, RunInfo, SwapResult};

use std::fs::DirBuilder;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

/// The folder of the sockets, made if it is not there.
fn folder() -> Result<PathBuf, String> {
    let user = std::fs::metadata("/proc/self").map_err(|error| format!("/proc/self: {error}"))?.uid();
    let path = match std::env::var_os("XDG_RUNTIME_DIR").filter(|value| !value.is_empty()) {
        Some(folder) => Path::new(&folder).join("flux"),
        None => std::env::temp_dir().join(format!("flux-{user}")),
    };
    own_folder(&path, user)?;
    Ok(path)
}

/// Makes a folder that only `user` may enter, or finds that it is one.
fn own_folder(path: &Path, user: u32) -> Result<(), String> {
    let place = path.display();
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(format!("{place}: {error}")),
    }
    // Not through a link that somebody else may have put there.
    let found = std::fs::symlink_metadata(path).map_err(|error| format!("{place}: {error}"))?;
    if !found.is_dir() || found.uid() != user || found.mode() & 0o077 != 0 {
        return Err(format!(
            "{place} is not a folder that you alone may enter; remove it, or set XDG_RUNTIME_DIR"
        ));
    }
    Ok(())
}

/// The socket of the run of a process.
fn socket(folder: &Path, process: u32) -> PathBuf {
    folder.join(format!("run-{process}.sock"))
}

/// The process whose run has this socket.
fn process_of(path: &Path) -> Option<u32> {
    path.file_name()?.to_str()?.strip_prefix("run-")?.strip_suffix(".sock")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_others_may_enter_or_a_link_is_refused() {
        let base = std::env::temp_dir().join(format!("flux-control-{}", std::process::id()));
        std::fs::create_dir_all(&base).unwrap();
        let user = std::fs::metadata(&base).unwrap().uid();
        let own = base.join("own");
        own_folder(&own, user).unwrap();
        own_folder(&own, user).unwrap();
        assert!(own_folder(&own, user + 1).unwrap_err().contains("you alone"));
        let link = base.join("link");
        std::os::unix::fs::symlink(&own, &link).unwrap();
        assert!(own_folder(&link, user).unwrap_err().contains("you alone"));
        let open = base.join("open");
        DirBuilder::new().mode(0o755).create(&open).unwrap();
        assert!(own_folder(&open, user).unwrap_err().contains("you alone"));
        assert!(own_folder(&base.join("missing/deep"), user).is_err());
        std::fs::remove_dir_all(&base).unwrap();
    }

    #[test]
    fn the_socket_of_a_process_is_told_from_other_files() {
        assert_eq!(process_of(&socket(Path::new("/x"), 42)), Some(42));
        for other in ["run-.sock", "run-a.sock", "run-1", "1.sock", "run--1.sock"] {
            assert_eq!(process_of(Path::new(other)), None, "{other}");
        }
    }
}
