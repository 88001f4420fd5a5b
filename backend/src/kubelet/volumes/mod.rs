//! The volumes of the pods of a node: set up before anything of a pod is started, and kept true as long as it
//! is there.
//!
//! Follows `pkg/kubelet/volumemanager` of kubernetes/kubernetes. A kind of volume is a file here and a line in
//! [`KINDS`]; which files a volume has that is made of objects of the API is decided in
//! `shared::kubelet::volume`. The objects are followed one by one ([`objects`]), each once a node.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use futures::future::BoxFuture;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, Volume};
use shared::kubelet::volume::{self, retry_after, set_up_failed};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::node::Kubelet;
use crate::runtime::DiskMeter;

mod atomic_writer;
mod empty_dir;
pub(super) mod file_systems;
mod host_path;
mod image;
pub(super) mod objects;
mod payload;
mod persistent_volume_claim;
mod tokens;
mod view;

pub(super) use host_path::create_dir_all;
use view::View;

/// Every kind of volume that a node here can set up.
static KINDS: &[&dyn VolumeKind] = &[
    &payload::Payload,
    &empty_dir::EmptyDir,
    &host_path::HostPath,
    &persistent_volume_claim::Claim,
    &image::ImageVolume,
];

/// A kind of volume.
trait VolumeKind: Sync {
    /// Whether it is this volume's.
    fn is_of(&self, volume: &Volume) -> bool;

    /// Sets the volume up, or makes it true again; the error is what stands behind `MountVolume.SetUp failed`.
    fn set_up<'a>(&'a self, order: &'a Order<'a>) -> BoxFuture<'a, Result<Place, String>>;
}

/// A volume to be set up.
struct Order<'a> {
    kubelet: &'a Kubelet,
    pod: &'a Pod,
    volume: &'a Volume,
    /// The directory that is the volume's own.
    directory: PathBuf,
    /// What the API has of what it is made of.
    view: &'a View,
}

/// Where a volume lies.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// A directory that no guest can replace.
    pub(super) root: PathBuf,
    /// The path of the volume below it, empty where it is the root itself. Guests may have put links upon
    /// this way.
    pub(super) below: PathBuf,
    /// Whether no container may write to it, whatever its mount says.
    pub(super) read_only: bool,
    /// What is written to it is held to this, where the volume has a size of its own.
    pub(super) meter: Option<Arc<DiskMeter>>,
}

/// Where the volumes of a pod lie, by their names.
pub(super) type Places = BTreeMap<String, Place>;

/// What is told of a pod's volumes: they are all there, or some could not be set up.
pub(super) type Told = Result<Arc<Places>, Vec<String>>;

/// Keeps the volumes of one pod, until it is dropped.
pub(super) struct Keeper {
    pod: watch::Sender<Pod>,
    _until: DropGuard,
}

impl Keeper {
    /// Sets the pod's volumes up, and keeps them true from then on.
    pub(super) fn start(
        kubelet: &Arc<Kubelet>,
        pod: Pod,
        uid: String,
        tell: impl Fn(Told) + Send + 'static,
    ) -> Keeper {
        let (sender, pods) = watch::channel(pod);
        let stop = CancellationToken::new();
        let (keeping, until) = (keep(kubelet.clone(), uid, pods, tell), stop.clone());
        kubelet.spawn(async move {
            until.run_until_cancelled(keeping).await;
        });
        Keeper { pod: sender, _until: stop.drop_guard() }
    }

    /// There is a new revision of the pod; only what volumes can show of it counts.
    pub(super) fn on_pod(&self, new: &Pod) {
        self.pod.send_if_modified(|pod| {
            let shown = |pod: &Pod| (pod.metadata.labels.clone(), pod.metadata.annotations.clone());
            let changed = shown(pod) != shown(new);
            if changed {
                new.clone_into(pod);
            }
            changed
        });
    }
}

async fn keep(kubelet: Arc<Kubelet>, uid: String, mut pods: watch::Receiver<Pod>, tell: impl Fn(Told)) {
    let mut view = View::of(&kubelet, &pods.borrow());
    let (mut failures, mut told) = (0, false);
    loop {
        let pod = pods.borrow_and_update().clone();
        view.read(&kubelet, &pod).await;
        let outcome = set_up(&kubelet, &pod, &uid, &view).await;
        failures = if outcome.is_ok() { 0 } else { failures + 1 };
        let again = match outcome.is_ok() {
            true => view.stale_at(),
            false => kubelet.now().checked_add(retry_after(failures)).ok(),
        };
        if outcome.is_err() || !told {
            told |= outcome.is_ok();
            tell(outcome.map(Arc::new));
        }
        tokio::select! {
            () = view.changed() => {}
            changed = pods.changed() => if changed.is_err() { return },
            () = sleep_until(&kubelet, again) => {}
        }
    }
}

async fn sleep_until(kubelet: &Kubelet, moment: Option<Timestamp>) {
    match moment {
        Some(moment) => kubelet.clock.sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// Sets up all volumes of a pod, each for itself.
async fn set_up(kubelet: &Kubelet, pod: &Pod, uid: &str, view: &View) -> Result<Places, Vec<String>> {
    let (mut places, mut messages) = (Places::new(), Vec::new());
    for volume in volume::volumes(pod) {
        let Some(kind) = KINDS.iter().find(|kind| kind.is_of(volume)) else {
            messages.push(not_supported(&volume.name));
            continue;
        };
        let volumes = kubelet.pod_directory(uid).join("volumes");
        let directory = volumes.join(volume::plugin(volume)).join(&volume.name);
        match kind.set_up(&Order { kubelet, pod, volume, directory, view }).await {
            Ok(place) => drop(places.insert(volume.name.clone(), place)),
            Err(error) => messages.push(set_up_failed(&volume.name, &error)),
        }
    }
    if messages.is_empty() { Ok(places) } else { Err(messages) }
}

/// The event of a volume of a kind that no driver is for (`pkg/volume/plugins.go`).
fn not_supported(volume: &str) -> String {
    format!("MountVolume.NewMounter initialization failed for volume {volume:?} : no volume plugin matched")
}

#[cfg(test)]
mod tests;
