//! A node as the picture shows it.

use k8s_openapi::api::core::v1::{Node, NodeCondition, Pod};
use serde::Serialize;

use super::graph::Item;
use crate::scheduler::resources::{CPU, MEMORY, PODS, Resources, pod_requests};
use crate::scheduler::snapshot::is_terminated;

const CONTROL_PLANE_LABEL: &str = "node-role.kubernetes.io/control-plane";

/// How much of a resource is asked for, and how much there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    /// The sum of what the node's pods ask for.
    pub requested: i64,
    /// What the node has for pods.
    pub allocatable: i64,
}

impl Usage {
    /// The part that is asked for, from 0 to 1 and beyond; 0 where there is nothing.
    pub fn fraction(self) -> f64 {
        if self.allocatable == 0 { 0.0 } else { self.requested as f64 / self.allocatable as f64 }
    }
}

/// A condition of a node that is worth a word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConditionView {
    /// `Ready`, `MemoryPressure`, …
    pub type_: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// Why, in one word.
    pub reason: String,
    /// Why, in a sentence.
    pub message: String,
}

/// A node with its pods.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeBox {
    /// The node's name.
    pub name: String,
    /// Whether it runs the control plane.
    pub control_plane: bool,
    /// Whether its condition `Ready` is true.
    pub ready: bool,
    /// Whether it takes no new pods (`kubectl cordon`).
    pub cordoned: bool,
    /// CPU, in thousandths of a core.
    pub cpu: Usage,
    /// Memory, in bytes.
    pub memory: Usage,
    /// Pods.
    pub pods: Usage,
    /// All its conditions, in the node's order.
    pub conditions: Vec<ConditionView>,
    /// Its pods and stacks, each at its slot; freed slots are `None` until they are taken again.
    pub slots: Vec<Option<Item>>,
}

impl NodeBox {
    /// The box of a node on which these pods run.
    pub(super) fn new(node: &Node, pods: &[&Pod], slots: Vec<Option<Item>>) -> NodeBox {
        let status = node.status.as_ref();
        let allocatable = Resources::of(status.and_then(|status| status.allocatable.as_ref()));
        let active: Vec<&&Pod> = pods.iter().filter(|pod| !is_terminated(pod)).collect();
        let mut requested = Resources::default();
        active.iter().for_each(|pod| requested.add(&pod_requests(pod)));
        let usage = |name| Usage { requested: requested.get(name), allocatable: allocatable.get(name) };
        let conditions = status.and_then(|status| status.conditions.as_deref()).unwrap_or_default();
        NodeBox {
            name: node.metadata.name.clone().unwrap_or_default(),
            control_plane: is_control_plane(node),
            ready: conditions.iter().any(|each| each.type_ == "Ready" && each.status == "True"),
            cordoned: node.spec.as_ref().and_then(|spec| spec.unschedulable).unwrap_or(false),
            cpu: usage(CPU),
            memory: usage(MEMORY),
            pods: Usage { requested: active.len() as i64, allocatable: allocatable.get(PODS) },
            conditions: conditions.iter().map(ConditionView::of).collect(),
            slots,
        }
    }
}

impl ConditionView {
    fn of(condition: &NodeCondition) -> ConditionView {
        ConditionView {
            type_: condition.type_.clone(),
            status: condition.status.clone(),
            reason: condition.reason.clone().unwrap_or_default(),
            message: condition.message.clone().unwrap_or_default(),
        }
    }
}

fn is_control_plane(node: &Node) -> bool {
    node.metadata.labels.as_ref().is_some_and(|labels| labels.contains_key(CONTROL_PLANE_LABEL))
}

/// Where a node stands: the control plane first, then by name with numbers read as numbers.
pub(super) fn rank(node: &Node) -> (bool, String, u64, String) {
    let name = node.metadata.name.clone().unwrap_or_default();
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit()).to_owned();
    let number = name[stem.len()..].parse().unwrap_or(0);
    (!is_control_plane(node), stem, number, name)
}
