//! The scheduler's loop as a plain value: events in, actions out.
//!
//! Follows upstream's `pkg/scheduler/schedule_one.go` (the scheduling and the binding cycle) and
//! `pkg/scheduler/eventhandlers.go`.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Node, Pod};

use super::action::Action;
use super::condition::{GATED_MESSAGE, SCHEDULER_ERROR, SCHEDULING_GATED, UNSCHEDULABLE, unscheduled};
use super::decision::{Outcome, PodReference};
use super::framework::{pod_reference, schedule};
use super::hints::ClusterEvent;
use super::plugins::scheduling_gates::is_gated;
use super::queue::{QueuedPod, SchedulingQueue};
use super::snapshot::{PodInfo, Snapshot, assigned_node, is_terminated, pod_uid};
use super::storage::ClaimWrite;
use super::typed::Typed;
use crate::api::object::SharedObject;
use crate::informer::Change;

/// The name under which this scheduler is known to pods (`spec.schedulerName`).
pub const SCHEDULER_NAME: &str = "default-scheduler";

/// How long the volumes of a pod may take to be bound (`bindTimeoutSeconds`).
const VOLUMES_TIMEOUT: SignedDuration = SignedDuration::from_mins(10);

/// How many pods one [`Scheduler::step`] looks at, at most.
pub const PODS_PER_STEP: usize = 32;

/// The scheduler of one cluster.
///
/// Feed it the nodes and pods that exist before the first [`Scheduler::step`], so that it does not
/// judge the cluster by half of it.
#[derive(Clone, Debug, Default)]
pub struct Scheduler {
    snapshot: Snapshot,
    queue: SchedulingQueue,
    /// Pods whose binding was asked for and not yet seen; they count on their node already.
    assumed: BTreeMap<String, QueuedPod>,
    /// Of those, the ones that wait for their volumes, and since when.
    binding: BTreeMap<String, Binding>,
    /// The uid of each pod by `namespace/name`, to notice one that took another's name.
    uids: BTreeMap<String, String>,
    pending: Vec<Action>,
}

/// What a pod waits for before it is bound.
#[derive(Clone, Debug)]
struct Binding {
    node: String,
    writes: Vec<ClaimWrite>,
    until: Timestamp,
    /// Whether the choice of the node was seen on its claims.
    seen: bool,
}

impl Scheduler {
    /// A scheduler that knows of nothing yet.
    pub fn new() -> Scheduler {
        let mut scheduler = Scheduler::default();
        // Volumes are told of, though there may be none.
        scheduler.snapshot.storage_mut();
        scheduler
    }

    /// What it knows of the cluster, assumed pods included.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// The pods that wait.
    pub fn queue(&self) -> &SchedulingQueue {
        &self.queue
    }

    /// Takes in an event of the watch on nodes; other objects are ignored.
    pub fn on_node(&mut self, change: Change, object: SharedObject, now: Timestamp) {
        let Some(node) = Typed::<Node>::new(object) else { return };
        let name = node.metadata.name.clone().unwrap_or_default();
        if change == Change::Deleted {
            return self.snapshot.remove_node(&name);
        }
        let old = self.snapshot.node(&name).map(|info| info.node().clone());
        self.snapshot.set_node(node.clone());
        self.queue.on_event(&ClusterEvent::Node { old: old.as_ref(), new: &node }, now);
    }

    /// Takes in an event of the watch on pods; other objects are ignored.
    pub fn on_pod(&mut self, change: Change, object: SharedObject, now: Timestamp) {
        let Some(pod) = Typed::<Pod>::new(object) else { return };
        let (uid, key) = (pod_uid(&pod), key(&pod_reference(&pod)));
        if let Some(earlier) = self.uids.get(&key).filter(|earlier| **earlier != uid) {
            self.forget(&earlier.clone(), now);
        }
        if change == Change::Deleted {
            self.uids.remove(&key);
            return self.forget(&uid, now);
        }
        self.uids.insert(key, uid.clone());
        if is_terminated(&pod) {
            self.forget(&uid, now);
        } else if let Some(node) = assigned_node(&pod) {
            self.on_assigned(PodInfo::new(&pod, node), now);
        } else if let Some(assumed) = self.assumed.get_mut(&uid) {
            assumed.pod = pod;
        } else if is_ours(&pod) {
            self.mark_gated(&pod, now);
            self.queue.upsert(pod, now);
        }
    }

