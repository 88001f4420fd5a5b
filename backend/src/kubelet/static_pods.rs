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
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{DeleteOptions, Preconditions};
use shared::api::status;
use shared::kubelet::mirror;
use tokio::sync::mpsc;

use super::node::Kubelet;
use super::sync_loop::Input;

/// How often the directory is looked at (upstream's `fileCheckFrequency` is 20 s).
const PERIOD: Duration = Duration::from_secs(2);

/// A file of the directory: its name, and its text or why it cannot be read.
type Manifest = (String, Result<String, String>);

/// Tells the loop of the static pods whenever the manifests change. While the directory cannot be
/// listed nothing is told, so that the pods which run go on.
pub(super) async fn follow(kubelet: Arc<Kubelet>, inputs: mpsc::UnboundedSender<Input>) {
    let directory = kubelet.manifests();
    let mut before = None;
    loop {
        let now = manifests(&directory).map_err(|error| error.to_string());
        if before.as_ref() != Some(&now) {
            match &now {
                Ok(files) => {
                    let pods = files.iter().filter_map(|manifest| pod(&kubelet, manifest)).collect();
                    if inputs.send(Input::StaticPods(pods)).is_err() {
                        return;
                    }
                }
                Err(error) => {
                    tracing::warn!(error, directory = %directory.display(), "manifests of static pods cannot be listed");
                }
            }
            before = Some(now);
        }
        tokio::time::sleep(PERIOD).await;
    }
}

/// The files of the directory, by name; none where there is no directory.
fn manifests(directory: &Path) -> io::Result<Vec<Manifest>> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if let Some(text) = text(&name, &entry.path()) {
            files.push((name, text));
        }
    }
    files.sort();
    Ok(files)
}

/// What a file says; `None` for what is no manifest, or is gone again.
fn text(name: &str, path: &Path) -> Option<Result<String, String>> {
    if name.starts_with('.') || fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        return None;
    }
    match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        text => Some(text.map_err(|error| error.to_string())),
    }
}

/// The pod of a manifest; a manifest that is not usable is no reason to do without the others.
fn pod(kubelet: &Kubelet, (file, text): &Manifest) -> Option<Pod> {
    let text = text.as_deref().map_err(ToOwned::to_owned);
    match text.and_then(|text| mirror::static_pod(text, kubelet.name(), kubelet.now())) {
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
        let owner = kubelet.clone();
        kubelet.spawn(async move { delete(&owner, &pod).await });
    }
    for pod in lacking {
        let owner = kubelet.clone();
        kubelet.spawn(async move { create(&owner, &pod).await });
    }
}

async fn create(kubelet: &Kubelet, pod: &Pod) {
    let mut mirror = mirror::mirror(pod);
    if let Ok(node) = kubelet.client.get::<Node>("", kubelet.name()).await {
        mirror::own(&mut mirror, kubelet.name(), node.metadata().uid.as_deref().unwrap_or_default());
    }
    if let Err(error) = kubelet.client.create(mirror).await
        && !status::is(&error, "AlreadyExists")
    {
        tracing::warn!(message = error.message, "a mirror pod was not created");
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unreadable_manifest_should_not_hide_the_others() {
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str| directory.path().join(name);
        fs::write(file("etcd.yaml"), "kind: Pod").unwrap();
        fs::write(file("latin.yaml"), b"name: caf\xe9").unwrap();
        fs::write(file(".swap"), "half").unwrap();
        fs::create_dir(file("sub")).unwrap();
        let found = manifests(directory.path()).unwrap();
        let names: Vec<(&str, bool)> =
            found.iter().map(|(name, text)| (name.as_str(), text.is_ok())).collect();
        assert_eq!(names, [("etcd.yaml", true), ("latin.yaml", false)]);
    }

    #[cfg(unix)]
    #[test]
    fn link_should_be_read_unless_it_leads_nowhere() {
        use std::os::unix::fs::symlink;
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str| directory.path().join(name);
        fs::create_dir(file("manifests")).unwrap();
        fs::write(file("real"), "kind: Pod").unwrap();
        symlink(file("real"), file("manifests/etcd.yaml")).unwrap();
        symlink(file("gone"), file("manifests/stale.yaml")).unwrap();
        let found = manifests(&file("manifests")).unwrap();
        assert_eq!(found, [("etcd.yaml".to_owned(), Ok("kind: Pod".to_owned()))]);
    }

    #[test]
    fn only_a_directory_that_is_not_there_should_be_an_empty_one() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(manifests(&directory.path().join("absent")).unwrap(), []);
        let file = directory.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(manifests(&file).is_err());
    }
}
