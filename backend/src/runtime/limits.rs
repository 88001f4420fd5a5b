//! The memory limit of a container, and bounds on what else a guest can make the host allocate.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use wasmtime::{ResourceLimiter, Result};

const MAX_INSTANCES: usize = 1_000;
const MAX_TABLES: usize = 1_000;
const MAX_MEMORIES: usize = 100;
const MAX_TABLE_ELEMENTS: usize = 1 << 20;

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

/// Ends a guest that grows beyond its memory limit, as the kernel's OOM killer does: growing does not fail
/// politely, it traps.
pub(super) struct Limits {
    meter: Arc<MemoryMeter>,
    memory_bytes: u64,
}

/// The trap of a guest that was denied memory.
#[derive(Debug, thiserror::Error)]
#[error("memory limit of {0} bytes exceeded")]
pub(super) struct OutOfMemory(u64);

impl Limits {
    pub(super) fn new(memory_bytes: Option<u64>, meter: Arc<MemoryMeter>) -> Self {
        Self { meter, memory_bytes: memory_bytes.unwrap_or(u64::MAX) }
    }
}

impl ResourceLimiter for Limits {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let grown = desired.saturating_sub(current) as u64;
        let used = self.meter.used_bytes.load(Ordering::Relaxed).saturating_add(grown);
        if used > self.memory_bytes {
            self.meter.exhausted.store(true, Ordering::Relaxed);
            return Err(OutOfMemory(self.memory_bytes).into());
        }
        self.meter.used_bytes.store(used, Ordering::Relaxed);
        Ok(true)
    }

    fn table_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> Result<bool> {
        Ok(desired <= MAX_TABLE_ELEMENTS)
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
