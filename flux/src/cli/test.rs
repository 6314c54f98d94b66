//! `flux test`: the `## Test` sections of documents, in simulated time.

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anstyle::AnsiColor;
use flux_core::Severity;
use flux_core::error::Error;
use flux_core::source::Source;
use flux_core::test::{
    self, Coverage, Document, Failure, KeptLog, LineCoverage, Outcome as Tested, Report, Request,
};
use serde_json::{Value, json};

use super::args::{Format, TestArguments};
use super::progress::Progress;
use super::terminal::Terminal;
use super::{Outcome, check};

pub(crate) fn test(arguments: &TestArguments, terminal: &Terminal) -> Result<Outcome, Error> {
    let request = Request {
        filter: arguments.filter.clone(),
        seed: arguments.seed,
        log: if terminal.verbose > 0 { KeptLog::Whole } else { KeptLog::Last },
        coverage: if arguments.coverage { Coverage::On } else { Coverage::Off },
    };
    let start = Instant::now();
    let sources: Vec<Source> =
        arguments.files.iter().map(|file| Source::document(file)).collect::<Result<_, _>>()?;
    let mut progress = Progress::new(sources.len(), terminal);
    let compile = |source: Source| progress.step(&source.shown(), || test::compile(source, &request));
    let documents: Vec<Document> = sources.into_iter().map(compile).collect();
    drop(progress);
    for document in &documents {
        show_diagnostics(document, terminal);
    }
    if arguments.list {
        list(&documents, terminal);
        return Ok(verdict(&documents, 0));
    }
    let mut progress = Progress::new(documents.iter().map(|document| document.tests.len()).sum(), terminal);
    let mut reports = Vec::new();
    let mut done = 0;
    for document in documents {
        let name = document.source.shown();
        let report = test::run(document, &request, &mut |outcome| {
            done += 1;
            progress.reach(done, &format!("{name}: {}", plain(&outcome.name)));
        });
        reports.push(report);
    }
    drop(progress);
    if let Some(path) = &arguments.junit {
        write(path, &test::junit(&reports))?;
    }
    show(&reports, start.elapsed(), terminal);
    let failed = reports.iter().map(Report::failed).sum();
    let documents: Vec<Document> = reports.into_iter().map(|report| report.document).collect();
    if let Some(filter) = &arguments.filter
        && documents.iter().all(|document| document.tests.is_empty())
        && documents.iter().any(|document| document.left_out > 0)
    {
        return Err(Error::Option {
            option: format!("--filter {filter}"),
            why: "no test has this in its name; --list shows the names".into(),
        });
    }
    Ok(verdict(&documents, failed))
}

fn verdict(documents: &[Document], failed: usize) -> Outcome {
    let faulty = documents.iter().any(|document| document.errors > 0);
    if faulty || failed > 0 { Outcome::AtFault } else { Outcome::Done }
}

fn write(path: &Path, text: &str) -> Result<(), Error> {
    std::fs::write(path, text).map_err(|error| Error::Write { path: path.to_owned(), why: error.to_string() })
}

/// Errors and warnings of the documents; notes are for `flux check`.
fn show_diagnostics(document: &Document, terminal: &Terminal) {
    let rows: Vec<_> =
        document.diagnostics.iter().filter(|row| row.severity() != Severity::Note).cloned().collect();
    match terminal.format {
        // The one JSON document holds them.
        Format::Json => {}
        _ => check::show(&document.source, &rows, terminal),
    }
}

// -------------------------------------------------------------------- listing

fn list(documents: &[Document], terminal: &Terminal) {
    let rows = documents.iter().flat_map(|document| document.tests.iter().map(move |test| (document, test)));
    match terminal.format {
        Format::Json => {
            let tests: Vec<Value> = rows
                .map(|(document, test)| {
                    json!({ "file": document.source.shown(), "line": test.line, "name": test.name })
                })
                .collect();
            terminal.print(&format!("{:#}\n", json!({ "tests": tests })));
        }
        Format::Ndjson => {
            for (document, test) in rows {
                let row = json!({ "file": document.source.shown(), "line": test.line, "name": test.name });
                terminal.print(&format!("{row}\n"));
            }
        }
        Format::Tsv => {
            for (document, test) in rows {
                terminal.print(&format!("{}\t{}\t{}\n", document.source.shown(), test.line, test.name));
            }
        }
        Format::Table | Format::Quiet => {
            for (document, test) in rows {
                terminal.print(&format!(
                    "{}:{}: {}\n",
                    document.source.shown(),
                    test.line,
                    plain(&test.name)
                ));
            }
        }
    }
}

// -------------------------------------------------------------------- reports

fn show(reports: &[Report], elapsed: Duration, terminal: &Terminal) {
    match terminal.format {
        Format::Json => {
            let documents: Vec<Value> = reports.iter().map(document_json).collect();
            let failed: usize = reports.iter().map(Report::failed).sum();
            let all: usize = reports.iter().map(|report| report.outcomes.len()).sum();
            let whole = json!({
                "documents": documents,
                "tests": all,
                "passed": all - failed,
                "failed": failed,
                "time_ms": milliseconds(elapsed),
            });
            terminal.print(&format!("{whole:#}\n"));
        }
        Format::Ndjson => {
            for report in reports {
                for outcome in &report.outcomes {
                    let mut row = outcome_json(outcome);
                    if let Some(object) = row.as_object_mut() {
                        object.insert("file".into(), json!(report.document.source.shown()));
                    }
                    terminal.print(&format!("{row}\n"));
                }
            }
        }
        Format::Tsv => {
            for report in reports {
                for outcome in &report.outcomes {
                    terminal.print(&format!(
                        "{}\t{}\t{}\t{}\t{:.3}\n",
                        report.document.source.shown(),
                        outcome.line,
                        plain(&outcome.name),
                        word(outcome),
                        milliseconds(outcome.elapsed)
                    ));
                }
            }
        }
        Format::Quiet => {
            for report in reports {
                let failed =
                    report.outcomes.iter().filter_map(|outcome| Some((outcome, outcome.failure.as_ref()?)));
                for (outcome, failure) in failed {
                    let place = format!("{}:{}", report.document.source.shown(), failure.line);
                    terminal.error("F0010", &format!("{place}: test \"{}\" failed", plain(&outcome.name)));
                }
            }
        }
        Format::Table => {
            for report in reports {
                table(report, terminal);
            }
            total(reports, elapsed, terminal);
        }
    }
}

