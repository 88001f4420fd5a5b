//! A pod's sandbox: its address on the pod network and its directories.

use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;

use crate::network::{PodIdentity, PodNetwork};

use super::names::NameFiles;
use super::node::Kubelet;
use super::volumes::Places;

/// What the containers of a pod share.
#[derive(Clone)]
pub(super) struct Sandbox {
    /// The pod's network.
    pub(super) network: PodNetwork,
    /// The files by which its programs know names.
    pub(super) names: NameFiles,
    /// The pod's directory on the node.
    pub(super) directory: PathBuf,
    /// Where each volume lies.
    pub(super) volumes: Arc<Places>,
    /// Whether the pod uses the node's own network.
    host_network: bool,
}

/// Makes the sandbox; the error is the message of `FailedCreatePodSandBox`. Blocks on the disk.
pub(super) fn create(
    kubelet: &Kubelet,
    pod: &Pod,
    uid: &str,
    volumes: Arc<Places>,
) -> Result<Sandbox, String> {
    let directory = kubelet.pod_directory(uid);
    let spec = pod.spec.as_ref();
    let host_network = spec.and_then(|spec| spec.host_network).unwrap_or(false);
    let (network, names) =
        if host_network { node_network(kubelet, pod, uid) } else { pod_network(kubelet, pod, uid)? };
    Ok(Sandbox { network, names, directory, volumes, host_network })
}

fn identity(kubelet: &Kubelet, pod: &Pod, uid: &str, names: &NameFiles) -> PodIdentity {
    PodIdentity {
        namespace: pod.metadata.namespace.clone().unwrap_or_default(),
        name: pod.metadata.name.clone().unwrap_or_default(),
        uid: uid.to_owned(),
        node: kubelet.name().to_owned(),
        hostname: names.hostname.clone(),
        names: names.names.clone(),
    }
}

/// A network of the pod's own.
fn pod_network(kubelet: &Kubelet, pod: &Pod, uid: &str) -> Result<(PodNetwork, NameFiles), String> {
    let address = kubelet.take_address()?;
    let made = NameFiles::of_pod(pod, address).and_then(|names| {
        let network = kubelet.network.network().ok_or("the pod network is gone")?;
        let network = network.add_pod(identity(kubelet, pod, uid, &names), address);
        let network = network.map_err(|error| format!("failed to set up the pod's network: {error}"))?;
        Ok((network, names))
    });
    if made.is_err() {
        kubelet.release_address(address);
    }
    made
}

/// The node's own network, which all pods with `hostNetwork` share.
fn node_network(kubelet: &Kubelet, pod: &Pod, uid: &str) -> (PodNetwork, NameFiles) {
    let names = NameFiles::of_node(pod, kubelet.name(), kubelet.address);
    (kubelet.network.shared_with(identity(kubelet, pod, uid, &names)), names)
}

/// Takes the sandbox down: resets the pod's connections, frees its address, removes its files. Blocks
/// on the disk, for as long as it takes to delete all that the pod's programs wrote.
pub(super) fn remove(kubelet: &Kubelet, sandbox: &Sandbox) {
    if !sandbox.host_network {
        if let Some(network) = kubelet.network.network() {
            network.remove_pod(&sandbox.network);
        }
        kubelet.release_address(sandbox.network.ip());
    }
    remove_directories(&sandbox.directory);
}

/// Removes all that a pod had on the disk but its logs.
pub(super) fn remove_directories(directory: &Path) {
    if let Err(error) = remove_directory(directory) {
        tracing::warn!(%error, directory = %directory.display(), "a pod's directory was not removed");
    }
}

fn remove_directory(directory: &Path) -> io::Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        outcome => outcome,
    }
}

impl Sandbox {
    /// The pod's address.
    pub(super) fn ip(&self) -> Ipv4Addr {
        self.network.ip()
    }
}

/// A sandbox that a pod's tasks share.
pub(super) type SharedSandbox = Arc<Sandbox>;
