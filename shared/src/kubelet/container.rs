//! One container of a pod, as the kubelet keeps it: what runs, what ran, what it waits for.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{
    Container, ContainerState, ContainerStateRunning, ContainerStateTerminated, ContainerStateWaiting, ContainerStatus,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::backoff::Backoff;

/// The reason for a container that was running when its kubelet was lost.
pub const STATUS_UNKNOWN: &str = "ContainerStatusUnknown";

/// Where a container stands.
#[derive(Clone, Debug, PartialEq)]
pub enum Stage {
    /// It waits to be started, for the reason in `waiting`.
    Waiting,
    /// Its image is being fetched.
    Pulling,
    /// Its image is here; it may be started.
    Pulled,
    /// It is being started.
    Starting,
    /// It runs.
    Running {
        /// Since when.
        since: Timestamp,
        /// Whether it was told to stop.
        stopping: bool,
    },
    /// It ended.
    Exited(ContainerStateTerminated),
    /// It ended so once more, and waits for its back-off to be started again.
    CrashLoop(ContainerStateTerminated),
}

/// One container.
#[derive(Clone, Debug)]
pub struct ContainerWork {
    /// Where it stands.
    pub stage: Stage,
    /// The reason and message of its waiting.
    pub waiting: (String, String),
    /// How often it was started again.
    pub restart_count: i32,
    /// How it ended before this time.
    pub last_state: Option<ContainerStateTerminated>,
    /// The image's id.
    pub image_id: String,
    /// The id of the running or last container, `kijabi://…`.
    pub container_id: String,
    /// The waits between restarts.
    pub restarts: Backoff,
    /// The waits between pulls, and when the last one failed.
    pub pulls: Backoff,
    /// When the last pull or start failed.
    pub failed_at: Option<Timestamp>,
    /// Whether its definition changed since it was started, so that it must be started anew.
    pub changed: bool,
}

impl ContainerWork {
    /// A container that was never started.
    pub fn new() -> ContainerWork {
        ContainerWork {
            stage: Stage::Waiting,
            waiting: creating(),
            restart_count: 0,
            last_state: None,
            image_id: String::new(),
            container_id: String::new(),
            restarts: Backoff::default(),
            pulls: Backoff::default(),
            failed_at: None,
            changed: false,
        }
    }

    /// A container of which only the status in the API is left, because its kubelet was lost. One
    /// that ran counts as killed, and `restartable` says whether it will be started again
    /// (`convertToAPIContainerStatuses` in `pkg/kubelet/kubelet_pods.go`).
    pub fn recovered(status: &ContainerStatus, restartable: bool) -> ContainerWork {
        let mut work = ContainerWork::new();
        work.restart_count = status.restart_count;
        work.image_id.clone_from(&status.image_id);
        work.container_id = status.container_id.clone().unwrap_or_default();
        let state = status.state.clone().unwrap_or_default();
        work.last_state = status.last_state.clone().and_then(|state| state.terminated);
        if let Some(ended) = state.terminated {
            work.stage = Stage::Exited(ended);
        } else if let Some(running) = state.running {
            let lost = lost(&running, &work.container_id);
            if restartable {
                work.last_state = Some(lost);
                work.restart_count += 1;
            } else {
                work.stage = Stage::Exited(lost);
            }
        }
        work
    }

    /// Whether it runs now.
    pub fn is_running(&self) -> bool {
        matches!(self.stage, Stage::Running { .. })
    }

    /// Whether something is under way that must end before the pod can go.
    pub fn is_busy(&self) -> bool {
        matches!(self.stage, Stage::Running { .. } | Stage::Starting)
    }

    /// How it ended, where it did and was not started again.
    pub fn exit(&self) -> Option<&ContainerStateTerminated> {
        match &self.stage {
            Stage::Exited(exit) => Some(exit),
            _ => None,
        }
    }

    /// Its status in the API.
    pub fn status(&self, container: &Container) -> ContainerStatus {
        let running = self.is_running();
        ContainerStatus {
            name: container.name.clone(),
            image: container.image.clone().map(|image| qualified(&image)).unwrap_or_default(),
            image_id: self.image_id.clone(),
            container_id: Some(self.container_id.clone()).filter(|id| !id.is_empty()),
            ready: running,
            started: Some(running),
            restart_count: self.restart_count,
            state: Some(self.state()),
            last_state: Some(ContainerState { terminated: self.last_state.clone(), ..ContainerState::default() }),
            resources: container.resources.clone(),
            ..ContainerStatus::default()
        }
    }

    fn state(&self) -> ContainerState {
        let mut state = ContainerState::default();
        match &self.stage {
            Stage::Running { since, .. } => {
                state.running = Some(ContainerStateRunning { started_at: Some(Time(*since)) });
            }
            Stage::Exited(exit) => state.terminated = Some(exit.clone()),
            _ => {
                let (reason, message) = &self.waiting;
                let message = Some(message.clone()).filter(|message| !message.is_empty());
                state.waiting = Some(ContainerStateWaiting { reason: Some(reason.clone()), message });
            }
        }
        state
    }
}

/// Why a container waits that nothing holds up.
pub(super) fn creating() -> (String, String) {
    ("ContainerCreating".into(), String::new())
}

impl Default for ContainerWork {
    fn default() -> ContainerWork {
        ContainerWork::new()
    }
}

fn lost(running: &ContainerStateRunning, container_id: &str) -> ContainerStateTerminated {
    ContainerStateTerminated {
        exit_code: 137,
        reason: Some(STATUS_UNKNOWN.into()),
        message: Some("The container could not be located when the pod was terminated".into()),
        started_at: running.started_at.clone(),
        container_id: Some(container_id.to_owned()).filter(|id| !id.is_empty()),
        ..ContainerStateTerminated::default()
    }
}

/// The image with its registry and tag, as container runtimes report it.
fn qualified(image: &str) -> String {
    let (registry, rest) = match image.split_once('/') {
        Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => (first.to_owned(), rest.to_owned()),
        Some(_) => ("docker.io".to_owned(), image.to_owned()),
        None => ("docker.io".to_owned(), format!("library/{image}")),
    };
    let tagged = rest.contains('@') || rest.rsplit('/').next().is_some_and(|last| last.contains(':'));
    format!("{registry}/{rest}{}", if tagged { "" } else { ":latest" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn image_should_be_reported_in_full() {
        let cases = [
            ("nginx", "docker.io/library/nginx:latest"),
            ("nginx:1.27", "docker.io/library/nginx:1.27"),
            ("team/app", "docker.io/team/app:latest"),
            ("localhost:5000/app", "localhost:5000/app:latest"),
            ("registry.k8s.io/pause:3.9", "registry.k8s.io/pause:3.9"),
        ];
        for (image, expected) in cases {
            assert_eq!(qualified(image), expected);
        }
    }

    #[test]
    fn container_that_ran_when_the_kubelet_was_lost_should_count_a_restart() {
        let state = ContainerState {
            running: Some(ContainerStateRunning::default()),
            ..ContainerState::default()
        };
        let status = ContainerStatus { state: Some(state), restart_count: 2, ..ContainerStatus::default() };
        let again = ContainerWork::recovered(&status, true);
        assert_eq!((again.restart_count, &again.stage), (3, &Stage::Waiting));
        assert_eq!(again.last_state.unwrap().exit_code, 137);
        let never = ContainerWork::recovered(&status, false);
        assert_eq!(never.exit().unwrap().reason.as_deref(), Some(STATUS_UNKNOWN));
    }
}
