//! A pod's sandbox: its address on the pod network and its directories.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;

use crate::network::{PodIdentity, PodNetwork};

use super::node::Kubelet;

/// What the containers of a pod share.
#[derive(Clone)]
pub(super) struct Sandbox {
    /// The pod's network.
    pub(super) network: PodNetwork,
    /// The pod's host name.
    pub(super) hostname: String,
    /// The pod's directory on the node.
    pub(super) directory: PathBuf,
    /// Where each volume lies, by its name.
    pub(super) volumes: BTreeMap<String, PathBuf>,
    /// Whether the pod uses the node's own network.
    host_network: bool,
}

/// Makes the sandbox; the error is the message of `FailedCreatePodSandBox`. Blocks on the disk.
pub(super) fn create(kubelet: &Kubelet, pod: &Pod, uid: &str) -> Result<Sandbox, String> {
    let directory = kubelet.pod_directory(uid);
    let volumes = make_volumes(pod, &directory)?;
    let spec = pod.spec.as_ref();
    let host_network = spec.and_then(|spec| spec.host_network).unwrap_or(false);
    let name = pod.metadata.name.clone().unwrap_or_default();
    let hostname = if host_network { kubelet.name().to_owned() } else { name.clone() };
    let identity = PodIdentity {
        namespace: pod.metadata.namespace.clone().unwrap_or_default(),
        name,
        uid: uid.to_owned(),
        node: kubelet.name().to_owned(),
        hostname: hostname.clone(),
    };
    let network = match host_network {
        true => kubelet.network.shared_with(identity),
        false => pod_network(kubelet, identity)?,
    };
    Ok(Sandbox { network, hostname, directory, volumes, host_network })
}

fn pod_network(kubelet: &Kubelet, identity: PodIdentity) -> Result<PodNetwork, String> {
    let address = kubelet.take_address()?;
    let network = kubelet.network.network().ok_or("the pod network is gone")?;
    network.add_pod(identity, address).map_err(|error| {
        kubelet.release_address(address);
        format!("failed to set up the pod's network: {error}")
    })
}

fn make_volumes(pod: &Pod, directory: &Path) -> Result<BTreeMap<String, PathBuf>, String> {
    let mut places = BTreeMap::new();
    for volume in pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten()) {
        if volume.empty_dir.is_none() {
            continue;
        }
        let place = directory.join("volumes/kubernetes.io~empty-dir").join(&volume.name);
        fs::create_dir_all(&place)
            .map_err(|error| format!("failed to make volume {:?}: {error}", volume.name))?;
        places.insert(volume.name.clone(), place);
    }
    Ok(places)
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
    if let Err(error) = remove_directory(&sandbox.directory) {
        tracing::warn!(%error, directory = %sandbox.directory.display(), "a pod's directory was not removed");
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
