//! An allocator that counts while it is asked to.

use std::alloc::{GlobalAlloc, Layout};
use std::sync::atomic::{AtomicBool, AtomicIsize, AtomicUsize, Ordering};

use mimalloc::MiMalloc;

struct Counting;

#[global_allocator]
static HEAP: Counting = Counting;

static ON: AtomicBool = AtomicBool::new(false);
static USED: AtomicIsize = AtomicIsize::new(0);
static PEAK: AtomicIsize = AtomicIsize::new(0);
static CALLS: AtomicUsize = AtomicUsize::new(0);

fn count(bytes: isize) {
    let used = USED.fetch_add(bytes, Ordering::Relaxed) + bytes;
    if bytes > 0 {
        CALLS.fetch_add(1, Ordering::Relaxed);
        PEAK.fetch_max(used, Ordering::Relaxed);
    }
}

fn signed(size: usize) -> isize {
    isize::try_from(size).unwrap_or(isize::MAX)
}

// SAFETY: every call goes to the allocator of the `flux` command unchanged; the count is beside it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if ON.load(Ordering::Relaxed) {
            count(signed(layout.size()));
        }
        // SAFETY: the caller keeps the contract of `alloc`, which is the same here.
        unsafe { MiMalloc.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        if ON.load(Ordering::Relaxed) {
            count(-signed(layout.size()));
        }
        // SAFETY: the caller keeps the contract of `dealloc`, which is the same here.
        unsafe { MiMalloc.dealloc(ptr, layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if ON.load(Ordering::Relaxed) {
            count(signed(size) - signed(layout.size()));
        }
        // SAFETY: the caller keeps the contract of `realloc`, which is the same here.
        unsafe { MiMalloc.realloc(ptr, layout, size) }
    }
}

/// What a piece of work did to the heap.
#[derive(Clone, Copy, Debug)]
pub struct Used {
    /// Bytes that it kept.
    pub kept: f64,
    /// Most bytes that it held at once.
    pub peak: f64,
    /// Calls that gave it memory.
    pub calls: f64,
}

/// Counts the heap during `work`.
pub fn counted<T>(work: impl FnOnce() -> T) -> (Used, T) {
    USED.store(0, Ordering::Relaxed);
    PEAK.store(0, Ordering::Relaxed);
    CALLS.store(0, Ordering::Relaxed);
    ON.store(true, Ordering::Relaxed);
    let result = work();
    ON.store(false, Ordering::Relaxed);
    let used = Used {
        kept: USED.load(Ordering::Relaxed) as f64,
        peak: PEAK.load(Ordering::Relaxed) as f64,
        calls: CALLS.load(Ordering::Relaxed) as f64,
    };
    (used, result)
}
