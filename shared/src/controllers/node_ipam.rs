//! `node-ipam-controller`: gives each node its own part of the pod network.
//!
//! Follows `pkg/controller/nodeipam/ipam/range_allocator.go` of kubernetes/kubernetes. The first part
//! is kept for the first control-plane node, which is what a cluster that was set up node by node has;
//! the others follow in order of arrival. A part is free again when its node is gone.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, ObjectReference};
use serde_json::json;

use crate::api::object::SharedObject;
use crate::api::patch::PatchType;
use crate::api::status;
use crate::apiserver::Result;
use crate::apiserver::request::{Answer, Request};
use crate::given::Entropy;
use crate::informer::Change;
use crate::recorder::{Note, Recorder};
use crate::work_queue::WorkQueue;

use super::{Asked, Controller, Step, Token};

/// The first two octets of the pod network, a /16 with a /24 for each node.
const NETWORK: &str = "10.244";
/// What marks a control-plane node, as label or taint.
const CONTROL_PLANE: &str = "node-role.kubernetes.io/control-plane";

/// The third octet of a node's part.
type Subnet = u8;

/// Which node has which part.
pub struct NodeIpamController {
    /// Nodes without a part, and whether they belong to the control plane.
    bare: BTreeMap<String, bool>,
    held: BTreeMap<String, Subnet>,
    queue: WorkQueue<String>,
    asked: Asked<String>,
    recorder: Recorder,
}

impl Default for NodeIpamController {
    fn default() -> Self {
        NodeIpamController {
            bare: BTreeMap::new(),
            held: BTreeMap::new(),
            queue: WorkQueue::default(),
            asked: Asked::default(),
            recorder: Recorder::new("cidrAllocator", ""),
        }
    }
}

impl NodeIpamController {
    /// The part that a node holds or gets; `None` where all are taken.
    fn subnet_for(&mut self, node: &str) -> Option<Subnet> {
        if let Some(subnet) = self.held.get(node) {
            return Some(*subnet);
        }
        let taken: BTreeSet<Subnet> = self.held.values().copied().collect();
        let is_control_plane = self.bare.get(node) == Some(&true);
        let first = if is_control_plane { 0 } else { 1 };
        let subnet = (first..=Subnet::MAX).find(|subnet| !taken.contains(subnet))?;
        self.held.insert(node.to_owned(), subnet);
        Some(subnet)
    }

    fn request_for(&mut self, node: &str, now: Timestamp) -> Result<(Token, Request)> {
        let request = match self.subnet_for(node) {
            Some(subnet) => assign(node, subnet)?,
            None => self.recorder.record(&not_available(node), now)?,
        };
        Ok((self.asked.about(node.to_owned()), request))
    }
}

impl Controller for NodeIpamController {
    fn name(&self) -> &'static str {
        "node-ipam-controller"
    }

    fn watches(&self) -> &'static [(&'static str, &'static str)] {
        &[("v1", "Node")]
    }

    fn on_delta(&mut self, change: Change, object: &SharedObject) {
        let Some(node) = object.downcast_ref::<Node>() else { return };
        let name = object.name().to_owned();
        if change == Change::Deleted {
            self.bare.remove(&name);
            self.held.remove(&name);
            self.queue.remove(&name);
        } else if let Some(cidr) = node.spec.as_ref().and_then(|spec| spec.pod_cidr.as_deref()) {
            self.bare.remove(&name);
            self.queue.remove(&name);
            match subnet_of(cidr) {
                Some(subnet) => self.held.insert(name, subnet),
                None => self.held.remove(&name),
            };
        } else {
            self.bare.insert(name.clone(), is_control_plane(node));
            self.queue.add(name);
        }
    }

    fn step(&mut self, now: Timestamp, _: &dyn Entropy) -> Step {
        let mut step = Step::default();
        while let Some(node) = self.queue.take(now) {
            let request = self.bare.contains_key(&node).then(|| self.request_for(&node, now));
            match request {
                Some(Ok(request)) => step.requests.push(request),
                _ => self.queue.done(&node),
            }
        }
        step.wake_at = self.queue.next_due();
        step
    }

    fn on_response(&mut self, token: Token, response: Result<Answer>, now: Timestamp) {
        let Some(node) = self.asked.answered(token) else { return };
        let was_assigned = response.is_ok() && self.held.contains_key(&node);
        if response.is_err_and(|error| status::is(&error, "NotFound")) {
            // The Event expired, or the node is gone, which its deletion will tell.
            self.recorder.forget(&not_available(&node));
        }
        match was_assigned || !self.bare.contains_key(&node) {
            true => self.queue.done(&node),
            false => self.queue.retry(node, now),
        }
    }
}

