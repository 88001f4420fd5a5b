//! What a pod worker is told of what it asked for, and the events that this makes:
//! `startContainer` in `pkg/kubelet/kuberuntime/kuberuntime_container.go` and
//! `pkg/kubelet/images/image_manager.go` of kubernetes/kubernetes.
//!
//! An answer to what was not asked, or is no longer wanted, changes nothing.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::ContainerStateTerminated;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::images::pull::pulling;

use super::action::{PullError, Pulled, StartError};
use super::container::{FailedProbe, Failure, Stage};
use super::hook::{HookKind, PostStart};
use super::pod_volumes::Volumes;
use super::pod_worker::{PodWorker, Sandbox};
use super::probe::{ProbeError, ProbeKind, Probes};
use super::restart::Restart;

/// The exit code of a container that was made and could not be run, as container runtimes report it.
const CANNOT_RUN: i32 = 128;

impl PodWorker {
    /// The pod's network and directories are there, or could not be made.
    pub fn on_sandbox(&mut self, outcome: Result<String, String>, now: Timestamp) {
        if self.sandbox != Sandbox::Creating {
            return;
        }
        match outcome {
            Ok(ip) => {
                self.sandbox = Sandbox::Ready;
                self.pod_ip = Some(ip);
            }
            Err(message) => {
                let message = format!("Failed to create pod sandbox: {message}");
                self.note("Warning", "FailedCreatePodSandBox", &message, None);
                self.sandbox = Sandbox::Failed(super::pod_steps::retry_at(now));
            }
        }
    }

    /// The pod's network and directories are gone.
    pub fn on_sandbox_removed(&mut self) {
        if self.sandbox == Sandbox::Removing {
            self.sandbox = Sandbox::None;
            self.volumes = Volumes::None;
        }
    }

    /// A container's image is not on the node, or is to be asked for anew: it is being fetched now.
    pub fn on_pulling(&mut self, container: &str) {
        if let Some(index) =
            self.index(container).filter(|index| self.containers[*index].stage == Stage::Pulling)
        {
            let message = pulling(&self.image(index));
            self.note("Normal", "Pulling", &message, Some(container));
        }
    }

    /// A container's image is here, or could not be fetched.
    pub fn on_pulled(&mut self, container: &str, outcome: Result<Pulled, PullError>, now: Timestamp) {
        let Some(index) = self.index(container) else { return };
        let work = &mut self.containers[index];
        if work.stage != Stage::Pulling {
            return;
        }
        if std::mem::take(&mut work.changed) {
            work.stage = Stage::Waiting;
            return;
        }
        match outcome {
            Ok(pulled) => {
                work.stage = Stage::Pulled { image_id: pulled.image_id };
                self.note("Normal", "Pulled", &pulled.message, Some(container));
            }
            Err(error) => self.on_pull_failed(index, container, error, now),
        }
    }

    fn on_pull_failed(&mut self, index: usize, container: &str, error: PullError, now: Timestamp) {
        let image = self.image(index);
        let work = &mut self.containers[index];
        work.stage = Stage::Waiting;
        work.wait(error.reason, error.message.clone());
        let (reason, message) = match error.reason {
            "InvalidImageName" | "ImageInspectError" => ("InspectFailed", error.message),
            "ErrImageNeverPull" => ("ErrImageNeverPull", error.message),
            _ => ("Failed", format!("Failed to pull image {image:?}: {}", error.message)),
        };
        if reason == "Failed" {
            work.pulls.next(now, now);
            work.failure = Some(Failure::Pull { at: now, told: false });
        } else {
            work.failure = Some(Failure::Start { at: now });
        }
        self.note("Warning", reason, &message, Some(container));
        self.note("Warning", "Failed", &format!("Error: {}", error.reason), Some(container));
    }

    /// A container runs, or could not be started.
    pub fn on_started(&mut self, container: &str, outcome: Result<String, StartError>, now: Timestamp) {
        let Some(index) = self.index(container) else { return };
        let (image, spec) = (self.image(index), self.spec(index).cloned());
        let work = &mut self.containers[index];
        let Stage::Starting { image_id } = work.stage.clone() else { return };
        match outcome {
            Ok(container_id) => {
                work.created(&image, image_id);
                work.container_id = container_id;
                work.stage = Stage::Running { since: now, stopping: None };
                if spec.as_ref().is_some_and(|spec| HookKind::PostStart.of(spec).is_some()) {
                    work.post_start = PostStart::Wanted;
                }
                work.probes = spec.map(|spec| Probes::new(&spec, now)).unwrap_or_default();
                self.note("Normal", "Created", "Container created", Some(container));
                self.note("Normal", "Started", "Container started", Some(container));
            }
            Err(error) if error.reason == "RunContainerError" => {
                work.created(&image, image_id);
                work.exited(cannot_run(&error.message, now));
                work.wait(error.reason, error.message.clone());
                self.note("Normal", "Created", "Container created", Some(container));
                self.note("Warning", "Failed", &format!("Error: {}", error.message), Some(container));
            }
            Err(error) => {
                work.stage = Stage::Waiting;
                work.changed = false;
                work.failure = Some(Failure::Start { at: now });
                work.wait(error.reason, error.message.clone());
                self.note("Warning", "Failed", &format!("Error: {}", error.message), Some(container));
            }
        }
    }

    /// A probe of a run of a container was answered. One that could not be asked counts neither way.
    pub fn on_probed(
        &mut self,
        container: &str,
        attempt: i32,
        kind: ProbeKind,
        outcome: Result<(), ProbeError>,
    ) {
        let Some(index) = self.index(container) else { return };
        let grace = self.spec(index).and_then(|spec| kind.of(spec)?.termination_grace_period_seconds);
        let work = &mut self.containers[index];
        let is_wanted = matches!(work.stage, Stage::Running { stopping: None, .. });
        if !is_wanted || work.restart_count != attempt {
            return;
        }
        let is_over = work.probes.on_result(kind, &outcome);
        if is_over {
            work.failed_probe = Some(FailedProbe { grace: grace.map(SignedDuration::from_secs) });
        }
        if let Err(error) = outcome {
            let message = format!("{} probe {error}", kind.word());
            self.note("Warning", "Unhealthy", &message, Some(container));
        }
        if is_over {
            let probe = kind.word().to_lowercase();
            let policy = Restart::of(&self.pod, &self.specs[index]).policy;
            let intent = if policy == "Never" { "" } else { ", will be restarted" };
            let message = format!("Container {container} failed {probe} probe{intent}");
            self.note("Normal", "Killing", &message, Some(container));
        }
    }

    /// A container ended.
    pub fn on_exited(&mut self, container: &str, exit: ContainerStateTerminated) {
        let Some(index) = self.index(container) else { return };
        let work = &mut self.containers[index];
        let Stage::Running { since, .. } = work.stage else { return };
        let started_at = exit.started_at.clone().or(Some(Time(since)));
        let container_id = Some(work.container_id.clone()).filter(|id| !id.is_empty());
        work.exited(ContainerStateTerminated { container_id, started_at, ..exit });
    }
}

fn cannot_run(message: &str, now: Timestamp) -> ContainerStateTerminated {
    ContainerStateTerminated {
        exit_code: CANNOT_RUN,
        reason: Some("StartError".into()),
        message: Some(message.to_owned()),
        started_at: Some(Time(Timestamp::UNIX_EPOCH)),
        finished_at: Some(Time(now)),
        ..ContainerStateTerminated::default()
    }
}
