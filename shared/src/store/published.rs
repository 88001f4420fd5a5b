//! The core as readers and watchers see it, and how they learn of news.
//!
//! A watcher holds a revision and asks the core's log for what follows. It has no queue: the only
//! thing a writer does for it is to raise the published revision.

use std::sync::{Arc, PoisonError, RwLock};

use futures::stream::{self, BoxStream, StreamExt};
use tokio::sync::watch;

use crate::store::mvcc::Mvcc;
use crate::store::{Revision, StoreError, WatchItem};

/// A core that many read and one engine changes. When it is dropped, its watches end.
pub struct Published {
    core: Arc<RwLock<Mvcc>>,
    revision: watch::Sender<Revision>,
}

impl Published {
    /// Publishes a core.
    pub fn new(core: Mvcc) -> Published {
        let (revision, _) = watch::channel(core.revision());
        Published { core: Arc::new(RwLock::new(core)), revision }
    }

    /// The newest revision that readers can see.
    pub fn revision(&self) -> Revision {
        *self.revision.borrow()
    }

    /// Reads the core.
    pub fn read<R>(&self, read: impl FnOnce(&Mvcc) -> R) -> R {
        read(&self.core.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes the core, then wakes the watchers if it moved on.
    pub fn change<R>(&self, change: impl FnOnce(&mut Mvcc) -> R) -> R {
        let (result, revision) = {
            let mut core = self.core.write().unwrap_or_else(PoisonError::into_inner);
            (change(&mut core), core.revision())
        };
        // Another change may have been announced meanwhile: the revision never goes back.
        self.revision.send_if_modified(|published| {
            let newer = revision > *published;
            *published = revision.max(*published);
            newer
        });
        result
    }

    /// Changes under `prefix` after `after`; see [`crate::store::Store::watch`].
    pub fn watch(&self, prefix: &str, after: Revision) -> BoxStream<'static, Result<WatchItem, StoreError>> {
        let watcher = Watcher {
            core: self.core.clone(),
            news: self.revision.subscribe(),
            prefix: prefix.to_owned(),
            seen: after,
            told: after,
        };
        stream::unfold(Some(watcher), |watcher| async {
            let mut watcher = watcher?;
            match watcher.next().await? {
                Ok(item) => Some((Ok(item), Some(watcher))),
                Err(error) => Some((Err(error), None)),
            }
        })
        .boxed()
    }
}

/// One watch: where it stands.
struct Watcher {
    core: Arc<RwLock<Mvcc>>,
    news: watch::Receiver<Revision>,
    prefix: String,
    /// All events up to this revision were looked at.
    seen: Revision,
    /// The reader knows that it has everything up to this revision.
    told: Revision,
}

impl Watcher {
    /// The next item, `None` once the store is gone.
    async fn next(&mut self) -> Option<Result<WatchItem, StoreError>> {
        loop {
            // Marked before the look, so that no news between look and wait is lost.
            self.news.borrow_and_update();
            match self.look() {
                Ok(Some(item)) => return Some(Ok(item)),
                Ok(None) => self.news.changed().await.ok()?,
                Err(error) => return Some(Err(error)),
            }
        }
    }

    /// Looks at the log until there is something to tell or nothing more to see.
    fn look(&mut self) -> Result<Option<WatchItem>, StoreError> {
        loop {
            let (batch, newest) = {
                let core = self.core.read().unwrap_or_else(PoisonError::into_inner);
                (core.events(&self.prefix, self.seen)?, core.revision())
            };
            self.seen = batch.through;
            if let Some(last) = batch.events.last() {
                self.told = last.revision;
                return Ok(Some(WatchItem::Events(batch.events)));
            }
            if self.seen >= newest {
                return Ok(self.progress());
            }
        }
    }

    fn progress(&mut self) -> Option<WatchItem> {
        (self.seen > self.told).then(|| {
            self.told = self.seen;
            WatchItem::Progress(self.seen)
        })
    }
}
