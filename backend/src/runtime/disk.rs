//! How much programs may write: what each mount takes of the disk is estimated at every write, so that a guest
//! that fills the disk is stopped before anybody looks how much there really is.
//!
//! The estimate only grows: what is deleted counts until the directory is measured, and [`DiskMeter::measured`]
//! sets it right. Whoever measures is told early.

use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use bytes::Bytes;
use tokio::sync::Notify;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::{DynOutputStream, OutputStream, Pollable, StreamError, StreamResult};

use super::cgroup::Cgroup;
use super::limits::OutOfMemory;

/// What a new file or directory takes at least.
pub(super) const NEW_FILE_BYTES: u64 = 4096;

/// What some mounts together take of the disk.
pub struct DiskMeter {
    used_bytes: AtomicU64,
    /// Above it somebody is to measure.
    crowded_bytes: u64,
    /// Above it nothing more is written.
    bound_bytes: AtomicU64,
    crowded: Arc<Notify>,
    /// What this is a part of.
    part_of: Option<Arc<DiskMeter>>,
    /// Where it is measured here, as soon as it is full.
    measure: Option<Measure>,
    /// Whether something happened since it was measured, so that less may be there than was counted.
    is_stale: AtomicBool,
    /// The containers that what is written counts as memory of, and how much of it each has.
    payers: Option<Mutex<Payers>>,
}

/// Containers, and how many bytes count as memory of each.
type Payers = Vec<(Weak<Cgroup>, u64)>;

/// How much there really is, in bytes. It may block on the disk.
type Measure = Box<dyn Fn() -> u64 + Send + Sync>;

/// What the bytes of a volume lie on, as far as programs can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Medium {
    /// A disk.
    Disk,
    /// Memory: what a container writes counts as memory of that container.
    Memory,
}

impl std::fmt::Debug for DiskMeter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (used, bound) = (&self.used_bytes, &self.bound_bytes);
        f.debug_struct("DiskMeter").field("used_bytes", used).field("bound_bytes", bound).finish()
    }
}

impl DiskMeter {
    /// A meter by which `crowded` is told that it is to be measured, above `crowded_bytes`; it lets nothing be written above `bound_bytes`.
    pub fn new(
        crowded_bytes: u64,
        bound_bytes: u64,
        crowded: Arc<Notify>,
        part_of: Option<Arc<DiskMeter>>,
    ) -> Arc<DiskMeter> {
        Arc::new(DiskMeter {
            used_bytes: AtomicU64::new(0),
            crowded_bytes,
            bound_bytes: AtomicU64::new(bound_bytes),
            crowded,
            part_of,
            measure: None,
            is_stale: AtomicBool::new(false),
            payers: None,
        })
    }

    /// The meter of a file system of this size, in bytes: it is full exactly then, whatever was deleted before.
    /// It begins with what `measure` finds, which is to count holes in files as if they were filled: a module may
    /// fill them unseen.
    pub fn of_file_system(
        size_bytes: u64,
        medium: Medium,
        part_of: Option<Arc<DiskMeter>>,
        measure: impl Fn() -> u64 + Send + Sync + 'static,
    ) -> Arc<DiskMeter> {
        Arc::new(DiskMeter {
            used_bytes: AtomicU64::new(measure()),
            crowded_bytes: u64::MAX,
            bound_bytes: AtomicU64::new(size_bytes),
            crowded: Arc::default(),
            part_of,
            measure: Some(Box::new(measure)),
            is_stale: AtomicBool::new(false),
            payers: (medium == Medium::Memory).then(Mutex::default),
        })
    }

    /// From now on nothing is written above this.
    pub fn resize(&self, bound_bytes: u64) {
        self.bound_bytes.store(bound_bytes, Ordering::Relaxed);
    }

    /// The directory was measured.
    pub fn measured(&self, used_bytes: u64) {
        self.used_bytes.store(used_bytes, Ordering::Relaxed);
        self.settle(used_bytes);
    }

    /// Something of it was deleted or cut.
    pub(super) fn freed(&self) {
        self.is_stale.store(true, Ordering::Relaxed);
    }

