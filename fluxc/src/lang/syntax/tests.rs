//! The front end as a whole: the first program, every form of step, every rule of reading.

mod code;
mod forms;
mod hostile;
mod sections;
mod show;

use super::ast::Document;
use super::parse;
use crate::diag::{Severity, Sink};
use crate::span::SourceId;
use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

/// A document and `CODE text under the span` of each diagnostic.
fn read(source: &str) -> (Document<'_>, Vec<String>) {
    let mut sink = Sink::new(SourceId(0));
    let document = parse(source.as_bytes(), &mut sink).unwrap();
    let found = sink
        .into_sorted()
        .iter()
        .map(|d| {
            format!("{} {}", d.code, d.span.text(source).lines().next().unwrap_or("")).trim().to_string()
        })
        .collect();
    (document, found)
}

/// A document that must have no errors.
fn clean(source: &str) -> Document<'_> {
    let mut sink = Sink::new(SourceId(0));
    let document = parse(source.as_bytes(), &mut sink).unwrap();
    let errors: Vec<String> = sink
        .diagnostics()
        .iter()
        .filter(|d| d.severity() == Severity::Error)
        .map(|d| format!("{} {} at {:?}", d.code, d.message, d.span.text(source)))
        .collect();
    assert!(errors.is_empty(), "{source}\n{errors:#?}");
    document
}

/// The diagnostics of the steps of a Loop.
fn step_errors(steps: &str) -> Vec<String> {
    let source = format!("## Loop\n{steps}\n");
    let mut sink = Sink::new(SourceId(0));
    let _ = parse(source.as_bytes(), &mut sink).unwrap();
    sink.into_sorted()
        .iter()
        .map(|d| {
            format!("{} {}", d.code, d.span.text(&source).lines().next().unwrap_or("")).trim().to_string()
        })
        .collect()
}

/// The steps of a Loop as text.
fn loop_steps(steps: &str) -> String {
    let source = format!("## Loop\n{steps}\n");
    let document = clean(&source);
    show::steps(&document.agents[0].main_loop.as_ref().unwrap().body)
}

/// The steps of a test as text.
fn test_steps(steps: &str) -> String {
    let source = format!("## Test \"t\"\n{steps}\n");
    let document = clean(&source);
    show::steps(&document.tests[0].body)
}
