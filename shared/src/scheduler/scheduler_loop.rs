//! The scheduler's loop as a plain value: events in, actions out.
//!
//! Follows upstream's `pkg/scheduler/schedule_one.go` (the scheduling and the binding cycle) and
//! `pkg/scheduler/eventhandlers.go`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, Pod};

use super::action::Action;
use super::condition::{GATED_MESSAGE, SCHEDULER_ERROR, SCHEDULING_GATED, UNSCHEDULABLE, unscheduled};
use super::decision::{Outcome, PodReference};
use super::framework::{pod_reference, schedule};
use super::hints::ClusterEvent;
use super::plugins::scheduling_gates::is_gated;
use super::queue::{QueuedPod, SchedulingQueue};
use super::snapshot::{PodInfo, Snapshot, assigned_node, is_terminated, pod_uid};
use super::typed::Typed;
use crate::api::object::SharedObject;
use crate::informer::Change;

/// The name under which this scheduler is known to pods (`spec.schedulerName`).
pub const SCHEDULER_NAME: &str = "default-scheduler";

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
    /// The uid of each pod by `namespace/name`, to notice one that took another's name.
    uids: BTreeMap<String, String>,
    pending: Vec<Action>,
}

impl Scheduler {
    /// A scheduler that knows of nothing yet.
    pub fn new() -> Scheduler {
        Scheduler::default()
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
        self.assumed.remove(uid);
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
                self.assumed.insert(reference.uid.clone(), queued);
                actions.push(Action::Bind { pod: reference, node });
            }
            Outcome::Unschedulable { message, plugins } => {
                actions.push(Action::failed(reference, &message));
                actions.extend(mark(&queued.pod, UNSCHEDULABLE, &message, now));
                self.queue.return_unschedulable(queued, plugins.into_iter().collect(), now);
            }
        }
        actions
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
        let Some(queued) = self.assumed.remove(&pod.uid) else { return Vec::new() };
        if let Some(freed) = self.snapshot.remove_pod(&pod.uid) {
            self.queue.on_event(&ClusterEvent::AssignedPodDeleted(&freed), now);
        }
        let message = format!("running Bind plugin \"DefaultBinder\": {refusal}");
        let mut actions = vec![Action::failed(pod.clone(), &message)];
        actions.extend(mark(&queued.pod, SCHEDULER_ERROR, &message, now));
        self.queue.return_after_error(queued, now);
        actions
    }

    /// When the next [`Scheduler::step`] has something to do; `None` until the next event.
    pub fn next_wakeup(&self, now: Timestamp) -> Option<Timestamp> {
        if self.pending.is_empty() { self.queue.next_wakeup(now) } else { Some(now) }
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
