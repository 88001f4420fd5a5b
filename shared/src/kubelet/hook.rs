//! Hooks of a running container: what is run right after its start and right before its stop, and what comes
//! of it.
//!
//! Follows `startContainer`, `executePreStopHook` and `killContainer` in
//! `pkg/kubelet/kuberuntime/kuberuntime_container.go`, `kuberuntime_termination_order.go` beside it and `pkg/kubelet/lifecycle/handlers.go` of
//! kubernetes/kubernetes.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Container, LifecycleHandler, Pod};

use crate::api::pod_containers::Role;

use super::action::Action;
use super::backoff::after;
use super::container::{ContainerWork, Stage};
use super::pod_steps::{LEAST_GRACE, full_name, wake};
use super::pod_worker::{PodWorker, Step};
use super::status::End;

/// A moment of a container's life that has a hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HookKind {
    /// After its start; until it is done, the container does not count as running.
    PostStart,
    /// Before its stop, within its grace period.
    PreStop,
}

impl HookKind {
    /// The container's hook of this kind.
    pub fn of(self, container: &Container) -> Option<&LifecycleHandler> {
        let lifecycle = container.lifecycle.as_ref()?;
        match self {
            HookKind::PostStart => lifecycle.post_start.as_ref(),
            HookKind::PreStop => lifecycle.pre_stop.as_ref(),
        }
    }
}

/// The hook after a container's start.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum PostStart {
    /// There is none, or it is done.
    #[default]
    Done,
    /// It is to be run.
    Wanted,
    /// It runs.
    Running,
    /// It failed, and the container is to be stopped; the message is for its status.
    Failed(String),
}

/// The hook before a container's stop.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum PreStop {
    /// It was not run.
    #[default]
    NotRun,
    /// It runs.
    Running {
        /// Since when.
        since: Timestamp,
    },
    /// It ended, and the container is to be told to stop.
    Ended {
        /// What of the grace period is gone.
        took: SignedDuration,
    },
    /// The container was told to stop after it.
    Told {
        /// What of the grace period was gone by then.
        took: SignedDuration,
    },
}

impl ContainerWork {
    /// Whether its hook after the start holds it back from counting as running.
    pub(super) fn is_held_back(&self) -> bool {
        match (&self.post_start, &self.stage) {
            (PostStart::Done, _) => false,
            (PostStart::Failed(_), _) => true,
            (_, Stage::Running { stopping, .. }) => stopping.is_none(),
            _ => false,
        }
    }
}

impl PodWorker {
    /// Runs the hook of a container that just started.
    pub(super) fn run_post_start(&mut self, index: usize, step: &mut Step) {
        self.containers[index].post_start = PostStart::Running;
        self.run_hook(index, HookKind::PostStart, step);
    }

    fn run_hook(&self, index: usize, kind: HookKind, step: &mut Step) {
        let attempt = self.containers[index].restart_count;
        step.actions.push(Action::RunHook { container: self.name(index), attempt, kind });
    }

    /// Tells a container to stop within its grace period, after its hook for that, which a pod that is deleted by force
    /// does not run.
    pub(super) fn stop_with_hook(&mut self, index: usize, now: Timestamp, step: &mut Step) {
        let has_hook = self.spec(index).is_some_and(|spec| HookKind::PreStop.of(spec).is_some());
        let by_force = self.pod.metadata.deletion_grace_period_seconds == Some(0);
        let work = &mut self.containers[index];
        match work.pre_stop {
            PreStop::NotRun if has_hook && !by_force => {
                work.pre_stop = PreStop::Running { since: now };
                self.run_hook(index, HookKind::PreStop, step);
            }
            PreStop::NotRun => work.pre_stop = PreStop::Ended { took: SignedDuration::ZERO },
            PreStop::Told { took } => work.pre_stop = PreStop::Ended { took },
            PreStop::Running { since } if by_force => {
                work.pre_stop = PreStop::Ended { took: now.duration_since(since) };
            }
            PreStop::Running { .. } | PreStop::Ended { .. } => {}
        }
        self.await_pre_stop(index, now, step);
    }

