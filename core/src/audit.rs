//! Refusals of a run as lines of JSON: who was refused what, when and why.
//!
//! ```json
//! {"number":1,"time_ns":1000000000,"agent":"reader","act":"IO_READ","handle":"0x10001","status":"BUSY"}
//! ```
//!
//! Numbers count all refusals; one without a record of its own leaves a gap. The last line tells how many there were.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::error::Error;

/// A file that refusals are written to while a run goes on.
#[derive(Debug)]
pub struct AuditFile {
    path: PathBuf,
    out: BufWriter<File>,
    /// The number of the last refusal that was looked at.
    seen: u64,
    written: u64,
}

impl AuditFile {
    /// Begins the file.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn create(path: &Path) -> Result<Self, Error> {
        let fail = |error: std::io::Error| Error::Write { path: path.to_owned(), why: error.to_string() };
        let out = BufWriter::new(File::create(path).map_err(fail)?);
        Ok(Self { path: path.to_owned(), out, seen: 0, written: 0 })
    }

    fn line(&mut self, line: &Value) -> Result<(), Error> {
        let fail = |error: std::io::Error| Error::Write { path: self.path.clone(), why: error.to_string() };
        writeln!(self.out, "{line}").map_err(fail)
    }

    /// Writes what was refused since the last call.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn follow(&mut self, audit: &flux_kcore::audit::Audit) -> Result<(), Error> {
        if audit.total() == self.seen {
            return Ok(());
        }
        for record in audit.after(self.seen) {
            self.line(&json!({
                "number": record.number,
                "time_ns": record.time.ns(),
                "agent": record.name,
                "act": record.act.name(),
                "handle": format!("{:#x}", record.handle),
                "status": record.status.name(),
            }))?;
            self.written = self.written.saturating_add(1);
        }
        self.seen = audit.total();
        // Whoever follows the file sees a refusal when it happens, not when the buffer is full.
        self.out.flush().map_err(|error| Error::Write { path: self.path.clone(), why: error.to_string() })
    }

    /// Ends the file with the counts.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn finish(mut self, audit: &flux_kcore::audit::Audit) -> Result<(), Error> {
        self.follow(audit)?;
        let unrecorded = audit.total().saturating_sub(self.written);
        self.line(&json!({ "refusals": audit.total(), "without_record": unrecorded }))?;
        self.out.flush().map_err(|error| Error::Write { path: self.path.clone(), why: error.to_string() })
    }
}
