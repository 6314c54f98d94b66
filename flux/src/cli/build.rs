//! `flux build`: documents to `.fluxbc` modules.

use std::path::{Path, PathBuf};
use std::time::Instant;

use flux_core::compile::{self, Symbols, Target as Wanted};
use flux_core::error::Error;
use flux_core::module;
use flux_core::source::Source;

use super::Outcome;
use super::args::{BuildArguments, Format, Target};
use super::check;
use super::progress::Progress;
use super::terminal::Terminal;

pub(crate) fn build(arguments: &BuildArguments, terminal: &Terminal) -> Result<Outcome, Error> {
    if let Some(target) = arguments.target
        && target != Target::Bytecode
    {
        return Err(Error::NotSupported(format!(
            "--target {}; --target bytecode makes a module that runs on every kernel",
            clap::ValueEnum::to_possible_value(&target)
                .map_or_else(String::new, |value| value.get_name().to_owned())
        )));
    }
    let files: Vec<&Path> = arguments.files.iter().chain(&arguments.source).map(PathBuf::as_path).collect();
    if let (Some(output), [_, _, ..]) = (&arguments.output, files.as_slice()) {
        return Err(Error::Option {
            option: format!("--output {}", output.display()),
            why: "several documents can't go into one file; leave it away, and each module lies beside its document"
                .into(),
        });
    }
    let mut progress = Progress::new(files.len(), terminal);
    let mut faulty = false;
    for file in &files {
        match progress.step(&file.to_string_lossy(), || one(file, arguments, terminal)) {
            Ok(()) => {}
            // One document that is wrong does not keep the others from being built.
            Err(error) if files.len() > 1 => {
                terminal.error(error.code(), &error.to_string());
                faulty = true;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(if faulty { Outcome::AtFault } else { Outcome::Done })
}

fn one(file: &Path, arguments: &BuildArguments, terminal: &Terminal) -> Result<(), Error> {
    let start = Instant::now();
    let source = Source::document(file)?;
    let keys = compile::build_keys(&source);
    let level = match &arguments.level {
        Some(text) => compile::level("-O", text)?,
        None => keys.level.unwrap_or_default(),
    };
    let symbols = if arguments.debug_symbols { Symbols::Include } else { Symbols::Leave };
    let compiled = compile::document_with(&source, level, symbols);
    check::show(&source, &compiled.diagnostics, terminal);
    if compiled.errors > 0 {
        return Err(Error::Document { name: source.name, errors: compiled.errors });
    }
    if arguments.target.is_none()
        && let Some(wanted) = keys.target
        && !matches!(wanted, Wanted::Bytecode)
    {
        terminal.say(&format!(
            "note: {} asks for target {wanted:?}; native code is not supported yet, the module holds bytecode, which runs there too",
            source.name
        ));
    }
    let stats = compiled.stats;
    terminal.say(&format!(
        "compiled {}: {} lines, {} functions, {} FIR instructions ({} before passes), {} words of code in {:.1} ms",
        source.name,
        stats.lines,
        stats.functions,
        stats.optimized,
        stats.instructions,
        stats.words,
        start.elapsed().as_secs_f64() * 1e3
    ));
    let several = compiled.modules.len() > 1;
    for one in &compiled.modules {
        let bytes = one.encode();
        let path = output(arguments.output.as_deref(), file, several.then_some(one.meta.name.as_str()))?;
        if !arguments.dry_run {
            module::write(&path, &bytes)?;
        }
        let identity = module::identity(one);
        match terminal.format {
            Format::Table => terminal.say(&format!(
                "{} {}: agent {}, {} bytes, sha256 {identity}",
                if arguments.dry_run { "would write" } else { "wrote" },
                path.display(),
                one.meta.name,
                bytes.len()
            )),
            Format::Json | Format::Ndjson => terminal.print(&format!(
                "{}\n",
                serde_json::json!({ "file": path, "agent": one.meta.name, "bytes": bytes.len(), "identity": identity })
            )),
            Format::Tsv => terminal.print(&format!("{}\t{}\t{}\t{identity}\n", path.display(), one.meta.name, bytes.len())),
            Format::Quiet => {}
        }
    }
    Ok(())
}

/// Where a module goes: the file asked for, or one beside the document; with several agents each its own.
fn output(asked: Option<&Path>, document: &Path, agent: Option<&str>) -> Result<PathBuf, Error> {
    let path = asked.map_or_else(|| super::module::beside(document, "fluxbc"), Path::to_owned);
    match agent {
        None => Ok(path),
        Some(agent) => {
            let stem = path.file_stem().unwrap_or_default().to_string_lossy();
            Ok(path.with_file_name(format!("{stem}.{agent}.fluxbc")))
        }
    }
}
