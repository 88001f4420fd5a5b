//! How much pods have on the node's disk; `shared::kubelet::eviction` decides whether that is too much. What
//! their programs write meanwhile is held to [`PodMeters`].

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Container, Pod};
use shared::api::pod_containers::{PodContainer, pod_containers};
use shared::kubelet::eviction::{Bounds, INTERVAL, Usage, container_bounds, pod_bounds, volume_bounds};
use shared::kubelet::volume::{self, sub_path::mount_path};
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::runtime::DiskMeter;

use super::logs;
use super::node::Kubelet;
use super::sync_loop::Input;
use super::volumes::Places;

/// Says when it is time to look, for ever.
pub(super) async fn follow(kubelet: Arc<Kubelet>, inputs: mpsc::UnboundedSender<Input>) {
    loop {
        let was_filled = is_filled(&kubelet);
        measure_node(&kubelet);
        let next = kubelet.now().checked_add(INTERVAL).unwrap_or(Timestamp::MAX);
        tokio::select! {
            () = kubelet.clock.sleep_until(next) => {}
            () = kubelet.faults.until(|faults| faults.is_filled(kubelet.name()) != was_filled) => {}
        }
        if inputs.send(Input::MeasureDisk).is_err() {
            return;
        }
    }
}

/// The meters of a pod's disk: of all that it has, of each `emptyDir`, and of each container's own files.
pub(super) struct PodMeters {
    whole: Arc<DiskMeter>,
    volumes: BTreeMap<String, Arc<DiskMeter>>,
    containers: BTreeMap<String, Arc<DiskMeter>>,
    node: Arc<DiskMeter>,
    _until: DropGuard,
}

impl PodMeters {
    /// Meters for a new pod. As long as they are there, `crowded` is called when one of them should be set
    /// right.
    pub(super) fn new(kubelet: &Kubelet, pod: &Pod, crowded: impl Fn() + Send + 'static) -> PodMeters {
        let notify = Arc::new(Notify::new());
        let node = kubelet.disk.clone();
        let meter = |bounds: Bounds, part_of: &Arc<DiskMeter>| {
            let Bounds { crowded_bytes, most_bytes } = bounds;
            DiskMeter::new(crowded_bytes, most_bytes, notify.clone(), Some(part_of.clone()))
        };
        let whole = meter(pod_bounds(pod), &node);
        let empty = volume::volumes(pod).filter(|volume| volume::is_local_scratch(volume));
        let volumes =
            empty.map(|volume| (volume.name.clone(), meter(volume_bounds(pod, &volume.name), &whole)));
        let containers =
            pod.spec.iter().flat_map(pod_containers).map(|PodContainer { container, .. }| {
                let meter = meter(container_bounds(pod, &container), &whole);
                (container.name, meter)
            });
        let (volumes, containers) = (volumes.collect(), containers.collect());
        let stop = CancellationToken::new();
        let until = stop.clone();
        kubelet.spawn(async move {
            until.run_until_cancelled(tell(notify, crowded)).await;
        });
        PodMeters { whole, volumes, containers, node, _until: stop.drop_guard() }
    }

    /// What the mounts of a container are held to, by their paths.
    pub(super) fn of(&self, container: &Container, places: &Places) -> BTreeMap<String, Arc<DiskMeter>> {
        let files = self.containers.get(&container.name).unwrap_or(&self.whole).clone();
        let mounts = container.volume_mounts.iter().flatten().map(|mount| {
            let own = places.get(&mount.name).and_then(|place| place.meter.as_ref());
            let meter = own.or_else(|| self.volumes.get(&mount.name)).unwrap_or(&self.node);
            (mount_path(mount), meter.clone())
        });
        mounts.chain([("/".to_owned(), files)]).collect()
    }

    /// It was looked how much there is.
    pub(super) fn measured(&self, usage: &Usage) {
        self.whole.measured(usage.volumes.values().chain(usage.containers.values()).sum());
        for (meters, bytes) in [(&self.volumes, &usage.volumes), (&self.containers, &usage.containers)] {
            for (name, bytes) in bytes {
                meters.get(name).into_iter().for_each(|meter| meter.measured(*bytes));
            }
        }
    }
}

/// Calls when the meters are crowded, and not all the time.
async fn tell(notify: Arc<Notify>, crowded: impl Fn()) {
    const PAUSE: Duration = Duration::from_millis(100);
    loop {
        notify.notified().await;
        crowded();
        tokio::time::sleep(PAUSE).await;
    }
}

