//! A pod's reports to the API, in order: its newest status first, then its events, at the end its
//! deletion. A status that is overtaken by a newer one before it is sent is never sent, as in
//! upstream's `pkg/kubelet/status/status_manager.go`.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Pod, PodStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{DeleteOptions, Preconditions};
use serde_json::json;
use shared::api::status;
use shared::recorder::Note;
use tokio::sync::mpsc;

use super::node::Kubelet;
use super::sync_loop::Input;

/// How long to wait before a failed write is tried again.
const RETRY: std::time::Duration = std::time::Duration::from_millis(500);

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

async fn write(kubelet: &Kubelet, pod: &Identity, status: PodStatus, inputs: &mpsc::UnboundedSender<Input>) {
    let patch = json!({ "metadata": { "uid": pod.uid }, "status": status });
    let request = shared::apiserver::request::Request::patch::<Pod>(
        &pod.namespace,
        &pod.name,
        shared::api::patch::PatchType::Merge,
        patch,
    );
    let outcome = match request.and_then(|request| request.subresource("status")) {
        Ok(request) => kubelet.client.send(request).await.map(drop),
        Err(error) => Err(error),
    };
    if let Err(error) = outcome {
        if status::is(&error, "NotFound") || status::is(&error, "Conflict") {
            return;
        }
        tracing::warn!(pod = pod.name, message = error.message, "a pod's status was not written");
        // The pod is another one of the same name by now, or never takes this status.
        if status::is(&error, "Invalid") {
            return;
        }
        tokio::time::sleep(RETRY).await;
        // Without a receiver the kubelet is gone.
        let _ = inputs.send(Input::StatusNotWritten { uid: pod.worker.clone() });
    }
}

async fn delete(kubelet: &Kubelet, pod: &Identity) {
    let options = DeleteOptions {
        grace_period_seconds: Some(0),
        preconditions: Some(Preconditions { uid: Some(pod.uid.clone()), ..Preconditions::default() }),
        ..DeleteOptions::default()
    };
    for _ in 0..20 {
        match kubelet.client.delete::<Pod>(&pod.namespace, &pod.name, options.clone()).await {
            Ok(()) => return,
            Err(error) if status::is(&error, "NotFound") || status::is(&error, "Conflict") => return,
            Err(error) => tracing::warn!(pod = pod.name, message = error.message, "a pod was not deleted"),
        }
        tokio::time::sleep(RETRY).await;
    }
}
