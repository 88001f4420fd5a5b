//! The kubelet's loop: pods that the API assigned to the node and pods of the node's own manifests go
//! in, and every one of them has its worker look at what changed (`syncLoop` in
//! `pkg/kubelet/kubelet.go` of kubernetes/kubernetes).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerStateTerminated, Node, Pod};
use shared::api::object::SharedObject;
use shared::apiserver::request::ListOptions;
use shared::images::pull::Presence;
use shared::informer::Change;
use shared::kubelet::action::{PullError, Pulled, StartError};
use shared::kubelet::admission::{self, Rejection};
use shared::kubelet::eviction::Usage;
use shared::kubelet::hook::HookKind;
use shared::kubelet::mirror;
use shared::kubelet::probe::{ProbeError, ProbeKind};
use shared::scheduler::typed::Typed;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::pump::{Tasks, Told, inform};

use super::image::Source;
use super::image_collection;
use super::launch::Running;
use super::node::Kubelet;
use super::pod::PodOnNode;
use super::sandbox::SharedSandbox;
use super::{disk_usage, leftovers, logs, registration, services, static_pods, volumes};

mod mirrors;

/// How long each of the control plane's components has to end when the cluster stops.
const COMPONENT_GRACE: Duration = Duration::from_secs(5);

/// Something that the loop is told.
pub(super) enum Input {
    /// A pod of the API.
    Pod(Told),
    /// The node itself.
    Node(Told),
    /// The node, read anew for pods that it seemed not to take.
    NodeRead(SharedObject),
    /// The static pods that the node's manifests describe now.
    StaticPods(Vec<Pod>),
    /// What came of a worker's action.
    Outcome { uid: String, outcome: Outcome },
    /// It is time to look how much pods have on the disk.
    MeasureDisk,
    /// A status could not be written and must be again.
    StatusNotWritten { uid: String },
}

/// What came of a worker's action.
pub(super) enum Outcome {
    /// The pod wrote so much that it should be looked how much there is.
    Crowded,
    /// What the pod has on the disk.
    Measured(Usage),
    /// The pod's volumes were set up, or made true again, or could not be.
    Volumes(volumes::Told),
    Sandbox(Result<SharedSandbox, String>),
    SandboxRemoved,
    /// Whether the pod's Secrets open the image of a container.
    Verified(String, Presence),
    Pulled(String, Result<Pulled, PullError>),
    Started {
        container: String,
        /// Which of the container's runs it is.
        attempt: i32,
        /// The container's id.
        id: String,
        /// What runs now.
        outcome: Result<Running, StartError>,
    },
    Probed {
        container: String,
        /// Which of the container's runs was asked.
        attempt: i32,
        kind: ProbeKind,
        /// What it came to.
        outcome: Result<(), ProbeError>,
    },
    Hooked {
        container: String,
        /// Which of the container's runs it was.
        attempt: i32,
        kind: HookKind,
        /// The error is what the container's status says.
        outcome: Result<(), String>,
    },
    /// The container, which of its runs it was, and how it ended.
    Exited(String, i32, ContainerStateTerminated),
}

/// The loop's state.
struct SyncLoop {
    kubelet: Arc<Kubelet>,
    pods: BTreeMap<String, PodOnNode>,
    /// Static pods by their uid, the hash of the manifest.
    statics: BTreeMap<String, Pod>,
    /// The mirrors that the API has, by namespace and name.
    mirrors: BTreeMap<(String, String), Pod>,
    inputs: mpsc::UnboundedSender<Input>,
    /// The node as the API has it.
    node: Option<Typed<Node>>,
    /// Pods of which it is not known yet whether it takes them, by uid.
    early: BTreeMap<String, Pod>,
    /// Whether the API's pods were read whole, so that a missing mirror is really missing.
    synced: bool,
    /// Whether the node's manifests were read.
    manifests_read: bool,
    /// Whether what an earlier start left was removed.
    cleared: bool,
}

impl Kubelet {
    /// Registers the node and runs its pods until the token is cancelled; then nothing of them is left
    /// that runs.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        if stop.run_until_cancelled(registration::register(&self)).await.is_none() {
            return self.end_tasks().await;
        }
        let (inputs, mut received) = mpsc::unbounded_channel();
        let own = |field: &str| ListOptions {
            field_selector: format!("{field}={}", self.name()),
            ..ListOptions::default()
        };
        let client = || self.client.clone();
        let mut tasks = Tasks::default();
        tasks.spawn(inform::<Pod, _>(client(), own("spec.nodeName"), inputs.clone(), Input::Pod));
        tasks.spawn(inform::<Node, _>(client(), own("metadata.name"), inputs.clone(), Input::Node));
        tasks.spawn(registration::keep_alive(self.clone()));
        tasks.spawn(image_collection::run(self.clone()));
        tasks.spawn(services::follow(self.clone()));
        tasks.spawn(disk_usage::follow(self.clone(), inputs.clone()));
        tasks.spawn(static_pods::follow(self.clone(), inputs.clone()));
        let mut sync_loop = SyncLoop::new(self.clone(), inputs);
        loop {
            // A paused kubelet hears of nothing, and finds it all afterwards.
            if stop.run_until_cancelled(self.while_paused()).await.is_none() {
                break;
            }
            tokio::select! {
                input = received.recv() => match input {
                    Some(input) => sync_loop.take(input),
                    None => break,
                },
                () = self.sleep_until(sync_loop.wake_at()) => sync_loop.wake(),
                never = tasks.watch() => match never {},
                () = stop.cancelled() => break,
            }
        }
        sync_loop.stop().await;
        tasks.end().await;
        self.end_tasks().await;
    }

    async fn sleep_until(&self, moment: Option<Timestamp>) {
        match moment {
            Some(moment) => self.clock.sleep_until(moment).await,
            None => std::future::pending().await,
        }
    }
}