/// The meter of a node's disk: what all its pods may write is what is free, less a reserve.
pub(super) fn of_node() -> Arc<DiskMeter> {
    DiskMeter::new(u64::MAX, NODE_BOUND, Arc::default(), None)
}

/// The bound of the node's meter. It stands for a full disk; what is free is the distance to it.
const NODE_BOUND: u64 = u64::MAX / 2;

/// What pods leave free on the disk.
const RESERVE_BYTES: u64 = 256 << 20;

/// Looks how much is free on the node's disk.
pub(super) fn measure_node(kubelet: &Kubelet) {
    let free = if is_filled(kubelet) { Some(0) } else { free_bytes(&kubelet.directory) };
    if let Some(free) = free {
        kubelet.disk.measured(NODE_BOUND - free.saturating_sub(RESERVE_BYTES).min(NODE_BOUND));
    }
}

/// Whether the disk is full on purpose.
fn is_filled(kubelet: &Kubelet) -> bool {
    kubelet.faults.holds(|faults| faults.is_filled(kubelet.name()))
}

#[cfg(unix)]
fn free_bytes(directory: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(directory).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

#[cfg(not(unix))]
fn free_bytes(_: &Path) -> Option<u64> {
    None
}

/// Looks how much a pod has: in each `emptyDir`, and in the files and logs of each container. Blocks on the
/// disk.
pub(super) fn measure(kubelet: &Kubelet, pod: &Pod, uid: &str) -> Usage {
    let directory = kubelet.pod_directory(uid);
    let mut usage = Usage::default();
    for volume in volume::volumes(pod).filter(|volume| volume::is_local_scratch(volume)) {
        let place = directory.join("volumes").join(volume::plugin(volume)).join(&volume.name);
        usage.volumes.insert(volume.name.clone(), bytes_below(&place));
    }
    for PodContainer { container, .. } in pod.spec.iter().flat_map(pod_containers) {
        let files = directory.join("containers").join(&container.name);
        let log = logs::path(kubelet, pod, &container.name, 0).parent().map(Path::to_owned);
        let log = log.map_or(0, |directory| bytes_below(&directory));
        usage.containers.insert(container.name.clone(), bytes_below(&files) + log);
    }
    usage
}

/// What a directory and all below it take on the disk; what cannot be read, or goes while it is looked at,
/// counts for nothing.
fn bytes_below(directory: &Path) -> u64 {
    sum_below(directory, bytes_of)
}

/// The same, with holes in files as if they were filled.
pub(super) fn bytes_below_without_holes(directory: &Path) -> u64 {
    sum_below(directory, |metadata| bytes_of(metadata).max(metadata.len()))
}

fn sum_below(directory: &Path, bytes_of: impl Fn(&fs::Metadata) -> u64) -> u64 {
    let (mut sum, mut open) = (0, vec![directory.to_owned()]);
    while let Some(directory) = open.pop() {
        sum += add_up(&directory, &mut open, &bytes_of).unwrap_or_default();
    }
    sum
}

fn add_up(
    directory: &Path,
    open: &mut Vec<PathBuf>,
    bytes_of: impl Fn(&fs::Metadata) -> u64,
) -> io::Result<u64> {
    let mut sum = 0;
    for entry in fs::read_dir(directory)?.flatten() {
        let Ok(metadata) = entry.metadata() else { continue };
        match metadata.is_dir() {
            true => open.push(entry.path()),
            false => sum += bytes_of(&metadata),
        }
    }
    Ok(sum)
}

/// What a file takes: its blocks, of which one with holes has less than its length.
#[cfg(unix)]
fn bytes_of(metadata: &fs::Metadata) -> u64 {
    const BLOCK: u64 = 512;
    std::os::unix::fs::MetadataExt::blocks(metadata) * BLOCK
}

#[cfg(not(unix))]
fn bytes_of(metadata: &fs::Metadata) -> u64 {
    metadata.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_lies_below_a_directory_should_count() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        assert_eq!(bytes_below(&path.join("none")), 0);
        fs::create_dir_all(path.join("a/b")).unwrap();
        fs::write(path.join("x"), vec![1; 100_000]).unwrap();
        fs::write(path.join("a/b/y"), vec![1; 50_000]).unwrap();
        let found = bytes_below(path);
        assert!((150_000..200_000).contains(&found), "{found}");
        fs::File::create(path.join("hole")).unwrap().set_len(1 << 30).unwrap();
        #[cfg(unix)]
        assert!(bytes_below(path) < 1 << 20, "a hole takes nothing");
        assert!(bytes_below_without_holes(path) > 1 << 30);
    }
}
