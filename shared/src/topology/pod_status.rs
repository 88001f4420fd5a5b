//! The columns READY, STATUS and RESTARTS of a pod.
//!
//! Follows `printPod` of upstream's `pkg/printers/internalversion/printers.go`.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{ContainerState, ContainerStateTerminated, ContainerStatus, Pod, PodStatus};

/// What `kubectl get pods` says of a pod, its name and its age aside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodColumns {
    /// How many containers are ready.
    pub ready: usize,
    /// How many containers there are, sidecars included.
    pub total: usize,
    /// STATUS.
    pub status: String,
    /// How often containers were started again.
    pub restarts: i32,
}

/// The columns of a pod.
pub fn pod_columns(pod: &Pod) -> PodColumns {
    let none = PodStatus::default();
    let status = pod.status.as_ref().unwrap_or(&none);
    let sidecars = sidecars(pod);
    let containers = pod.spec.as_ref().map_or(0, |spec| spec.containers.len());
    let mut columns = PodColumns {
        total: containers + sidecars.len(),
        status: first_reason(status),
        ..PodColumns::default()
    };
    let initializing = read_init_containers(pod, status, &sidecars, &mut columns);
    if !initializing || is_true(status, "Initialized") {
        columns.restarts = init_statuses(status)
            .iter()
            .filter(|container| sidecars.contains(container.name.as_str()))
            .map(|container| container.restart_count)
            .sum();
        read_containers(status, &mut columns);
    }
    if let Some(ending) = deletion_reason(pod, status) {
        columns.status = ending.to_owned();
    }
    columns
}

fn sidecars(pod: &Pod) -> BTreeSet<&str> {
    let init = pod.spec.iter().flat_map(|spec| spec.init_containers.iter().flatten());
    init.filter(|container| container.restart_policy.as_deref() == Some("Always"))
        .map(|container| container.name.as_str())
        .collect()
}

fn init_statuses(status: &PodStatus) -> &[ContainerStatus] {
    status.init_container_statuses.as_deref().unwrap_or_default()
}

/// The phase, unless the kubelet or a gate says more.
fn first_reason(status: &PodStatus) -> String {
    let conditions = status.conditions.as_deref().unwrap_or_default();
    let gated = conditions.iter().any(|condition| {
        condition.type_ == "PodScheduled" && condition.reason.as_deref() == Some("SchedulingGated")
    });
    if gated {
        return "SchedulingGated".to_owned();
    }
    let reason = status.reason.clone().filter(|reason| !reason.is_empty());
    reason.or_else(|| status.phase.clone()).unwrap_or_default()
}

/// Reads the init containers up to the first that is not done; whether there is one.
fn read_init_containers(
    pod: &Pod,
    status: &PodStatus,
    sidecars: &BTreeSet<&str>,
    columns: &mut PodColumns,
) -> bool {
    let total = pod.spec.as_ref().and_then(|spec| spec.init_containers.as_ref()).map_or(0, Vec::len);
    for (index, container) in init_statuses(status).iter().enumerate() {
        columns.restarts += container.restart_count;
        let state = state(container);
        if state.terminated.as_ref().is_some_and(|terminated| terminated.exit_code == 0) {
            continue;
        }
        if sidecars.contains(container.name.as_str()) && container.started == Some(true) {
            columns.ready += usize::from(container.ready);
            continue;
        }
        columns.status = match (&state.terminated, waiting_reason(&state)) {
            (Some(terminated), _) => format!("Init:{}", termination(terminated)),
            (None, Some(reason)) if reason != "PodInitializing" => format!("Init:{reason}"),
            _ => format!("Init:{index}/{total}"),
        };
        return true;
    }
    false
}

/// The first container that has something to say decides; they are read from last to first.
fn read_containers(status: &PodStatus, columns: &mut PodColumns) {
    let mut has_running = false;
    for container in status.container_statuses.iter().flatten().rev() {
        columns.restarts += container.restart_count;
        let state = state(container);
        if let Some(reason) = waiting_reason(&state) {
            columns.status = reason.to_owned();
        } else if let Some(terminated) = &state.terminated {
            columns.status = termination(terminated);
        } else if container.ready && state.running.is_some() {
            has_running = true;
            columns.ready += 1;
        }
    }
    if columns.status == "Completed" && has_running {
        columns.status = if is_true(status, "Ready") { "Running" } else { "NotReady" }.to_owned();
    }
}

fn state(container: &ContainerStatus) -> ContainerState {
    container.state.clone().unwrap_or_default()
}

fn waiting_reason(state: &ContainerState) -> Option<&str> {
    state.waiting.as_ref()?.reason.as_deref().filter(|reason| !reason.is_empty())
}

fn termination(terminated: &ContainerStateTerminated) -> String {
    match (terminated.reason.as_deref().unwrap_or_default(), terminated.signal.unwrap_or(0)) {
        ("", 0) => format!("ExitCode:{}", terminated.exit_code),
        ("", signal) => format!("Signal:{signal}"),
        (reason, _) => reason.to_owned(),
    }
}

fn deletion_reason(pod: &Pod, status: &PodStatus) -> Option<&'static str> {
    pod.metadata.deletion_timestamp.as_ref()?;
    let ended = matches!(status.phase.as_deref(), Some("Succeeded" | "Failed"));
    match status.reason.as_deref() {
        Some("NodeLost") => Some("Unknown"),
        _ if ended => None,
        _ => Some("Terminating"),
    }
}

fn is_true(status: &PodStatus, type_: &str) -> bool {
    let conditions = status.conditions.as_deref().unwrap_or_default();
    conditions.iter().any(|condition| condition.type_ == type_ && condition.status == "True")
}
