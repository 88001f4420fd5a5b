//! Filling the core from what an engine kept, and noticing where that cannot be right.

use std::sync::Arc;

use super::Mvcc;
use crate::store::{KeyValue, Revision, StoreEvent, StoredValue};

/// One revision as an engine keeps it.
pub struct Record {
    /// The revision of the change.
    pub revision: Revision,
    /// The key that changed.
    pub key: Arc<str>,
    /// The revision at which the key was created.
    pub create_revision: Revision,
    /// The value, or `None` where the key was deleted.
    pub value: Option<StoredValue>,
}

/// Records that no store can have written: the file is damaged.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum ReplayError {
    /// A revision after the compaction is missing.
    #[error("revision {expected} is missing: the next record is of revision {found}")]
    Gap {
        /// The revision that should come next.
        expected: Revision,
        /// The revision that came.
        found: Revision,
    },
    /// A record does not fit the record of its key before.
    #[error("revision {revision} does not continue the history of its key {key}")]
    History {
        /// The record's revision.
        revision: Revision,
        /// The record's key.
        key: Arc<str>,
    },
}

impl Mvcc {
    /// Takes in a record, in order of revision. Returns the revisions that need not be kept any
    /// longer: superseded before the compaction, or out of bounds.
    pub fn replay(&mut self, record: Record) -> Result<Vec<Revision>, ReplayError> {
        if record.revision <= self.compacted() {
            return Ok(self.replay_compacted(record));
        }
        let expected = self.revision() + 1;
        if record.revision != expected {
            return Err(ReplayError::Gap { expected, found: record.revision });
        }
        let event = self.continue_history(record)?;
        self.push(event);
        Ok(self.keep_in_bounds())
    }

    fn replay_compacted(&mut self, record: Record) -> Vec<Revision> {
        let event = event(record, None);
        self.index.apply(&event);
        let mut forgotten = Vec::new();
        self.index.trim(&event.key, self.compacted, &mut forgotten);
        forgotten
    }

    fn continue_history(&self, record: Record) -> Result<StoreEvent, ReplayError> {
        let previous = self.get(&record.key);
        let fits = match &previous {
            Some(previous) => record.create_revision == previous.create_revision,
            None => record.value.is_some() && record.create_revision == record.revision,
        };
        match fits {
            true => Ok(event(record, previous)),
            false => Err(ReplayError::History { revision: record.revision, key: record.key }),
        }
    }
}

fn event(record: Record, previous: Option<KeyValue>) -> StoreEvent {
    let Record { revision, key, create_revision, value } = record;
    let current =
        value.map(|value| KeyValue { key: key.clone(), value, create_revision, mod_revision: revision });
    StoreEvent { key, revision, current, previous }
}