    /// Takes in an event of the watches on PersistentVolumes, claims and StorageClasses; other objects are
    /// ignored. Before any is told of, nothing is judged by them.
    pub fn on_storage(&mut self, change: Change, object: &SharedObject, now: Timestamp) {
        self.snapshot.storage_mut().learn(change, object);
        self.look_at_bindings(now);
        if change == Change::Deleted {
            return;
        }
        let claim = ClusterEvent::Claim { namespace: object.namespace(), name: object.name() };
        let event = if object.namespace().is_empty() { ClusterEvent::Volume } else { claim };
        self.queue.on_event(&event, now);
    }

    /// Goes on with the pods whose volumes are bound, and gives up those whose volumes will not be.
    fn look_at_bindings(&mut self, now: Timestamp) {
        let waiting: Vec<String> = self.binding.keys().cloned().collect();
        for uid in waiting {
            let (Some(binding), Some(queued)) = (self.binding.get_mut(&uid), self.assumed.get(&uid)) else {
                self.binding.remove(&uid);
                continue;
            };
            let storage = self.snapshot.storage_mut();
            let selected = storage.are_selected(&queued.pod, &binding.writes);
            let refused = binding.seen && !selected;
            binding.seen |= selected;
            let reference = pod_reference(&queued.pod);
            let why = match storage.are_bound(&queued.pod, &binding.writes) {
                Ok(true) => {
                    storage.forget(&queued.pod);
                    let node = binding.node.clone();
                    self.binding.remove(&uid);
                    self.pending.push(Action::Bind { pod: reference, node });
                    continue;
                }
                Ok(false) if refused => "provisioning failed for PVC".to_owned(),
                Ok(false) if now >= binding.until => "timed out waiting for the condition".to_owned(),
                Ok(false) => continue,
                Err(why) => why,
            };
            let actions =
                self.on_refused(&reference, &format!("running PreBind plugin \"VolumeBinding\": {why}"), now);
            self.pending.extend(actions);
        }
    }

    /// A pod has a node: what was assumed is confirmed, or somebody else bound it.
    fn on_assigned(&mut self, pod: PodInfo, now: Timestamp) {
        self.queue.remove(&pod.uid);
        self.assumed.remove(&pod.uid);
        let before = self.snapshot.pod(&pod.uid).filter(|before| **before != pod).cloned();
        self.snapshot.set_pod(pod);
        if let Some(before) = before {
            self.queue.on_event(&ClusterEvent::AssignedPodDeleted(&before), now);
        }
    }

    /// A pod is gone or has ended: its place is free.
    fn forget(&mut self, uid: &str, now: Timestamp) {
        self.queue.remove(uid);
        self.binding.remove(uid);
        if let Some(queued) = self.assumed.remove(uid) {
            self.snapshot.storage_mut().forget(&queued.pod);
        }
        if let Some(gone) = self.snapshot.remove_pod(uid) {
            self.queue.on_event(&ClusterEvent::AssignedPodDeleted(&gone), now);
        }
    }

    fn mark_gated(&mut self, pod: &Pod, now: Timestamp) {
        if is_gated(pod) {
            self.pending.extend(mark(pod, SCHEDULING_GATED, GATED_MESSAGE, now));
        }
    }

    /// Looks at the next pods, at most [`PODS_PER_STEP`], one a scheduling cycle.
    ///
    /// `entropy` breaks ties between nodes.
    pub fn step(&mut self, now: Timestamp, entropy: u64) -> Vec<Action> {
        self.queue.flush(now);
        self.look_at_bindings(now);
        let mut actions = std::mem::take(&mut self.pending);
        for cycle in 0..PODS_PER_STEP as u64 {
            let Some(queued) = self.queue.pop() else { break };
            actions.extend(self.schedule_one(queued, now, mixed(entropy.wrapping_add(cycle))));
        }
        actions
    }

    fn schedule_one(&mut self, queued: QueuedPod, now: Timestamp, entropy: u64) -> Vec<Action> {
        let reference = pod_reference(&queued.pod);
        if queued.pod.metadata.deletion_timestamp.is_some() {
            let message = format!("skip schedule deleting pod: {}", key(&reference));
            return vec![Action::failed(reference, &message)];
        }
        let decision = schedule(&self.snapshot, &queued.pod, entropy);
        let outcome = decision.outcome.clone();
        let mut actions = vec![Action::Explain(Box::new(decision))];
        match outcome {
            Outcome::Bound { node } => {
                self.snapshot.set_pod(PodInfo::new(&queued.pod, &node));
                actions.push(self.bind(&queued.pod, reference.clone(), node, now));
                self.assumed.insert(reference.uid, queued);
            }
            Outcome::Unschedulable { message, plugins } => {
                actions.push(Action::failed(reference, &message));
                actions.extend(mark(&queued.pod, UNSCHEDULABLE, &message, now));
                self.queue.return_unschedulable(queued, plugins.into_iter().collect(), now);
            }
        }
        actions
    }