    /// Whether so much more may be written; if so, it counts from now on.
    pub(super) fn charge(&self, bytes: u64) -> bool {
        self.fits(bytes) || (self.measure_again() && self.fits(bytes))
    }

    fn fits(&self, bytes: u64) -> bool {
        let used = self.used_bytes.load(Ordering::Relaxed).saturating_add(bytes);
        if bytes > 0 && used > self.crowded_bytes {
            self.crowded.notify_one();
        }
        if bytes > 0 && used > self.bound_bytes.load(Ordering::Relaxed) {
            return false;
        }
        if self.part_of.as_ref().is_some_and(|whole| !whole.charge(bytes)) {
            return false;
        }
        self.used_bytes.fetch_add(bytes, Ordering::Relaxed);
        self.is_stale.store(true, Ordering::Relaxed);
        true
    }

    /// Measures at once, where that is done here and something happened since the last time. Whether it did.
    pub(super) fn measure_again(&self) -> bool {
        match &self.measure {
            Some(measure) if self.is_stale.swap(false, Ordering::Relaxed) => {
                self.measured(measure());
                true
            }
            _ => false,
        }
    }

    fn payers(&self) -> Option<MutexGuard<'_, Payers>> {
        let payers = self.payers.as_ref()?;
        Some(payers.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Gives the containers back what is no more. Nobody knows whose it was: it counts as that of containers that
    /// are gone as far as they have anything, and of the others by what each has.
    fn settle(&self, used_bytes: u64) {
        let Some(mut payers) = self.payers() else { return };
        let paid: u64 = payers.iter().map(|(_, bytes)| *bytes).sum();
        let mut excess = paid.saturating_sub(used_bytes);
        for (_, bytes) in payers.iter_mut().filter(|(payer, _)| payer.strong_count() == 0) {
            let taken = excess.min(*bytes);
            *bytes -= taken;
            excess -= taken;
        }
        let mut alive: u64 =
            payers.iter().filter(|(payer, _)| payer.strong_count() > 0).map(|(_, bytes)| *bytes).sum();
        for (payer, bytes) in payers.iter_mut() {
            let Some(cgroup) = payer.upgrade().filter(|_| alive > 0) else { continue };
            let part = u128::from(*bytes) * u128::from(excess) / u128::from(alive);
            let part = u64::try_from(part).unwrap_or(*bytes).min(*bytes);
            alive -= *bytes;
            excess -= part;
            *bytes -= part;
            cgroup.memory.give_back_files(part);
        }
        payers.retain(|(_, bytes)| *bytes > 0);
    }
}

/// A meter as one container writes to it.
#[derive(Clone)]
pub(super) struct Account {
    meter: Arc<DiskMeter>,
    cgroup: Arc<Cgroup>,
}

impl Account {
    pub(super) fn new(meter: Arc<DiskMeter>, cgroup: Arc<Cgroup>) -> Account {
        if meter.payers.is_some() {
            cgroup.memory.add_volume(&meter);
        }
        Account { meter, cgroup }
    }

    /// Whether so much more may be written; if so, it counts from now on.
    ///
    /// # Errors
    /// When it would count as memory that the container may not have.
    pub(super) fn charge(&self, bytes: u64) -> Result<bool, OutOfMemory> {
        if !self.meter.charge(bytes) {
            return Ok(false);
        }
        if self.meter.payers.is_none() || bytes == 0 {
            return Ok(true);
        }
        self.cgroup.memory.charge_files(bytes)?;
        let Some(mut payers) = self.meter.payers() else { return Ok(true) };
        let this = Arc::downgrade(&self.cgroup);
        match payers.iter_mut().find(|(payer, _)| payer.ptr_eq(&this)) {
            Some((_, paid)) => *paid += bytes,
            None => payers.push((this, bytes)),
        }
        Ok(true)
    }

