//! One pod on one node, as a value: told of the pod and of what happened to its containers, it says
//! what to do next.
//!
//! Follows `pkg/kubelet/pod_workers.go`, `SyncPod` in `pkg/kubelet/kubelet.go` and
//! `pkg/kubelet/kuberuntime/kuberuntime_manager.go` of kubernetes/kubernetes. What happened is taken
//! in by `pod_answers`, what to do is decided in `pod_steps`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Container, ObjectReference, Pod, PodStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::api::pod_containers::{PodContainer, Role, pod_containers};
use crate::recorder::Note;

use super::action::Action;
use super::admission::Rejection;
use super::container::ContainerWork;
use super::pod_volumes::Volumes;
use super::recovery::{ran_before, recovered};
use super::restart::Restart;
use super::status::{End, Observed, own_part, pod_status, rejected, rejected_before};

/// The pod's network and directories.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Sandbox {
    /// Not there.
    None,
    /// Being made.
    Creating,
    /// There.
    Ready,
    /// Being taken down.
    Removing,
    /// Could not be made; to be tried again at that time.
    Failed(Timestamp),
}

/// Why the kubelet made a pod fail whatever its containers do.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Eviction {
    /// The reason in the status.
    pub(super) reason: &'static str,
    /// The message in the status.
    pub(super) message: Cow<'static, str>,
    /// How long its containers have to end, where that is not the pod's own time.
    pub(super) grace: Option<SignedDuration>,
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
    /// The pod's containers, in the order in which they start.
    pub(super) specs: Vec<PodContainer>,
    /// What is known of each of them, in the same order.
    pub(super) containers: Vec<ContainerWork>,
    /// Whether its init containers are done, so that the others may start.
    pub(super) initialized: bool,
    pub(super) sandbox: Sandbox,
    pub(super) volumes: Volumes,
    pub(super) pod_ip: Option<String>,
    pub(super) evicted: Option<Eviction>,
    /// Why the node does not take the pod, where it does not.
    pub(super) rejected: Option<Rejection>,
    /// What is to be told with the next step.
    pub(super) notes: Vec<Note>,
    /// Whether nothing of the pod is left on the node, and the API was asked to delete it.
    pub(super) finished: bool,
    pub(super) start_time: Timestamp,
    host_ip: String,
    /// The last status that was reported, and whether the API may have another one.
    reported: Option<PodStatus>,
    outdated: bool,
}

impl PodWorker {
    /// A worker for a pod that was just seen on the node. What the pod's status says of containers is
    /// what an earlier kubelet left behind.
    pub fn new(pod: Pod, host_ip: &str, now: Timestamp) -> PodWorker {
        let status = pod.status.as_ref();
        let specs = definitions(&pod);
        let mut worker = PodWorker {
            containers: recovered(&pod, &specs),
            specs,
            initialized: false,
            sandbox: Sandbox::None,
            volumes: Volumes::None,
            pod_ip: status.and_then(|status| status.pod_ip.clone()),
            evicted: None,
            rejected: rejected_before(&pod),
            notes: Vec::new(),
            finished: false,
            start_time: status.and_then(|status| status.start_time.as_ref()).map_or(now, |time| time.0),
            host_ip: host_ip.to_owned(),
            reported: pod.status.clone(),
            outdated: false,
            pod,
        };
        if worker.end() == End::None && worker.containers.iter().any(ran_before) {
            worker.note(
                "Normal",
                "SandboxChanged",
                "Pod sandbox changed, it will be killed and re-created.",
                None,
            );
        }
        worker
    }

    /// The node does not take the pod: nothing of it is ever started.
    pub fn reject(&mut self, rejection: Rejection) {
        self.note("Warning", &rejection.reason, &rejection.message, None);
        self.rejected = Some(rejection);
    }

