//! Any bytes as a module file: what is accepted has this one encoding, and nothing panics.
//!
//! The bytes are taken as they are, and as header and sections that get the digest they need: no
//! mutation of a file would find its way past the digest.

use flux_isa::Module;
use flux_isa::file::{FIRST_FOREIGN, seal};

/// Bytes of a file's header, and of a section's.
const HEADER: usize = 8;
const SECTION_HEADER: usize = 6;

/// Reads `data` as a module file.
///
/// # Panics
/// If the accepted module has another encoding (but for skipped sections), or its listing another
/// meaning, or verifying it twice gives two answers.
pub fn check(data: &[u8]) {
    let _ = Module::decode(data);
    let Ok(module) = Module::decode(&seal(data.to_vec())) else { return };
    assert!(
        module.encode() == seal(known_sections(data)),
        "an accepted file is not the encoding of its module"
    );
    crate::check_module_forms(&module);
    match (flux_verify::verify(module.clone()), flux_verify::verify(module.clone())) {
        (Ok(first), Ok(_)) => {
            assert!(first.module() == &module, "the verifier changed the module");
            let work = data.len() as u64;
            assert!(first.steps() <= 16 * work, "{} steps for {work} bytes", first.steps());
            let program = flux_vm::Program::load(first);
            assert!(program.is_ok(), "the machine refuses a verified module: {program:?}");
        }
        (Err(first), Err(second)) => assert_eq!(first, second),
        (first, second) => panic!("two answers: {first:?} {second:?}"),
    }
}

/// Header and sections of an accepted file without the foreign ones.
fn known_sections(data: &[u8]) -> Vec<u8> {
    let (mut known, mut rest) = (data[..HEADER].to_vec(), &data[HEADER..]);
    while let Some(header) = rest.first_chunk::<SECTION_HEADER>() {
        let number = u16::from_le_bytes([header[0], header[1]]);
        let length = u32::from_le_bytes([header[2], header[3], header[4], header[5]]) as usize;
        let (section, after) = rest.split_at(SECTION_HEADER + length);
        if number < FIRST_FOREIGN {
            known.extend(section);
        }
        rest = after;
    }
    known
}
