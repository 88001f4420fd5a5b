//! The status of one container in the API: `convertToAPIContainerStatuses` in
//! `pkg/kubelet/kubelet_pods.go` of kubernetes/kubernetes.

use k8s_openapi::api::core::v1::{
    Container, ContainerState, ContainerStateRunning, ContainerStateTerminated, ContainerStateWaiting,
    ContainerStatus, VolumeMountStatus,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::container::{ContainerWork, Stage};
use super::recovery;

/// The container's status; `again` says whether it is started again once it ended. Before there was
/// a container, only what the spec says is known of its image.
pub(super) fn container_status(container: &Container, work: &ContainerWork, again: bool) -> ContainerStatus {
    let exists = !work.image.is_empty();
    let (state, before) = states(work, again);
    let resources = || container.resources.clone().unwrap_or_default();
    ContainerStatus {
        name: container.name.clone(),
        image: if exists { work.image.clone() } else { container.image.clone().unwrap_or_default() },
        image_id: work.image_id.clone(),
        container_id: Some(work.container_id.clone()).filter(|id| !id.is_empty()),
        ready: work.is_ready(),
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
fn states(work: &ContainerWork, again: bool) -> (ContainerState, Option<ContainerStateTerminated>) {
    let mut state = ContainerState::default();
    if work.is_held_back() {
        state.waiting = Some(creating());
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
        (None, waiting) => state.waiting = Some(waiting.clone().unwrap_or_else(creating)),
    }
    (state, work.last_state.clone())
}

/// What a container waits for that nothing holds up.
fn creating() -> ContainerStateWaiting {
    ContainerStateWaiting { reason: Some("ContainerCreating".into()), message: None }
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
