//! Who a kernel is to other kernels: an Ed25519 key, kept in a file of its own.
//!
//! # Invariants
//! 1. A key file is whole or not there: it is written under another name and linked to its own one.
//! 2. A key that others than the user could have read is not used.
//! 3. The private key is never shown, not by `Debug` either.

use std::fmt;
use std::fs::{DirBuilder, File, Metadata, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{Ed25519KeyPair, KeyPair};
use rustls::crypto::ring::sign::any_eddsa_type;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;

use super::public::PublicKey;
use crate::error::Error;

/// Longer than any Ed25519 key in PKCS#8: what is longer is none, and is not read.
const FILE_BYTES: u64 = 1_024;

/// The key pair of a kernel.
#[derive(Clone)]
pub struct Key {
    public: PublicKey,
    certified: Arc<CertifiedKey>,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Key").field(&self.public).finish()
    }
}

impl Key {
    /// A new key that is kept nowhere.
    ///
    /// # Errors
    /// [`Error::Key`] if the system gives no random numbers.
    pub fn generate() -> Result<Self, Error> {
        let bytes = new_pkcs8()?;
        Self::from_pkcs8(bytes.as_ref()).map_err(|why| Error::Key { what: "a new key".into(), why })
    }

    /// The key of a file, which is made with a new key if it is not there.
    ///
    /// # Errors
    /// [`Error::Key`] if it is damaged, is readable to others, or can't be read or made.
    pub fn load_or_create(path: &Path) -> Result<Self, Error> {
        match std::fs::symlink_metadata(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => create(path)?,
            _ => {}
        }
        Self::load(path)
    }

    /// The key of a file.
    ///
    /// # Errors
    /// [`Error::Key`] if it is damaged, is readable to others, or can't be read.
    pub fn load(path: &Path) -> Result<Self, Error> {
        read(path).and_then(|bytes| Self::from_pkcs8(&bytes)).map_err(|why| wrong(path, why))
    }

    /// What other kernels know this one by.
    #[must_use]
    pub const fn public(&self) -> PublicKey {
        self.public
    }

    pub(super) fn certified(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.certified)
    }

    fn from_pkcs8(bytes: &[u8]) -> Result<Self, String> {
        // Only the second version of PKCS#8 has the public key beside the private one, so that damage shows.
        let damaged = |why: &dyn fmt::Display| {
            format!(
                "it is damaged, or no Ed25519 key in PKCS#8 version 2 ({why}); put a copy of it back, or move it \
                 away, so that a new key is made, and give the new public key to the other kernels"
            )
        };
        let pair = Ed25519KeyPair::from_pkcs8(bytes).map_err(|error| damaged(&error))?;
        let public =
            PublicKey::from_bytes(pair.public_key().as_ref()).ok_or_else(|| damaged(&"no public key"))?;
        let signing = any_eddsa_type(&PrivatePkcs8KeyDer::from(bytes)).map_err(|error| damaged(&error))?;
        let certificate = CertificateDer::from(public.subject_public_key_info());
        Ok(Self { public, certified: Arc::new(CertifiedKey::new(vec![certificate], signing)) })
    }
}

fn wrong(path: &Path, why: String) -> Error {
    Error::Key { what: format!("the key file {}", path.display()), why }
}

fn new_pkcs8() -> Result<ring::pkcs8::Document, Error> {
    Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|_| Error::Key {
        what: "a new key".into(),
        why: "the system gives no random numbers; look at /dev/urandom".into(),
    })
}

fn create(path: &Path) -> Result<(), Error> {
    let bytes = new_pkcs8()?;
    let mut mark = [0u8; 8];
    SystemRandom::new()
        .fill(&mut mark)
        .map_err(|_| wrong(path, "the system gives no random numbers; look at /dev/urandom".into()))?;
    place(path, bytes.as_ref(), u64::from_le_bytes(mark)).map_err(|error| {
        wrong(
            path,
            format!("it can't be made: {error}; check the folder, its permissions and the space left"),
        )
    })
}

