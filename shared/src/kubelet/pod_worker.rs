//! One pod on one node, as a value: told of the pod and of what happened to its containers, it says
//! what to do next.
//!
//! Follows `pkg/kubelet/pod_workers.go`, `SyncPod` in `pkg/kubelet/kubelet.go` and
//! `pkg/kubelet/kuberuntime/kuberuntime_manager.go` of kubernetes/kubernetes.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerStateTerminated, ObjectReference, Pod, PodStatus};

use crate::recorder::Note;

use super::action::{Action, PullError, Pulled, StartError};
use super::container::{ContainerWork, Stage};
use super::status::{Observed, pod_status};

/// The pod's network and directories.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Sandbox {
    /// Not there.
    None,
    /// Being made or taken down.
    Busy,
    /// There.
    Ready,
    /// Could not be made; to be tried again at that time.
    Failed(Timestamp),
}

/// What one step came to.
#[derive(Debug, Default, PartialEq)]
pub struct Step {
    /// What to do, in this order.
    pub actions: Vec<Action>,
    /// When to look again, if nothing happens before.
    pub wake_at: Option<Timestamp>,
}

/// The worker of one pod.
pub struct PodWorker {
    pub(super) pod: Pod,
    pub(super) containers: Vec<ContainerWork>,
    pub(super) sandbox: Sandbox,
    pub(super) notes: Vec<Note>,
    /// Whether nothing of the pod is left on the node, and the API was asked to delete it.
    pub(super) finished: bool,
    pod_ip: Option<String>,
    host_ip: String,
    seen_at: Timestamp,
    written: Option<PodStatus>,
}

impl PodWorker {
    /// A worker for a pod that was just seen on the node. What the pod's status says of containers is
    /// what an earlier kubelet left behind.
    pub fn new(pod: Pod, host_ip: &str, now: Timestamp) -> PodWorker {
        let recovered = recovered(&pod);
        let mut worker = PodWorker {
            containers: recovered,
            sandbox: Sandbox::None,
            notes: Vec::new(),
            finished: false,
            pod_ip: pod.status.as_ref().and_then(|status| status.pod_ip.clone()),
            host_ip: host_ip.to_owned(),
            seen_at: now,
            written: pod.status.clone(),
            pod,
        };
        if worker.containers.iter().any(|work| work.last_state.is_some() && work.exit().is_none()) {
            worker.note("Normal", "SandboxChanged", "Pod sandbox changed, it will be killed and re-created.", None);
        }
        worker
    }

    /// The pod as last seen.
    pub fn pod(&self) -> &Pod {
        &self.pod
    }

    /// Whether nothing is left to do, ever.
    pub fn is_finished(&self) -> bool {
        self.finished
    }

    /// The container of that name.
    pub fn container(&self, name: &str) -> Option<&ContainerWork> {
        let index = self.index(name)?;
        self.containers.get(index)
    }

    /// There is a new revision of the pod.
    pub fn on_pod(&mut self, pod: Pod) {
        let before = self.images();
        self.pod = pod;
        self.containers.resize_with(self.images().len(), ContainerWork::new);
        for (index, image) in self.images().into_iter().enumerate() {
            if before.get(index).is_some_and(|old| *old != image) {
                self.on_image_changed(index);
            }
        }
    }

    fn images(&self) -> Vec<String> {
        let containers = self.pod.spec.iter().flat_map(|spec| &spec.containers);
        containers.map(|container| container.image.clone().unwrap_or_default()).collect()
    }

    /// A container whose image changed is started anew from the new one.
    fn on_image_changed(&mut self, index: usize) {
        let name = self.name(index);
        let Some(work) = self.containers.get_mut(index) else { return };
        work.restarts.reset();
        work.pulls.reset();
        match work.stage {
            Stage::Running { .. } | Stage::Starting => {
                let message = format!("Container {name} definition changed, will be restarted");
                self.note("Normal", "Killing", &message, Some(&name));
                self.containers[index].changed = true;
            }
            Stage::Exited(_) => {}
            _ => work.stage = Stage::Waiting,
        }
    }

    /// The pod's network and directories are there, or could not be made.
    pub fn on_sandbox(&mut self, outcome: Result<String, String>, now: Timestamp) {
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
        self.sandbox = Sandbox::None;
    }

    /// A container's image is here, or could not be fetched.
    pub fn on_pulled(&mut self, container: &str, outcome: Result<Pulled, PullError>, now: Timestamp) {
        let Some(index) = self.index(container) else { return };
        match outcome {
            Ok(pulled) => {
                self.note("Normal", "Pulled", &pulled.message, Some(container));
                let work = &mut self.containers[index];
                work.pulls.reset();
                work.image_id = pulled.image_id;
                work.stage = Stage::Pulled;
            }
            Err(error) => self.on_pull_failed(index, container, &error, now),
        }
    }

