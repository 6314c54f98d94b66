//! What an idle agent costs beside its own data.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where it fails")]
#![allow(unsafe_code, reason = "an allocator that counts has to be one")]

mod support;

use std::alloc::{GlobalAlloc, Layout, System as Heap};
use std::sync::atomic::{AtomicUsize, Ordering};

use flux_abi::select::LogLevel;
use flux_abi::syscall::Syscall;
use flux_isa::asm::assemble;
use flux_kcore::capability::Grant;
use flux_kernel::user_memory::{NativeMemory, words};
use flux_system::{NoSink, System};
use support::{Doc, config, platform};

struct Counting;

static USED: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system's allocator unchanged; the count is beside it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        USED.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `alloc`, which is the same here.
        unsafe { Heap.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        USED.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `dealloc`, which is the same here.
        unsafe { Heap.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Agents that are measured.
const AGENTS: usize = 1_000;
/// Bytes of an idle agent at most, beside state and constants.
const MOST: usize = 4_096;

/// Bytes of `AGENTS` agents of one module once they have run for a few seconds, per agent.
fn cost(doc: &Doc) -> usize {
    let mut config = config(&[&Doc::new("first")], 5);
    config.level = LogLevel::Error;
    let mut system = System::boot(platform(1, &[]), &config, &mut NoSink).unwrap();
    let module = assemble(std::str::from_utf8(&doc.source()).unwrap()).unwrap();
    let own = usize::try_from(module.heap_base() - module.state_base()).unwrap();
    let bytes = module.encode();
    let kernel = system.kernel_mut();
    let (_, caller, root) = kernel.native_process("spawner", Grant::ROOT).unwrap();
    let mut memory = NativeMemory::new();
    let at = memory.place(&bytes).unwrap();
    let module = kernel
        .syscall(caller, Syscall::BcLoad.number(), [root.word(), at, bytes.len() as u64, 0], &mut memory)
        .unwrap();
    let mut records = Vec::new();
    for number in 0..AGENTS {
        let name = format!("agent-{number}");
        let name_at = memory.place(name.as_bytes()).unwrap();
        let record = words(&[module, root.word(), name_at, name.len() as u64, 0, 0, 0, 0]);
        records.push(memory.place(&record).unwrap());
    }
    let before = USED.load(Ordering::Relaxed);
    for record in records {
        kernel
            .syscall(caller, Syscall::BcExec.number(), [root.word(), module, record, 0], &mut memory)
            .unwrap();
    }
    kernel.start_pending().unwrap();
    system.run_simulated(&mut NoSink);
    assert!(system.kernel().living() >= AGENTS);
    let used = USED.load(Ordering::Relaxed).saturating_sub(before);
    used / AGENTS - own
}

#[test]
fn an_idle_agent_takes_at_most_4_kb_beside_its_own_data() {
    let mut handler = Doc::new("handler");
    handler.on("note", "l", "", "RET");
    let mut looping = Doc::new("looping");
    looping.body("YIELD_AGENT event\n RET");
    for (name, doc) in [("with a handler", handler), ("with a loop at YIELD", looping)] {
        let bytes = cost(&doc);
        println!("an idle agent {name}: {bytes} bytes");
        assert!(bytes <= MOST, "{name}: {bytes}");
    }
}
