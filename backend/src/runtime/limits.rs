//! The memory limit of a container, and bounds on what else a guest can make the host allocate.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use wasmtime::{ResourceLimiter, Result};

const MAX_INSTANCES: usize = 1_000;
const MAX_TABLES: usize = 1_000;
const MAX_MEMORIES: usize = 100;
const MAX_TABLE_ELEMENTS: usize = 1 << 20;
/// What an element of a table takes, a pointer and what the host knows of it.
const TABLE_ELEMENT_BYTES: usize = 16;

/// The memory of a container as seen from outside.
#[derive(Default)]
pub(super) struct MemoryMeter {
    used_bytes: AtomicU64,
    exhausted: AtomicBool,
}

impl MemoryMeter {
    pub(super) fn used_bytes(&self) -> u64 {
        self.used_bytes.load(Ordering::Relaxed)
    }

    /// Whether the guest ran into its limit.
    pub(super) fn exhausted(&self) -> bool {
        self.exhausted.load(Ordering::Relaxed)
    }
}

/// The memory that all guests of a runtime share.
pub(super) struct MemoryPool {
    free_bytes: AtomicU64,
    bytes: u64,
}

impl MemoryPool {
    pub(super) fn new(bytes: u64) -> Self {
        Self { free_bytes: AtomicU64::new(bytes), bytes }
    }

    /// Takes so much, or nothing where there is less.
    fn take(&self, bytes: u64) -> bool {
        let rest = |free: u64| free.checked_sub(bytes);
        self.free_bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, rest).is_ok()
    }

    fn give_back(&self, bytes: u64) {
        self.free_bytes.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// Ends a guest that grows beyond its memory limit, as the kernel's OOM killer does: growing does not fail
/// politely, it traps. So it does where all guests together have no more.
pub(super) struct Limits {
    meter: Arc<MemoryMeter>,
    pool: Arc<MemoryPool>,
    memory_bytes: u64,
}

/// The trap of a guest that was denied memory.
#[derive(Debug, thiserror::Error)]
pub(super) enum OutOfMemory {
    /// It reached its own limit.
    #[error("memory limit of {0} bytes exceeded")]
    Container(u64),
    /// All containers together reached theirs.
    #[error("out of memory: all containers together use {0} bytes")]
    Machine(u64),
}

impl Limits {
    pub(super) fn new(memory_bytes: Option<u64>, meter: Arc<MemoryMeter>, pool: Arc<MemoryPool>) -> Self {
        Self { meter, pool, memory_bytes: memory_bytes.unwrap_or(u64::MAX) }
    }

    /// Charges the guest for more memory.
    fn charge(&self, bytes: u64) -> Result<(), OutOfMemory> {
        let used = self.meter.used_bytes().saturating_add(bytes);
        let charged = if used > self.memory_bytes {
            Err(OutOfMemory::Container(self.memory_bytes))
        } else if !self.pool.take(bytes) {
            Err(OutOfMemory::Machine(self.pool.bytes))
        } else {
            Ok(())
        };
        match charged {
            Ok(()) => self.meter.used_bytes.store(used, Ordering::Relaxed),
            Err(_) => self.meter.exhausted.store(true, Ordering::Relaxed),
        }
        charged
    }
}

impl Drop for Limits {
    fn drop(&mut self) {
        self.pool.give_back(self.meter.used_bytes());
    }
}

impl ResourceLimiter for Limits {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.charge(desired.saturating_sub(current) as u64)?;
        Ok(true)
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> Result<bool> {
        if desired > MAX_TABLE_ELEMENTS || maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.charge((desired.saturating_sub(current) * TABLE_ELEMENT_BYTES) as u64)?;
        Ok(true)
    }

    fn instances(&self) -> usize {
        MAX_INSTANCES
    }

    fn tables(&self) -> usize {
        MAX_TABLES
    }

    fn memories(&self) -> usize {
        MAX_MEMORIES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_and_tables_should_count_against_the_containers_and_the_machines_limit() {
        let pool = Arc::new(MemoryPool::new(1000));
        let limits = |bytes| Limits::new(Some(bytes), Arc::default(), pool.clone());
        let (mut first, mut second) = (limits(600), limits(600));
        assert!(first.memory_growing(0, 500, None).unwrap());
        assert!(first.table_growing(0, 10, Some(5)).is_ok_and(|grown| !grown));
        let error = first.table_growing(0, 10, None).unwrap_err();
        assert_eq!(error.to_string(), "memory limit of 600 bytes exceeded");
        assert!(first.meter.exhausted() && !second.meter.exhausted());
        let error = second.memory_growing(0, 501, None).unwrap_err();
        assert_eq!(error.to_string(), "out of memory: all containers together use 1000 bytes");
        assert!(second.meter.exhausted());
        drop(first);
        assert!(second.memory_growing(0, 501, None).unwrap());
    }
}
