//! Text as FIR: what the reader accepts prints back, and what verifies stays so in every pass.

use flux_fluxc::Level;
use flux_fluxc::backend::bytecode;
use flux_fluxc::fir::verify::verify;
use flux_fluxc::fir::{Module, parse, passes};
use flux_isa::{Meta, StateLayout};

/// Reads `data` as FIR text and takes it through every level to bytecode.
///
/// # Panics
/// If the printed text reads as another module, a pass leaves a module that does not verify, or
/// the verifier of bytecode refuses what the back end made.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(fir) = parse(text) else { return };
    let printed = fir.to_string();
    match parse(&printed) {
        Ok(again) => assert!(again == fir, "the printed text reads as another module:\n{printed}"),
        Err(error) => panic!("the printed text is refused: {error}\n{printed}"),
    }
    if verify(&fir).is_err() {
        return;
    }
    for level in [Level::None, Level::Basic, Level::Small, Level::Full] {
        let mut optimized = fir.clone();
        passes::optimize(&mut optimized, level);
        if let Err(error) = verify(&optimized) {
            panic!("{level:?} broke it: {error}\n{printed}\n{optimized}");
        }
        let Some(module) = lower(&mut optimized) else { continue };
        if let Err(error) = verify(&optimized) {
            panic!("the back end broke it: {error}\n{printed}\n{optimized}");
        }
        if let Err(error) = flux_verify::verify(module.clone()) {
            let listing = flux_isa::asm::disassemble(&module);
            panic!("the verifier refuses our own code: {error}\n{optimized}\n{listing}");
        }
        crate::check_module_forms(&module);
    }
}

/// Bytecode of verified FIR in a module that declares everything; `None` if a limit of the
/// instruction set is passed.
pub fn lower(fir: &mut Module) -> Option<flux_isa::Module> {
    let code = bytecode::generate(fir).ok()?;
    let row = |number: usize| number.to_string();
    Some(flux_isa::Module {
        meta: Meta {
            name: "fuzz".into(),
            period_ns: 1_000_000_000,
            memory: 1 << 30,
            gas: 1_000_000,
            ..Meta::default()
        },
        capabilities: flux_abi::capability::CapabilitySet::ALL,
        constants: fir.data.clone(),
        state: StateLayout { size: WRITABLE, ..StateLayout::default() },
        // Host instructions name rows of these tables by number.
        parameters: (0..ROWS)
            .map(|number| flux_isa::Parameter {
                name: row(number),
                desc: "l".into(),
                ..flux_isa::Parameter::default()
            })
            .collect(),
        links: (0..ROWS)
            .map(|number| flux_isa::Link {
                kind: flux_isa::LinkKind::Agent,
                name: row(number),
                channel: String::new(),
                rights: 3,
            })
            .collect(),
        timers: (0..ROWS as u16)
            .map(|ordinal| flux_isa::Timer { section: "Loop".into(), interval_ns: 1, ordinal })
            .collect(),
        signatures: code.signatures,
        functions: code.functions,
        code: code.code,
        entries: code.entries,
        lines: code.lines,
        ..flux_isa::Module::default()
    })
}

/// Bytes of state behind the constants, as many as generated FIR writes to.
pub const WRITABLE: u32 = flux_fluxc::fir::random::WRITABLE as u32;
/// Rows of the tables that host instructions refer to.
const ROWS: usize = 64;
