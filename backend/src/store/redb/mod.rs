//! The embedded engine: one file, written by [redb](https://docs.rs/redb), read into memory at start.
//!
//! # The file, format 1
//!
//! A redb 4 database (its own pages, checksums and commit protocol: redb's `docs/design.md`) with
//! two tables.
//!
//! | table | key | value |
//! | --- | --- | --- |
//! | `revisions` | `u64`: the revision, in numerical order | `(&str, u64, Option<&[u8]>)`: the key, the revision that created it, the value; none where this revision deleted the key |
//! | `meta` | `&str` | `u64` |
//!
//! `meta` holds `format` (1) and, once something was compacted, `compacted`: the oldest revision
//! that can be read. After it every revision has its record, one after the other without a gap, and
//! each continues its key's history; at or before it only those are kept whose value is still
//! visible at `compacted`, and perhaps some whose removal was not finished, which a reader drops.
//! The newest revision is the last record's, or `compacted` where that is greater, or 1.
//!
//! A transaction holds the writes that waited while the one before it was being made durable. It is
//! committed with one sync of the file: redb tells a torn commit by its checksums and goes back to
//! the commit before, of which every write was acknowledged.
//!
//! A file with a greater `format` is refused.

use std::any::Any;
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use ::redb::StorageBackend;
use futures::future::{BoxFuture, FutureExt, ready};
use futures::stream::BoxStream;
use shared::store::mvcc::Bounds;
use shared::store::published::Published;
use shared::store::{
    KeyValue, Range, RangeRequest, Revision, Store, StoreError, WatchItem, Write, WriteOutcome,
};
use tokio::sync::oneshot;

mod file;
mod open;
mod writer;

pub use open::OpenError;

use file::DataFile;
use writer::{Request, Writer};

/// Makes the attachment of a value that was read from the file
/// (see [`shared::store::StoredValue::attachment`]).
pub type Attach = Arc<dyn Fn() -> Arc<dyn Any + Send + Sync> + Send + Sync>;

/// A store in one file of this machine.
///
/// Reads never touch the file. Dropping the store lets its writer finish what it was given, closes
/// the file and ends the watches.
pub struct RedbStore {
    published: Arc<Published>,
    /// Taken when the store is dropped, which is how the writer learns of it.
    requests: Option<mpsc::Sender<Request>>,
    writer: Option<JoinHandle<()>>,
}

impl RedbStore {
    /// Opens the file, or creates it with its directory.
    pub fn open(path: &Path, attach: Attach) -> Result<RedbStore, OpenError> {
        RedbStore::open_with(path, attach, Bounds::default())
    }

    /// As [`RedbStore::open`], keeping at most this much of the past.
    pub fn open_with(path: &Path, attach: Attach, bounds: Bounds) -> Result<RedbStore, OpenError> {
        let database = open::database_at(path)?;
        RedbStore::start(database, attach, bounds).map_err(|fault| OpenError::of(path, fault))
    }

    /// Opens a store on something other than a file; `name` stands for it in errors.
    pub fn open_backend(
        backend: impl StorageBackend,
        name: &Path,
        attach: Attach,
        bounds: Bounds,
    ) -> Result<RedbStore, OpenError> {
        open::database_on(backend)
            .and_then(|database| RedbStore::start(database, attach, bounds))
            .map_err(|fault| OpenError::of(name, fault))
    }

    fn start(database: ::redb::Database, attach: Attach, bounds: Bounds) -> Result<RedbStore, open::Fault> {
        let file = DataFile::of(database)?;
        let (core, garbage) = file.load(&attach, bounds)?;
        let published = Arc::new(Published::new(core));
        let (requests, inbox) = mpsc::channel();
        let writer = Writer::new(file, published.clone(), garbage);
        let writer = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || writer.run(&inbox))
            .map_err(open::Fault::Io)?;
        Ok(RedbStore { published, requests: Some(requests), writer: Some(writer) })
    }

    async fn ask<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> Request,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        if let Some(requests) = &self.requests {
            // A writer that is gone drops the request, which shows in the answer.
            let _ = requests.send(request(answer));
        }
        answered.await.unwrap_or_else(|_| Err(StoreError::Engine("the store's writer has stopped".into())))
    }
}

impl Store for RedbStore {
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
        self.ask(|answer| Request::Write(write, answer)).boxed()
    }

    fn watch(&self, prefix: &str, after: Revision) -> BoxStream<'static, Result<WatchItem, StoreError>> {
        self.published.watch(prefix, after)
    }

    fn compact(&self, revision: Revision) -> BoxFuture<'_, Result<(), StoreError>> {
        self.ask(move |answer| Request::Compact(revision, answer)).boxed()
    }
}

impl Drop for RedbStore {
    fn drop(&mut self) {
        drop(self.requests.take());
        if let Some(writer) = self.writer.take() {
            // A writer that panicked has already failed every write that waited for it.
            let _ = writer.join();
        }
    }
}
