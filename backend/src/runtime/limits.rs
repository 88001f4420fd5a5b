//! The memory limit of a container, and bounds on what else a guest can make the host allocate.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::watch;
use wasmtime::{ResourceLimiter, Result};

use super::cgroup::Cgroup;
use super::disk::DiskMeter;

const MAX_INSTANCES: usize = 1_000;
const MAX_TABLES: usize = 1_000;
const MAX_MEMORIES: usize = 100;
const MAX_TABLE_ELEMENTS: usize = 1 << 20;
/// What an element of a table takes, a pointer and what the host knows of it.
const TABLE_ELEMENT_BYTES: usize = 16;

/// The memory of a container, all its programs together.
pub(super) struct MemoryMeter {
    used_bytes: AtomicU64,
    limit_bytes: u64,
    pool: Arc<MemoryPool>,
    /// Why a program was denied memory, once one was by the container's own limit.
    exhausted: watch::Sender<Option<String>>,
    /// Volumes in memory that the container wrote to.
    volumes: Mutex<Vec<Weak<DiskMeter>>>,
}

impl MemoryMeter {
    pub(super) fn new(limit_bytes: Option<u64>, pool: Arc<MemoryPool>) -> Self {
        let limit_bytes = limit_bytes.unwrap_or(u64::MAX);
        let (exhausted, volumes) = (watch::Sender::new(None), Mutex::default());
        Self { used_bytes: AtomicU64::new(0), limit_bytes, pool, exhausted, volumes }
    }

    /// What the programs have, with what they wrote to volumes in memory. May look how much that is.
    pub(super) fn used_bytes(&self) -> u64 {
        self.measure_volumes();
        self.used_bytes.load(Ordering::Relaxed)
    }

    /// What is written to this volume in memory counts here.
    pub(super) fn add_volume(&self, volume: &Arc<DiskMeter>) {
        let mut volumes = self.volumes.lock().unwrap_or_else(PoisonError::into_inner);
        let volume = Arc::downgrade(volume);
        if !volumes.iter().any(|known| known.ptr_eq(&volume)) {
            volumes.push(volume);
        }
    }

    /// Looks what is left in the volumes; whether there was something to look at.
    fn measure_volumes(&self) -> bool {
        let volumes = self.volumes.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let measured = volumes.iter().filter_map(Weak::upgrade).filter(|volume| volume.measure_again());
        measured.count() > 0
    }

    /// Why a program was denied memory, if one was: all programs of the container are to end then.
    pub(super) fn exhausted(&self) -> Option<String> {
        self.exhausted.borrow().clone()
    }

    /// Waits until a program is denied memory.
    pub(super) async fn until_exhausted(&self) -> String {
        let mut exhausted = self.exhausted.subscribe();
        // The sender lives as long as this.
        let why = exhausted.wait_for(Option::is_some).await.ok().and_then(|why| why.clone());
        why.unwrap_or_default()
    }

    /// Charges the container for more memory. Where the machine has no more, the program that asked is denied
    /// and the others of its container are left alone.
    fn charge(&self, bytes: u64) -> Result<(), OutOfMemory> {
        self.charge_files(bytes)?;
        if self.pool.take(bytes) {
            return Ok(());
        }
        self.used_bytes.fetch_sub(bytes, Ordering::Relaxed);
        Err(OutOfMemory::Machine(self.pool.bytes))
    }

    /// Charges the container for files in memory. Those lie on the machine's disk, and take none of its memory.
    pub(super) fn charge_files(&self, bytes: u64) -> Result<(), OutOfMemory> {
        if self.fits(bytes) || (self.measure_volumes() && self.fits(bytes)) {
            return Ok(());
        }
        let error = OutOfMemory::Container(self.limit_bytes);
        self.exhausted.send_replace(Some(error.to_string()));
        Err(error)
    }

    fn fits(&self, bytes: u64) -> bool {
        let within = |used: u64| used.checked_add(bytes).filter(|used| *used <= self.limit_bytes);
        self.used_bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, within).is_ok()
    }

    /// So much of the files in memory is no more.
    pub(super) fn give_back_files(&self, bytes: u64) {
        self.used_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    fn give_back(&self, bytes: u64) {
        self.used_bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.pool.give_back(bytes);
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

/// Ends a guest that grows beyond its container's memory limit, as the kernel's OOM killer does: growing does
/// not fail politely, it traps. So it does where all guests together have no more.
pub(super) struct Limits {
    cgroup: Arc<Cgroup>,
    /// What this guest has of the container's memory.
    charged_bytes: u64,
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
    pub(super) fn new(cgroup: Arc<Cgroup>) -> Self {
        Self { cgroup, charged_bytes: 0 }
    }

    fn charge(&mut self, bytes: u64) -> Result<(), OutOfMemory> {
        self.cgroup.memory.charge(bytes)?;
        self.charged_bytes += bytes;
        Ok(())
    }
}

impl Drop for Limits {
    fn drop(&mut self) {
        self.cgroup.memory.give_back(self.charged_bytes);
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
    use super::super::cpu::CpuMeter;
    use super::super::processors::Processors;
    use super::*;

    fn cgroup(memory_bytes: u64, pool: Arc<MemoryPool>) -> Arc<Cgroup> {
        let cpu = CpuMeter::new(None, 1024, Arc::new(Processors::new(1)));
        Cgroup::new(MemoryMeter::new(Some(memory_bytes), pool), cpu)
    }

    #[test]
    fn memory_and_tables_should_count_against_the_containers_and_the_machines_limit() {
        let pool = Arc::new(MemoryPool::new(1000));
        let cgroup = || cgroup(600, pool.clone());
        let (first, second) = (cgroup(), cgroup());
        let (mut of_first, mut of_second) = (Limits::new(first.clone()), Limits::new(second.clone()));
        assert!(of_first.memory_growing(0, 500, None).unwrap());
        assert!(of_first.table_growing(0, 10, Some(5)).is_ok_and(|grown| !grown));
        let error = of_first.table_growing(0, 10, None).unwrap_err();
        assert_eq!(error.to_string(), "memory limit of 600 bytes exceeded");
        assert_eq!(first.memory.exhausted(), Some(error.to_string()));
        assert_eq!(second.memory.exhausted(), None);
        let error = of_second.memory_growing(0, 501, None).unwrap_err();
        assert_eq!(error.to_string(), "out of memory: all containers together use 1000 bytes");
        assert_eq!(second.memory.exhausted(), None, "its container is innocent");
        drop(of_first);
        assert!(of_second.memory_growing(0, 501, None).unwrap());
    }

    #[test]
    fn programs_of_a_container_should_share_its_limit() {
        let cgroup = cgroup(600, Arc::new(MemoryPool::new(1000)));
        let (mut first, mut second) = (Limits::new(cgroup.clone()), Limits::new(cgroup.clone()));
        assert!(first.memory_growing(0, 400, None).unwrap());
        assert!(second.memory_growing(0, 200, None).unwrap());
        assert_eq!(cgroup.memory.used_bytes(), 600);
        assert!(second.memory_growing(200, 201, None).is_err());
        drop(first);
        assert!(second.memory_growing(200, 600, None).unwrap());
        drop(second);
        assert_eq!(cgroup.memory.used_bytes(), 0);
    }
}
