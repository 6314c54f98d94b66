//! Modules as assembly text, with errors that show the line.

use flux_isa::Module;
pub use flux_isa::asm::Completion;
use flux_isa::asm::{self, AssembleOptions};
use flux_isa::desc::Desc;

use crate::error::Error;
use crate::source::Source;

/// One fault of an assembly text, ready for people.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fault {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// What is wrong, where, and what may help; with the line itself.
    pub text: String,
}

/// Assembles a text.
///
/// # Errors
/// [`Error::Module`] when the file is no text; inside, the faults of the text.
pub fn assemble(source: &Source, completion: Completion) -> Result<Result<Module, Vec<Fault>>, Error> {
    let text = std::str::from_utf8(&source.bytes).map_err(|error| Error::Module {
        name: source.name.clone(),
        why: format!("byte {} is not UTF-8; assembly is text", error.valid_up_to()),
    })?;
    Ok(asm::assemble_with(text, AssembleOptions { completion, ..AssembleOptions::default() }).map_err(
        |errors| {
            errors
                .into_iter()
                .map(|error| {
                    let index = (error.line as usize).saturating_sub(1);
                    let line: String = text.lines().nth(index).unwrap_or("").chars().take(120).collect();
                    let mark = " ".repeat((error.column as usize).saturating_sub(1).min(119));
                    let hint =
                        error.hint.as_ref().map(|hint| format!("\n  help: {hint}")).unwrap_or_default();
                    Fault {
                        line: error.line,
                        column: error.column,
                        text: format!(
                            "{}\n  --> {}:{}:{}\n  | {}\n  | {mark}^{hint}",
                            error.problem,
                            source.name,
                            error.line,
                            error.column,
                            line.replace(|c: char| c.is_control(), " ")
                        ),
                    }
                })
                .collect()
        },
    ))
}

/// The text of a module; it assembles to the same bytes.
#[must_use]
pub fn disassemble(module: &Module) -> String {
    asm::disassemble(module)
}

/// Type descriptors in the words of the language, `d` as `f64`.
#[must_use]
pub fn describe_all(descs: &str) -> Vec<String> {
    match Desc::parse_list(descs) {
        Ok(list) => list.iter().map(words).collect(),
        Err(_) => vec![descs.to_owned()],
    }
}

/// Nesting is bounded by [`Desc::parse_list`].
fn words(desc: &Desc) -> String {
    let list = |types: &[Desc]| types.iter().map(words).collect::<Vec<_>>().join(", ");
    match desc {
        Desc::Bool => "bool".into(),
        Desc::I64 => "int".into(),
        Desc::I32 => "i32".into(),
        Desc::I16 => "i16".into(),
        Desc::I8 => "i8".into(),
        Desc::U64 => "u64".into(),
        Desc::U32 => "u32".into(),
        Desc::U16 => "u16".into(),
        Desc::U8 => "u8".into(),
        Desc::F32 => "f32".into(),
        Desc::F64 => "f64".into(),
        Desc::Duration => "duration".into(),
        Desc::Str => "str".into(),
        Desc::Bytes => "bytes".into(),
        Desc::Agent => "agent".into(),
        Desc::Capability => "capability".into(),
        Desc::Region => "region".into(),
        Desc::Outer(0) => "the same again".into(),
        Desc::Outer(up) => format!("the type {up} further out again"),
        Desc::Array(element) => format!("[{}]", words(element)),
        Desc::Fixed(length, element) => format!("[{}; {length}]", words(element)),
        Desc::Optional(value) => format!("{}?", words(value)),
        Desc::Map(key, value) => format!("map[{}]{}", words(key), words(value)),
        Desc::Struct(fields) => format!("struct {{{}}}", list(fields)),
        Desc::Enum(variants) => {
            let variants: Vec<String> =
                variants.iter().map(|payload| format!("({})", list(payload))).collect();
            format!("enum {{{}}}", variants.join(" | "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_read_as_the_language_writes_types() {
        assert_eq!(describe_all("dsb"), ["f64", "str", "bool"]);
        assert_eq!(describe_all("(3){l?s}"), ["[struct {int, str?}; 3]"]);
        assert_eq!(describe_all("!"), ["!"]);
    }

    #[test]
    fn a_fault_shows_its_line() {
        let source = Source::from_bytes("a.fluxasm", b".name \"x\"\n  BOGUS R1\n".to_vec());
        let faults = assemble(&source, Completion::Missing).unwrap().unwrap_err();
        assert!(
            faults[0].text.contains("a.fluxasm:2:3") && faults[0].text.contains("BOGUS R1"),
            "{}",
            faults[0].text
        );
    }
}
