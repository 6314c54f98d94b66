//! Faults are reported and end the machine; the timer interrupt counts.
//!
//! Tables: Intel SDM volume 3, chapters 6 (interrupts) and 8.2 (task state).
//! Interrupt controller: the two 8259A of a PC, moved to vectors 0x20–0x2F with
//! every line but the timer's masked.

use core::arch::naked_asm;
use core::fmt::Write;
use core::sync::atomic::{AtomicU64, Ordering};

use x86_64::VirtAddr;
use x86_64::instructions::port::Port;
use x86_64::instructions::segmentation::{CS, DS, ES, SS, Segment};
use x86_64::instructions::tables::load_tss;
use x86_64::registers::control::{Cr2, Cr3};
use x86_64::structures::gdt::{Descriptor, GlobalDescriptorTable};
use x86_64::structures::idt::{Entry, HandlerFunc, InterruptDescriptorTable};
use x86_64::structures::tss::TaskStateSegment;

use super::Machine;
use super::console::EmergencyConsole;
use super::power;
use crate::error::HalError;
use crate::interrupts::Interrupts;
use crate::power::ExitStatus;

/// First vector of the interrupt controllers.
const PIC_VECTOR: u8 = 0x20;
/// Faults use a stack of their own, so that a full stack can be reported.
const FAULT_STACK_BYTES: usize = 16 * 1024;
const FAULT_STACK_SLOT: u16 = 0;

#[repr(align(16))]
#[expect(dead_code, reason = "the processor alone uses the bytes")]
struct FaultStack([u8; FAULT_STACK_BYTES]);

static mut FAULT_STACK: FaultStack = FaultStack([0; FAULT_STACK_BYTES]);
static mut TASK_STATE: TaskStateSegment = TaskStateSegment::new();
static mut SEGMENTS: GlobalDescriptorTable = GlobalDescriptorTable::new();
static mut VECTORS: InterruptDescriptorTable = InterruptDescriptorTable::new();

static TICKS: AtomicU64 = AtomicU64::new(0);

/// Ticks since the machine came up.
pub(super) fn ticks() -> u64 {
    TICKS.load(Ordering::Relaxed)
}

/// What stands on the stack when [`report`] is called, lowest address first.
#[derive(Debug)]
#[repr(C)]
struct Frame {
    r15: u64,
    r14: u64,
    r13: u64,
    r12: u64,
    r11: u64,
    r10: u64,
    r9: u64,
    r8: u64,
    rbp: u64,
    rdi: u64,
    rsi: u64,
    rdx: u64,
    rcx: u64,
    rbx: u64,
    rax: u64,
    vector: u64,
    error_code: u64,
    rip: u64,
    cs: u64,
    rflags: u64,
    rsp: u64,
    ss: u64,
}

/// The names of the processor's exceptions, by vector.
const NAMES: [&str; 22] = [
    "division error",
    "debug",
    "non-maskable interrupt",
    "breakpoint",
    "overflow",
    "bound range exceeded",
    "invalid opcode",
    "device not available",
    "double fault",
    "coprocessor segment overrun",
    "invalid task state",
    "segment not present",
    "stack-segment fault",
    "general protection fault",
    "page fault",
    "reserved",
    "x87 floating-point error",
    "alignment check",
    "machine check",
    "SIMD floating-point error",
    "virtualization",
    "control protection",
];

/// Saves every register and reports; the vector and an error code are pushed.
#[unsafe(naked)]
extern "sysv64" fn fault_entry() {
    naked_asm!(
        "push rax",
        "push rbx",
        "push rcx",
        "push rdx",
        "push rsi",
        "push rdi",
        "push rbp",
        "push r8",
        "push r9",
        "push r10",
        "push r11",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "cld",
        "mov rdi, rsp",
        "and rsp, -16",
        "call {report}",
        "ud2",
        report = sym report,
    )
}

macro_rules! fault_stubs {
    ($($name:ident $vector:literal $push:literal;)*) => {
        $(
            /// Entry of one exception: pushes what [`Frame`] needs.
            #[unsafe(naked)]
            extern "sysv64" fn $name() {
                naked_asm!($push, concat!("push ", $vector), "jmp {entry}", entry = sym fault_entry)
            }
        )*
        /// Every exception with its entry.
        const FAULT_STUBS: &[(u8, extern "sysv64" fn())] = &[$(($vector, $name)),*];
    };
}

