//! A pod's reports to the API, in order: its newest status first, then its events, at the end its
//! deletion. A status that is overtaken by a newer one before it is sent is never sent, as in
//! upstream's `pkg/kubelet/status/status_manager.go`.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::{Pod, PodStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{DeleteOptions, Preconditions};
use shared::api::status;
use shared::apiserver::Result;
use shared::kubelet::status::merged;
use shared::recorder::Note;
use tokio::sync::mpsc;

use super::node::Kubelet;
use super::sync_loop::Input;

/// How long to wait before a failed write is tried again.
const RETRY: std::time::Duration = std::time::Duration::from_millis(500);

/// The longest such wait.
const LONGEST_WAIT: std::time::Duration = std::time::Duration::from_secs(30);

/// How often a write that others overtake is tried at once.
const ATTEMPTS: u32 = 5;

/// Something to tell the API.
pub(super) enum Report {
    /// The pod's status.
    Status(Box<PodStatus>),
    /// An event.
    Event(Box<Note>),
    /// The static pod has a new mirror, with this uid.
    Mirror(String),
    /// Nothing of the pod is left on the node.
    Gone,
}

/// The pod as the API knows it.
#[derive(Clone)]
pub(super) struct Identity {
    pub(super) namespace: String,
    pub(super) name: String,
    /// The uid in the API: of a static pod, its mirror's.
    pub(super) uid: String,
    /// The key of the pod's worker.
    pub(super) worker: String,
}

/// Reports for one pod until its sender is dropped.
pub(super) async fn run(
    kubelet: Arc<Kubelet>,
    mut pod: Identity,
    mut reports: mpsc::UnboundedReceiver<Report>,
    inputs: mpsc::UnboundedSender<Input>,
) {
    while let Some(first) = reports.recv().await {
        let mut waiting = vec![first];
        while let Ok(more) = reports.try_recv() {
            waiting.push(more);
        }
        for report in &waiting {
            if let Report::Mirror(uid) = report {
                pod.uid.clone_from(uid);
            }
        }
        let gone = waiting.iter().any(|report| matches!(report, Report::Gone));
        let newest = waiting.iter().rposition(|report| matches!(report, Report::Status(_)));
        if let Some(Report::Status(newest)) = newest.map(|at| waiting.remove(at)) {
            write(&kubelet, &pod, *newest, &inputs).await;
        }
        for report in waiting {
            if let Report::Event(note) = report {
                kubelet.events.record(&about(*note, &pod)).await;
            }
        }
        if gone {
            delete(&kubelet, &pod).await;
        }
    }
}

/// Events of a static pod are about its mirror, which is what others can see.
fn about(mut note: Note, pod: &Identity) -> Note {
    note.regarding.uid = Some(pod.uid.clone());
    note
}

/// Reads and writes, a few times where others write in between (`nodeStatusUpdateRetry` upstream).
pub(super) async fn insist<'a>(mut attempt: impl FnMut() -> BoxFuture<'a, Result<()>>) -> Result<()> {
    for _ in 1..ATTEMPTS {
        match attempt().await {
            Err(error) if status::is(&error, "Conflict") => {}
            outcome => return outcome,
        }
    }
    attempt().await
}

async fn write(kubelet: &Kubelet, pod: &Identity, own: PodStatus, inputs: &mpsc::UnboundedSender<Input>) {
    let Err(error) = insist(|| try_write(kubelet, pod, &own).boxed()).await else { return };
    if status::is(&error, "NotFound") {
        return;
    }
    tracing::warn!(pod = pod.name, message = error.message, "a pod's status was not written");
    // The pod never takes this status.
    if status::is(&error, "Invalid") {
        return;
    }
    tokio::time::sleep(RETRY).await;
    // Without a receiver the kubelet is gone.
    let _ = inputs.send(Input::StatusNotWritten { uid: pod.worker.clone() });
}

/// Writes the status over the one that the pod has now, unless it is another pod of the same name.
async fn try_write(kubelet: &Kubelet, pod: &Identity, own: &PodStatus) -> Result<()> {
    let stored = kubelet.client.get::<Pod>(&pod.namespace, &pod.name).await?;
    let Some(mut found) = stored.downcast_ref::<Pod>().cloned() else { return Ok(()) };
    if found.metadata.uid.as_ref() != Some(&pod.uid) {
        return Ok(());
    }
    found.status = Some(merged(&found.status.take().unwrap_or_default(), own));
    kubelet.client.update_status(found).await.map(drop)
}

/// Deletes the pod from the API. Nobody else will, so it is tried until it succeeds.
async fn delete(kubelet: &Kubelet, pod: &Identity) {
    let mut wait = RETRY;
    while let Err(error) = try_delete(kubelet, pod).await {
        tracing::warn!(pod = pod.name, message = error.message, "a pod was not deleted");
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

/// Deletes the pod, unless it is gone, or another one of the same name by now.
async fn try_delete(kubelet: &Kubelet, pod: &Identity) -> Result<()> {
    let options = DeleteOptions {
        grace_period_seconds: Some(0),
        preconditions: Some(Preconditions { uid: Some(pod.uid.clone()), ..Preconditions::default() }),
        ..DeleteOptions::default()
    };
    match kubelet.client.delete::<Pod>(&pod.namespace, &pod.name, options).await {
        Err(error) if status::is(&error, "NotFound") => Ok(()),
        // Others may have written in between, too. Another node's pod of this name is forbidden before it is compared.
        Err(error)
            if (status::is(&error, "Conflict") || status::is(&error, "Forbidden"))
                && !exists(kubelet, pod).await? =>
        {
            Ok(())
        }
        outcome => outcome,
    }
}

/// Whether the API has this very pod.
async fn exists(kubelet: &Kubelet, pod: &Identity) -> Result<bool> {
    match kubelet.client.get::<Pod>(&pod.namespace, &pod.name).await {
        Ok(found) => Ok(found.metadata().uid.as_ref() == Some(&pod.uid)),
        Err(error) if status::is(&error, "NotFound") => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests;
