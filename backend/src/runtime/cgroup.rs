//! What the programs of one container share and are held to together, as Linux's control groups do it: memory,
//! processor time, and how many there are.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use super::cpu::CpuMeter;
use super::limits::MemoryMeter;
use super::process::StartError;

/// Programs that a container runs at once, its main one included.
pub const MAX_PROCESSES: usize = 64;

/// The control group of a container.
pub(super) struct Cgroup {
    /// When it was made.
    pub(super) begun: Instant,
    /// The memory of all its programs.
    pub(super) memory: MemoryMeter,
    /// Their processor time.
    pub(super) cpu: CpuMeter,
    processes: AtomicUsize,
}

impl Cgroup {
    pub(super) fn new(memory: MemoryMeter, cpu: CpuMeter) -> Arc<Self> {
        Arc::new(Self { begun: Instant::now(), memory, cpu, processes: AtomicUsize::new(0) })
    }

    /// Counts a program until what is returned is dropped.
    pub(super) fn enter(self: &Arc<Self>) -> Result<Process, StartError> {
        let one_more = |count: usize| (count < MAX_PROCESSES).then_some(count + 1);
        match self.processes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more) {
            Ok(_) => Ok(Process { cgroup: self.clone() }),
            Err(count) => Err(StartError::TooManyProcesses(count)),
        }
    }
}

/// A program of a control group.
pub(super) struct Process {
    pub(super) cgroup: Arc<Cgroup>,
}

impl Drop for Process {
    fn drop(&mut self) {
        self.cgroup.processes.fetch_sub(1, Ordering::Relaxed);
    }
}