// Exceptions 8, 10–14, 17, 21 push an error code themselves (SDM table 6-1).
fault_stubs! {
    fault_0 0 "push 0"; fault_1 1 "push 0"; fault_2 2 "push 0"; fault_3 3 "push 0";
    fault_4 4 "push 0"; fault_5 5 "push 0"; fault_6 6 "push 0"; fault_7 7 "push 0";
    fault_8 8 ""; fault_9 9 "push 0"; fault_10 10 ""; fault_11 11 "";
    fault_12 12 ""; fault_13 13 ""; fault_14 14 ""; fault_16 16 "push 0";
    fault_17 17 ""; fault_18 18 "push 0"; fault_19 19 "push 0"; fault_20 20 "push 0";
    fault_21 21 "";
}

/// Entry of the timer interrupt: the caller-saved registers, a count, the end.
#[unsafe(naked)]
extern "sysv64" fn timer_entry() {
    naked_asm!(
        "push rax",
        "push rcx",
        "push rdx",
        "push rsi",
        "push rdi",
        "push r8",
        "push r9",
        "push r10",
        "push r11",
        "cld",
        // Five words from the processor and nine from here: aligned to 16 as a
        // call wants it when the processor aligned the stack (it does in 64-bit mode).
        "sub rsp, 8",
        "call {tick}",
        "add rsp, 8",
        "pop r11",
        "pop r10",
        "pop r9",
        "pop r8",
        "pop rdi",
        "pop rsi",
        "pop rdx",
        "pop rcx",
        "pop rax",
        "iretq",
        tick = sym tick,
    )
}

/// Entry of an interrupt line that nobody asked for: the controllers raise lines
/// 7 and 15 when a request went away (8259A data sheet), without wanting an end.
#[unsafe(naked)]
extern "sysv64" fn spurious_entry() {
    naked_asm!("iretq")
}

extern "sysv64" fn tick() {
    TICKS.fetch_add(1, Ordering::Relaxed);
    const END_OF_INTERRUPT: u8 = 0x20;
    // SAFETY: the command port of the first controller, which this module alone
    // drives; the write has no effect on memory.
    unsafe { Port::<u8>::new(0x20).write(END_OF_INTERRUPT) };
}

extern "sysv64" fn report(frame: &Frame) -> ! {
    let name = usize::try_from(frame.vector).ok().and_then(|vector| NAMES.get(vector)).unwrap_or(&"unknown");
    let mut out = EmergencyConsole::new();
    // Nothing is left to do if the console fails too.
    let _ = writeln!(
        out,
        "processor fault {vector}: {name}, error code {code:#x}\n\
         rip {rip:016x} cs  {cs:04x} rflags {rflags:016x}\n\
         rsp {rsp:016x} ss  {ss:04x} cr2 {cr2:016x} cr3 {cr3:016x}\n\
         rax {rax:016x} rbx {rbx:016x} rcx {rcx:016x} rdx {rdx:016x}\n\
         rsi {rsi:016x} rdi {rdi:016x} rbp {rbp:016x}\n\
         r8  {r8:016x} r9  {r9:016x} r10 {r10:016x} r11 {r11:016x}\n\
         r12 {r12:016x} r13 {r13:016x} r14 {r14:016x} r15 {r15:016x}",
        vector = frame.vector,
        code = frame.error_code,
        rip = frame.rip,
        cs = frame.cs,
        rflags = frame.rflags,
        rsp = frame.rsp,
        ss = frame.ss,
        cr2 = Cr2::read_raw(),
        cr3 = Cr3::read().0.start_address().as_u64(),
        rax = frame.rax,
        rbx = frame.rbx,
        rcx = frame.rcx,
        rdx = frame.rdx,
        rsi = frame.rsi,
        rdi = frame.rdi,
        rbp = frame.rbp,
        r8 = frame.r8,
        r9 = frame.r9,
        r10 = frame.r10,
        r11 = frame.r11,
        r12 = frame.r12,
        r13 = frame.r13,
        r14 = frame.r14,
        r15 = frame.r15,
    );
    power::stop(ExitStatus::Fault)
}

