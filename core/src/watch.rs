//! Tells when files have changed, for commands that begin anew on save.
//!
//! Asks the file system every so often instead of being told by it: the files are few and named on
//! the command line, and asking works on network folders and with editors that put a new file in
//! the place of the old one.
//!
//! # Invariants
//! 1. A change is told once, when the files have been the same for two looks: an editor that
//!    writes in pieces is not interrupted.
//! 2. A file that is away counts as a state of its own, so that its coming back is a change.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// A pause between two looks that people do not notice.
pub const PAUSE: Duration = Duration::from_millis(100);

/// What is known of a file without reading it: when it was written, and its length.
type State = Option<(SystemTime, u64)>;

/// Files, and how they were when they were last looked at.
#[derive(Debug)]
pub struct Watch {
    files: Vec<PathBuf>,
    /// As they were when a change was told last.
    told: Vec<State>,
    /// As they were at the last look.
    last: Vec<State>,
}

impl Watch {
    /// Begins with the files as they are.
    #[must_use]
    pub fn new(files: &[PathBuf]) -> Self {
        let now = states(files);
        Self { files: files.to_vec(), told: now.clone(), last: now }
    }

    /// Watches these files from here on; what is known of those that were watched before is kept.
    pub fn set_files(&mut self, files: Vec<PathBuf>) {
        let keep = |old: &[State]| -> Vec<State> {
            let known = |file: &PathBuf| self.files.iter().position(|other| other == file);
            let now = states(&files);
            files
                .iter()
                .zip(now)
                .map(|(file, now)| match known(file) {
                    Some(at) => old.get(at).copied().flatten(),
                    None => now,
                })
                .collect()
        };
        let (told, last) = (keep(&self.told), keep(&self.last));
        *self = Self { files, told, last };
    }

    /// Looks at the files; `true` if they differ from what was told last and are at rest.
    pub fn has_changed(&mut self) -> bool {
        let now = states(&self.files);
        let at_rest = now == self.last;
        self.last.clone_from(&now);
        if !at_rest || now == self.told {
            return false;
        }
        self.told = now;
        true
    }
}

fn states(files: &[PathBuf]) -> Vec<State> {
    let state = |file: &PathBuf| {
        let data = std::fs::metadata(file).ok()?;
        Some((data.modified().ok()?, data.len()))
    };
    files.iter().map(state).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_come_later_are_watched_and_the_others_stay_known() {
        let folder = std::env::temp_dir().join(format!("flux-watch-set-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let files = ["a", "b"].map(|name| folder.join(name));
        std::fs::write(&files[0], "one").unwrap();
        std::fs::write(&files[1], "one").unwrap();
        let mut watch = Watch::new(&files[..1]);
        std::fs::write(&files[0], "one two").unwrap();
        watch.set_files(files.to_vec());
        assert!(!watch.has_changed());
        assert!(watch.has_changed(), "the change before is not lost");
        std::fs::write(&files[1], "one two").unwrap();
        assert!(!watch.has_changed());
        assert!(watch.has_changed());
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_change_is_told_once_when_the_file_is_at_rest() {
        let folder = std::env::temp_dir().join(format!("flux-watch-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("a.flux.md");
        std::fs::write(&file, "one").unwrap();
        let mut watch = Watch::new(std::slice::from_ref(&file));
        assert!(!watch.has_changed());
        std::fs::write(&file, "one two").unwrap();
        assert!(!watch.has_changed(), "it may still be written");
        assert!(watch.has_changed());
        assert!(!watch.has_changed());
        std::fs::remove_file(&file).unwrap();
        assert!(!watch.has_changed());
        assert!(watch.has_changed());
        std::fs::write(&file, "one two three").unwrap();
        assert!(!watch.has_changed());
        assert!(watch.has_changed());
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
