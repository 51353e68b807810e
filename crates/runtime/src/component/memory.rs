//! How much memory a worker may have.

use fogline_core::model::Bytes;
use wasmtime::ResourceLimiter;

/// Elements of one table; the pool's slots have as many.
pub(super) const MAX_TABLE_ELEMENTS: usize = 20_000;
/// Core instances, tables and memories of one worker. `wit-component` makes three instances and one memory.
pub(super) const MAX_PARTS: u32 = 16;

/// Counts a worker's memory, over all its linear memories.
#[derive(Debug)]
pub(super) struct MemoryLimit {
    limit: usize,
    used: usize,
    last: usize,
    refused: bool,
}

impl MemoryLimit {
    /// So many bytes.
    pub(super) fn new(limit: u64) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Self {
            limit,
            used: 0,
            last: 0,
            refused: false,
        }
    }

    /// What it has now.
    pub(super) fn used(&self) -> Bytes {
        Bytes(self.used as u64)
    }

    /// Whether the worker was refused memory, since this was last asked.
    pub(super) fn take_refused(&mut self) -> bool {
        std::mem::take(&mut self.refused)
    }
}

impl ResourceLimiter for MemoryLimit {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let more = desired.saturating_sub(current);
        let fits = self.used.saturating_add(more) <= self.limit;
        self.last = if fits { more } else { 0 };
        self.used += self.last;
        self.refused |= !fits;
        Ok(fits)
    }

    fn memory_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        self.used -= std::mem::take(&mut self.last);
        Ok(())
    }

    fn table_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired <= MAX_TABLE_ELEMENTS)
    }

    fn instances(&self) -> usize {
        MAX_PARTS as usize
    }

    fn tables(&self) -> usize {
        MAX_PARTS as usize
    }

    fn memories(&self) -> usize {
        MAX_PARTS as usize
    }
}

#[cfg(test)]
mod tests {
    use super::{MemoryLimit, ResourceLimiter};

    #[test]
    fn memories_count_together_and_a_failed_growth_does_not() {
        let mut memory = MemoryLimit::new(100);
        assert!(memory.memory_growing(0, 60, None).unwrap());
        assert!(!memory.memory_growing(0, 60, None).unwrap());
        assert!(memory.take_refused() && !memory.take_refused());
        assert!(memory.memory_growing(60, 100, None).unwrap());
        memory.memory_grow_failed(wasmtime::Error::msg("no")).unwrap();
        assert!(memory.memory_growing(0, 40, None).unwrap());
        assert!(!memory.memory_growing(40, 41, None).unwrap());
    }
}
