//! A global allocator for commands that are over in a few milliseconds.
//!
//! A general allocator lays its heap out for programs that run long: pages for each class of sizes, and huge pages, which the
//! system clears before it gives them out. On a command that needs 200 KB that is most of its time. The first half
//! megabyte of a process therefore comes from one place in which pieces lie close together, and all that follows from the
//! allocator behind it.
//!
//! Invariant: a piece belongs to the place that its address lies in, for as long as it lives.

#![expect(unsafe_code, reason = "a global allocator is unsafe by its trait")]

use core::alloc::{GlobalAlloc, Layout};
use core::ptr::null_mut;
use core::sync::atomic::{AtomicBool, Ordering};

use talc::TalcLock;
use talc::source::Claim;

/// Bytes of the first place: twice of what `flux check` holds at once for 500 lines.
const NURSERY_BYTES: usize = 512 * 1024;

/// Pieces larger than this never decide that the first place is full.
const SMALL_BYTES: usize = 16 * 1024;

static mut NURSERY: [u8; NURSERY_BYTES] = [0; NURSERY_BYTES];

static FIRST: TalcLock<spin::Mutex<()>, Claim> =
    // SAFETY: the array is named here alone, but for its address, so that the allocator owns it.
    TalcLock::new(unsafe { Claim::array(&raw mut NURSERY) });

/// Whether the first place was full once. It is asked for nothing after that, so that a large program pays one look at this.
static FULL: AtomicBool = AtomicBool::new(false);

/// Half a megabyte of its own for the whole process, then the allocator `H`.
///
/// One of them makes sense in a program: as its `#[global_allocator]`. Several share the first half megabyte.
#[derive(Clone, Copy, Debug)]
pub struct Nursery<H> {
    rest: H,
}

impl<H> Nursery<H> {
    /// A heap that goes on with `rest`.
    pub const fn before(rest: H) -> Self {
        Self { rest }
    }
}

fn is_first(piece: *mut u8) -> bool {
    piece.addr().wrapping_sub((&raw const NURSERY).addr()) < NURSERY_BYTES
}

/// A piece of the first place, or null where it is full or busy.
///
/// # Safety
/// The layout has a size.
unsafe fn first(layout: Layout) -> *mut u8 {
    if FULL.load(Ordering::Relaxed) {
        return null_mut();
    }
    // A thread that has to wait here is better served behind.
    let Some(mut heap) = FIRST.try_lock() else { return null_mut() };
    // SAFETY: a global allocator is never asked for a piece of no size.
    let piece = unsafe { heap.allocate(layout) };
    if piece.is_none() && layout.size() <= SMALL_BYTES {
        FULL.store(true, Ordering::Relaxed);
    }
    piece.map_or(null_mut(), |piece| piece.as_ptr())
}

// SAFETY: each call goes to the allocator that the piece came from, as its address tells, with the layout that it was asked
// with; both keep the contract.
unsafe impl<H: GlobalAlloc> GlobalAlloc for Nursery<H> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller promises that the layout has a size.
        let piece = unsafe { first(layout) };
        if !piece.is_null() {
            return piece;
        }
        // SAFETY: the caller keeps the contract of `alloc`, which is the same here.
        unsafe { self.rest.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller promises that the layout has a size.
        let piece = unsafe { first(layout) };
        if !piece.is_null() {
            // SAFETY: the piece has as many bytes as were asked for, and nobody else knows it yet.
            unsafe { piece.write_bytes(0, layout.size()) };
            return piece;
        }
        // SAFETY: the caller keeps the contract, which is the same here.
        unsafe { self.rest.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, piece: *mut u8, layout: Layout) {
        if is_first(piece) {
            // SAFETY: the piece came from this place with this layout.
            unsafe { FIRST.dealloc(piece, layout) }
        } else {
            // SAFETY: the piece came from there with this layout.
            unsafe { self.rest.dealloc(piece, layout) }
        }
    }

    unsafe fn realloc(&self, piece: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if !is_first(piece) {
            // SAFETY: the piece came from there with this layout, and the caller promises that the size is not 0.
            return unsafe { self.rest.realloc(piece, layout, size) };
        }
        // SAFETY: the piece came from this place with this layout.
        if unsafe { FIRST.lock().try_realloc_in_place(piece, layout, size) } {
            return piece;
        }
        // SAFETY: the caller promises that the size, rounded up to the alignment, does not overflow.
        let wanted = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        // SAFETY: the size is not 0, as the caller promises.
        let moved = unsafe { self.alloc(wanted) };
        if !moved.is_null() {
            // SAFETY: two pieces that do not overlap, both of at least this many bytes.
            unsafe { moved.copy_from_nonoverlapping(piece, layout.size().min(size)) };
            // SAFETY: the piece came from this place with this layout, and nobody uses it from here on.
            unsafe { self.dealloc(piece, layout) };
        }
        moved
    }
}