/// Loads segments, task state and interrupt vectors, and quiets the controllers.
///
/// # Safety
/// Called once, at privilege level 0 with interrupts off.
pub(super) unsafe fn install_tables() {
    let (stack, task_state) = (&raw mut FAULT_STACK, &raw mut TASK_STATE);
    let (segments, vectors) = (&raw mut SEGMENTS, &raw mut VECTORS);
    // SAFETY: called once on one core with interrupts off, so these are the only
    // references; what the processor is given lives in statics, for ever.
    let (task_state, segments, vectors) = unsafe { (&mut *task_state, &mut *segments, &mut *vectors) };
    let top = VirtAddr::from_ptr(stack) + (FAULT_STACK_BYTES as u64);
    // The structure is packed: its array is replaced as a whole.
    let mut fault_stacks = task_state.interrupt_stack_table;
    fault_stacks[FAULT_STACK_SLOT as usize] = top;
    task_state.interrupt_stack_table = fault_stacks;

    let code = segments.append(Descriptor::kernel_code_segment());
    let data = segments.append(Descriptor::kernel_data_segment());
    let task = segments.append(Descriptor::tss_segment(task_state));
    segments.load();
    // SAFETY: the selectors name entries of the table just loaded: 64-bit code,
    // flat data, and a task state that lives for ever.
    unsafe {
        CS::set_reg(code);
        DS::set_reg(data);
        ES::set_reg(data);
        SS::set_reg(data);
        load_tss(task);
    }

    for (vector, stub) in FAULT_STUBS {
        // SAFETY: each stub saves what it must and never returns.
        unsafe { set_fault(vectors, *vector, *stub) };
    }
    for line in 0..16_u8 {
        let entry: extern "sysv64" fn() = if line == 0 { timer_entry } else { spurious_entry };
        let gate: &mut Entry<HandlerFunc> = &mut vectors[PIC_VECTOR + line];
        // SAFETY: both entries save what they use and end in `iretq`.
        unsafe { gate.set_handler_addr(address_of(entry)) };
    }
    vectors.load();
    // SAFETY: the controllers' own ports, with interrupts off.
    unsafe { quiet_controllers() };
}

fn address_of(entry: extern "sysv64" fn()) -> VirtAddr {
    VirtAddr::new(entry as usize as u64)
}

/// Puts `stub` at an exception's vector, on the fault stack.
///
/// # Safety
/// `stub` is an interrupt entry for that vector.
unsafe fn set_fault(vectors: &mut InterruptDescriptorTable, vector: u8, stub: extern "sysv64" fn()) {
    let address = address_of(stub);
    macro_rules! gate {
        ($($number:literal $field:ident),*) => {
            match vector {
                $($number => {
                    // SAFETY: passed on to the caller; the slot was filled before.
                    unsafe { vectors.$field.set_handler_addr(address).set_stack_index(FAULT_STACK_SLOT) };
                })*
                _ => {}
            }
        };
    }
    gate!(
        0 divide_error, 1 debug, 2 non_maskable_interrupt, 3 breakpoint, 4 overflow,
        5 bound_range_exceeded, 6 invalid_opcode, 7 device_not_available, 8 double_fault,
        10 invalid_tss, 11 segment_not_present, 12 stack_segment_fault,
        13 general_protection_fault, 14 page_fault, 16 x87_floating_point, 17 alignment_check,
        18 machine_check, 19 simd_floating_point, 20 virtualization, 21 cp_protection_exception
    );
}

/// Moves the controllers away from the exceptions' vectors and masks every line
/// but the timer's (8259A data sheet, initialization command words).
///
/// # Safety
/// Called with interrupts off; this module alone drives the controllers.
unsafe fn quiet_controllers() {
    const INITIALIZE: u8 = 0x11;
    const MODE_8086: u8 = 0x01;
    let (mut first_command, mut first_data) = (Port::<u8>::new(0x20), Port::<u8>::new(0x21));
    let (mut second_command, mut second_data) = (Port::<u8>::new(0xa0), Port::<u8>::new(0xa1));
    // SAFETY: the ports of the two controllers; they do not reach memory.
    unsafe {
        first_command.write(INITIALIZE);
        second_command.write(INITIALIZE);
        first_data.write(PIC_VECTOR);
        second_data.write(PIC_VECTOR + 8);
        first_data.write(1 << 2);
        second_data.write(2);
        first_data.write(MODE_8086);
        second_data.write(MODE_8086);
        first_data.write(!1);
        second_data.write(0xff);
    }
}

impl Interrupts for Machine {
    fn enable_interrupts(&mut self) -> Result<(), HalError> {
        x86_64::instructions::interrupts::enable();
        Ok(())
    }

    fn disable_interrupts(&mut self) -> Result<(), HalError> {
        x86_64::instructions::interrupts::disable();
        Ok(())
    }
}
