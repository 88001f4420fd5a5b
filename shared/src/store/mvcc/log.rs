//! The changes since the compaction in order of revision: what watchers read.
//!
//! Events lie in one queue a segment (`/registry/<resource>/`), so that a watcher of pods never
//! walks over the leases' traffic; a prefix wider than a segment walks them all in order.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::store::{Revision, StoreEvent};

/// How many events one call looks at most, which bounds the time a reader holds the core.
const SCAN_LIMIT: usize = 1024;

/// What a watcher gets in one turn.
pub struct EventBatch {
    /// Changes under the prefix, in order; may be empty.
    pub events: Vec<StoreEvent>,
    /// All changes up to this revision were looked at.
    pub through: Revision,
}

/// The retained events: those of the revisions after `start`, one a revision, without gaps.
pub(super) struct EventLog {
    start: Revision,
    /// The segment of each retained revision.
    order: VecDeque<Arc<str>>,
    segments: BTreeMap<Arc<str>, VecDeque<StoreEvent>>,
    bytes: usize,
}

impl EventLog {
    pub(super) fn starting_after(start: Revision) -> EventLog {
        EventLog { start, order: VecDeque::new(), segments: BTreeMap::new(), bytes: 0 }
    }

    /// The revision before the oldest retained event.
    pub(super) fn start(&self) -> Revision {
        self.start
    }

    /// The newest revision.
    pub(super) fn end(&self) -> Revision {
        self.start + self.order.len() as Revision
    }

    /// How many events are retained.
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// The size of the keys and superseded values that only the retained events keep alive.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes in the event of the revision after [`EventLog::end`].
    pub(super) fn push(&mut self, event: StoreEvent) {
        self.bytes += held_bytes(&event);
        let segment = segment(&event.key).unwrap_or_default();
        let segment = match self.segments.get_key_value(segment) {
            Some((known, _)) => known.clone(),
            None => Arc::from(segment),
        };
        self.order.push_back(segment.clone());
        self.segments.entry(segment).or_default().push_back(event);
    }

    /// Forgets the oldest event.
    pub(super) fn pop(&mut self) -> Option<StoreEvent> {
        let segment = self.order.pop_front()?;
        let events = self.segments.get_mut(&segment)?;
        let event = events.pop_front()?;
        if events.is_empty() {
            self.segments.remove(&segment);
        }
        self.start += 1;
        self.bytes -= held_bytes(&event);
        Some(event)
    }

    /// The next changes under `prefix` after `after`, which is not before [`EventLog::start`].
    pub(super) fn after(&self, prefix: &str, after: Revision) -> EventBatch {
        if after >= self.end() {
            return EventBatch { events: Vec::new(), through: after };
        }
        match segment(prefix) {
            Some(segment) => self.after_in(segment, prefix, after),
            None => self.after_anywhere(prefix, after),
        }
    }

    fn after_in(&self, segment: &str, prefix: &str, after: Revision) -> EventBatch {
        let Some(log) = self.segments.get(segment) else {
            return EventBatch { events: Vec::new(), through: self.end() };
        };
        let from = log.partition_point(|event| event.revision <= after);
        let to = log.len().min(from + SCAN_LIMIT);
        let events = log.range(from..to).filter(|event| event.key.starts_with(prefix)).cloned().collect();
        let through = if to == log.len() { self.end() } else { log[to - 1].revision };
        EventBatch { events, through }
    }

    fn after_anywhere(&self, prefix: &str, after: Revision) -> EventBatch {
        let after = after.max(self.start);
        let through = self.end().min(after + SCAN_LIMIT as Revision);
        let events = (after + 1..=through)
            .filter_map(|revision| self.at(revision))
            .filter(|event| event.key.starts_with(prefix))
            .cloned()
            .collect();
        EventBatch { events, through }
    }

    fn at(&self, revision: Revision) -> Option<&StoreEvent> {
        let segment = self.order.get((revision - self.start - 1) as usize)?;
        let log = self.segments.get(segment)?;
        log.get(log.partition_point(|event| event.revision < revision))
    }
}

/// The part of a key or prefix up to its third slash (`/registry/pods/`), if it has one.
fn segment(key: &str) -> Option<&str> {
    key.match_indices('/').nth(2).map(|(slash, _)| &key[..=slash])
}

fn held_bytes(event: &StoreEvent) -> usize {
    event.key.len() + event.previous.as_ref().map_or(0, |previous| previous.value.bytes.len())
}