impl SyncLoop {
    fn new(kubelet: Arc<Kubelet>, inputs: mpsc::UnboundedSender<Input>) -> SyncLoop {
        SyncLoop {
            kubelet,
            pods: BTreeMap::new(),
            statics: BTreeMap::new(),
            mirrors: BTreeMap::new(),
            inputs,
            node: None,
            early: BTreeMap::new(),
            synced: false,
            manifests_read: false,
            cleared: false,
        }
    }

    fn wake_at(&self) -> Option<Timestamp> {
        self.pods.values().filter_map(|pod| pod.wake_at).min()
    }

    /// Ends what runs of pods, before the runtime that it runs on goes: programs at once, then the
    /// control plane, each component before those that it needs.
    async fn stop(&self) {
        let guests = self.pods.values().flat_map(PodOnNode::guests);
        futures::future::join_all(guests.map(|guest| guest.kill(Duration::ZERO))).await;
        let mut components: Vec<(usize, &Running)> =
            self.pods.values().flat_map(PodOnNode::components).collect();
        components.sort_by_key(|(needed, _)| std::cmp::Reverse(*needed));
        for (_, component) in components {
            component.kill(COMPONENT_GRACE).await;
        }
    }

    /// Lets every worker look whose time has come.
    fn wake(&mut self) {
        let now = self.kubelet.now();
        for pod in self.pods.values_mut().filter(|pod| pod.wake_at.is_some_and(|at| at <= now)) {
            pod.step();
        }
    }

    fn take(&mut self, input: Input) {
        match input {
            Input::Pod(Told::Synced) => {
                self.synced = true;
                self.mirror_all();
                self.clear_leftovers();
            }
            Input::Pod(Told::Changed(change, object)) => self.on_pod(change, &object),
            Input::Node(Told::Changed(_, object)) => self.on_node(object),
            Input::Node(Told::Synced) => {}
            Input::NodeRead(object) => self.on_node(object),
            Input::MeasureDisk => self.pods.values().for_each(PodOnNode::measure_disk),
            Input::StaticPods(pods) => self.on_static_pods(pods),
            Input::Outcome { uid, outcome } => self.on_outcome(&uid, outcome),
            Input::StatusNotWritten { uid } => {
                if let Some(pod) = self.pods.get_mut(&uid) {
                    pod.worker.on_status_not_written();
                    pod.step();
                }
            }
        }
    }

    fn on_node(&mut self, object: SharedObject) {
        let Some(node) = Typed::<Node>::new(object) else { return };
        self.node = Some(node.clone());
        if let Some(cidr) = node.spec.as_ref().and_then(|spec| spec.pod_cidr.as_deref()) {
            self.kubelet.set_pod_cidr(cidr);
            self.pods.values_mut().for_each(PodOnNode::on_addresses);
        }
        for (uid, pod) in std::mem::take(&mut self.early) {
            self.upsert(pod, Source::Api, &uid, &uid);
        }
    }

    fn on_pod(&mut self, change: Change, object: &SharedObject) {
        let Some(pod) = object.downcast_ref::<Pod>() else { return };
        if mirror::is_mirror(pod) {
            return self.on_mirror(change, pod);
        }
        let uid = logs::node_uid(pod);
        if change == Change::Deleted {
            self.early.remove(&uid);
            return self.forget(&uid);
        }
        let unknown = !self.pods.contains_key(&uid);
        if unknown && (self.node.is_none() || self.admit(pod, Source::Api).is_err()) {
            return self.put_off(uid, pod);
        }
        self.upsert(pod.clone(), Source::Api, &uid, &uid);
    }

    /// Keeps a pod until the node was read. The node may have changed before the pod came, and the loop
    /// not have heard of it yet (`generalFilter` in `pkg/kubelet/lifecycle/predicate.go`).
    fn put_off(&mut self, uid: String, pod: &Pod) {
        self.early.insert(uid, pod.clone());
        let (kubelet, inputs) = (self.kubelet.clone(), self.inputs.clone());
        self.kubelet.spawn(async move {
            let node = registration::read(&kubelet).await;
            // Without a receiver the kubelet is gone.
            let _ = inputs.send(Input::NodeRead(node));
        });
    }

