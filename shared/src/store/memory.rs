//! A store that lives as long as the process: for tests, simulations and the browser.

use futures::future::{BoxFuture, FutureExt, ready};
use futures::stream::BoxStream;

use crate::store::mvcc::{Bounds, Mvcc, Staged};
use crate::store::published::Published;
use crate::store::{
    KeyValue, Range, RangeRequest, Revision, Store, StoreError, WatchItem, Write, WriteOutcome,
};

/// The memory engine: the multi-version core and nothing else.
pub struct MemoryStore {
    published: Published,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> MemoryStore {
        MemoryStore::with_bounds(Bounds::default())
    }

    /// An empty store that keeps at most this much of the past.
    pub fn with_bounds(bounds: Bounds) -> MemoryStore {
        MemoryStore { published: Published::new(Mvcc::new(bounds)) }
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        MemoryStore::new()
    }
}

impl Store for MemoryStore {
    fn current_revision(&self) -> Revision {
        self.published.revision()
    }

    fn get(&self, key: &str) -> BoxFuture<'_, Result<Option<KeyValue>, StoreError>> {
        ready(Ok(self.published.read(|core| core.get(key)))).boxed()
    }

    fn range(&self, request: RangeRequest) -> BoxFuture<'_, Result<Range, StoreError>> {
        ready(self.published.read(|core| core.range(&request))).boxed()
    }

    fn write(&self, write: Write) -> BoxFuture<'_, Result<WriteOutcome, StoreError>> {
        async move { Ok(self.published.change(|core| write_one(core, write))) }.boxed()
    }

    fn watch(&self, prefix: &str, after: Revision) -> BoxStream<'static, Result<WatchItem, StoreError>> {
        self.published.watch(prefix, after)
    }

    fn compact(&self, revision: Revision) -> BoxFuture<'_, Result<(), StoreError>> {
        async move { self.published.change(|core| core.compact(revision)).map(drop) }.boxed()
    }
}

fn write_one(core: &mut Mvcc, write: Write) -> WriteOutcome {
    let mut staged = Staged::on(core);
    let outcome = staged.add(core, write);
    core.commit(staged);
    outcome
}
