//! The node's own pods: read from its manifests' directory, mirrored to the API.
//!
//! Follows `pkg/kubelet/config/file.go` and `pkg/kubelet/pod/mirror_client.go` of
//! kubernetes/kubernetes.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Node, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{DeleteOptions, OwnerReference, Preconditions};
use shared::api::status;
use shared::kubelet::mirror;
use tokio::sync::mpsc;

use super::node::Kubelet;
use super::sync_loop::Input;

/// How often the directory is looked at (upstream's `fileCheckFrequency` is 20 s).
const PERIOD: Duration = Duration::from_secs(2);

/// Tells the loop of the static pods whenever the manifests change.
pub(super) async fn follow(kubelet: Arc<Kubelet>, inputs: mpsc::UnboundedSender<Input>) {
    let mut before = None;
    loop {
        let now = manifests(&kubelet.manifests());
        if before.as_ref() != Some(&now) {
            let pods = now.iter().filter_map(|(name, text)| pod(&kubelet, name, text)).collect();
            if inputs.send(Input::StaticPods(pods)).is_err() {
                return;
            }
            before = Some(now);
        }
        tokio::time::sleep(PERIOD).await;
    }
}

/// The files of the directory, by name.
fn manifests(directory: &Path) -> Vec<(String, String)> {
    let read = || -> io::Result<Vec<(String, String)>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if entry.file_type()?.is_file() && !name.starts_with('.') {
                files.push((name, fs::read_to_string(entry.path())?));
            }
        }
        files.sort();
        Ok(files)
    };
    match read() {
        Ok(files) => files,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => {
            tracing::warn!(%error, directory = %directory.display(), "manifests of static pods cannot be read");
            Vec::new()
        }
    }
}

fn pod(kubelet: &Kubelet, file: &str, text: &str) -> Option<Pod> {
    match mirror::static_pod(text, kubelet.name(), kubelet.now()) {
        Ok(pod) => Some(pod),
        Err(error) => {
            tracing::error!(node = kubelet.name(), file, error, "a static pod's manifest is not usable");
            None
        }
    }
}

/// Creates the mirrors that lack and deletes those that are too many.
pub(super) fn reconcile(kubelet: &Arc<Kubelet>, lacking: Vec<Pod>, superfluous: Vec<Pod>) {
    for pod in superfluous {
        let kubelet = kubelet.clone();
        tokio::spawn(async move { delete(&kubelet, &pod).await });
    }
    for pod in lacking {
        let kubelet = kubelet.clone();
        tokio::spawn(async move { create(&kubelet, &pod).await });
    }
}

async fn create(kubelet: &Kubelet, pod: &Pod) {
    let mut mirror = mirror::mirror(pod);
    mirror.metadata.owner_references = owner(kubelet).await.map(|owner| vec![owner]);
    if let Err(error) = kubelet.client.create(mirror).await
        && !status::is(&error, "AlreadyExists")
    {
        tracing::warn!(message = error.message, "a mirror pod was not created");
    }
}

/// The node owns the mirrors of its static pods.
async fn owner(kubelet: &Kubelet) -> Option<OwnerReference> {
    let node = kubelet.client.get::<Node>("", kubelet.name()).await.ok()?;
    Some(OwnerReference {
        api_version: "v1".into(),
        kind: "Node".into(),
        name: kubelet.name().to_owned(),
        uid: node.metadata().uid.clone()?,
        controller: Some(true),
        ..OwnerReference::default()
    })
}

async fn delete(kubelet: &Kubelet, pod: &Pod) {
    let options = DeleteOptions {
        grace_period_seconds: Some(0),
        preconditions: Some(Preconditions { uid: pod.metadata.uid.clone(), ..Preconditions::default() }),
        ..DeleteOptions::default()
    };
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    if let Err(error) = kubelet.client.delete::<Pod>(namespace, name, options).await {
        tracing::debug!(message = error.message, "a mirror pod was not deleted");
    }
}