    fn on_pull_failed(&mut self, index: usize, container: &str, error: &PullError, now: Timestamp) {
        let image = self.images().get(index).cloned().unwrap_or_default();
        let message = match error.reason {
            "ErrImagePull" => format!("Failed to pull image {image:?}: {}", error.message),
            _ => error.message.clone(),
        };
        let reason = if error.reason == "InvalidImageName" { "InspectFailed" } else { "Failed" };
        self.note("Warning", reason, &message, Some(container));
        self.note("Warning", "Failed", &format!("Error: {}", error.reason), Some(container));
        let work = &mut self.containers[index];
        work.waiting = (error.reason.to_owned(), error.message.clone());
        work.stage = Stage::Waiting;
        work.failed_at = Some(now);
        work.pulls.next(now, now);
    }

    /// A container runs, or could not be started.
    pub fn on_started(&mut self, container: &str, outcome: Result<String, StartError>, now: Timestamp) {
        let Some(index) = self.index(container) else { return };
        match outcome {
            Ok(container_id) => {
                self.note("Normal", "Created", "Container created", Some(container));
                self.note("Normal", "Started", "Container started", Some(container));
                let work = &mut self.containers[index];
                work.container_id = container_id;
                work.stage = Stage::Running { since: now, stopping: false };
                work.failed_at = None;
            }
            Err(error) => {
                self.note("Warning", "Failed", &format!("Error: {}", error.message), Some(container));
                let work = &mut self.containers[index];
                work.waiting = (error.reason.to_owned(), error.message);
                work.stage = Stage::Waiting;
                work.failed_at = Some(now);
            }
        }
    }

    /// A container ended.
    pub fn on_exited(&mut self, container: &str, exit: ContainerStateTerminated) {
        let Some(index) = self.index(container) else { return };
        let work = &mut self.containers[index];
        let since = match &work.stage {
            Stage::Running { since, .. } => Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(*since)),
            _ => None,
        };
        let started_at = exit.started_at.clone().or(since);
        let container_id = Some(work.container_id.clone());
        work.stage = Stage::Exited(ContainerStateTerminated { container_id, started_at, ..exit });
    }

    /// What to do now.
    pub fn step(&mut self, now: Timestamp) -> Step {
        let mut step = Step::default();
        self.act(now, &mut step);
        self.report(now, &mut step);
        step
    }

    /// Adds the events and the status that the step leaves to tell.
    fn report(&mut self, now: Timestamp, step: &mut Step) {
        let at = step.actions.iter().position(|action| *action == Action::DeletePod).unwrap_or(step.actions.len());
        let status = self.status(now);
        let changed = self.written.as_ref() != Some(&status);
        let write = changed.then(|| Action::WriteStatus(Box::new(status.clone())));
        let told = self.notes.drain(..).map(Action::Record);
        step.actions.splice(at..at, told.chain(write));
        self.written = Some(status);
    }

    /// The status could not be written: it is to be written again.
    pub fn on_status_not_written(&mut self) {
        self.written = None;
    }

    fn status(&self, now: Timestamp) -> PodStatus {
        let observed = Observed {
            containers: &self.containers,
            pod_ip: self.pod_ip.as_deref(),
            host_ip: &self.host_ip,
            has_sandbox: self.sandbox == Sandbox::Ready,
            start_time: self.seen_at,
        };
        pod_status(&self.pod, &observed, now)
    }

    fn index(&self, container: &str) -> Option<usize> {
        self.pod.spec.as_ref()?.containers.iter().position(|spec| spec.name == container)
    }

    pub(super) fn name(&self, index: usize) -> String {
        let spec = self.pod.spec.as_ref().and_then(|spec| spec.containers.get(index));
        spec.map(|container| container.name.clone()).unwrap_or_default()
    }

    /// Something to tell about the pod, or about one of its containers.
    pub(super) fn note(&mut self, type_: &'static str, reason: &str, message: &str, container: Option<&str>) {
        let metadata = &self.pod.metadata;
        let regarding = ObjectReference {
            api_version: Some("v1".into()),
            kind: Some("Pod".into()),
            name: metadata.name.clone(),
            namespace: metadata.namespace.clone(),
            uid: metadata.uid.clone(),
            resource_version: metadata.resource_version.clone(),
            field_path: container.map(|name| format!("spec.containers{{{name}}}")),
        };
        self.notes.push(Note { regarding, type_, reason: reason.to_owned(), message: message.to_owned() });
    }
}

fn recovered(pod: &Pod) -> Vec<ContainerWork> {
    let spec = pod.spec.as_ref();
    let policy = spec.and_then(|spec| spec.restart_policy.as_deref()).unwrap_or("Always");
    let restartable = policy != "Never" && pod.metadata.deletion_timestamp.is_none();
    let statuses = pod.status.as_ref().and_then(|status| status.container_statuses.as_deref()).unwrap_or_default();
    let containers = spec.map_or(&[][..], |spec| &spec.containers);
    let work = containers.iter().map(|container| {
        let status = statuses.iter().find(|status| status.name == container.name);
        status.map_or_else(ContainerWork::new, |status| ContainerWork::recovered(status, restartable))
    });
    work.collect()
}
