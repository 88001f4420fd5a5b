//! Writes that were accepted and are not yet visible: the content of one transaction.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Mvcc;
use crate::store::{Expect, KeyValue, Revision, StoreEvent, Write, WriteOutcome};

/// Accepted writes in order of revision, each checked against the core and the writes before it.
pub struct Staged {
    base: Revision,
    events: Vec<StoreEvent>,
    latest: BTreeMap<Arc<str>, usize>,
}

impl Staged {
    /// Nothing yet, on top of what `core` holds.
    pub fn on(core: &Mvcc) -> Staged {
        Staged { base: core.revision(), events: Vec::new(), latest: BTreeMap::new() }
    }

    /// Accepts a write, or says why not. The answer holds once the stage is committed, no sooner:
    /// a conflict, too, may rest on a write that is only staged.
    pub fn add(&mut self, core: &Mvcc, write: Write) -> WriteOutcome {
        let previous = self.latest(core, &write.key);
        if !may_write(&write, previous.as_ref()) {
            return WriteOutcome::Conflict(previous);
        }
        let revision = self.base + self.events.len() as Revision + 1;
        let create_revision = previous.as_ref().map_or(revision, |previous| previous.create_revision);
        let key = previous.as_ref().map_or(write.key, |previous| previous.key.clone());
        let current = write.value.map(|value| KeyValue {
            key: key.clone(),
            value,
            create_revision,
            mod_revision: revision,
        });
        self.latest.insert(key.clone(), self.events.len());
        self.events.push(StoreEvent { key, revision, current, previous });
        WriteOutcome::Done(revision)
    }

    /// The accepted changes, in order.
    pub fn events(&self) -> &[StoreEvent] {
        &self.events
    }

    pub(super) fn into_events(self) -> Vec<StoreEvent> {
        self.events
    }

    fn latest(&self, core: &Mvcc, key: &str) -> Option<KeyValue> {
        match self.latest.get(key) {
            Some(&position) => self.events[position].current.clone(),
            None => core.get(key),
        }
    }
}

/// Whether the key is as the write expects it. Deleting what is absent changes nothing, so it is
/// not a write and gets no revision.
fn may_write(write: &Write, previous: Option<&KeyValue>) -> bool {
    match (write.expect, previous) {
        (Expect::Absent, None) => write.value.is_some(),
        (Expect::At(revision), Some(previous)) => previous.mod_revision == revision,
        _ => false,
    }
}