    /// Binds the pod, or first its volumes.
    fn bind(&mut self, pod: &Pod, reference: PodReference, node: String, now: Timestamp) -> Action {
        let writes = self.snapshot.storage().zip(self.snapshot.node(&node)).and_then(|(storage, info)| {
            storage.find(pod, info.node()).ok().filter(|writes| !writes.is_empty())
        });
        let Some(writes) = writes else { return Action::Bind { pod: reference, node } };
        self.snapshot.storage_mut().assume(pod, &writes);
        let until = now.checked_add(VOLUMES_TIMEOUT).unwrap_or(Timestamp::MAX);
        let binding = Binding { node, writes: writes.clone(), until, seen: false };
        self.binding.insert(reference.uid.clone(), binding);
        Action::BindVolumes { pod: reference, writes }
    }

    /// What became of an [`Action::Bind`]: done, or refused with the API server's message.
    ///
    /// A refused pod gives its place back and is tried again after its backoff.
    pub fn on_bind_result(
        &mut self,
        pod: &PodReference,
        result: Result<(), String>,
        now: Timestamp,
    ) -> Vec<Action> {
        match result {
            Ok(()) => {
                let node = self.snapshot.pod(&pod.uid).map(|info| info.node.clone());
                node.map(|node| Action::scheduled(pod.clone(), &node)).into_iter().collect()
            }
            Err(refusal) => self.on_bind_refused(pod, &refusal, now),
        }
    }

    fn on_bind_refused(&mut self, pod: &PodReference, refusal: &str, now: Timestamp) -> Vec<Action> {
        let (plugin, point) = match self.binding.contains_key(&pod.uid) {
            true => ("VolumeBinding", "PreBind"),
            false => ("DefaultBinder", "Bind"),
        };
        self.on_refused(pod, &format!("running {point} plugin {plugin:?}: {refusal}"), now)
    }

    /// The pod gives back what it was assumed to take, and is tried again later.
    fn on_refused(&mut self, pod: &PodReference, message: &str, now: Timestamp) -> Vec<Action> {
        self.binding.remove(&pod.uid);
        let Some(queued) = self.assumed.remove(&pod.uid) else { return Vec::new() };
        self.snapshot.storage_mut().forget(&queued.pod);
        if let Some(freed) = self.snapshot.remove_pod(&pod.uid) {
            self.queue.on_event(&ClusterEvent::AssignedPodDeleted(&freed), now);
        }
        let mut actions = vec![Action::failed(pod.clone(), message)];
        actions.extend(mark(&queued.pod, SCHEDULER_ERROR, message, now));
        self.queue.return_after_error(queued, now);
        actions
    }

    /// When the next [`Scheduler::step`] has something to do; `None` until the next event.
    pub fn next_wakeup(&self, now: Timestamp) -> Option<Timestamp> {
        if !self.pending.is_empty() {
            return Some(now);
        }
        let bindings = self.binding.values().map(|binding| binding.until);
        self.queue.next_wakeup(now).into_iter().chain(bindings).min()
    }
}

fn mark(pod: &Pod, reason: &str, message: &str, now: Timestamp) -> Option<Action> {
    let condition = unscheduled(pod, reason, message, now)?;
    Some(Action::MarkUnschedulable { pod: pod_reference(pod), condition })
}

fn is_ours(pod: &Pod) -> bool {
    let name = pod.spec.as_ref().and_then(|spec| spec.scheduler_name.as_deref());
    name.is_none_or(|name| name == SCHEDULER_NAME)
}

fn key(pod: &PodReference) -> String {
    format!("{}/{}", pod.namespace, pod.name)
}

/// Spreads entropy over all bits (SplitMix64), so that consecutive numbers draw independently.
fn mixed(entropy: u64) -> u64 {
    let first = entropy.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let second = (first ^ (first >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let third = (second ^ (second >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    third ^ (third >> 31)
}
