//! Every key's versions, back to the compaction.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

use crate::store::{KeyValue, Range, RangeRequest, Revision, StoreEvent};

/// What a key was from one revision to its next.
struct Version {
    revision: Revision,
    /// `None` where this revision deleted the key.
    current: Option<KeyValue>,
}

/// The versions of all keys, in key order; a deleted key stays until its deletion is compacted.
#[derive(Default)]
pub(super) struct Index {
    keys: BTreeMap<Arc<str>, VecDeque<Version>>,
}

impl Index {
    /// The key's newest state.
    pub(super) fn latest(&self, key: &str) -> Option<&KeyValue> {
        self.keys.get(key)?.back()?.current.as_ref()
    }

    /// The keys of a range as they were at `revision`.
    pub(super) fn range(&self, request: &RangeRequest, revision: Revision) -> Range {
        let limit = if request.limit == 0 { usize::MAX } else { request.limit };
        let mut found = self.visible(request, revision);
        let items: Vec<KeyValue> = found.by_ref().take(limit).cloned().collect();
        let remaining = found.count();
        Range { items, revision, more: remaining > 0, remaining }
    }

    fn visible<'a>(
        &'a self,
        request: &'a RangeRequest,
        revision: Revision,
    ) -> impl Iterator<Item = &'a KeyValue> {
        let prefix = request.prefix.as_str();
        let from = match request.after.as_deref() {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        self.keys
            .range::<str, _>((from, Bound::Unbounded))
            .take_while(move |(key, _)| key.starts_with(prefix))
            .filter_map(move |(_, versions)| at(versions, revision))
    }

    /// Takes in a change that is newer than everything here.
    pub(super) fn apply(&mut self, event: &StoreEvent) {
        let version = Version { revision: event.revision, current: event.current.clone() };
        match self.keys.get_mut(&*event.key) {
            Some(versions) => versions.push_back(version),
            None => {
                self.keys.insert(event.key.clone(), VecDeque::from([version]));
            }
        }
    }

    /// Forgets what a reader at `oldest` or later cannot see of one key; adds the revisions that
    /// went to `forgotten`.
    pub(super) fn trim(&mut self, key: &str, oldest: Revision, forgotten: &mut Vec<Revision>) {
        let Some(versions) = self.keys.get_mut(key) else { return };
        while superseded(versions, oldest) {
            forgotten.extend(versions.pop_front().map(|version| version.revision));
        }
        if versions.is_empty() {
            self.keys.remove(key);
        }
    }
}

/// The value that a reader at `revision` sees.
fn at(versions: &VecDeque<Version>, revision: Revision) -> Option<&KeyValue> {
    let seen = versions.partition_point(|version| version.revision <= revision);
    versions.get(seen.checked_sub(1)?)?.current.as_ref()
}

fn superseded(versions: &VecDeque<Version>, oldest: Revision) -> bool {
    match (versions.front(), versions.get(1)) {
        (_, Some(second)) if second.revision <= oldest => true,
        (Some(first), _) => first.revision <= oldest && first.current.is_none(),
        _ => false,
    }
}
