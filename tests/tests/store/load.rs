//! Writers that put a store under load until it is gone, and the promise they hold it to.

use std::collections::BTreeMap;
use std::sync::Arc;

use shared::store::{Expect, KeyValue, Revision, Store, StoreError, WriteOutcome};

use crate::engine::{list, text, write};

/// Keys of one client: few, so that they are overwritten and deleted often.
const KEYS: u64 = 8;

/// A write that the store acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Acknowledged {
    pub(crate) revision: Revision,
    pub(crate) key: String,
    /// `None`: deleted.
    pub(crate) text: Option<String>,
}

/// A small generator of numbers that a seed repeats (SplitMix64).
#[derive(Clone)]
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

/// Creates, updates, deletes and compacts until the store fails; tells each acknowledgement at once.
pub(crate) async fn write_until_failure(
    store: Arc<dyn Store>,
    client: u64,
    mut numbers: Numbers,
    mut told: impl FnMut(Acknowledged),
) -> StoreError {
    loop {
        if let Err(error) = write_one(&*store, client, &mut numbers, &mut told).await {
            return error;
        }
        if numbers.below(50) == 0 {
            let revision = store.current_revision().saturating_sub(numbers.below(100));
            match store.compact(revision).await {
                Err(error @ StoreError::Engine(_)) => return error,
                _ => continue,
            }
        }
    }
}

async fn write_one(
    store: &dyn Store,
    client: u64,
    numbers: &mut Numbers,
    told: &mut impl FnMut(Acknowledged),
) -> Result<(), StoreError> {
    let key = format!("/registry/load/{client:03}/{}", numbers.below(KEYS));
    let current = store.get(&key).await?;
    let expect = current.as_ref().map_or(Expect::Absent, |found| Expect::At(found.mod_revision));
    let wants_delete = current.is_some() && numbers.below(4) == 0;
    let length = 1 + numbers.below(2000) as usize;
    let text = (!wants_delete).then(|| format!("{:x}", numbers.next()).repeat(length / 16 + 1));
    match write(store, &key, text.as_deref(), expect).await? {
        WriteOutcome::Done(revision) => told(Acknowledged { revision, key, text }),
        WriteOutcome::Conflict(_) => panic!("{key} belongs to one client"),
    }
    Ok(())
}

/// Checks that every acknowledged write is there: in the history as far as it is kept, and in the
/// newest state, where only the one write that a client was not answered any more may have taken
/// its place.
pub(crate) async fn check_kept(store: &dyn Store, acknowledged: &[Acknowledged]) {
    let mut last: BTreeMap<&str, &Acknowledged> = BTreeMap::new();
    for write in acknowledged {
        check_history(store, write).await;
        let newer = last.entry(&write.key).or_insert(write);
        if newer.revision < write.revision {
            *newer = write;
        }
    }
    let mut overtaken = BTreeMap::new();
    for (key, write) in last {
        let newest = store.get(key).await.unwrap();
        if newest.as_ref().map(text) != write.text.as_deref() {
            let revision = newest.map(|found| found.mod_revision);
            assert!(revision.is_none_or(|revision| revision > write.revision), "{write:?} is lost");
            let before = overtaken.insert(client_of(key), write);
            assert_eq!(before, None, "{write:?} is lost: its client had one write under way");
        }
    }
}

async fn check_history(store: &dyn Store, write: &Acknowledged) {
    assert!(write.revision <= store.current_revision(), "{} is lost", write.revision);
    match list(store, &write.key, Some(write.revision)).await {
        Ok(range) => assert_eq!(range.items.first().map(text), write.text.as_deref(), "{write:?}"),
        Err(StoreError::Compacted { .. }) => {}
        Err(error) => panic!("{error}"),
    }
}

fn client_of(key: &str) -> &str {
    key.rsplit_once('/').map_or(key, |(client, _)| client)
}

/// What can be read now, as writes that must be kept from here on.
pub(crate) async fn readable(store: &dyn Store) -> Vec<Acknowledged> {
    let items = list(store, "/registry/load/", None).await.unwrap().items;
    let write = |found: &KeyValue| Acknowledged {
        revision: found.mod_revision,
        key: found.key.to_string(),
        text: Some(text(found).to_owned()),
    };
    items.iter().map(write).collect()
}