    /// The API has no such pod any more: whatever still runs of it is ended, with the grace
    /// period that it had.
    fn forget(&mut self, uid: &str) {
        let Some(mut pod) = self.pods.remove(uid) else { return };
        if !pod.worker.is_finished() {
            pod.orphan(self.kubelet.now());
            pod.step();
        }
        if pod.worker.is_finished() {
            self.clean_up(&pod);
        } else {
            self.pods.insert(uid.to_owned(), pod);
        }
    }

    /// Removes what a pod leaves behind on the node: its logs.
    fn clean_up(&self, pod: &PodOnNode) {
        self.kubelet.logs.remove_pod(&logs::node_uid(pod.worker.pod()));
        let directory = logs::directory(&self.kubelet, pod.worker.pod());
        let number = self.kubelet.client.server().entropy().next_u64();
        if let Some(aside) = leftovers::set_aside(&directory, number) {
            tokio::task::spawn_blocking(move || leftovers::remove(&[aside]));
        }
    }

    fn upsert(&mut self, pod: Pod, source: Source, uid: &str, api_uid: &str) {
        match self.pods.get_mut(uid) {
            Some(known) => known.worker.on_pod(pod),
            None => {
                let (kubelet, inputs) = (self.kubelet.clone(), self.inputs.clone());
                let rejection = self.admit(&pod, source).err();
                let mut new = PodOnNode::new(kubelet, pod, source, api_uid.to_owned(), inputs);
                rejection.into_iter().for_each(|rejection| new.worker.reject(rejection));
                self.pods.insert(uid.to_owned(), new);
            }
        }
        self.step(uid);
    }

    /// Whether the node takes a pod that it did not know. Its own, which all the others need, it takes;
    /// and what the API has forgotten does not count, even while it ends, as nobody else counts it.
    fn admit(&self, pod: &Pod, source: Source) -> Result<(), Rejection> {
        let node = self.node.clone().filter(|_| source == Source::Api && admission::is_new(pod));
        let others = self.pods.values().filter(|other| other.worker.is_active() && !other.is_orphan());
        node.map_or(Ok(()), |node| admission::admit(pod, node, others.map(|other| other.worker.pod())))
    }

    fn step(&mut self, uid: &str) {
        if let Some(pod) = self.pods.get_mut(uid) {
            pod.step();
        }
    }

    fn on_outcome(&mut self, uid: &str, outcome: Outcome) {
        let now = self.kubelet.now();
        let Some(pod) = self.pods.get_mut(uid) else {
            stop_orphan(outcome);
            return;
        };
        match outcome {
            Outcome::Crowded => pod.measure_disk(),
            Outcome::Measured(usage) => pod.worker.on_usage(&usage),
            Outcome::Volumes(told) => pod.on_volumes(told),
            Outcome::Sandbox(outcome) => pod.on_sandbox(outcome),
            Outcome::SandboxRemoved => pod.worker.on_sandbox_removed(),
            Outcome::Verified(container, presence) => pod.on_verified(container, presence),
            Outcome::Pulled(container, outcome) => pod.worker.on_pulled(&container, outcome, now),
            Outcome::Started { container, attempt, id, outcome } => {
                pod.worker.on_started(&container, outcome.as_ref().map(|_| id).map_err(Clone::clone), now);
                if let Ok(running) = outcome {
                    pod.keep(&container, attempt, running);
                }
            }
            Outcome::Probed { container, attempt, kind, outcome } => {
                pod.worker.on_probed(&container, attempt, kind, outcome);
            }
            Outcome::Hooked { container, attempt, kind, outcome } => {
                pod.worker.on_hook(&container, attempt, kind, outcome, now);
            }
            Outcome::Exited(container, attempt, exit) => {
                let present =
                    pod.worker.container(&container).is_some_and(|work| work.restart_count == attempt);
                if present {
                    pod.worker.on_exited(&container, exit);
                }
            }
        }
        pod.step();
        self.sweep(uid);
    }

    /// Lets go of a pod that ended after the API had forgotten it.
    fn sweep(&mut self, uid: &str) {
        if self.pods.get(uid).is_some_and(|pod| pod.is_orphan() && pod.worker.is_finished())
            && let Some(pod) = self.pods.remove(uid)
        {
            self.clean_up(&pod);
            // Its successor may have waited for this.
            self.mirror_all();
        }
    }

    /// Removes what an earlier start left of pods that are no more, once it is known which there are.
    fn clear_leftovers(&mut self) {
        if self.synced && self.manifests_read && !self.cleared {
            self.cleared = true;
            let known = self.pods.keys().chain(self.early.keys()).chain(self.statics.keys());
            let known = known.cloned().collect();
            let found = leftovers::find(&self.kubelet.directory, &known);
            tokio::task::spawn_blocking(move || leftovers::remove(&found));
        }
    }
}

/// A container that started when its pod was gone already.
fn stop_orphan(outcome: Outcome) {
    if let Outcome::Started { outcome: Ok(running), .. } = outcome {
        tokio::spawn(async move { running.kill(Duration::ZERO).await });
    }
}

#[cfg(test)]
mod tests;
