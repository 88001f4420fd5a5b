//! How much pods have on the node's disk; `shared::kubelet::eviction` decides whether that is too much.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use shared::kubelet::eviction::{INTERVAL, Usage};
use shared::kubelet::volume;
use tokio::sync::mpsc;

use super::logs;
use super::node::Kubelet;
use super::sync_loop::Input;

/// Says when it is time to look, for ever.
pub(super) async fn follow(kubelet: Arc<Kubelet>, inputs: mpsc::UnboundedSender<Input>) {
    loop {
        let next = kubelet.now().checked_add(INTERVAL).unwrap_or(Timestamp::MAX);
        kubelet.clock.sleep_until(next).await;
        if inputs.send(Input::MeasureDisk).is_err() {
            return;
        }
    }
}

/// Looks how much a pod has: in each `emptyDir`, and in the files and logs of each container. Blocks on the
/// disk.
pub(super) fn measure(kubelet: &Kubelet, pod: &Pod, uid: &str) -> Usage {
    let directory = kubelet.pod_directory(uid);
    let mut usage = Usage::default();
    for volume in volume::volumes(pod).filter(|volume| volume.empty_dir.is_some()) {
        let place = directory.join("volumes").join(volume::plugin(volume)).join(&volume.name);
        usage.volumes.insert(volume.name.clone(), bytes_below(&place));
    }
    for container in pod.spec.iter().flat_map(|spec| &spec.containers) {
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
    let (mut sum, mut open) = (0, vec![directory.to_owned()]);
    while let Some(directory) = open.pop() {
        sum += add_up(&directory, &mut open).unwrap_or_default();
    }
    sum
}

fn add_up(directory: &Path, open: &mut Vec<PathBuf>) -> io::Result<u64> {
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
    }
}
