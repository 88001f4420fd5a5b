//! A pod in a few words: how many of its containers are ready, how often they were restarted, and the
//! one reason that says best how it is. Follows `printPod`.

use std::cmp::max;

use crate::api::pod_containers::is_sidecar;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{
    Container, ContainerStateTerminated, ContainerStatus, Pod, PodSpec, PodStatus,
};

/// What the row of a pod says about its containers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodSummary {
    /// How many containers are ready, sidecars included.
    pub ready_containers: usize,
    /// Containers and sidecars; other init containers do not count.
    pub total_containers: usize,
    /// The Status column.
    pub reason: String,
    /// How often containers were started again.
    pub restarts: i32,
    /// When a container last ended before it was started again.
    pub last_restart: Option<Timestamp>,
}

impl PodSummary {
    /// The summary of a pod.
    pub fn of(pod: &Pod) -> Self {
        let spec = pod.spec.clone().unwrap_or_default();
        let status = pod.status.clone().unwrap_or_default();
        let sidecars = init_containers(&spec).iter().filter(|container| is_sidecar(container)).count();
        let mut summary = PodSummary {
            total_containers: spec.containers.len() + sidecars,
            reason: pod_reason(&status),
            ..PodSummary::default()
        };
        let initializing = summary.read_init_containers(&spec, &status);
        if !initializing || has_condition(&status, "Initialized") {
            summary.forget_init_restarts(&spec, &status);
            summary.read_containers(&status);
        }
        summary.read_deletion(pod, &status);
        summary
    }

    /// Counts the init containers up to the first that has not done its part; whether there is one.
    fn read_init_containers(&mut self, spec: &PodSpec, status: &PodStatus) -> bool {
        for (number, container) in status.init_container_statuses.iter().flatten().enumerate() {
            self.count_restarts(container);
            let terminated = terminated(container);
            if terminated.is_some_and(|terminated| terminated.exit_code == 0) {
                continue;
            }
            if is_sidecar_status(spec, container) && container.started == Some(true) {
                self.ready_containers += usize::from(container.ready);
                continue;
            }
            self.reason = init_reason(container, number, init_containers(spec).len());
            return true;
        }
        false
    }

    /// Once a pod is initialized only sidecars' restarts count among those of init containers.
    fn forget_init_restarts(&mut self, spec: &PodSpec, status: &PodStatus) {
        (self.restarts, self.last_restart) = (0, None);
        let statuses = status.init_container_statuses.iter().flatten();
        for container in statuses.filter(|container| is_sidecar_status(spec, container)) {
            self.count_restarts(container);
        }
    }

    /// Goes through the containers from the last to the first, so that the first one's reason stays.
    fn read_containers(&mut self, status: &PodStatus) {
        let (mut has_running, mut error_reason) = (false, None);
        for container in status.container_statuses.iter().flatten().rev() {
            self.count_restarts(container);
            if let Some(reason) = waiting_reason(container) {
                self.reason = reason.to_owned();
            } else if let Some(terminated) = terminated(container) {
                self.reason = terminated_reason(terminated);
                if terminated.exit_code != 0 {
                    error_reason = Some(self.reason.clone());
                }
            } else if container.ready && is_running(container) {
                has_running = true;
                self.ready_containers += 1;
            }
        }
        if self.reason == "Completed" {
            self.reason = partly_completed(has_running, has_condition(status, "Ready"), error_reason);
        }
    }

    fn read_deletion(&mut self, pod: &Pod, status: &PodStatus) {
        let has_ended = matches!(status.phase.as_deref(), Some("Succeeded" | "Failed"));
        if pod.metadata.deletion_timestamp.is_none() {
            return;
        }
        if status.reason.as_deref() == Some("NodeLost") {
            self.reason = "Unknown".to_owned();
        } else if !has_ended {
            self.reason = "Terminating".to_owned();
        }
    }

    fn count_restarts(&mut self, container: &ContainerStatus) {
        self.restarts += container.restart_count;
        let last_state = container.last_state.as_ref().and_then(|state| state.terminated.as_ref());
        let finished = last_state.and_then(|terminated| terminated.finished_at.as_ref()).map(|time| time.0);
        self.last_restart = max(self.last_restart, finished);
    }
}

/// The reason before any container is looked at: the pod's own, its phase, or that it is gated.
fn pod_reason(status: &PodStatus) -> String {
    let conditions = status.conditions.iter().flatten();
    let mut scheduled = conditions.filter(|condition| condition.type_ == "PodScheduled");
    if scheduled.any(|condition| condition.reason.as_deref() == Some("SchedulingGated")) {
        return "SchedulingGated".to_owned();
    }
    let own = status.reason.clone().filter(|reason| !reason.is_empty());
    own.or_else(|| status.phase.clone()).unwrap_or_default()
}

fn init_reason(container: &ContainerStatus, number: usize, total: usize) -> String {
    if let Some(terminated) = terminated(container) {
        return format!("Init:{}", terminated_reason(terminated));
    }
    match waiting_reason(container) {
        Some(reason) if reason != "PodInitializing" => format!("Init:{reason}"),
        _ => format!("Init:{number}/{total}"),
    }
}

fn terminated_reason(terminated: &ContainerStateTerminated) -> String {
    match (terminated.reason.as_deref(), terminated.signal) {
        (Some(reason), _) if !reason.is_empty() => reason.to_owned(),
        (_, Some(signal)) if signal != 0 => format!("Signal:{signal}"),
        _ => format!("ExitCode:{}", terminated.exit_code),
    }
}

/// What is said where the first container has completed and others may not have.
fn partly_completed(has_running: bool, is_ready: bool, error_reason: Option<String>) -> String {
    match error_reason {
        _ if has_running && is_ready => "Running".to_owned(),
        Some(reason) => reason,
        None if has_running => "NotReady".to_owned(),
        None => "Completed".to_owned(),
    }
}

fn init_containers(spec: &PodSpec) -> &[Container] {
    spec.init_containers.as_deref().unwrap_or_default()
}

/// Whether an init container keeps running beside the others.
fn is_sidecar_status(spec: &PodSpec, status: &ContainerStatus) -> bool {
    init_containers(spec).iter().any(|container| container.name == status.name && is_sidecar(container))
}

fn has_condition(status: &PodStatus, kind: &str) -> bool {
    let mut conditions = status.conditions.iter().flatten();
    conditions.any(|condition| condition.type_ == kind && condition.status == "True")
}

fn terminated(container: &ContainerStatus) -> Option<&ContainerStateTerminated> {
    container.state.as_ref()?.terminated.as_ref()
}

fn waiting_reason(container: &ContainerStatus) -> Option<&str> {
    let waiting = container.state.as_ref()?.waiting.as_ref()?;
    waiting.reason.as_deref().filter(|reason| !reason.is_empty())
}

fn is_running(container: &ContainerStatus) -> bool {
    container.state.as_ref().is_some_and(|state| state.running.is_some())
}
