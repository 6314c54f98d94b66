//! Named locals in modules: what a debugger is told of every document of the repository.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::Path;

use flux_fluxc::{Level, Options, Symbols, compile};
use flux_isa::{LocalPlace, Module};

/// The documents of the repository that compile by themselves.
fn documents() -> Vec<(String, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = Vec::new();
    for folder in ["apps", "std", "tests/golden/run"] {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|ending| ending == "md") {
                found.push((path.display().to_string(), std::fs::read(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

fn modules(source: &[u8], level: Level, symbols: Symbols) -> Vec<Module> {
    compile(source, "test.flux.md", &Options { level, symbols, ..Options::default() }).modules
}

#[test]
fn every_document_tells_where_its_locals_are() {
    let (mut seen, mut kept) = (0, 0);
    for (path, source) in documents() {
        for module in modules(&source, Level::None, Symbols::Include) {
            let decoded = Module::decode(&module.encode()).unwrap();
            assert_eq!(decoded, module, "{path}");
            flux_verify::verify(module.clone()).unwrap_or_else(|error| panic!("{path}: {error}"));
            seen += module.locals.len();
            let ranges = module.locals.iter().flat_map(|local| &local.ranges);
            kept += ranges.filter(|range| range.place != LocalPlace::Gone).count();
        }
    }
    assert!(seen > 200 && kept > seen / 2, "{seen} locals, {kept} ranges");
}

/// A debugged program is the program: names change no instruction of an optimised one.
#[test]
fn names_change_no_code_that_is_optimised() {
    for (path, source) in documents() {
        for level in [Level::Basic, Level::Small, Level::Full] {
            let plain = modules(&source, level, Symbols::Leave);
            let named = modules(&source, level, Symbols::Include);
            assert_eq!(plain.len(), named.len(), "{path}");
            for (plain, mut named) in plain.into_iter().zip(named) {
                assert!(plain.locals.is_empty(), "{path}");
                named.locals.clear();
                assert!(without_children(named) == without_children(plain), "{path} at {level:?}");
            }
        }
    }
}

/// Modules of children hold names of their own.
fn without_children(mut module: Module) -> Module {
    module.children.clear();
    module
}
