//! Volumes that are full when they have as much as they are big, for whoever writes to them: persistent volumes that
//! were made for their claims, and those in memory. All pods that mount one share its meter.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::kubelet::disk_usage::bytes_below_without_holes;
use crate::runtime::{DiskMeter, Medium};

/// The file systems that pods of a node have mounted, by their directories on the host.
#[derive(Default)]
pub(in crate::kubelet) struct FileSystems {
    mounted: Mutex<BTreeMap<PathBuf, Weak<DiskMeter>>>,
}

impl FileSystems {
    /// The meter of the file system in this directory, of this size in bytes, which is a part of the node's disk.
    /// One in memory is empty when it is mounted first. Blocks on the disk.
    pub(super) fn mount(
        &self,
        directory: &Path,
        size_bytes: u64,
        medium: Medium,
        disk: &Arc<DiskMeter>,
    ) -> Arc<DiskMeter> {
        let mut mounted = self.lock();
        mounted.retain(|_, meter| meter.strong_count() > 0);
        if let Some(meter) = mounted.get(directory).and_then(Weak::upgrade) {
            meter.resize(size_bytes);
            return meter;
        }
        if medium == Medium::Memory {
            empty(directory);
        }
        let measured = directory.to_owned();
        let measure = move || bytes_below_without_holes(&measured);
        let meter = DiskMeter::of_file_system(size_bytes, medium, Some(disk.clone()), measure);
        mounted.insert(directory.to_owned(), Arc::downgrade(&meter));
        meter
    }

    /// The file system in this directory has this size from now on, if it is mounted.
    pub(in crate::kubelet) fn resize(&self, directory: &Path, size_bytes: u64) {
        if let Some(meter) = self.lock().get(directory).and_then(Weak::upgrade) {
            meter.resize(size_bytes);
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<PathBuf, Weak<DiskMeter>>> {
        self.mounted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Removes what an earlier start of the node left in its memory.
fn empty(directory: &Path) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
        let removed =
            if is_directory { fs::remove_dir_all(entry.path()) } else { fs::remove_file(entry.path()) };
        if let Err(error) = removed {
            tracing::warn!(%error, path = %entry.path().display(), "a volume in memory was not emptied");
        }
    }
}
