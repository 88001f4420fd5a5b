//! Where `shared`'s loops meet tokio: collections are listed and watched, what comes is handed in, and
//! what the loops want is sent.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::Resource;
use shared::api::object::SharedObject;
use shared::api::scheme::{self, Kind};
use shared::apiserver::request::{ListOptions, WatchEvent};
use shared::client::Client;
use shared::informer::{Change, Informer};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// How long to wait before a failed list is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// Tasks that end with their owner. A task that panics takes its owner with it, so that nobody goes on
/// who waits for what will never come.
#[derive(Default)]
pub(crate) struct Tasks(JoinSet<()>);

impl Tasks {
    /// Starts a task.
    pub(crate) fn spawn(&mut self, work: impl Future<Output = ()> + Send + 'static) {
        self.0.spawn(work);
    }

    /// Ends them all and waits until they did.
    pub(crate) async fn end(mut self) {
        self.0.shutdown().await;
    }

    /// Waits for ever.
    ///
    /// # Panics
    /// As soon as a task does, in its words.
    pub(crate) async fn watch(&mut self) -> Infallible {
        while let Some(ended) = self.0.join_next().await {
            if let Err(error) = ended
                && let Ok(panic) = error.try_into_panic()
            {
                std::panic::resume_unwind(panic);
            }
        }
        std::future::pending().await
    }
}

/// What an informer's owner is told.
pub(crate) enum Told {
    /// The collection was read whole; what differs follows as changes before this.
    Synced,
    /// An object changed.
    Changed(Change, SharedObject),
}

/// Follows a collection for ever, telling `owner` of every change; ends when the owner is gone.
pub(crate) async fn inform_kind(
    client: Client,
    kind: &'static Kind,
    selection: ListOptions,
    owner: impl Fn(Told) -> bool,
) {
    inform_in(client, kind, "", selection, owner).await;
}

/// Follows the part of a collection that lies in one namespace, or all of it where that is empty.
pub(crate) async fn inform_in(
    client: Client,
    kind: &'static Kind,
    namespace: &str,
    selection: ListOptions,
    owner: impl Fn(Told) -> bool,
) {
    let mut informer = Informer::default();
    loop {
        if !list(&client, kind, namespace, &selection, &mut informer, &owner).await {
            return;
        }
        if !watch(&client, kind, namespace, &selection, &mut informer, &owner).await {
            return;
        }
    }
}

/// Lists once; false where the owner is gone.
async fn list(
    client: &Client,
    kind: &'static Kind,
    namespace: &str,
    selection: &ListOptions,
    informer: &mut Informer,
    owner: &impl Fn(Told) -> bool,
) -> bool {
    match client.list(kind, namespace, selection.clone()).await {
        Ok(list) => {
            let deltas = informer.replace(list.items, list.revision);
            deltas.into_iter().all(|(change, object)| owner(Told::Changed(change, object)))
                && owner(Told::Synced)
        }
        Err(error) => {
            tracing::warn!(kind = kind.kind, message = error.message, "list failed");
            tokio::time::sleep(RETRY).await;
            true
        }
    }
}

/// Watches until the watch ends; false where the owner is gone.
async fn watch(
    client: &Client,
    kind: &'static Kind,
    namespace: &str,
    selection: &ListOptions,
    informer: &mut Informer,
    owner: &impl Fn(Told) -> bool,
) -> bool {
    if !informer.has_synced() {
        return true;
    }
    let options = ListOptions {
        resource_version: Some(informer.revision()),
        allow_bookmarks: true,
        ..selection.clone()
    };
    let mut events = match client.watch(kind, namespace, options).await {
        Ok(events) => events,
        Err(error) => {
            tracing::warn!(kind = kind.kind, message = error.message, "watch failed");
            tokio::time::sleep(RETRY).await;
            return true;
        }
    };
    while let Some(event) = events.next().await {
        if let WatchEvent::Error(status) = &event {
            tracing::debug!(kind = kind.kind, message = status.message, "watch ended");
            return true;
        }
        if let Some((change, object)) = informer.apply(&event)
            && !owner(Told::Changed(change, object))
        {
            return false;
        }
    }
    true
}

/// Follows a collection and sends what comes to a channel, wrapped as the receiver wants it.
pub(crate) async fn inform<K: Resource, T>(
    client: Client,
    selection: ListOptions,
    inputs: mpsc::UnboundedSender<T>,
    wrap: impl Fn(Told) -> T,
) {
    if let Some(kind) = scheme::of_type::<K>() {
        inform_kind(client, kind, selection, move |told| inputs.send(wrap(told)).is_ok()).await;
    }
}

/// A component's way to record events, shared by its tasks.
#[derive(Clone)]
pub(crate) struct EventSink {
    client: Client,
    recorder: Arc<std::sync::Mutex<shared::recorder::Recorder>>,
}

impl EventSink {
    /// A sink for `component`, which speaks for the node `host`, if that is not empty.
    pub(crate) fn new(client: Client, component: &str, host: &str) -> EventSink {
        let recorder = shared::recorder::Recorder::new(component, host);
        EventSink { client, recorder: Arc::new(std::sync::Mutex::new(recorder)) }
    }

    /// Records a note; a note that cannot be recorded is logged and lost, as upstream's are.
    pub(crate) async fn record(&self, note: &shared::recorder::Note) {
        for _ in 0..2 {
            let now = self.client.server().clock().now();
            let request = {
                let mut recorder = self.recorder.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                recorder.record(note, now)
            };
            let outcome = match request {
                Ok(request) => self.client.send(request).await.map(drop),
                Err(error) => Err(error),
            };
            match outcome {
                Ok(()) => return,
                Err(error) if shared::api::status::is(&error, "NotFound") => self.forget(note),
                Err(error) => {
                    tracing::debug!(message = error.message, "an event was not recorded");
                    return;
                }
            }
        }
    }

    fn forget(&self, note: &shared::recorder::Note) {
        self.recorder.lock().unwrap_or_else(std::sync::PoisonError::into_inner).forget(note);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;
    use std::panic::AssertUnwindSafe;

    #[tokio::test]
    async fn owner_should_panic_with_its_task_and_outlive_one_that_is_done() {
        let mut tasks = Tasks::default();
        tasks.spawn(async {});
        let still = tokio::time::timeout(Duration::from_millis(20), tasks.watch()).await;
        assert!(still.is_err());
        tasks.spawn(async { panic!("a bug") });
        let panic = AssertUnwindSafe(tasks.watch()).catch_unwind().await.unwrap_err();
        assert_eq!(panic.downcast_ref(), Some(&"a bug"));
    }
}
