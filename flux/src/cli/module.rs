//! `flux asm`, `flux disasm`, `flux inspect`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anstyle::AnsiColor;
use flux_core::assembly::{Completion, describe_all};
use flux_core::error::Error;
use flux_core::kind::{self, Kind};
use flux_core::module::{self, Facts};
use flux_core::source::Source;

use super::Outcome;
use super::args::Format;
use super::terminal::Terminal;

pub(crate) fn assemble(
    file: &Path,
    output: Option<&Path>,
    completion: Completion,
    terminal: &Terminal,
) -> Result<Outcome, Error> {
    let source = kind::expect(Source::module(file)?, Kind::Assembly)?;
    let assembled = flux_core::assembly::assemble(&source, completion)?;
    match assembled {
        Ok(module) => {
            let bytes = module.encode();
            let path = output.map_or_else(|| beside(file, "fluxbc"), Path::to_owned);
            module::write(&path, &bytes)?;
            terminal.say(&format!(
                "{}: {} bytes, {}",
                path.display(),
                bytes.len(),
                module::identity(&module)
            ));
            Ok(Outcome::Done)
        }
        Err(faults) => {
            for fault in faults {
                terminal.error("F0008", &fault.text);
            }
            Ok(Outcome::AtFault)
        }
    }
}

pub(crate) fn disassemble(file: &Path, output: Option<&Path>, terminal: &Terminal) -> Result<Outcome, Error> {
    let (module, _) = module::load(file)?;
    let text = flux_core::assembly::disassemble(&module);
    match output {
        Some(path) => module::write(path, text.as_bytes())?,
        None => terminal.print(&text),
    }
    Ok(Outcome::Done)
}

pub(crate) fn inspect(file: &Path, terminal: &Terminal) -> Result<Outcome, Error> {
    let (module, bytes) = module::load(file)?;
    let facts = module::facts(&module, bytes);
    match terminal.format {
        Format::Table => terminal.print(&table(&facts, terminal)),
        Format::Json => terminal.print(&format!("{:#}\n", serde_json::json!(facts))),
        Format::Ndjson => terminal.print(&format!("{}\n", serde_json::json!(facts))),
        Format::Tsv => terminal.print(&format!("{}\t{}\t{}\n", facts.name, facts.identity, facts.bytes)),
        Format::Quiet => {}
    }
    Ok(if facts.verified.is_ok() { Outcome::Done } else { Outcome::AtFault })
}

/// The path of a derived file: `a.flux.md` and `a.fluxasm` both become `a.<ending>`.
pub(crate) fn beside(file: &Path, ending: &str) -> PathBuf {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let stem = name
        .strip_suffix(".flux.md")
        .or_else(|| name.rsplit_once('.').map(|(stem, _)| stem))
        .unwrap_or(&name);
    file.with_file_name(format!("{stem}.{ending}"))
}

