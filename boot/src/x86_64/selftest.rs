//! Faults on purpose, to see that the machine reports them and ends.
//!
//! `selftest=NAME` on the kernel's command line asks for one; `cargo xtask
//! boot-test` asks for each and checks report and exit status. None of them
//! returns when the machine is sound.

use core::hint::black_box;

/// What a fault on purpose is asked for with.
const KEY: &str = "selftest=";

/// Does what the command line asks for, if it asks for anything.
pub(super) fn run(command_line: &str) {
    let Some(name) = command_line.split_ascii_whitespace().find_map(|word| word.strip_prefix(KEY)) else {
        return;
    };
    match name {
        "null-pointer" => null_pointer(),
        "write-code" => write_code(),
        "execute-data" => execute_data(),
        "full-stack" => {
            black_box(full_stack(black_box(0)));
        }
        "invalid-opcode" => invalid_opcode(),
        "out-of-bounds" => out_of_bounds(),
        "out-of-memory" => out_of_memory(),
        _ => {}
    }
}

fn null_pointer() {
    let pointer: *const u8 = black_box(core::ptr::without_provenance(8));
    // SAFETY: page 0 is not mapped: the read ends in a fault, which is the purpose.
    unsafe { pointer.read_volatile() };
}

fn write_code() {
    let code: *mut u8 = black_box(run as fn(&str) as *mut u8);
    // SAFETY: code is not writable: the write ends in a fault, which is the purpose.
    unsafe { code.write_volatile(0) };
}

fn execute_data() {
    /// `ret`, in memory that is no code.
    static RETURN: [u8; 1] = [0xc3];
    let pointer: *const u8 = black_box(RETURN.as_ptr());
    // SAFETY: the bytes are a whole function; constants are not executable: the
    // call ends in a fault, which is the purpose.
    let function: extern "C" fn() = unsafe { core::mem::transmute(pointer) };
    function();
}

#[expect(unconditional_recursion, reason = "it ends at the page below the stack")]
fn full_stack(depth: u64) -> u64 {
    let room = black_box([depth; 64]);
    full_stack(depth.wrapping_add(1)).wrapping_add(room[0])
}

fn invalid_opcode() {
    // SAFETY: the instruction raises a fault and does nothing else.
    unsafe { core::arch::asm!("ud2") };
}

fn out_of_bounds() {
    let bytes = black_box([0_u8; 4]);
    black_box(bytes[black_box(4)]);
}

fn out_of_memory() {
    black_box(alloc::vec::Vec::<u8>::with_capacity(black_box(1 << 40)));
}
