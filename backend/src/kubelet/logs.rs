//! What containers wrote: where it lies, and how it is read for `kubectl logs`.
//!
//! Files lie where upstream's kubelet has them (`pkg/kubelet/kuberuntime/helpers.go`); which errors a
//! reader gets follows `GetKubeletContainerLogs` in `pkg/kubelet/kubelet_pods.go`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures::stream::{BoxStream, StreamExt};
use k8s_openapi::api::core::v1::{ContainerStatus, Pod, PodStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use shared::api::status;
use shared::kubelet::container_status::creation_reason;
use shared::kubelet::mirror::MIRROR_ANNOTATION;

use crate::runtime::logs::{LogFollow, LogOptions, LogReader};

use super::leftovers;
use super::node::Kubelet;

/// What of a log is wanted, and of which run of the container.
#[derive(Clone, Copy, Debug, Default)]
pub struct PodLogOptions {
    /// What of the log.
    pub log: LogOptions,
    /// Whether to go on as more comes.
    pub follow: bool,
    /// Whether the run before the present one is meant.
    pub previous: bool,
}

/// The logs that are being written, by pod uid and container.
#[derive(Default)]
pub(super) struct RunningLogs {
    follows: Mutex<BTreeMap<(String, String), (i32, LogFollow)>>,
}

impl RunningLogs {
    fn follows(&self) -> MutexGuard<'_, BTreeMap<(String, String), (i32, LogFollow)>> {
        self.follows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A container's run number `attempt` writes this log.
    pub(super) fn add(&self, uid: &str, container: &str, attempt: i32, follow: LogFollow) {
        self.follows().insert((uid.to_owned(), container.to_owned()), (attempt, follow));
    }

    /// The pod is gone.
    pub(super) fn remove_pod(&self, uid: &str) {
        self.follows().retain(|(pod, _), _| pod != uid);
    }

    fn get(&self, uid: &str, container: &str, attempt: i32) -> Option<LogFollow> {
        let follows = self.follows();
        let (written, follow) = follows.get(&(uid.to_owned(), container.to_owned()))?;
        (*written == attempt).then(|| follow.clone())
    }
}

/// The uid under which the node runs a pod: a mirror's static pod has the hash of its manifest.
pub(super) fn node_uid(pod: &Pod) -> String {
    let mirrored = pod.metadata.annotations.as_ref().and_then(|all| all.get(MIRROR_ANNOTATION));
    mirrored.or(pod.metadata.uid.as_ref()).cloned().unwrap_or_default()
}

/// Where the log of a container's run lies.
pub(super) fn path(kubelet: &Kubelet, pod: &Pod, container: &str, attempt: i32) -> PathBuf {
    directory(kubelet, pod).join(container).join(format!("{attempt}.log"))
}

/// Where the logs of a pod lie.
pub(super) fn directory(kubelet: &Kubelet, pod: &Pod) -> PathBuf {
    let part = |text: &Option<String>| text.clone().unwrap_or_default();
    let metadata = &pod.metadata;
    let name = format!("{}_{}_{}", part(&metadata.namespace), part(&metadata.name), node_uid(pod));
    kubelet.directory.join(leftovers::LOGS).join(name)
}

/// Removes the logs of a container's runs before run number `attempt`, as they go with the containers that
/// upstream's `pkg/kubelet/kuberuntime/kuberuntime_gc.go` collects: it keeps one dead container of each.
pub(super) fn remove_before(directory: &Path, attempt: i32) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.split('.').next()?.parse::<i32>().ok());
        if number.is_some_and(|number| number < attempt)
            && let Err(error) = fs::remove_file(entry.path())
        {
            tracing::warn!(%error, file = %entry.path().display(), "an old log was not removed");
        }
    }
}

impl Kubelet {
    /// The output of a container; 400 while it was never started.
    pub async fn container_logs(
        &self,
        pod: &Pod,
        container: &str,
        options: PodLogOptions,
    ) -> Result<BoxStream<'static, std::io::Result<Bytes>>, Box<Status>> {
        let attempt = attempt(pod, container, options.previous)?;
        let uid = node_uid(pod);
        let follow = self.logs.get(&uid, container, attempt).filter(|_| options.follow);
        let path = path(self, pod, container, attempt);
        match LogReader::open(&path, options.log, follow).await {
            Ok(lines) => Ok(lines.boxed()),
            Err(error) => Err(Box::new(status::internal(format!("failed to open log file: {error}")))),
        }
    }
}

fn container_statuses(status: &PodStatus) -> impl Iterator<Item = &ContainerStatus> {
    let lists =
        [&status.init_container_statuses, &status.container_statuses, &status.ephemeral_container_statuses];
    lists.into_iter().flatten().flatten()
}

/// Which run of the container is meant (`validateContainerLogStatus`).
fn attempt(pod: &Pod, container: &str, previous: bool) -> Result<i32, Box<Status>> {
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    let found = pod.status.iter().flat_map(container_statuses).find(|status| status.name == container);
    let refused = |message: String| Box::new(status::bad_request(message));
    let waits = |found: Option<&ContainerStatus>| {
        let reason = found.and_then(|found| found.state.as_ref()?.waiting.as_ref()?.reason.as_deref());
        let why = match reason {
            Some("ErrImagePull") => "image can't be pulled",
            Some("ImagePullBackOff") => "trying and failing to pull image",
            Some(reason) => reason,
            None => creation_reason(pod),
        };
        format!("container {container:?} in pod {name:?} is waiting to start: {why}")
    };
    let Some(found) = found else { return Err(refused(waits(None))) };
    let count = found.restart_count;
    let ended_before = found.last_state.as_ref().is_some_and(|state| state.terminated.is_some());
    let waiting = found.state.as_ref().is_some_and(|state| state.waiting.is_some());
    match (previous, waiting) {
        (true, true) if ended_before => Ok(count),
        (true, _) if ended_before && count > 0 => Ok(count - 1),
        (true, _) => {
            Err(refused(format!("previous terminated container {container:?} in pod {name:?} not found")))
        }
        (false, true) if ended_before => Ok(count),
        (false, true) => Err(refused(waits(Some(found)))),
        (false, false) => Ok(count),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn container_that_waits_should_say_for_what_in_upstreams_words() {
        let cases = [
            ("ErrImagePull", "image can't be pulled"),
            ("ImagePullBackOff", "trying and failing to pull image"),
            ("CreateContainerConfigError", "CreateContainerConfigError"),
        ];
        for (reason, why) in cases {
            let state = json!({"waiting": {"reason": reason}});
            let status = json!({"name": "c", "image": "", "imageID": "", "ready": false, "restartCount": 0, "state": state});
            let pod = json!({"metadata": {"name": "p"}, "status": {"containerStatuses": [status]}});
            let refused = attempt(&serde_json::from_value(pod).unwrap(), "c", false).unwrap_err();
            let expected = format!("container \"c\" in pod \"p\" is waiting to start: {why}");
            assert_eq!(refused.message, Some(expected));
        }
    }

    #[test]
    fn only_the_logs_of_the_last_two_runs_should_stay() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["8.log", "8.log.1", "9.log", "9.log.1", "10.log", "notes"] {
            fs::write(directory.path().join(name), "").unwrap();
        }
        remove_before(directory.path(), 9);
        let left = fs::read_dir(directory.path()).unwrap();
        let mut left: Vec<String> =
            left.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        left.sort();
        assert_eq!(left, ["10.log", "9.log", "9.log.1", "notes"]);
    }
}
