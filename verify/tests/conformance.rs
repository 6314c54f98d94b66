//! The vectors of `conformance/modules`: the same text gives the same bytes, identity and verdict.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that panics fails")]

use std::fs;
use std::path::{Path, PathBuf};

use flux_abi::opcode::{Flow, OPCODES, Opcode, OpcodeInfo, Operand, StackEffect};
use flux_isa::Module;
use flux_isa::asm::{assemble, disassemble};
use flux_verify::verify;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../conformance/modules").join(name)
}

/// The texts of a folder, in the order of their names.
fn texts(name: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder(name)).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<_> =
        entries.filter(|path| path.extension().is_some_and(|extension| extension == "asm")).collect();
    found.sort();
    found
}

fn module(path: &Path) -> Module {
    let text = fs::read_to_string(path).unwrap();
    assemble(&text).unwrap_or_else(|errors| panic!("{}: {}", path.display(), errors.first().unwrap()))
}

/// Compares with the expected file, or writes it when asked to.
fn check(path: &Path, found: &[u8]) {
    if std::env::var_os("FLUX_BLESS").is_some() {
        fs::write(path, found).unwrap();
    }
    let expected = fs::read(path).unwrap_or_default();
    assert!(expected == found, "{} is not what the text gives", path.display());
}

#[test]
fn accepted_modules_have_the_bytes_and_identity_of_their_vectors() {
    let texts = texts("accepted");
    assert!(texts.len() >= 4, "{texts:?}");
    for path in texts {
        let module = module(&path);
        let bytes = module.encode();
        check(&path.with_extension("fluxbc"), &bytes);
        let identity: String = module.identity().iter().map(|byte| format!("{byte:02x}")).collect();
        check(&path.with_extension("sha256"), format!("{identity}\n").as_bytes());
        assert_eq!(Module::decode(&bytes).unwrap(), module);
        assert_eq!(assemble(&disassemble(&module)).unwrap().encode(), bytes);
        if let Err(error) = verify(module) {
            panic!("{}: {error}", path.display());
        }
    }
}

#[test]
fn refused_modules_are_refused_for_the_reason_of_their_vectors() {
    let texts = texts("refused");
    assert!(texts.len() >= 10, "{texts:?}");
    for path in texts {
        let decoded = Module::decode(&module(&path).encode()).unwrap();
        match verify(decoded) {
            Ok(_) => panic!("{} is accepted", path.display()),
            Err(error) => check(&path.with_extension("txt"), format!("{error}\n").as_bytes()),
        }
    }
}

/// An operand that fits, as the assembler writes it.
fn operand(opcode: Opcode, operand: Operand) -> String {
    match operand {
        Operand::Rd => "R20".into(),
        Operand::Ra => "R21".into(),
        Operand::Rb => "R22".into(),
        Operand::Rc | Operand::Rm => "R23".into(),
        Operand::Vd => "R24".into(),
        Operand::Va => "R28".into(),
        Operand::Vb => "R32".into(),
        Operand::First => "R40".into(),
        Operand::Last => "R42".into(),
        Operand::Select(kind) => kind.choices().last().unwrap().1.into(),
        Operand::Region => "15".into(),
        Operand::U16 | Operand::Shift => "3".into(),
        Operand::U32 => "5".into(),
        Operand::I32 => "-6".into(),
        Operand::I64 => "0x0123456789abcdef".into(),
        Operand::Link if opcode == Opcode::ModuleImport => "1".into(),
        Operand::Slot | Operand::Link | Operand::Param | Operand::Timer | Operand::Signature => "0".into(),
        Operand::Function if opcode == Opcode::SetHandler => "@on_trap".into(),
        Operand::Function => "@callee".into(),
        Operand::Target | Operand::Handler => "end".into(),
    }
}

/// Instructions that bring the frame to where the opcode may stand, and back.
fn around(row: &OpcodeInfo) -> (String, String) {
    let slots = |count: u32, name: &str| match count {
        0 => String::new(),
        _ => format!("    {name} {count}\n"),
    };
    let (before, after) = match row.stack {
        StackEffect::None => (0, 0),
        StackEffect::Fixed { pop, push } => (u32::from(pop), u32::from(push)),
        StackEffect::Reserve | StackEffect::PushRange => (0, 3),
        StackEffect::Release | StackEffect::PopRange => (3, 0),
        StackEffect::PushAll => (0, 49),
        StackEffect::PopAll => (49, 0),
        StackEffect::Enter => return (String::new(), "    LEAVE\n".into()),
        StackEffect::Leave => return ("    ENTER 1\n".into(), String::new()),
    };
    match row.opcode {
        Opcode::Syscall => ("    MOVI R60, 801\n".into(), String::new()),
        Opcode::SlotGet | Opcode::SlotSet => (slots(1, "STACK_ALLOC"), slots(1, "STACK_FREE")),
        Opcode::Catch | Opcode::Finally => (String::new(), format!("    {} 0\n", row.name)),
        _ => (slots(before, "STACK_ALLOC"), slots(after, "STACK_FREE")),
    }
}

/// Each opcode of the table once, in a function where all registers are written.
fn every_opcode() -> String {
    let mut text = String::from(
        "; Each opcode once, made from the opcode table.\n.name \"every-opcode\"\n\
         .capability SPAWN COMMUNICATE COMPILE IO_READ IO_WRITE MEMORY HARDWARE NETWORK FILESYSTEM DEBUG SUPERVISOR\n\
         .parameter \"parameter\" \"d\"\n.link function \"library/function\"\n.link module \"library\"\n\
         .timer \"Loop\" 1000000000\n.signature 0 0\n\n.function callee\n    RET\n\n\
         .function on_trap arguments 2\n    RETI R16\n",
    );
    for row in OPCODES.iter().filter(|row| row.opcode != Opcode::Reti) {
        let (before, after) = around(row);
        let operands: Vec<_> = row.operands.iter().map(|o| operand(row.opcode, *o)).collect();
        let instruction = format!("    {} {}", row.name, operands.join(", "));
        text +=
            &format!("\n.function op_{}\n    STACK_ALLOC 49\n    POPA\n{before}", row.name.to_lowercase());
        text += instruction.trim_end();
        text += "\n";
        let leads = row.operands.iter().any(|o| matches!(o, Operand::Target | Operand::Handler));
        text += &match row.flow {
            Flow::Stop | Flow::Jump => String::new(),
            _ => format!("{after}    RET\n"),
        };
        text += if leads { "end:\n    HALT\n" } else { "" };
    }
    text
}

#[test]
fn the_vector_of_every_opcode_follows_the_table() {
    check(&folder("accepted").join("every_opcode.asm"), every_opcode().as_bytes());
}
