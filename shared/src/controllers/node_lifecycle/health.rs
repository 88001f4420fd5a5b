//! When a node was heard of last, and what is said of one that fell silent (`tryUpdateNodeHealth` upstream).

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, NodeCondition};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::{GRACE_PERIOD, STARTUP_GRACE_PERIOD};

/// The conditions of which nobody knows while a node is silent.
const CONDITIONS: [&str; 4] = ["Ready", "MemoryPressure", "DiskPressure", "PIDPressure"];

/// What is known of a node's life.
pub(super) struct Health {
    /// When it was heard of last, by the cluster's clock.
    heard: Timestamp,
    lease: Option<Timestamp>,
    heartbeat: Option<Timestamp>,
    was_ready: bool,
}

impl Health {
    /// Of a node that is seen for the first time: now it is well.
    pub(super) fn new(node: &Node, now: Timestamp) -> Health {
        Health { heard: now, lease: None, heartbeat: None, was_ready: is_ready(node) }
    }

    /// Takes in what the node said.
    pub(super) fn observe(&mut self, node: &Node, lease: Option<Timestamp>, now: Timestamp) {
        let heartbeat = ready(node).and_then(|ready| ready.last_heartbeat_time.as_ref()).map(|time| time.0);
        if lease != self.lease || heartbeat != self.heartbeat {
            self.heard = now;
        }
        (self.lease, self.heartbeat) = (lease, heartbeat);
    }

    /// Whether the node was not heard of for too long.
    pub(super) fn is_silent(&self, node: &Node, now: Timestamp) -> bool {
        let grace = if ready(node).is_some() { GRACE_PERIOD } else { STARTUP_GRACE_PERIOD };
        self.heard.checked_add(grace).is_ok_and(|due| due < now)
    }

    /// Whether the node was ready at the last look and is not now.
    pub(super) fn leaves_ready(&mut self, node: &Node) -> bool {
        let before = std::mem::replace(&mut self.was_ready, is_ready(node));
        before && !self.was_ready
    }
}

pub(super) fn condition<'a>(node: &'a Node, type_: &str) -> Option<&'a NodeCondition> {
    let conditions = node.status.as_ref()?.conditions.as_ref()?;
    conditions.iter().find(|condition| condition.type_ == type_)
}

fn ready(node: &Node) -> Option<&NodeCondition> {
    condition(node, "Ready")
}

/// Whether the node says that it is ready.
pub(super) fn is_ready(node: &Node) -> bool {
    ready(node).is_some_and(|ready| ready.status == "True")
}

/// The node with conditions of which nobody knows; `None` where it has them already.
pub(super) fn unknown(node: &Node, now: Timestamp) -> Option<Node> {
    let now = Time(Timestamp::from_second(now.as_second()).unwrap_or(now));
    let mut changed = node.clone();
    let conditions = changed.status.get_or_insert_default().conditions.get_or_insert_default();
    for type_ in CONDITIONS {
        match conditions.iter_mut().find(|condition| condition.type_ == type_) {
            None => conditions.push(NodeCondition {
                type_: type_.to_owned(),
                status: "Unknown".to_owned(),
                reason: Some("NodeStatusNeverUpdated".to_owned()),
                message: Some("Kubelet never posted node status.".to_owned()),
                last_heartbeat_time: node.metadata.creation_timestamp.clone(),
                last_transition_time: Some(now.clone()),
            }),
            Some(condition) if condition.status != "Unknown" => {
                condition.status = "Unknown".to_owned();
                condition.reason = Some("NodeStatusUnknown".to_owned());
                condition.message = Some("Kubelet stopped posting node status.".to_owned());
                condition.last_transition_time = Some(now.clone());
            }
            Some(_) => {}
        }
    }
    (changed.status != node.status).then_some(changed)
}
