//! A multi-version core in memory: what the embedded engines share.
//!
//! It knows every key's versions back to the compaction and the events between. It is a plain
//! value: an engine stages writes on it, makes them durable in its own way, then commits them here,
//! where readers see them. Its rules are etcd's (<https://etcd.io/docs/v3.5/learning/data_model/>).

use crate::store::{KeyValue, Range, RangeRequest, Revision, StoreError, StoreEvent};

mod index;
mod log;
mod replay;
mod staged;
#[cfg(test)]
mod tests;

pub use log::EventBatch;
pub use replay::{Record, ReplayError};
pub use staged::Staged;

/// How much of the past is kept at most. What is beyond is compacted at once, without waiting for
/// the periodic compaction, so that a burst of writes cannot fill the memory.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Most events.
    pub events: usize,
    /// Most bytes of superseded values and their keys.
    pub bytes: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Bounds { events: 100_000, bytes: 64 << 20 }
    }
}

/// The core: see the module.
pub struct Mvcc {
    index: index::Index,
    log: log::EventLog,
    /// The oldest revision that can be read; 0 until something was compacted.
    compacted: Revision,
    bounds: Bounds,
}

impl Mvcc {
    /// An empty core at revision 1.
    pub fn new(bounds: Bounds) -> Mvcc {
        Mvcc::compacted_at(0, bounds)
    }

    /// An empty core that begins at the compaction of a store that existed before; records are
    /// then given to [`Mvcc::replay`].
    pub fn compacted_at(compacted: Revision, bounds: Bounds) -> Mvcc {
        let log = log::EventLog::starting_after(compacted.max(1));
        Mvcc { index: index::Index::default(), log, compacted, bounds }
    }

    /// The newest revision.
    pub fn revision(&self) -> Revision {
        self.log.end()
    }

    /// The oldest revision that can be read and watched from; 0 until something was compacted.
    pub fn compacted(&self) -> Revision {
        self.compacted
    }

    /// One key at the newest revision.
    pub fn get(&self, key: &str) -> Option<KeyValue> {
        self.index.latest(key).cloned()
    }

    /// A range of keys at one revision.
    pub fn range(&self, request: &RangeRequest) -> Result<Range, StoreError> {
        let newest = self.revision();
        let revision = request.revision.unwrap_or(newest);
        self.check_not_compacted(revision)?;
        if revision > newest {
            return Err(StoreError::Future { requested: revision, newest });
        }
        Ok(self.index.range(request, revision))
    }

    /// The next changes under `prefix` after `after`: a bounded number, in order. A future `after`
    /// has none yet.
    pub fn events(&self, prefix: &str, after: Revision) -> Result<EventBatch, StoreError> {
        self.check_not_compacted(after)?;
        Ok(self.log.after(prefix, after))
    }

    /// Makes staged writes visible. Returns the revisions that were forgotten to stay in bounds.
    ///
    /// The stage was made on this core, and nothing was committed since.
    pub fn commit(&mut self, staged: Staged) -> Vec<Revision> {
        for event in staged.into_events() {
            self.push(event);
        }
        self.keep_in_bounds()
    }

    /// Forgets every value that was overwritten or deleted at or before `revision`. Returns the
    /// revisions that were forgotten.
    ///
    /// As in etcd, `revision` itself stays readable, and compacting again what was compacted is
    /// refused.
    pub fn compact(&mut self, revision: Revision) -> Result<Vec<Revision>, StoreError> {
        let newest = self.revision();
        if revision > newest {
            return Err(StoreError::Future { requested: revision, newest });
        }
        if revision <= self.compacted {
            return Err(StoreError::Compacted { requested: revision, oldest: self.compacted });
        }
        Ok(self.forget_through(revision))
    }

    fn push(&mut self, event: StoreEvent) {
        self.index.apply(&event);
        self.log.push(event);
    }

    fn keep_in_bounds(&mut self) -> Vec<Revision> {
        let mut forgotten = Vec::new();
        while self.log.len() > self.bounds.events || self.log.bytes() > self.bounds.bytes {
            forgotten.extend(self.forget_through(self.log.start() + 1));
        }
        forgotten
    }

    fn forget_through(&mut self, revision: Revision) -> Vec<Revision> {
        let mut forgotten = Vec::new();
        while self.log.start() < revision
            && let Some(event) = self.log.pop()
        {
            self.index.trim(&event.key, revision, &mut forgotten);
        }
        self.compacted = revision;
        forgotten
    }

    fn check_not_compacted(&self, requested: Revision) -> Result<(), StoreError> {
        match requested < self.compacted {
            true => Err(StoreError::Compacted { requested, oldest: self.compacted }),
            false => Ok(()),
        }
    }
}
