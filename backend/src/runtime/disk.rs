//! How much programs may write: what each mount takes of the disk is estimated at every write, so that a guest
//! that fills the disk is stopped before anybody looks how much there really is.
//!
//! The estimate only grows: what is deleted counts until the directory is measured, and [`DiskMeter::measured`]
//! sets it right. Whoever measures is told early.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use tokio::sync::Notify;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::{DynOutputStream, OutputStream, Pollable, StreamError, StreamResult};

/// What a new file or directory takes at least.
pub(super) const NEW_FILE_BYTES: u64 = 4096;

/// What some mounts together take of the disk.
pub struct DiskMeter {
    used_bytes: AtomicU64,
    /// Above it somebody is to measure.
    crowded_bytes: u64,
    /// Above it nothing more is written.
    bound_bytes: u64,
    crowded: Arc<Notify>,
    /// What this is a part of.
    part_of: Option<Arc<DiskMeter>>,
}

impl DiskMeter {
    /// A meter by which `crowded` is told that it is to be measured, above `crowded_bytes`; it lets nothing be written above `bound_bytes`.
    pub fn new(
        crowded_bytes: u64,
        bound_bytes: u64,
        crowded: Arc<Notify>,
        part_of: Option<Arc<DiskMeter>>,
    ) -> Arc<DiskMeter> {
        let used_bytes = AtomicU64::new(0);
        Arc::new(DiskMeter { used_bytes, crowded_bytes, bound_bytes, crowded, part_of })
    }

    /// The directory was measured.
    pub fn measured(&self, used_bytes: u64) {
        self.used_bytes.store(used_bytes, Ordering::Relaxed);
    }

    /// Whether so much more may be written; if so, it counts from now on.
    pub(super) fn charge(&self, bytes: u64) -> bool {
        let used = self.used_bytes.load(Ordering::Relaxed).saturating_add(bytes);
        if bytes > 0 && used > self.crowded_bytes {
            self.crowded.notify_one();
        }
        if bytes > 0 && used > self.bound_bytes {
            return false;
        }
        if self.part_of.as_ref().is_some_and(|whole| !whole.charge(bytes)) {
            return false;
        }
        self.used_bytes.fetch_add(bytes, Ordering::Relaxed);
        true
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
    meter: Arc<DiskMeter>,
}

impl Metered {
    pub(super) fn new(
        stream: DynOutputStream,
        file: Arc<File>,
        position: Option<u64>,
        meter: Arc<DiskMeter>,
    ) -> Metered {
        Metered { stream, file, position, meter }
    }

    fn charge(&mut self, length: usize) -> StreamResult<()> {
        let length = length as u64;
        let bytes = match self.position {
            Some(position) => growth(&self.file, position, length),
            None => length,
        };
        if !self.meter.charge(bytes) {
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
