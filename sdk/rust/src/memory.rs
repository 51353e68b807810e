//! The memory of a function: some that is there from the start, then pages as they are needed.
//!
//! A node makes workers from an image of the memory that they start with. Memory that grows must be taken back before
//! the next worker gets the place: two calls of the kernel, each with an interruption of every processor, which
//! together take longer than the rest of a small call.

use core::alloc::Layout;
use core::arch::wasm32::memory_grow;
use core::mem::MaybeUninit;
use core::ptr::NonNull;

use talc::base::Talc;
use talc::base::binning::Binning;
use talc::cell::TalcSyncCell;
use talc::source::Source;
use talc::wasm::WasmBinning;

/// What is there from the start, in bytes. Small, because a node looks through all of it for what it must clear; large
/// enough for an input and an output of 100 kB.
const START: usize = 512 << 10;
/// A page of WebAssembly's memory.
const PAGE: usize = 64 << 10;
/// What the allocator needs beside the memory that it gives out, at most.
const BOOKKEEPING: usize = 64;

static mut ARENA: [MaybeUninit<u8>; START] = [MaybeUninit::uninit(); START];

#[global_allocator]
static MEMORY: TalcSyncCell<StartThenGrow, WasmBinning> = TalcSyncCell::new_wasm(StartThenGrow::Untouched);

/// Where the allocator has its memory from.
#[derive(Debug)]
enum StartThenGrow {
    /// Nothing was needed yet.
    Untouched,
    /// The arena is in use, and what has grown behind it, if anything, ends here.
    Grown(Option<NonNull<u8>>),
}

// SAFETY: it neither allocates nor touches the allocator other than through what it is given.
unsafe impl Source for StartThenGrow {
    fn acquire<B: Binning>(talc: &mut Talc<Self, B>, layout: Layout) -> Result<(), ()> {
        let Self::Grown(end) = talc.source else {
            talc.source = Self::Grown(None);
            // SAFETY: nothing else uses the arena, and it is claimed once.
            return unsafe { talc.claim((&raw mut ARENA).cast(), START) }.map(drop).ok_or(());
        };
        let pages = (layout.size() + layout.align() + BOOKKEEPING).div_ceil(PAGE);
        let before = memory_grow::<0>(pages);
        if before == usize::MAX {
            return Err(());
        }
        let (base, size) = ((before * PAGE) as *mut u8, pages * PAGE);
        let end = match end.filter(|end| end.as_ptr() == base) {
            // SAFETY: the pages behind what was claimed last are new, and nobody else's.
            Some(end) => Some(unsafe { talc.extend(end, base.wrapping_add(size)) }),
            // SAFETY: the pages are new, and nobody else's.
            None => unsafe { talc.claim(base, size) },
        };
        talc.source = Self::Grown(end);
        end.map(drop).ok_or(())
    }
}
