//! Golden files of passes and back end: `NAME.fir` in, `NAME.opt` (FIR at `-O2`, edges split)
//! and `NAME.asm` (its bytecode) out. `FLUX_BLESS=1` writes them anew.

use flux_fluxc::backend::bytecode;
use flux_fluxc::fir::passes::{self, Level};
use flux_fluxc::fir::verify::verify;
use flux_fluxc::fir::{Module, parse};
use std::fs;
use std::path::Path;

fn assembly(fir: &mut Module) -> String {
    let code = bytecode::generate(fir).unwrap_or_default();
    let module = flux_isa::Module {
        meta: flux_isa::Meta { name: "golden".into(), ..flux_isa::Meta::default() },
        constants: fir.data.clone(),
        signatures: code.signatures,
        functions: code.functions,
        code: code.code,
        entries: code.entries,
        lines: code.lines,
        ..flux_isa::Module::default()
    };
    flux_isa::asm::disassemble(&module)
}

fn compare(path: &Path, found: &str, failed: &mut Vec<String>) {
    if std::env::var_os("FLUX_BLESS").is_some() {
        assert!(fs::write(path, found).is_ok(), "cannot write {}", path.display());
        return;
    }
    let wanted = fs::read_to_string(path).unwrap_or_default();
    if wanted != found {
        failed.push(format!("{}:\n--- wanted\n{wanted}\n--- found\n{found}", path.display()));
    }
}

#[test]
fn passes_and_code_are_as_recorded() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fir_golden");
    let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.retain(|path| path.extension().is_some_and(|extension| extension == "fir"));
    names.sort();
    assert!(names.len() >= 8, "golden files are missing");
    let mut failed = Vec::new();
    for path in names {
        let text = fs::read_to_string(&path).unwrap();
        let mut fir = parse(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        verify(&fir).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        passes::optimize(&mut fir, Level::Full);
        let assembly = assembly(&mut fir);
        verify(&fir).unwrap();
        compare(&path.with_extension("opt"), &fir.to_string(), &mut failed);
        compare(&path.with_extension("asm"), &assembly, &mut failed);
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
