//! The store's contract: etcd's semantics, whatever the engine.
//!
//! Keys are upstream's (`/registry/pods/default/web`), values are the objects' JSON without
//! `resourceVersion`. Every write gets the next revision; a revision is never used twice, and a
//! write is acknowledged only when it is durable. Reads and watches can look back to any revision
//! that was not compacted. See <https://etcd.io/docs/v3.5/learning/api/>.

use std::any::Any;
use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;

pub mod compactor;
pub mod memory;
pub mod mvcc;
pub mod published;

/// The store's logical clock: 1 when it is empty, one more with every write.
pub type Revision = u64;

/// A stored value: its bytes, and what the reader made of them, so that it is decoded once.
#[derive(Clone)]
pub struct StoredValue {
    /// The encoded object.
    pub bytes: Bytes,
    /// A slot that travels with this revision through every read and watch of the process
    /// (the decoded object); an engine passes it on and never looks inside.
    pub attachment: Arc<dyn Any + Send + Sync>,
}

/// One revision of one key.
#[derive(Clone)]
pub struct KeyValue {
    /// The key, for example `/registry/pods/default/web`.
    pub key: Arc<str>,
    /// The value at `mod_revision`.
    pub value: StoredValue,
    /// The revision at which the key was created (anew).
    pub create_revision: Revision,
    /// The revision of this value.
    pub mod_revision: Revision,
}

/// What a key must be for a write to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// The key must not exist: a create. Deleting what is absent changes nothing and is answered
    /// as a conflict with `None`.
    Absent,
    /// The key must be at exactly this `mod_revision`: compare-and-swap.
    At(Revision),
}

/// A write of one key.
#[derive(Clone)]
pub struct Write {
    /// The key to write.
    pub key: Arc<str>,
    /// The new value, or `None` to delete the key.
    pub value: Option<StoredValue>,
    /// What the key must be beforehand.
    pub expect: Expect,
}

/// What became of a write.
#[derive(Clone)]
pub enum WriteOutcome {
    /// It is durable, at this revision.
    Done(Revision),
    /// The expectation did not hold; nothing was written. Carries the key's current state.
    Conflict(Option<KeyValue>),
}

/// A part of the key space at one revision.
#[derive(Clone, Default)]
pub struct Range {
    /// In key order.
    pub items: Vec<KeyValue>,
    /// The revision at which the store was read.
    pub revision: Revision,
    /// Whether keys of the range follow that `limit` left out.
    pub more: bool,
    /// How many keys of the range follow.
    pub remaining: usize,
}

/// What to read.
#[derive(Clone, Default)]
pub struct RangeRequest {
    /// Keys that start with this.
    pub prefix: String,
    /// Only keys strictly after this one (byte order), for the next page.
    pub after: Option<String>,
    /// The revision to read at; `None` for the newest.
    pub revision: Option<Revision>,
    /// At most this many keys; 0 for all.
    pub limit: usize,
}

/// A change of one key.
#[derive(Clone)]
pub struct StoreEvent {
    /// The key that changed.
    pub key: Arc<str>,
    /// The revision of the change.
    pub revision: Revision,
    /// The new value, `None` where the key was deleted.
    pub current: Option<KeyValue>,
    /// The value before, `None` where the key was created.
    pub previous: Option<KeyValue>,
}

/// What a watch delivers, in order of revision, nothing skipped or repeated.
#[derive(Clone)]
pub enum WatchItem {
    /// Changes of keys under the prefix; never empty.
    Events(Vec<StoreEvent>),
    /// All changes up to this revision have been delivered (sent whenever the store moved on
    /// without a change under the prefix).
    Progress(Revision),
}

/// Why the store refused.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum StoreError {
    /// The revision was compacted away; the reader must list again (410 Gone).
    #[error("required revision {requested} has been compacted; the oldest is {oldest}")]
    Compacted {
        /// The revision that was asked for.
        requested: Revision,
        /// The oldest revision that can still be read.
        oldest: Revision,
    },
    /// The revision lies in the future.
    #[error("required revision {requested} is a future revision; the newest is {newest}")]
    Future {
        /// The revision that was asked for.
        requested: Revision,
        /// The newest revision.
        newest: Revision,
    },
    /// The engine failed: disk full, file damaged, connection lost.
    #[error("store engine: {0}")]
    Engine(String),
}

/// A store of keys and values with etcd's semantics.
///
/// Engines: [`memory::MemoryStore`] here, `redb` in the backend; all pass one suite
/// (`tests/store`). Dropping a future or stream abandons the read; a write that was begun may
/// still happen.
pub trait Store: Send + Sync + 'static {
    /// The newest revision that readers can see.
    fn current_revision(&self) -> Revision;

    /// One key at the newest revision.
    fn get(&self, key: &str) -> BoxFuture<'_, Result<Option<KeyValue>, StoreError>>;

    /// A range of keys at one revision.
    fn range(&self, request: RangeRequest) -> BoxFuture<'_, Result<Range, StoreError>>;

    /// Writes one key, if it is as expected; done means durable and visible to readers.
    fn write(&self, write: Write) -> BoxFuture<'_, Result<WriteOutcome, StoreError>>;

    /// Changes of keys under `prefix` after revision `after`, for ever.
    ///
    /// The watcher pulls from the store's own log of events, so that a slow one costs nothing and
    /// never holds up a writer; one that falls behind the compaction gets
    /// [`StoreError::Compacted`] as its last item, and so does at once one that begins before it.
    /// A watch from a future revision waits for it, as in etcd. The stream ends without an error
    /// when the store is closed.
    fn watch(&self, prefix: &str, after: Revision) -> BoxStream<'static, Result<WatchItem, StoreError>>;

    /// Forgets every value that was overwritten or deleted at or before `revision`, which itself
    /// stays readable. As in etcd, [`StoreError::Compacted`] where that was done already, and
    /// [`StoreError::Future`] where there is no such revision yet.
    fn compact(&self, revision: Revision) -> BoxFuture<'_, Result<(), StoreError>>;
}
