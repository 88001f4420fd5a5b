//! Containers of which only the status in the API is left, because their kubelet was lost.
//!
//! Follows `convertToAPIContainerStatuses` in `pkg/kubelet/kubelet_pods.go` of kubernetes/kubernetes,
//! where the container runtime does not know a container any more.

use k8s_openapi::api::core::v1::{
    ContainerStateRunning, ContainerStateTerminated, ContainerStateWaiting, ContainerStatus, Pod,
};

use crate::api::pod_containers::{PodContainer, Role};

use super::backoff::{self, Backoff};
use super::container::{ContainerWork, Stage};
use super::container_status::creation_reason;
use super::restart::{Restart, restart_policy};

/// The reason for a container that was running when its kubelet was lost.
pub const STATUS_UNKNOWN: &str = "ContainerStatusUnknown";

/// The exit code of a container that nobody saw ending.
const UNKNOWN_EXIT_CODE: i32 = 137;

/// The containers as the pod's status tells them.
pub(super) fn recovered(pod: &Pod, specs: &[PodContainer]) -> Vec<ContainerWork> {
    let work = specs.iter().map(|spec| {
        let PodContainer { role, container } = spec;
        let restartable =
            Restart::of(pod, spec).policy != "Never" && pod.metadata.deletion_timestamp.is_none();
        let status = statuses(pod, *role).iter().find(|status| status.name == container.name);
        let waits_for = if restartable { Some(creation_reason(pod)) } else { None };
        let mut work = status.map_or_else(ContainerWork::new, |status| one(status, waits_for));
        // Its pod is set up anew. Where only failures are tried again, the API allows no success to be undone.
        work.changed = *role == Role::Init && restart_policy(pod) == "Always" && work.has_succeeded();
        work
    });
    work.collect()
}

/// The statuses of the list in which containers of that role are.
fn statuses(pod: &Pod, role: Role) -> &[ContainerStatus] {
    let Some(status) = &pod.status else { return &[] };
    let list = match role {
        Role::Init | Role::Sidecar => &status.init_container_statuses,
        Role::Main => &status.container_statuses,
        Role::Ephemeral => &status.ephemeral_container_statuses,
    };
    list.as_deref().unwrap_or_default()
}

/// A container that ran counts as killed; where it will be started again, its status says that it waits for this.
fn one(status: &ContainerStatus, waits_for: Option<&str>) -> ContainerWork {
    let mut work = ContainerWork::new();
    work.restart_count = status.restart_count;
    work.container_id = status.container_id.clone().unwrap_or_default();
    if !work.container_id.is_empty() {
        work.image.clone_from(&status.image);
        work.image_id.clone_from(&status.image_id);
    }
    let state = status.state.clone().unwrap_or_default();
    let before = status.last_state.clone().and_then(|state| state.terminated);
    match (state.terminated, state.running, before) {
        (Some(ended), _, before) => {
            work.exited(ended);
            work.last_state = before;
        }
        (None, Some(running), before) => {
            work.exited(lost(&running, &work.container_id));
            work.last_state = before;
            if let Some(reason) = waits_for {
                work.wait(reason, String::new());
            }
        }
        (None, None, Some(before)) => resume(&mut work, before, state.waiting),
        (None, None, None) => {}
    }
    work
}

/// A container that waits to be started again; one in a crash loop goes on to wait.
fn resume(work: &mut ContainerWork, ended: ContainerStateTerminated, waiting: Option<ContainerStateWaiting>) {
    let message = waiting.as_ref().and_then(|waiting| waiting.message.as_deref()).unwrap_or_default();
    let words = message.strip_prefix("back-off ").and_then(|rest| rest.split(' ').next());
    if let (Some(wait), Some(at)) = (words.and_then(backoff::from_words), &ended.finished_at) {
        work.restarts = Backoff::resumed(wait, at.0);
    }
    work.waiting = waiting;
    work.exited(ended);
}

fn lost(running: &ContainerStateRunning, container_id: &str) -> ContainerStateTerminated {
    let container_id = Some(container_id.to_owned()).filter(|id| !id.is_empty());
    ContainerStateTerminated { started_at: running.started_at.clone(), container_id, ..unknown() }
}

/// The end of a container of which nothing is known.
pub(super) fn unknown() -> ContainerStateTerminated {
    ContainerStateTerminated {
        exit_code: UNKNOWN_EXIT_CODE,
        reason: Some(STATUS_UNKNOWN.into()),
        message: Some("The container could not be located when the pod was terminated".into()),
        ..ContainerStateTerminated::default()
    }
}

/// Whether an earlier kubelet ran the container.
pub(super) fn ran_before(work: &ContainerWork) -> bool {
    !work.container_id.is_empty() || work.stage == Stage::Exited
}