    /// Whether the pod takes up some of the node: it runs, or still ends.
    pub fn is_active(&self) -> bool {
        matches!(self.end(), End::None | End::Stopping)
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

    /// The definition of the container of that name, whichever list of the spec it stands in.
    pub fn definition(&self, name: &str) -> Option<&Container> {
        self.spec(self.index(name)?)
    }

    /// There is a new revision of the pod. A deletion that began is never taken back.
    pub fn on_pod(&mut self, pod: Pod) {
        self.outdated |= self.is_overwritten(&pod);
        let deleted = self.pod.metadata.deletion_timestamp.take();
        let before = std::mem::replace(&mut self.pod, pod);
        self.pod.metadata.deletion_timestamp = self.pod.metadata.deletion_timestamp.take().or(deleted);
        if before.spec != self.pod.spec {
            self.on_definitions(definitions(&self.pod));
        }
    }

    /// The pod has these containers now: what is known of one stays with its name.
    fn on_definitions(&mut self, specs: Vec<PodContainer>) {
        let old = std::mem::replace(&mut self.specs, specs);
        let known = std::mem::take(&mut self.containers);
        let mut known: BTreeMap<String, (Option<String>, ContainerWork)> = old
            .into_iter()
            .zip(known)
            .map(|(old, work)| (old.container.name, (old.container.image, work)))
            .collect();
        let mut changed = Vec::new();
        for (index, PodContainer { container, .. }) in self.specs.iter().enumerate() {
            let (image, work) = known
                .remove(&container.name)
                .unwrap_or_else(|| (container.image.clone(), ContainerWork::new()));
            changed.extend((image != container.image).then_some(index));
            self.containers.push(work);
        }
        changed.into_iter().for_each(|index| self.on_image_changed(index));
    }

    /// The pod is no longer in the API: what is left of it here is to end.
    pub fn on_removed(&mut self, now: Timestamp) {
        self.pod.metadata.deletion_timestamp.get_or_insert(Time(now));
    }

    /// Whether the API had what was reported, and now has something else, which thus others wrote
    /// (`needsReconcile` in `pkg/kubelet/status/status_manager.go`).
    fn is_overwritten(&self, new: &Pod) -> bool {
        let reported = self.reported.as_ref().map(own_part);
        let part = |pod: &Pod| pod.status.as_ref().map(own_part);
        reported.is_some() && part(&self.pod) == reported && part(new) != reported
    }

    /// A container whose image changed is started anew from the new one.
    fn on_image_changed(&mut self, index: usize) {
        if self.containers[index].definition_changed() {
            let name = self.name(index);
            let message = format!("Container {name} definition changed, will be restarted");
            self.note("Normal", "Killing", &message, Some(&name));
        }
    }

    /// What to do now.
    pub fn step(&mut self, now: Timestamp) -> Step {
        let mut step = Step::default();
        if !self.finished {
            self.sync_pod(now, &mut step);
            self.report(now, &mut step);
        }
        step
    }

    /// Adds the events and the status that the step leaves to tell, before the pod is let go.
    fn report(&mut self, now: Timestamp, step: &mut Step) {
        let at =
            step.actions.iter().position(|action| *action == Action::DeletePod).unwrap_or(step.actions.len());
        let status = self.status(now);
        let changed = self.reported.as_ref().map(own_part) != Some(own_part(&status));
        let write = (changed || self.outdated).then(|| Action::WriteStatus(Box::new(status.clone())));
        let told = self.notes.drain(..).map(Action::Record);
        step.actions.splice(at..at, told.chain(write));
        self.reported = Some(status);
        self.outdated = false;
    }

    /// The status could not be written: it is to be written again.
    pub fn on_status_not_written(&mut self) {
        self.outdated = true;
    }

    fn status(&self, now: Timestamp) -> PodStatus {
        if let Some(rejection) = &self.rejected {
            return rejected(&self.pod, rejection);
        }
        let observed = Observed {
            specs: &self.specs,
            containers: &self.containers,
            pod_ip: self.pod_ip.as_deref(),
            host_ip: &self.host_ip,
            has_sandbox: self.sandbox == Sandbox::Ready,
            start_time: self.start_time,
            end: self.end(),
            failed: self.evicted.as_ref().map(|eviction| (eviction.reason, eviction.message.as_ref())),
            reported: self.reported.as_ref(),
        };
        pod_status(&self.pod, &observed, now)
    }

    pub(super) fn index(&self, container: &str) -> Option<usize> {
        self.specs.iter().position(|spec| spec.container.name == container)
    }

    pub(super) fn spec(&self, index: usize) -> Option<&Container> {
        Some(&self.specs.get(index)?.container)
    }

    /// The containers of these roles, in the order in which they start.
    pub(super) fn of_role(&self, roles: &[Role]) -> Vec<usize> {
        (0..self.specs.len()).filter(|index| roles.contains(&self.specs[*index].role)).collect()
    }

    /// Whether the container is to be started again after it ended.
    pub(super) fn restarts(&self, index: usize) -> bool {
        self.containers[index].restarts(&Restart::of(&self.pod, &self.specs[index]))
    }

    pub(super) fn name(&self, index: usize) -> String {
        self.spec(index).map(|container| container.name.clone()).unwrap_or_default()
    }

    pub(super) fn image(&self, index: usize) -> String {
        self.spec(index).and_then(|container| container.image.clone()).unwrap_or_default()
    }

    fn field_path(&self, container: &str) -> String {
        let role = self.index(container).map_or(Role::Main, |index| self.specs[index].role);
        role.field_path(container)
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
            field_path: container.map(|name| self.field_path(name)),
        };
        self.notes.push(Note { regarding, type_, reason: reason.to_owned(), message: message.to_owned() });
    }
}

fn definitions(pod: &Pod) -> Vec<PodContainer> {
    pod.spec.as_ref().map(pod_containers).unwrap_or_default()
}
