//! The engines under test, and short words for what tests do with a store.

use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;

use backend::store::{Attach, RedbStore};
use bytes::Bytes;
use shared::store::memory::MemoryStore;
use shared::store::mvcc::Bounds;
use shared::store::{
    Expect, KeyValue, Range, RangeRequest, Revision, Store, StoreError, StoredValue, Write, WriteOutcome,
};
use tempfile::TempDir;

/// Runs behaviours, each an `async fn(Engine)`, as tests on every engine.
macro_rules! on_every_engine {
    ($($behaviour:ident),* $(,)?) => {
        mod on_memory {
            $(#[tokio::test]
            async fn $behaviour() {
                super::$behaviour(crate::engine::Engine::Memory).await;
            })*
        }
        mod on_redb {
            $(#[tokio::test]
            async fn $behaviour() {
                super::$behaviour(crate::engine::Engine::Redb).await;
            })*
        }
    };
}
pub(crate) use on_every_engine;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Engine {
    Memory,
    Redb,
}

/// An open store and, where it has one, its directory.
pub(crate) struct Opened {
    store: Arc<dyn Store>,
    _directory: Option<TempDir>,
}

impl Engine {
    pub(crate) fn open(self) -> Opened {
        self.open_with(Bounds::default())
    }

    pub(crate) fn open_with(self, bounds: Bounds) -> Opened {
        match self {
            Engine::Memory => Opened { store: Arc::new(MemoryStore::with_bounds(bounds)), _directory: None },
            Engine::Redb => {
                let directory = tempfile::tempdir().unwrap();
                let store = RedbStore::open_with(&file_in(&directory), attach(), bounds).unwrap();
                Opened { store: Arc::new(store), _directory: Some(directory) }
            }
        }
    }
}

impl Opened {
    pub(crate) fn shared(&self) -> Arc<dyn Store> {
        self.store.clone()
    }
}

impl Deref for Opened {
    type Target = dyn Store;

    fn deref(&self) -> &Self::Target {
        &*self.store
    }
}

pub(crate) fn file_in(directory: impl AsRef<Path>) -> std::path::PathBuf {
    directory.as_ref().join("store.redb")
}

pub(crate) fn attach() -> Attach {
    Arc::new(|| Arc::new("attached anew"))
}

pub(crate) fn value(text: &str) -> StoredValue {
    StoredValue { bytes: Bytes::copy_from_slice(text.as_bytes()), attachment: Arc::new(()) }
}

pub(crate) fn text(found: &KeyValue) -> &str {
    std::str::from_utf8(&found.value.bytes).unwrap()
}

pub(crate) async fn write(
    store: &dyn Store,
    key: &str,
    text: Option<&str>,
    expect: Expect,
) -> Result<WriteOutcome, StoreError> {
    store.write(Write { key: key.into(), value: text.map(value), expect }).await
}

/// Writes whatever the key is now; the key must not change meanwhile.
pub(crate) async fn put(store: &dyn Store, key: &str, text: &str) -> Revision {
    done(write(store, key, Some(text), expect_current(store, key).await).await)
}

pub(crate) async fn delete(store: &dyn Store, key: &str) -> Revision {
    done(write(store, key, None, expect_current(store, key).await).await)
}

pub(crate) async fn expect_current(store: &dyn Store, key: &str) -> Expect {
    store.get(key).await.unwrap().map_or(Expect::Absent, |found| Expect::At(found.mod_revision))
}

pub(crate) fn done(outcome: Result<WriteOutcome, StoreError>) -> Revision {
    match outcome.unwrap() {
        WriteOutcome::Done(revision) => revision,
        WriteOutcome::Conflict(current) => {
            panic!("conflict at {:?}", current.map(|found| found.mod_revision))
        }
    }
}

pub(crate) async fn list(
    store: &dyn Store,
    prefix: &str,
    revision: Option<Revision>,
) -> Result<Range, StoreError> {
    store.range(RangeRequest { prefix: prefix.into(), revision, ..Default::default() }).await
}

/// The range as lines `key=text@mod_revision`.
pub(crate) fn lines(items: &[KeyValue]) -> Vec<String> {
    items.iter().map(|found| format!("{}={}@{}", found.key, text(found), found.mod_revision)).collect()
}