const fn word(outcome: &Tested) -> &'static str {
    if outcome.failure.is_some() { "failed" } else { "passed" }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

fn failure_json(failure: &Failure) -> Value {
    json!({
        "line": failure.line,
        "step": failure.step,
        "expected": failure.expected,
        "found": failure.found,
    })
}

fn outcome_json(outcome: &Tested) -> Value {
    json!({
        "name": outcome.name,
        "line": outcome.line,
        "outcome": word(outcome),
        "time_ms": milliseconds(outcome.elapsed),
        "simulated_ns": outcome.simulated_ns,
        "failure": outcome.failure.as_ref().map(failure_json),
        "log": outcome.log,
    })
}

fn document_json(report: &Report) -> Value {
    let source = &report.document.source;
    let diagnostics = flux_core::report::to_json(&source.texts(), &report.document.diagnostics);
    let coverage = report.coverage.as_ref().map(|coverage| {
        let missed: Vec<u32> =
            coverage.lines.iter().filter(|(_, ran)| !**ran).map(|(line, _)| *line).collect();
        json!({
            "lines": coverage.lines.len(),
            "covered": coverage.covered(),
            "percent": coverage.percent(),
            "missed": missed,
        })
    });
    json!({
        "file": source.shown(),
        "diagnostics": diagnostics,
        "tests": report.outcomes.iter().map(outcome_json).collect::<Vec<_>>(),
        "coverage": coverage,
    })
}

fn table(report: &Report, terminal: &Terminal) {
    let name = report.document.source.shown();
    if report.document.errors > 0 {
        terminal
            .print(&format!("{name}: {}\n", terminal.paint_out("not tested, it has errors", AnsiColor::Red)));
        return;
    }
    if report.outcomes.is_empty() {
        let text = match report.document.left_out {
            0 => String::from("no tests"),
            left_out => format!("no tests of that name, {left_out} others"),
        };
        terminal.print(&format!("{name}: {text}\n"));
        return;
    }
    terminal.print(&format!("{name}\n"));
    for outcome in &report.outcomes {
        let verdict = match outcome.failure {
            None => terminal.paint_out("ok    ", AnsiColor::Green),
            Some(_) => terminal.paint_out("FAILED", AnsiColor::Red),
        };
        let time = format!("{:.1} ms", milliseconds(outcome.elapsed));
        terminal.print(&format!("  {verdict}  {}  ({time})\n", plain(&outcome.name)));
        if let Some(failure) = &outcome.failure {
            terminal.print(&failure_text(&name, failure));
        }
        let wanted = outcome.failure.is_some() || terminal.verbose > 0;
        if wanted && !outcome.log.is_empty() {
            terminal.print("          log:\n");
            for line in &outcome.log {
                terminal.print(&format!("          {line}\n"));
            }
        }
    }
    if let Some(coverage) = &report.coverage {
        terminal.print(&coverage_text(report, coverage, terminal));
    }
}

fn failure_text(name: &str, failure: &Failure) -> String {
    let step = if failure.step.is_empty() { "the start" } else { &failure.step };
    let mut text = format!("          {name}:{}: {}\n", failure.line, plain(step));
    let _ = writeln!(text, "          expected: {}", plain(&failure.expected));
    for (at, found) in failure.found.iter().enumerate() {
        let label = if at == 0 { "found:" } else { "" };
        let _ = writeln!(text, "          {label:9} {}", plain(found));
    }
    text
}

/// The document with a mark before each line that has code: `+` it ran, `-` it did not.
fn coverage_text(report: &Report, coverage: &LineCoverage, terminal: &Terminal) -> String {
    let mut text = format!(
        "  coverage: {} % ({} of {} lines with code)\n",
        coverage.percent(),
        coverage.covered(),
        coverage.lines.len()
    );
    let source = String::from_utf8_lossy(&report.document.source.bytes);
    for (number, line) in (1u32..).zip(source.lines()) {
        let mark = match coverage.lines.get(&number) {
            Some(true) => terminal.paint_out("+", AnsiColor::Green),
            Some(false) => terminal.paint_out("-", AnsiColor::Red),
            None => String::from(" "),
        };
        let _ = writeln!(text, "  {number:>5} {mark} {}", plain(line));
    }
    text
}

fn total(reports: &[Report], elapsed: Duration, terminal: &Terminal) {
    let all: usize = reports.iter().map(|report| report.outcomes.len()).sum();
    if all == 0 {
        return;
    }
    let failed: usize = reports.iter().map(Report::failed).sum();
    let of = if reports.len() == 1 { String::new() } else { format!(" in {} documents", reports.len()) };
    let tests = if all == 1 { "test" } else { "tests" };
    let verdict = match failed {
        0 => terminal.paint_out("all passed", AnsiColor::Green),
        failed => terminal.paint_out(&format!("{failed} failed"), AnsiColor::Red),
    };
    terminal.print(&format!("{all} {tests}{of}: {verdict} ({:.0} ms)\n", milliseconds(elapsed)));
}

/// Text without control characters: a document's own words must not steer the terminal.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
