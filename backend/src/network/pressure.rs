//! The memory that all connections of a network may buffer together, as Linux's `tcp_mem`: under pressure each
//! connection gets a small buffer instead of a large one, so that many idle readers cannot fill the host.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes buffered together before buffers become small.
const DEFAULT_LIMIT_BYTES: usize = 64 * 1024 * 1024;

/// Buffer of a connection under pressure; enough to go on.
const SMALL_BUFFER_BYTES: usize = 4 * 1024;

/// Counts what is buffered.
pub(super) struct Pressure {
    buffered_bytes: AtomicUsize,
    limit_bytes: usize,
}

impl Default for Pressure {
    fn default() -> Self {
        Self::new(DEFAULT_LIMIT_BYTES)
    }
}

impl Pressure {
    pub(super) fn new(limit_bytes: usize) -> Self {
        Self { buffered_bytes: AtomicUsize::new(0), limit_bytes }
    }

    /// The buffer that a connection may have now, if it may have `capacity_bytes` in good times.
    pub(super) fn allowed(&self, capacity_bytes: usize) -> usize {
        if self.buffered_bytes() < self.limit_bytes {
            capacity_bytes
        } else {
            capacity_bytes.min(SMALL_BUFFER_BYTES)
        }
    }

    pub(super) fn add(&self, bytes: usize) {
        self.buffered_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn remove(&self, bytes: usize) {
        self.buffered_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    pub(super) fn buffered_bytes(&self) -> usize {
        self.buffered_bytes.load(Ordering::Relaxed)
    }
}
