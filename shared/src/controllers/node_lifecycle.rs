//! `node-lifecycle-controller`: notices nodes that fall silent, and says so by conditions and taints.
//!
//! Follows `pkg/controller/nodelifecycle/node_lifecycle_controller.go` of kubernetes/kubernetes. Every five seconds
//! each node is looked at: one that neither renewed its lease nor wrote its status for the grace period has its
//! conditions set to `Unknown`, and its pods are said not to be ready. Conditions become taints: `NoSchedule` at once,
//! `NoExecute`, by which pods are evicted, at a rate that depends on how much of the node's zone is well.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Node, Pod, PodCondition, Taint};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::json;

use crate::api::object::SharedObject;
use crate::api::patch::PatchType;
use crate::apiserver::Result;
use crate::apiserver::request::{Answer, Reply, Request};
use crate::given::Entropy;
use crate::informer::Change;
use crate::recorder::{Note, Recorder, regarding};

use super::own_writes::{Key, key_of};
use super::{Asked, Controller, Step, Token};

mod health;
mod taints;
mod zones;

use health::Health;
use zones::Zones;

/// How often nodes are looked at (`--node-monitor-period`).
pub const MONITOR_PERIOD: SignedDuration = SignedDuration::from_secs(5);
/// How long a node may be silent (`--node-monitor-grace-period`); upstream's default was 40 seconds until version
/// 1.32, and is 50 since.
pub const GRACE_PERIOD: SignedDuration = SignedDuration::from_secs(40);
/// How long a node may take to say that it is ready for the first time (`--node-startup-grace-period`).
const STARTUP_GRACE_PERIOD: SignedDuration = SignedDuration::from_secs(60);
/// Where nodes renew their leases.
const LEASES: &str = "kube-node-lease";

/// Watches over nodes.
pub struct NodeLifecycleController {
    nodes: BTreeMap<String, SharedObject>,
    /// When each node renewed its lease last, by its own clock.
    leases: BTreeMap<String, Timestamp>,
    pods: BTreeMap<String, BTreeMap<Key, SharedObject>>,
    health: BTreeMap<String, Health>,
    zones: Zones,
    /// When all nodes were looked at last.
    last_pass: Option<Timestamp>,
    /// Whether it is yet to be seen, once the last pass' writes are answered, whose pods are evicted.
    is_eviction_open: bool,
    /// Nodes that changed since.
    changed: BTreeSet<String>,
    /// Nodes about which a write is not answered.
    busy: BTreeSet<String>,
    asked: Asked<Question>,
    recorder: Recorder,
    outbox: Vec<(Token, Request)>,
}

/// What a request was for.
enum Question {
    Node(String),
    Pod(String),
    Event(Box<Note>),
}

impl Default for NodeLifecycleController {
    fn default() -> Self {
        NodeLifecycleController {
            nodes: BTreeMap::new(),
            leases: BTreeMap::new(),
            pods: BTreeMap::new(),
            health: BTreeMap::new(),
            zones: Zones::default(),
            last_pass: None,
            is_eviction_open: false,
            changed: BTreeSet::new(),
            busy: BTreeSet::new(),
            asked: Asked::default(),
            recorder: Recorder::new("node-controller", ""),
            outbox: Vec::new(),
        }
    }
}

impl NodeLifecycleController {
    fn ask(&mut self, question: Question, request: Result<Request>) {
        if let Ok(request) = request {
            let token = self.asked.about(question);
            self.outbox.push((token, request));
        }
    }

    /// Takes in a revision of a node, unless a newer one is known.
    fn learn(&mut self, object: &SharedObject) {
        let name = object.name().to_owned();
        let revision = |object: &SharedObject| object.resource_version().parse::<u64>().unwrap_or_default();
        if self.nodes.get(&name).is_none_or(|known| revision(known) < revision(object)) {
            self.nodes.insert(name.clone(), object.clone());
            self.changed.insert(name);
        }
    }

    fn forget(&mut self, name: &str) {
        self.nodes.remove(name);
        self.health.remove(name);
        self.changed.remove(name);
    }

