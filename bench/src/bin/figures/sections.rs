//! Sizes of machine code, of what was built beside this program.

use std::path::Path;

use crate::report::{Bound, Failure, Report};

/// Bytes of section `.text` of a little-endian 64-bit ELF file.
fn text_size(bytes: &[u8]) -> Option<u64> {
    let half = |at: usize| Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?));
    let word = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let long = |at: usize| Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
    if bytes.get(..6)? != b"\x7fELF\x02\x01" {
        return None;
    }
    let table = usize::try_from(long(0x28)?).ok()?;
    let (entry, count, names) =
        (usize::from(half(0x3a)?), usize::from(half(0x3c)?), usize::from(half(0x3e)?));
    let section = |number: usize| table.checked_add(number.checked_mul(entry)?);
    let strings = usize::try_from(long(section(names)? + 0x18)?).ok()?;
    (0..count).find_map(|number| {
        let at = section(number)?;
        let name = strings.checked_add(word(at)? as usize)?;
        (bytes.get(name..name.checked_add(6)?)? == b".text\0").then(|| long(at + 0x20)).flatten()
    })
}

/// Measures the binaries that exist.
pub fn measure(report: &mut Report) -> Result<(), Failure> {
    let target = std::env::var("CARGO_TARGET_DIR").unwrap_or_else(|_| String::from("target"));
    for (name, path) in
        [("`flux`", "release/flux"), ("the kernel for x86_64", "x86_64-unknown-none/kernel/flux-boot")]
    {
        let path = Path::new(&target).join(path);
        match std::fs::read(&path) {
            Ok(bytes) => {
                let size = text_size(&bytes).ok_or_else(|| format!("{} is no ELF file", path.display()))?;
                report.add(format!(".text of {name}"), "KB", size as f64 / 1e3, Bound::None, Bound::None);
            }
            Err(_) => report.remark(format!(".text of {name}: not built ({})", path.display())),
        }
    }
    Ok(())
}