#[cfg(test)]
mod tests {
    use std::alloc::System;

    use super::*;

    const HEAP: Nursery<System> = Nursery::before(System);

    fn layout(size: usize) -> Layout {
        Layout::from_size_align(size, 8).expect("a layout")
    }

    fn holds(piece: *mut u8, byte: u8, bytes: usize) -> bool {
        // SAFETY: the tests pass pieces of at least this many bytes.
        (0..bytes).all(|at| unsafe { piece.add(at).read() } == byte)
    }

    // One test, since the first place is one for the process.
    #[test]
    fn pieces_keep_their_bytes_wherever_they_come_from_and_go_back_there() {
        // SAFETY: each piece is used within its size, and given back once with the layout that it has then.
        unsafe {
            let small = HEAP.alloc(layout(100));
            assert!(is_first(small));
            small.write_bytes(7, 100);
            // Too large for what is there, and no reason to leave it.
            let large = HEAP.alloc(layout(NURSERY_BYTES));
            assert!(!is_first(large) && !FULL.load(Ordering::Relaxed));
            HEAP.dealloc(large, layout(NURSERY_BYTES));
            // It grows in place, then into another, then out of the place.
            let grown = HEAP.realloc(small, layout(100), 4_000);
            assert!(is_first(grown) && holds(grown, 7, 100));
            let out = HEAP.realloc(grown, layout(4_000), NURSERY_BYTES + 1);
            assert!(!is_first(out) && holds(out, 7, 100));
            let shrunk = HEAP.realloc(out, layout(NURSERY_BYTES + 1), 50);
            assert!(holds(shrunk, 7, 50));
            HEAP.dealloc(shrunk, layout(50));
            // What was given back is given out again, and zeroed if that is asked.
            let used = HEAP.alloc(layout(1_000));
            used.write_bytes(9, 1_000);
            HEAP.dealloc(used, layout(1_000));
            let zeroed = HEAP.alloc_zeroed(layout(1_000));
            assert!(is_first(zeroed) && holds(zeroed, 0, 1_000));
            // Until it is full: no piece overlaps another, and all go back.
            let mut pieces = Vec::new();
            loop {
                let piece = HEAP.alloc(layout(1_024));
                piece.write_bytes((pieces.len() % 251).try_into().expect("a byte"), 1_024);
                pieces.push(piece);
                if !is_first(piece) {
                    break;
                }
            }
            assert!(FULL.load(Ordering::Relaxed) && pieces.len() > 400);
            for (number, piece) in pieces.iter().enumerate() {
                assert!(holds(*piece, (number % 251).try_into().expect("a byte"), 1_024));
                HEAP.dealloc(*piece, layout(1_024));
            }
            // A program that was large once does not come back.
            let later = HEAP.alloc_zeroed(layout(16));
            assert!(!is_first(later) && holds(later, 0, 16));
            HEAP.dealloc(later, layout(16));
            HEAP.dealloc(zeroed, layout(1_000));
        }
    }
}