    fn on_pod(&mut self, change: Change, object: &SharedObject, pod: &Pod) {
        let node = pod.spec.as_ref().and_then(|spec| spec.node_name.clone()).unwrap_or_default();
        if node.is_empty() {
            return;
        }
        let pods = self.pods.entry(node.clone()).or_default();
        match change {
            Change::Deleted => drop(pods.remove(&key_of(object))),
            _ => drop(pods.insert(key_of(object), object.clone())),
        }
        if pods.is_empty() {
            self.pods.remove(&node);
        }
        self.changed.insert(node);
    }

    /// Looks at every node. After a gap, as of a clock that was put forward, nobody is judged: those that are well
    /// have to renew their leases first.
    fn pass(&mut self, now: Timestamp) {
        let most = self.last_pass.and_then(|last| last.checked_add(MONITOR_PERIOD * 2).ok());
        let judges = most.is_some_and(|most| now <= most);
        self.last_pass = Some(now);
        self.is_eviction_open = true;
        for name in self.nodes.keys().cloned().collect::<Vec<_>>() {
            self.look(&name, judges, now);
        }
    }

    /// Looks at one node and asks for the next write about it.
    fn look(&mut self, name: &str, judges: bool, now: Timestamp) {
        let Some(object) = self.nodes.get(name).cloned() else { return };
        let Some(node) = object.downcast_ref::<Node>() else { return };
        if !self.health.contains_key(name) {
            let message = format!("Node {name} event: Registered Node {name} in Controller");
            self.tell(name, "RegisteredNode", message, now);
        }
        let health = self.health.entry(name.to_owned()).or_insert_with(|| Health::new(node, now));
        health.observe(node, self.leases.get(name).copied(), now);
        let went = health.leaves_ready(node);
        let silent = judges && health.is_silent(node, now);
        if went {
            self.tell(name, "NodeNotReady", format!("Node {name} status is now: NodeNotReady"), now);
        }
        if self.busy.contains(name) {
            return;
        }
        if let Some(changed) = silent.then(|| health::unknown(node, now)).flatten() {
            self.busy.insert(name.to_owned());
            let request = Request::update(changed).and_then(|request| request.subresource("status"));
            return self.ask(Question::Node(name.to_owned()), request);
        }
        if !health::is_ready(node) {
            self.mark_pods(name, now);
        }
        self.taint(name, node, false, now);
    }

    /// Begins to evict the pods of nodes whose turn it is: what share of a zone is well is known only after all of
    /// a pass was written.
    fn begin_evictions(&mut self, now: Timestamp) {
        self.is_eviction_open = false;
        self.zones.look(self.nodes.values());
        for (name, object) in self.nodes.clone() {
            if let Some(node) = object.downcast_ref::<Node>() {
                self.taint(&name, node, true, now);
            }
        }
    }

    /// Asks for the taints that the node is to have; `begins` says whether pods may begin to be evicted.
    fn taint(&mut self, name: &str, node: &Node, begins: bool, now: Timestamp) {
        let before = node.spec.as_ref().and_then(|spec| spec.taints.clone()).unwrap_or_default();
        let is_evicting = before.iter().any(taints::evicts);
        let evicts = taints::eviction(node).is_some()
            && (is_evicting || begins)
            && (!begins || self.zones.lets_evict(node, is_evicting, now));
        let wanted = taints::wanted(node, &before, evicts, now);
        if wanted == before {
            return;
        }
        self.busy.insert(name.to_owned());
        let taints = Some(wanted).filter(|taints: &Vec<Taint>| !taints.is_empty());
        let patch = json!({
            "metadata": { "resourceVersion": node.metadata.resource_version },
            "spec": { "taints": taints },
        });
        let request = Request::patch::<Node>("", name, PatchType::Merge, patch);
        self.ask(Question::Node(name.to_owned()), request);
    }