fn table(facts: &Facts, terminal: &Terminal) -> String {
    let mut out = String::new();
    let head = |out: &mut String, text: &str| {
        let _ = writeln!(out, "\n{}", terminal.paint_out(text, AnsiColor::Cyan));
    };
    let _ = writeln!(out, "{}  {}", terminal.paint_out(&facts.name, AnsiColor::Green), facts.title);
    let row = |out: &mut String, name: &str, value: &str| {
        let _ = writeln!(out, "  {name:<13}{value}");
    };
    row(&mut out, "identity", &facts.identity);
    row(&mut out, "file", &format!("{} bytes", facts.bytes));
    match &facts.verified {
        Ok(()) => row(&mut out, "verifier", "accepts it"),
        Err(why) => {
            row(&mut out, "verifier", &terminal.paint_out(&format!("refuses it: {why}"), AnsiColor::Red))
        }
    }
    row(
        &mut out,
        "needs",
        &if facts.capabilities.is_empty() { "nothing".to_owned() } else { facts.capabilities.join(", ") },
    );
    row(
        &mut out,
        "sizes",
        &format!(
            "code {} words, constants {} bytes, state {} bytes, quota {} bytes",
            facts.code_words, facts.constant_bytes, facts.state_bytes, facts.quota_bytes
        ),
    );
    row(&mut out, "period", &seconds(facts.period_ns));
    if facts.heartbeat_ns > 0 {
        row(&mut out, "heartbeat", &seconds(facts.heartbeat_ns));
    }
    row(&mut out, "gas", &format!("{} between two pauses", facts.gas));
    row(&mut out, "signature", if facts.signed { "there, not checked here" } else { "none" });
    if !facts.native.is_empty() {
        row(&mut out, "native code", &facts.native.join(", "));
    }
    if !facts.parameters.is_empty() {
        head(&mut out, "parameters");
        for parameter in &facts.parameters {
            let default = parameter
                .default
                .as_ref()
                .map_or_else(|| "no default".to_owned(), |text| format!("= {text}"));
            let _ =
                writeln!(out, "  {:<20} {:<8} {default}  {}", parameter.name, parameter.kind, parameter.help);
        }
    }
    if !facts.state.is_empty() {
        head(&mut out, "state");
        for (name, desc, offset) in &facts.state {
            let _ = writeln!(out, "  {name:<20} {:<8} at {offset}", describe_all(desc).join(", "));
        }
    }
    if !facts.state.is_empty() {
        let version = if facts.version.is_empty() { "without a version" } else { &facts.version };
        let _ = writeln!(out, "  schema {} of version {version}", facts.schema);
    }
    for (way, version, schema, function) in &facts.migrations {
        let way = if *way == "back" { "back to" } else { way };
        let _ = writeln!(out, "  {way} version {version}, of schema {schema}  [{function}]");
    }
    if let Some(table) = &facts.supervise {
        head(&mut out, "supervises");
        let wait = match (table.wait_ns, table.longest_ns) {
            (0, _) => "at once".to_owned(),
            (wait, longest) if wait == longest => format!("after {}", seconds(wait)),
            (wait, longest) => format!("after {}, doubling up to {}", seconds(wait), seconds(longest)),
        };
        let window = seconds(table.window_ns);
        let (strategy, restarts) = (table.strategy, table.restarts);
        let _ = writeln!(out, "  {strategy}, at most {restarts} restarts in {window}, {wait}");
        for (document, agent, restart) in &table.children {
            let _ = writeln!(out, "  {agent:<20} {restart:<10} {document}");
        }
    }
    if !facts.links.is_empty() {
        head(&mut out, "links");
        for (kind, name, channel) in &facts.links {
            let _ = writeln!(out, "  {kind:<10} {name} {channel}");
        }
    }
    head(&mut out, "exports");
    for export in &facts.exports {
        let arguments = describe_all(&export.arguments).join(", ");
        let result = if export.result.is_empty() {
            String::new()
        } else {
            format!(" -> {}", describe_all(&export.result).join(", "))
        };
        let interval = if export.interval_ns > 0 {
            format!(" every {}", seconds(export.interval_ns))
        } else {
            String::new()
        };
        let _ = writeln!(
            out,
            "  {:<11} {}({arguments}){result}{interval}  [{}]",
            export.kind, export.name, export.function
        );
    }
    head(&mut out, "functions");
    for (name, offset, words) in &facts.functions {
        let _ = writeln!(out, "  {name:<28} at {offset:>6}, {words:>5} words");
    }
    out
}

fn seconds(nanoseconds: i64) -> String {
    humantime::format_duration(std::time::Duration::from_nanos(nanoseconds.unsigned_abs())).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derived_files_stand_beside_the_document() {
        assert_eq!(beside(Path::new("apps/a.flux.md"), "fluxbc"), Path::new("apps/a.fluxbc"));
        assert_eq!(beside(Path::new("b.fluxasm"), "fluxbc"), Path::new("b.fluxbc"));
        assert_eq!(beside(Path::new("plain"), "fluxbc"), Path::new("plain.fluxbc"));
    }
}
