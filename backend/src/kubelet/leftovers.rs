//! What earlier starts left on the node of pods that are no more: their directories and logs.
//!
//! Follows `cleanupOrphanedPodDirs` in `pkg/kubelet/kubelet_volumes.go` and the log part of
//! `pkg/kubelet/kuberuntime/kuberuntime_gc.go` of kubernetes/kubernetes.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Where pods' directories lie below the node's, each named with the pod's uid.
pub(super) const PODS: &str = "var/lib/kubelet/pods";
/// Where pods' logs lie below the node's, in directories named namespace, name and uid.
pub(super) const LOGS: &str = "var/log/pods";

/// The directories below the node's own of pods whose uid is not known now. What comes after is a new
/// pod's, so they are removed by these names.
pub(super) fn find(node: &Path, known: &BTreeSet<String>) -> Vec<PathBuf> {
    let (pods, logs) = (node.join(PODS), node.join(LOGS));
    let pods = entries(&pods).filter(|(name, _)| !known.contains(name));
    let logs = entries(&logs).filter(|(name, _)| !known.contains(uid_of_logs(name)));
    pods.chain(logs).map(|(_, directory)| directory).collect()
}

/// Gives a directory of logs a name that no pod has, so that it can be removed while a new pod takes the
/// old one; `None` where there is nothing to remove. Should it not come to that, the next start finds it.
pub(super) fn set_aside(directory: &Path, number: u64) -> Option<PathBuf> {
    let name = directory.file_name()?.to_string_lossy();
    let aside = directory.with_file_name(format!("{name}.{number:016x}"));
    match fs::rename(directory, &aside) {
        Ok(()) => Some(aside),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => {
            tracing::warn!(%error, directory = %directory.display(), "a pod's logs were not removed");
            None
        }
    }
}

/// Removes directories with all that is in them. Blocks on the disk.
pub(super) fn remove(directories: &[PathBuf]) {
    for directory in directories {
        if let Err(error) = fs::remove_dir_all(directory) {
            tracing::warn!(%error, directory = %directory.display(), "a former pod's directory was not removed");
        }
    }
}

/// The uid in the name of a pod's log directory.
fn uid_of_logs(name: &str) -> &str {
    name.rsplit('_').next().unwrap_or(name)
}

fn entries(directory: &Path) -> impl Iterator<Item = (String, PathBuf)> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_no_pod_known_then_has_should_be_removed() {
        let node = tempfile::tempdir().unwrap();
        let exists = |directory: &&str| node.path().join(directory).exists();
        let make = |directory: &str| fs::create_dir_all(node.path().join(directory).join("inner")).unwrap();
        let kept = ["var/lib/kubelet/pods/uid-1", "var/log/pods/default_web_uid-1"];
        let left = ["var/lib/kubelet/pods/uid-2", "var/log/pods/default_web_uid-2"];
        kept.iter().chain(&left).for_each(|directory| make(directory));
        let found = find(node.path(), &BTreeSet::from(["uid-1".to_owned()]));
        // A pod that comes between the two.
        let new = ["var/lib/kubelet/pods/uid-3", "var/log/pods/default_web_uid-3"];
        new.iter().for_each(|directory| make(directory));
        remove(&found);
        assert!(kept.iter().chain(&new).all(exists));
        assert!(!left.iter().any(exists));
    }

    #[test]
    fn logs_set_aside_should_leave_their_name_and_be_nobodys() {
        let node = tempfile::tempdir().unwrap();
        let logs = node.path().join("var/log/pods/default_web_uid-1");
        assert_eq!(set_aside(&logs, 7), None);
        fs::create_dir_all(&logs).unwrap();
        let aside = set_aside(&logs, 7).unwrap();
        assert!(aside.exists() && !logs.exists());
        assert_eq!(find(node.path(), &BTreeSet::from(["uid-1".to_owned()])), [aside]);
    }
}