    /// Says of the pods of a node that is not ready that they are not (`MarkPodsNotReady`).
    fn mark_pods(&mut self, node: &str, now: Timestamp) {
        let pods = self.pods.get(node).into_iter().flat_map(BTreeMap::values);
        let told: Vec<Pod> = pods.filter_map(|pod| unready(pod.downcast_ref()?, now)).collect();
        for pod in told {
            self.busy.insert(node.to_owned());
            let request = Request::update(pod).and_then(|request| request.subresource("status"));
            self.ask(Question::Pod(node.to_owned()), request);
        }
    }

    fn tell(&mut self, node: &str, reason: &str, message: String, now: Timestamp) {
        let uid = self.nodes.get(node).and_then(|node| node.metadata().uid.clone());
        let regarding = regarding("Node", "", node, uid);
        let note = Note {
            regarding: k8s_openapi::api::core::v1::ObjectReference { namespace: None, ..regarding },
            type_: "Normal",
            reason: reason.to_owned(),
            message,
        };
        let request = self.recorder.record(&note, now);
        self.ask(Question::Event(Box::new(note)), request);
    }
}

/// The pod with a condition `Ready` that is false, where it was true.
fn unready(pod: &Pod, now: Timestamp) -> Option<Pod> {
    let mut pod = pod.clone();
    let conditions = pod.status.as_mut()?.conditions.as_mut()?;
    let ready: &mut PodCondition =
        conditions.iter_mut().find(|condition| condition.type_ == "Ready" && condition.status == "True")?;
    ready.status = "False".to_owned();
    ready.last_transition_time = Some(Time(Timestamp::from_second(now.as_second()).unwrap_or(now)));
    Some(pod)
}

impl Controller for NodeLifecycleController {
    fn name(&self) -> &'static str {
        "node-lifecycle-controller"
    }

    fn watches(&self) -> &'static [(&'static str, &'static str)] {
        &[("coordination.k8s.io/v1", "Lease"), ("v1", "Node"), ("v1", "Pod")]
    }

    fn on_delta(&mut self, change: Change, object: &SharedObject) {
        if let Some(pod) = object.downcast_ref::<Pod>() {
            self.on_pod(change, object, pod);
        } else if let Some(lease) = object.downcast_ref::<Lease>() {
            let renewed = lease.spec.as_ref().and_then(|spec| spec.renew_time.as_ref());
            if let Some(renewed) = renewed.filter(|_| object.namespace() == LEASES) {
                self.leases.insert(object.name().to_owned(), renewed.0);
            }
        } else if change == Change::Deleted {
            self.forget(object.name());
        } else {
            self.learn(object);
        }
    }

    fn step(&mut self, now: Timestamp, _: &dyn Entropy) -> Step {
        let due = self.last_pass.and_then(|last| last.checked_add(MONITOR_PERIOD).ok());
        if due.is_none_or(|due| due <= now) {
            self.changed.clear();
            self.pass(now);
        }
        for name in std::mem::take(&mut self.changed) {
            self.look(&name, false, now);
        }
        if self.is_eviction_open && self.busy.is_empty() {
            self.begin_evictions(now);
        }
        let wake_at = self.last_pass.and_then(|last| last.checked_add(MONITOR_PERIOD).ok());
        Step { requests: std::mem::take(&mut self.outbox), wake_at }
    }

    fn on_response(&mut self, token: Token, response: Result<Answer>, _: Timestamp) {
        match self.asked.answered(token) {
            Some(Question::Node(name)) => {
                self.busy.remove(&name);
                // What failed is tried again in the next pass.
                if let Ok(Answer { reply: Reply::Object(node), .. }) = response {
                    self.learn(&node);
                }
            }
            Some(Question::Pod(node)) => {
                self.busy.remove(&node);
                if let Ok(Answer { reply: Reply::Object(pod), .. }) = response
                    && let Some(known) = self.pods.get_mut(&node)
                {
                    known.insert(key_of(&pod), pod);
                }
            }
            Some(Question::Event(note)) if response.is_err() => self.recorder.forget(&note),
            Some(Question::Event(_)) | None => {}
        }
    }
}

#[cfg(test)]
mod tests;