    /// Tells a container that is to stop to do so, once its hook is done or the grace period over.
    pub(super) fn await_pre_stop(&mut self, index: usize, now: Timestamp, step: &mut Step) {
        let work = &mut self.containers[index];
        let Stage::Running { stopping: Some(grace), .. } = work.stage else { return };
        if let PreStop::Running { since } = work.pre_stop {
            let end = after(since, grace);
            if now < end {
                return wake(step, end);
            }
            work.pre_stop = PreStop::Ended { took: grace };
        }
        let PreStop::Ended { took } = work.pre_stop else { return };
        let since = work.stopping_since.unwrap_or(now);
        let mut took = took;
        if self.waits_for_its_turn(index) {
            let end = after(since, grace);
            if now < end {
                return wake(step, end);
            }
            took = grace;
        } else if self.specs[index].role == Role::Sidecar {
            took = took.max(SignedDuration::from_secs(now.duration_since(since).as_secs()));
        }
        self.containers[index].pre_stop = PreStop::Told { took };
        let grace = (grace - took).max(LEAST_GRACE);
        step.actions.push(Action::Stop { container: self.name(index), grace });
    }

    /// Whether a container is a sidecar that is to outlive others which have not ended yet, while its pod ends: the
    /// ordinary ones, and sidecars that started after it (`kuberuntime_termination_order.go`).
    fn waits_for_its_turn(&self, index: usize) -> bool {
        let lives = |other: &usize| self.containers[*other].is_busy();
        let outlived = |other: &usize| *other > index && self.specs[*other].role != Role::Ephemeral;
        let is_ending = self.end() != End::None;
        let is_sidecar = self.specs[index].role == Role::Sidecar;
        let others = self.of_role(&[Role::Main, Role::Sidecar]);
        is_ending && is_sidecar && others.iter().filter(|other| outlived(other)).any(lives)
    }

    /// A hook of a run of a container is done, or failed; the error is for the container's status.
    pub fn on_hook(
        &mut self,
        container: &str,
        attempt: i32,
        kind: HookKind,
        outcome: Result<(), String>,
        now: Timestamp,
    ) {
        let Some(index) = self.index(container) else { return };
        let work = &mut self.containers[index];
        if !matches!(work.stage, Stage::Running { .. }) || work.restart_count != attempt {
            return;
        }
        match (kind, work.pre_stop) {
            (HookKind::PostStart, _) if work.post_start == PostStart::Running => {
                self.on_post_start(index, outcome);
            }
            (HookKind::PreStop, PreStop::Running { since }) => {
                let took = SignedDuration::from_secs(now.duration_since(since).as_secs());
                work.pre_stop = PreStop::Ended { took };
                if outcome.is_err() {
                    self.note("Warning", "FailedPreStopHook", "PreStopHook failed", Some(container));
                }
            }
            _ => {}
        }
    }

    fn on_post_start(&mut self, index: usize, outcome: Result<(), String>) {
        let name = self.name(index);
        match outcome {
            Ok(()) => self.containers[index].post_start = PostStart::Done,
            Err(message) => {
                self.containers[index].post_start = PostStart::Failed(message);
                self.note("Warning", "FailedPostStartHook", "PostStartHook failed", Some(&name));
                self.note("Normal", "Killing", "FailedPostStartHook", Some(&name));
            }
        }
    }
}

/// What the status of a container says whose hook failed with this error. Of a command there is an `output`.
pub fn failure(
    handler: &LifecycleHandler,
    container: &str,
    pod: &Pod,
    error: &str,
    output: Option<&str>,
) -> String {
    let pod = full_name(pod);
    let at = || format!("for Container {container:?} in Pod {pod:?} failed - error: {error}");
    match (&handler.exec, &handler.http_get, &handler.sleep) {
        (Some(exec), ..) => {
            let command = exec.command.iter().flatten().map(String::as_str).collect::<Vec<_>>().join(" ");
            let output = output.unwrap_or_default();
            format!("Exec lifecycle hook ([{command}]) {}, message: {output:?}", at())
        }
        (_, Some(http), _) => {
            format!("HTTP lifecycle hook ({}) {}", http.path.as_deref().unwrap_or_default(), at())
        }
        (_, _, Some(sleep)) => format!("Sleep lifecycle hook ({}) {}", sleep.seconds, at()),
        _ => format!("Cannot run handler: {error}"),
    }
}
