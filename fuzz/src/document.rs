//! Any bytes as a document: diagnostics that point into it, or modules that everyone accepts.

use flux_fluxc::diag::{Diagnostic, Severity};
use flux_fluxc::{Level, Options, compile};
use flux_isa::Module;

const LEVELS: [Level; 4] = [Level::None, Level::Basic, Level::Small, Level::Full];

/// Compiles `data` as a document; its modules, if it has no error.
///
/// # Panics
/// If a diagnostic points outside of the document or between the bytes of a character, an error
/// and a module come together, neither comes, a module is refused by the verifier, or its file or
/// listing does not give it back.
pub fn check(data: &[u8]) -> Vec<Module> {
    let level = LEVELS[data.len() % LEVELS.len()];
    let compiled = compile(data, "fuzz.flux.md", &Options { level, ..Options::default() });
    let text = std::str::from_utf8(data).ok();
    for row in &compiled.diagnostics {
        assert!(!row.message.is_empty(), "{row:?}");
        for (start, end) in spans(row) {
            let (start, end) = (start as usize, end as usize);
            assert!(start <= end && end <= data.len(), "{start}..{end} of {}: {row:?}", data.len());
            if let Some(text) = text {
                assert!(text.get(start..end).is_some(), "{start}..{end} cuts a character: {row:?}");
            }
        }
    }
    let errors = compiled.diagnostics.iter().any(|row| row.severity() == Severity::Error);
    assert_eq!(compiled.has_errors(), errors, "counted and kept errors differ");
    assert_eq!(compiled.modules.is_empty(), errors, "modules if and only if there is no error");
    for module in &compiled.modules {
        let verified = flux_verify::verify(module.clone()).unwrap_or_else(|error| {
            panic!("the verifier refuses our own module: {error}\n{}", flux_isa::asm::disassemble(module))
        });
        let program = flux_vm::Program::load(verified);
        assert!(program.is_ok(), "the machine refuses a verified module: {program:?}");
        check_forms(module);
    }
    compiled.modules
}

fn check_forms(module: &Module) {
    crate::check_module_forms(module);
}

/// Every place that a diagnostic names.
fn spans(row: &Diagnostic) -> impl Iterator<Item = (u32, u32)> + '_ {
    let replacement = row.hint.as_ref().and_then(|hint| hint.replacement.as_ref());
    [row.span]
        .into_iter()
        .chain(row.secondary.iter().map(|label| label.span))
        .chain(replacement.map(|replacement| replacement.span))
        .map(|span| (span.start, span.end))
}
