//! `flux boot`: the real kernel in QEMU.

use std::path::{Path, PathBuf};
use std::time::Duration;

use flux_core::compile;
use flux_core::config::Config;
use flux_core::error::Error;
use flux_core::{ClockMode, Level, Stream, module, qemu, run};
use indicatif::{ProgressBar, ProgressStyle};

use super::args::{Arch, BootArguments, Format};
use super::terminal::Terminal;
use super::{Outcome, check};

pub(crate) fn boot(arguments: &BootArguments, terminal: &Terminal) -> Result<Outcome, Error> {
    if arguments.arch != Arch::X86_64 {
        return Err(Error::NotSupported("flux boot on other machines than x86_64".into()));
    }
    if arguments.options.duration.is_none() {
        return Err(Error::Option {
            option: "--for".into(),
            why: "a booted kernel needs a time after which it switches off, as in --for 5m".into(),
        });
    }
    let files: Vec<PathBuf> = arguments.apps.iter().chain(&arguments.files).cloned().collect();
    let request = super::run::request(&files, &arguments.options, ClockMode::Simulated, terminal)?;
    // The kernel compiles for itself; this look only saves a boot that would end in diagnostics.
    let mut errors = 0;
    let mut names = Vec::new();
    for source in request.documents.iter().filter(|source| !source.is_module()) {
        let compiled = compile::document(source, Level::default());
        if compiled.errors > 0 {
            check::show(source, &compiled.diagnostics, terminal);
            errors += compiled.errors;
            names.push(source.name.clone());
        }
    }
    if errors > 0 {
        return Err(Error::Document { name: names.join(", "), errors });
    }
    let config = Config::load(terminal.config.as_deref())?;
    let archive = run::pack(&request, &config)?;
    let kernel = kernel_image(arguments.kernel.as_deref(), terminal)?;
    let path = std::env::temp_dir().join(format!("flux-boot-{}.archive", std::process::id()));
    module::write(&path, &archive)?;
    let bar = spinner(terminal);
    let timeout = Duration::from_nanos(arguments.timeout.unsigned_abs());
    let result = qemu::boot(&kernel, &path, timeout, &mut |stream, bytes| {
        // A piece may end inside a character, so bytes go through as they are.
        bar.suspend(|| match stream {
            Stream::Log if terminal.format != Format::Quiet => terminal.write(bytes),
            Stream::Boot if terminal.format == Format::Table => terminal.write_error(bytes),
            _ => {}
        });
    });
    bar.finish_and_clear();
    let _ = std::fs::remove_file(&path);
    Ok(match result? {
        qemu::End::Success => Outcome::Done,
        qemu::End::AtFault => Outcome::AtFault,
    })
}

/// The kernel image; one that was made from other sources boots only if it was asked for.
fn kernel_image(named: Option<&Path>, terminal: &Terminal) -> Result<PathBuf, Error> {
    let kernel = qemu::find_kernel(named)?;
    if !qemu::is_current(&kernel)? {
        let found =
            format!("the kernel image {} was made from other sources than this program", kernel.display());
        let anew = "`cargo xtask kernel --arch x86_64` makes one anew";
        if named.is_none() {
            let as_it_is = format!("to boot it as it is, name it: --kernel {}", kernel.display());
            return Err(Error::Boot(format!("{found}; {anew}; {as_it_is}")));
        }
        terminal.say(&format!("warning: {found}; {anew}"));
    }
    Ok(kernel)
}

/// Something that moves while the machine boots, where a person looks.
fn spinner(terminal: &Terminal) -> ProgressBar {
    if !terminal.draws() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner().with_message("the machine runs (software emulation)");
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}