fn assign(node: &str, subnet: Subnet) -> Result<Request> {
    let cidr = format!("{NETWORK}.{subnet}.0/24");
    let patch = json!({ "spec": { "podCIDR": cidr, "podCIDRs": [cidr] } });
    Request::patch::<Node>("", node, PatchType::Strategic, patch)
}

/// The part that a CIDR names, where it is one of ours.
fn subnet_of(cidr: &str) -> Option<Subnet> {
    let rest = cidr.strip_prefix(NETWORK)?.strip_prefix('.')?;
    rest.strip_suffix(".0/24")?.parse().ok()
}

fn is_control_plane(node: &Node) -> bool {
    let labelled = node.metadata.labels.as_ref().is_some_and(|labels| labels.contains_key(CONTROL_PLANE));
    let taints = node.spec.iter().filter_map(|spec| spec.taints.as_ref()).flatten();
    labelled || taints.into_iter().any(|taint| taint.key == CONTROL_PLANE)
}

/// What is said of a node for which nothing is left.
fn not_available(node: &str) -> Note {
    let regarding = ObjectReference {
        kind: Some("Node".into()),
        name: Some(node.to_owned()),
        uid: Some(node.to_owned()),
        ..ObjectReference::default()
    };
    Note {
        regarding,
        type_: "Normal",
        reason: "CIDRNotAvailable".into(),
        message: format!("Node {node} status is now: CIDRNotAvailable"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controllers::test_pump::Pump;
    use k8s_openapi::api::core::v1::{Event, NodeSpec, Taint};
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

    fn node(name: &str) -> Node {
        let metadata = ObjectMeta { name: Some(name.into()), ..ObjectMeta::default() };
        Node { metadata, ..Node::default() }
    }

    fn control_plane() -> Node {
        let taint = Taint { key: CONTROL_PLANE.into(), effect: "NoSchedule".into(), ..Taint::default() };
        let spec = NodeSpec { taints: Some(vec![taint]), ..NodeSpec::default() };
        Node { spec: Some(spec), ..node("control-plane") }
    }

    fn cidr(pump: &Pump<NodeIpamController>, name: &str) -> String {
        let node = pump.get::<Node>("", name).unwrap();
        let spec = node.spec.unwrap_or_default();
        assert_eq!(spec.pod_cidrs.unwrap_or_default(), spec.pod_cidr.iter().cloned().collect::<Vec<_>>());
        spec.pod_cidr.unwrap_or_default()
    }

    #[test]
    fn control_plane_should_get_the_first_part_whenever_it_arrives() {
        let mut pump = Pump::new(NodeIpamController::default());
        for arriving in [node("node-2"), control_plane(), node("node-1")] {
            pump.create(arriving);
            pump.run();
        }
        let cidrs = ["control-plane", "node-2", "node-1"].map(|name| cidr(&pump, name));
        assert_eq!(cidrs, ["10.244.0.0/24", "10.244.1.0/24", "10.244.2.0/24"]);
    }

    #[test]
    fn part_of_a_node_that_went_should_be_given_again() {
        let mut pump = Pump::new(NodeIpamController::default());
        for name in ["a", "b", "c"] {
            pump.create(node(name));
            pump.run();
        }
        pump.delete::<Node>("", "b");
        pump.run();
        pump.create(node("d"));
        pump.run();
        assert_eq!([cidr(&pump, "d"), cidr(&pump, "c")], ["10.244.2.0/24", "10.244.3.0/24"]);
    }

    #[test]
    fn new_controller_should_respect_what_was_given_before() {
        let mut pump = Pump::new(NodeIpamController::default());
        pump.create(node("a"));
        pump.run();
        let mut pump = pump.with(NodeIpamController::default());
        pump.create(node("b"));
        pump.run();
        assert_eq!([cidr(&pump, "a"), cidr(&pump, "b")], ["10.244.1.0/24", "10.244.2.0/24"]);
    }

    #[test]
    fn node_should_be_told_of_by_an_event_while_nothing_is_left_for_it() {
        let mut pump = Pump::new(NodeIpamController::default());
        for index in 0..256 {
            pump.create(node(&format!("node-{index}")));
        }
        pump.run();
        assert_eq!(cidr(&pump, "node-99"), "", "the list is in order of names");
        let freed = cidr(&pump, "node-7");
        let events = pump.list::<Event>("default");
        assert_eq!(events[0].reason.as_deref(), Some("CIDRNotAvailable"));
        pump.delete::<Node>("", "node-7");
        pump.advance(1000);
        pump.run();
        assert_eq!(cidr(&pump, "node-99"), freed);
    }
}
