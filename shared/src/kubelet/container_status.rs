//! The status of one container in the API: `convertToAPIContainerStatuses` in
//! `pkg/kubelet/kubelet_pods.go` of kubernetes/kubernetes.

use k8s_openapi::api::core::v1::{
    Container, ContainerState, ContainerStateRunning, ContainerStateTerminated, ContainerStateWaiting,
    ContainerStatus, Pod, VolumeMountStatus,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::api::pod_containers::{PodContainer, Role};

use super::container::{ContainerWork, Stage};
use super::recovery;

/// The container's status; `again` says whether it is started again once it ended, `creation` what it waits for
/// while nothing holds it up. Before there was a container, only what the spec says is known of its image.
pub(super) fn container_status(
    spec: &PodContainer,
    work: &ContainerWork,
    again: bool,
    creation: &str,
) -> ContainerStatus {
    let PodContainer { role, container } = spec;
    let exists = !work.image.is_empty();
    let (state, before) = states(work, again, creation);
    let is_done = *role == Role::Init && state.terminated.as_ref().is_some_and(|exit| exit.exit_code == 0);
    let resources = || container.resources.clone().unwrap_or_default();
    ContainerStatus {
        name: container.name.clone(),
        image: if exists { work.image.clone() } else { container.image.clone().unwrap_or_default() },
        image_id: work.image_id.clone(),
        container_id: Some(work.container_id.clone()).filter(|id| !id.is_empty()),
        ready: is_done || *role != Role::Init && work.is_ready(),
        started: Some(work.is_started()),
        restart_count: work.restart_count,
        state: Some(state),
        last_state: Some(ContainerState { terminated: before, ..ContainerState::default() }),
        allocated_resources: resources().requests.filter(|_| exists),
        resources: exists.then(resources),
        volume_mounts: mounts(container),
        ..ContainerStatus::default()
    }
}

/// The state and the end before it. A container that waits to be started again shows its end as the
/// former state; one that is started again at once goes on to show it as the present one.
fn states(
    work: &ContainerWork,
    again: bool,
    creation: &str,
) -> (ContainerState, Option<ContainerStateTerminated>) {
    let mut state = ContainerState::default();
    if work.is_held_back() {
        state.waiting = Some(creating(creation));
        return (state, work.last_state.clone());
    }
    if let Stage::Running { since, .. } = work.stage {
        state.running = Some(ContainerStateRunning { started_at: Some(Time(since)) });
        return (state, work.last_state.clone());
    }
    match (&work.ended, &work.waiting) {
        (Some(ended), Some(waiting)) if again => {
            state.waiting = Some(waiting.clone());
            return (state, Some(ended.clone()));
        }
        (Some(ended), _) => state.terminated = Some(ended.clone()),
        (None, waiting) => state.waiting = Some(waiting.clone().unwrap_or_else(|| creating(creation))),
    }
    (state, work.last_state.clone())
}

/// What the containers of a pod wait for that nothing holds up.
pub fn creation_reason(pod: &Pod) -> &'static str {
    let init = pod.spec.iter().flat_map(|spec| spec.init_containers.iter().flatten());
    if init.count() > 0 { "PodInitializing" } else { "ContainerCreating" }
}

fn creating(reason: &str) -> ContainerStateWaiting {
    ContainerStateWaiting { reason: Some(reason.into()), message: None }
}

/// The status of a container whose pod is gone: whatever it was, it ended, and not known to be well.
pub(super) fn terminated(status: ContainerStatus) -> ContainerStatus {
    let state = status.state.unwrap_or_default();
    let exit = state.terminated.unwrap_or_else(recovery::unknown);
    let state = ContainerState { terminated: Some(exit), ..ContainerState::default() };
    ContainerStatus { state: Some(state), ready: false, started: Some(false), ..status }
}

fn mounts(container: &Container) -> Option<Vec<VolumeMountStatus>> {
    let mounts = container.volume_mounts.as_ref()?;
    let statuses = mounts.iter().map(|mount| VolumeMountStatus {
        name: mount.name.clone(),
        mount_path: mount.mount_path.clone(),
        read_only: mount.read_only.filter(|read_only| *read_only),
        recursive_read_only: (mount.read_only == Some(true)).then(|| "Disabled".to_owned()),
        ..VolumeMountStatus::default()
    });
    Some(statuses.collect())
}
