//! Modules from short texts, with blocks written as `B slots handlers [registers]`.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    reason = "each test program uses its part; a test that panics fails"
)]

use flux_isa::Module;
use flux_isa::asm::assemble;
use flux_verify::{Place, Problem, VerifyError, verify};

/// Tables that the code of tests refers to.
const TABLES: &str = r#"
    .exact
    .name "test"
    .parameter "p" "d"
    .link device "i2c:0x48"
    .link function "library/function"
    .link module "library"
    .timer "Loop" 5
    .signature 0 0
    .signature 1 1
    .signature 6 1
    .signature 2 1
    .capability COMMUNICATE IO_READ
"#;

/// The module of a text, tables of the tests included.
pub(crate) fn module(text: &str) -> Module {
    let mut whole = TABLES.to_string();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("B"), Some(stack), Some(handlers), registers) => {
                let written = registers.map(|r| format!("written {r}")).unwrap_or_default();
                whole += &format!(".entry stack {stack} handlers {handlers} {written}\nGAS_CHECK 9\n");
            }
            _ => {
                whole += line;
                whole += "\n";
            }
        }
    }
    assemble(&whole).unwrap_or_else(|errors| panic!("{}\n{text}", errors.first().unwrap()))
}

/// A module of one function without arguments and results.
pub(crate) fn body(text: &str) -> Module {
    module(&format!(".function f signature 0\n{text}"))
}

/// Why the module is refused.
pub(crate) fn problem(module: Module) -> Problem {
    refused(module).problem
}

/// Why and where the module is refused.
pub(crate) fn refused(module: Module) -> VerifyError {
    match verify(module) {
        Ok(verified) => panic!("accepted:\n{}", flux_isa::asm::disassemble(verified.module())),
        Err(error) => error,
    }
}

/// The module is accepted.
pub(crate) fn accepted(module: Module) -> flux_verify::VerifiedModule {
    let text = flux_isa::asm::disassemble(&module);
    verify(module).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Offset of the instruction that the error names.
pub(crate) fn offset(error: &VerifyError) -> Option<u32> {
    match error.place {
        Place::Code { offset, .. } => Some(offset),
        _ => None,
    }
}