/// Puts a file with `bytes` at `path`, whole, unless one is there already.
fn place(path: &Path, bytes: &[u8], mark: u64) -> std::io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let draft = folder.join(format!(".key-{mark:016x}"));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    let linked = file.write_all(bytes).and_then(|()| file.sync_all()).and_then(|()| {
        match std::fs::hard_link(&draft, path) {
            // Another process was first: its key is the one.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            other => other,
        }
    });
    std::fs::remove_file(&draft)?;
    linked?;
    File::open(folder)?.sync_all()
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    let unreadable =
        |error: std::io::Error| format!("it can't be read: {error}; check the path and its permissions");
    // Before it is opened: opening a pipe waits.
    let seen = std::fs::metadata(path).map_err(unreadable)?;
    if !seen.is_file() {
        return Err("it is no file; name another path".into());
    }
    let file = File::open(path).map_err(unreadable)?;
    private(&file.metadata().map_err(unreadable)?, path)?;
    let mut bytes = Vec::new();
    file.take(FILE_BYTES).read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(bytes)
}

fn private(file: &Metadata, path: &Path) -> Result<(), String> {
    let mode = file.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(format!(
            "others may use it (mode {mode:o}), so that they could pass for this kernel; if nobody can have \
             read it, run `chmod 600 {0}`, else move it away, so that a new key is made",
            path.display()
        ));
    }
    // Where there is no /proc, the mode has to do.
    let user = std::fs::metadata("/proc/self").map_or(file.uid(), |own| own.uid());
    if file.uid() != user {
        return Err(format!(
            "it is the file of another user ({}); run as that user, or name another path",
            file.uid()
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;

    use super::*;

    fn folder(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("flux-key-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        path
    }

    fn refused(path: &Path) -> String {
        let error = Key::load_or_create(path).unwrap_err();
        assert_eq!(error.code(), "F0011");
        error.to_string()
    }

    #[test]
    fn a_key_is_made_once_for_the_user_alone_and_kept() {
        let folder = folder("made");
        let path = folder.join("deep/own.key");
        let made = Key::load_or_create(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(Key::load_or_create(&path).unwrap().public(), made.public());
        assert_eq!(Key::load(&path).unwrap().public(), made.public());
        // No draft stays behind.
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        assert_ne!(Key::generate().unwrap().public(), made.public());
        assert_eq!(format!("{made:?}"), format!("Key(PublicKey({}))", made.public()));
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn of_two_processes_that_make_a_key_at_once_the_first_one_wins() {
        let folder = folder("race");
        let path = folder.join("own.key");
        let first = Key::load_or_create(&path).unwrap();
        create(&path).unwrap();
        assert_eq!(Key::load(&path).unwrap().public(), first.public());
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        let folder = folder("open");
        let path = folder.join("own.key");
        Key::load_or_create(&path).unwrap();
        for mode in [0o640, 0o604, 0o620, 0o601] {
            std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            let told = refused(&path);
            assert!(told.contains(&format!("mode {mode:o}")), "{told}");
            assert!(told.contains(&format!("chmod 600 {}", path.display())), "{told}");
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn every_flipped_bit_and_every_cut_of_a_key_is_found() {
        let folder = folder("damaged");
        let path = folder.join("own.key");
        let key = Key::load_or_create(&path).unwrap();
        let whole = std::fs::read(&path).unwrap();
        for at in 0..whole.len() * 8 {
            let mut bytes = whole.clone();
            bytes[at / 8] ^= 1 << (at % 8);
            // What still reads as a key is the same key: no other comes of damage.
            let read = Key::from_pkcs8(&bytes);
            assert!(read.is_err() || read.is_ok_and(|read| read.public() == key.public()), "bit {at}");
        }
        for bytes in [&[][..], &whole[..whole.len() - 1], b"-----BEGIN PRIVATE KEY-----\n"] {
            std::fs::write(&path, bytes).unwrap();
            let told = refused(&path);
            assert!(told.contains("damaged") && told.contains("move it away"), "{told}");
        }
        std::fs::write(&path, vec![0x30; 100_000]).unwrap();
        assert!(refused(&path).contains("damaged"));
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn what_is_no_file_is_refused_and_a_missing_one_is_told() {
        let folder = folder("none");
        std::fs::create_dir_all(&folder).unwrap();
        assert!(refused(&folder).contains("no file"));
        let missing = Key::load(&folder.join("none.key")).unwrap_err();
        assert!(missing.to_string().contains("can't be read"), "{missing}");
        std::fs::write(folder.join("file"), "").unwrap();
        assert!(refused(&folder.join("file/own.key")).contains("file/own.key"));
        std::os::unix::fs::symlink(folder.join("nowhere"), folder.join("link")).unwrap();
        assert!(refused(&folder.join("link")).contains("can't be read"));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