    /// Something was deleted or cut.
    pub(super) fn freed(&self) {
        self.meter.freed();
    }
}

/// What a write of so many bytes at a place adds to a file: what lies behind its end, and all of it where the
/// file has holes.
pub(super) fn growth(file: &File, offset: u64, length: u64) -> u64 {
    let Ok(metadata) = file.metadata() else { return length };
    match has_holes(&metadata) {
        true => length,
        false => offset.saturating_add(length).saturating_sub(metadata.len()).min(length),
    }
}

#[cfg(unix)]
fn has_holes(metadata: &std::fs::Metadata) -> bool {
    const BLOCK: u64 = 512;
    std::os::unix::fs::MetadataExt::blocks(metadata) * BLOCK < metadata.len()
}

#[cfg(not(unix))]
fn has_holes(_: &std::fs::Metadata) -> bool {
    false
}

/// A stream into a file that is held to a meter.
pub(super) struct Metered {
    stream: DynOutputStream,
    file: Arc<File>,
    /// Where the next write goes; at the end of the file where it is none.
    position: Option<u64>,
    account: Account,
}

impl Metered {
    pub(super) fn new(
        stream: DynOutputStream,
        file: Arc<File>,
        position: Option<u64>,
        account: Account,
    ) -> Metered {
        Metered { stream, file, position, account }
    }

    fn charge(&mut self, length: usize) -> StreamResult<()> {
        let length = length as u64;
        let bytes = match self.position {
            Some(position) => growth(&self.file, position, length),
            None => length,
        };
        if !self.account.charge(bytes).map_err(|error| StreamError::Trap(error.into()))? {
            let full = io::Error::from(io::ErrorKind::StorageFull);
            return Err(StreamError::LastOperationFailed(no_space().unwrap_or(full).into()));
        }
        self.position = self.position.map(|position| position.saturating_add(length));
        Ok(())
    }
}

/// The error of a full disk as the system has it.
#[cfg(unix)]
fn no_space() -> Option<io::Error> {
    Some(rustix::io::Errno::NOSPC.into())
}

#[cfg(not(unix))]
fn no_space() -> Option<io::Error> {
    None
}

#[async_trait]
impl OutputStream for Metered {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.charge(bytes.len())?;
        self.stream.write(bytes)
    }

    async fn blocking_write_and_flush(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.charge(bytes.len())?;
        self.stream.blocking_write_and_flush(bytes).await
    }

    fn flush(&mut self) -> StreamResult<()> {
        self.stream.flush()
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        self.stream.check_write()
    }

    async fn cancel(&mut self) {
        self.stream.cancel().await;
    }
}

#[async_trait]
impl Pollable for Metered {
    async fn ready(&mut self) {
        self.stream.ready().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn writes_should_count_until_they_are_measured() {
        let crowded = Arc::new(Notify::new());
        let whole = DiskMeter::new(1000, 1000, Arc::default(), None);
        let part = DiskMeter::new(100, 150, crowded.clone(), Some(whole.clone()));
        let other = DiskMeter::new(5000, 5000, Arc::default(), Some(whole.clone()));
        assert!(part.charge(100));
        assert!(part.charge(50), "somebody is told, and it is still let through");
        tokio::time::timeout(std::time::Duration::from_secs(20), crowded.notified()).await.unwrap();
        assert!(!part.charge(1) && part.charge(0));
        assert!(other.charge(850));
        assert!(!other.charge(1), "the whole is full");
        part.measured(20);
        assert!(!part.charge(1), "the whole was not measured");
        whole.measured(500);
        assert!(part.charge(130) && !part.charge(1));
    }

    #[test]
    fn only_what_a_file_does_not_have_yet_should_count() {
        let file = tempfile::tempfile().unwrap();
        assert_eq!(growth(&file, 0, 10), 10);
        io::Write::write_all(&mut &file, &[1; 5000]).unwrap();
        assert_eq!(growth(&file, 0, 5000), 0);
        assert_eq!(growth(&file, 4990, 100), 90);
        #[cfg(unix)]
        {
            file.set_len(1 << 30).unwrap();
            assert_eq!(growth(&file, 1 << 20, 100), 100, "a hole is filled");
        }
    }
}
