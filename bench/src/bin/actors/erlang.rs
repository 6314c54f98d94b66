//! Erlang/OTP: found, compiled for, and asked for a sample.

use std::path::PathBuf;
use std::process::Command;

use crate::measure::{Failure, output};
use crate::scenario::Scenario;

const SOURCE: &str = include_str!("../../../actors/actors.erl");

const MISSING: &str = "Erlang/OTP is not there: neither `erl` nor `erlc` may be missing. \
    Install it, on Debian and Ubuntu with `apt-get install --no-install-recommends erlang-base`, and try again";

/// The emulator, with the scenarios compiled.
#[derive(Debug)]
pub struct Erlang {
    folder: PathBuf,
    version: String,
}

impl Erlang {
    /// Compiles the scenarios.
    ///
    /// # Errors
    /// What to install if it is missing.
    pub fn find() -> Result<Self, Failure> {
        let folder = std::env::temp_dir().join(format!("flux-actors-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        let mut erlang = Self { version: String::new(), folder };
        let source = erlang.folder.join("actors.erl");
        std::fs::write(&source, SOURCE)?;
        let missing = |error: Failure| -> Failure { format!("{MISSING} ({error})").into() };
        output(Command::new("erlc").arg("-o").arg(&erlang.folder).arg(&source)).map_err(missing)?;
        let asked = "io:format(\"~s (~s)\", [erlang:system_info(otp_release), erlang:system_info(emu_flavor)]), halt().";
        erlang.version = output(Command::new("erl").args(["-noshell", "-eval", asked])).map_err(missing)?;
        Ok(erlang)
    }

    /// Release and flavour of the emulator.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The line of one sample.
    pub fn sample(&self, scenario: Scenario, count: u64, cores: usize) -> Result<String, Failure> {
        // As many schedulers as cores, none of which spins while it has nothing to do.
        let schedulers = format!("{cores}:{cores}");
        let quiet = ["+sbwt", "none", "+sbwtdcpu", "none", "+sbwtdio", "none", "+P", "300000"];
        let line = output(
            Command::new("erl")
                .current_dir(&self.folder)
                .args(["-noshell", "+S", &schedulers])
                .args(quiet)
                .args(["-run", "actors", "main", scenario.name(), &count.to_string()]),
        )?;
        Ok(format!("{} {count}", line.trim()))
    }
}

impl Drop for Erlang {
    fn drop(&mut self) {
        // One that stays behind in the folder for temporary files harms nobody.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
