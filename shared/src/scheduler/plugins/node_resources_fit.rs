//! `NodeResourcesFit`: a node takes what it has room for, the emptier the better.
//!
//! Follows upstream's `pkg/scheduler/framework/plugins/noderesources/fit.go`,
//! `least_allocated.go` and `resource_allocation.go`.

use k8s_openapi::api::core::v1::{Node, Pod};

use crate::scheduler::decision::{Detail, Rejection};
use crate::scheduler::framework::{Cycle, MAX_NODE_SCORE, Plugin, PreFilter};
use crate::scheduler::hints::ClusterEvent;
use crate::scheduler::resources::{CPU, MEMORY, PODS, Resources, format_amount, pod_requests};
use crate::scheduler::snapshot::NodeInfo;

/// Refuses nodes with too little left of any resource, or with too many pods; scores by what is
/// left of CPU and memory (`LeastAllocated`).
pub(crate) struct NodeResourcesFit;

/// Where `requested` does not fit into what is left of the node.
fn insufficient(requested: &Resources, node: &NodeInfo) -> Vec<Rejection> {
    let mut rejections = Vec::new();
    let pods = node.pods().len() as i64;
    if pods + 1 > node.allowed_pods() {
        rejections
            .push(Rejection::resolvable("Too many pods", vec![detail(PODS, 1, pods, node.allowed_pods())]));
    }
    for (name, amount) in requested.iter().filter(|(_, amount)| *amount > 0) {
        let (used, allocatable) = (node.requested.get(name), node.allocatable.get(name));
        if amount.saturating_add(used) > allocatable {
            let details = vec![detail(name, amount, used, allocatable)];
            let reason = format!("Insufficient {name}");
            rejections.push(Rejection { reason, resolvable: amount <= allocatable, details });
        }
    }
    rejections
}

fn detail(resource: &str, requested: i64, used: i64, allocatable: i64) -> Detail {
    let text = |amount| format_amount(resource, amount);
    Detail::Resource {
        resource: resource.to_owned(),
        requested: text(requested),
        free: text(allocatable - used),
        used: text(used),
        allocatable: text(allocatable),
    }
}

/// What is left of one resource, of [`MAX_NODE_SCORE`].
fn least_requested(requested: i64, capacity: i64) -> i64 {
    if capacity == 0 || requested > capacity { 0 } else { (capacity - requested) * MAX_NODE_SCORE / capacity }
}

fn fits_empty(node: &Node, requests: &Resources) -> bool {
    NodeInfo::empty(node).is_some_and(|empty| insufficient(requests, &empty).is_empty())
}

/// Whether the node now has more of anything that the pod asks for, or takes more pods.
fn grew(requests: &Resources, old: &Node, new: &Node) -> bool {
    let allocatable =
        |node: &Node| Resources::of(node.status.as_ref().and_then(|status| status.allocatable.as_ref()));
    let (old, new) = (allocatable(old), allocatable(new));
    let asked = requests.iter().filter(|(_, amount)| *amount > 0).map(|(name, _)| name);
    asked.chain([PODS]).any(|name| new.get(name) > old.get(name))
}

fn shrank(old: &Pod, new: &Pod) -> bool {
    let new = pod_requests(new);
    pod_requests(old).iter().any(|(name, amount)| new.get(name) < amount)
}

impl Plugin for NodeResourcesFit {
    fn name(&self) -> &'static str {
        "NodeResourcesFit"
    }

    fn pre_filter(&self, _cycle: &Cycle) -> PreFilter {
        PreFilter::EveryNode
    }

    fn filter(&self, cycle: &Cycle, node: &NodeInfo) -> Vec<Rejection> {
        insufficient(&cycle.requests, node)
    }

    fn pre_score(&self, _cycle: &Cycle, _nodes: &[&NodeInfo]) -> bool {
        true
    }

    /// The mean of what is left of CPU and of memory, of 100, with the pod on the node.
    fn score(&self, cycle: &Cycle, node: &NodeInfo) -> i64 {
        let weighed = [CPU, MEMORY].map(|name| (name, node.allocatable.get(name)));
        let counted: Vec<i64> = weighed
            .into_iter()
            .filter(|(_, allocatable)| *allocatable != 0)
            .map(|(name, allocatable)| {
                least_requested(
                    node.non_zero_requested.get(name) + cycle.non_zero_requests.get(name),
                    allocatable,
                )
            })
            .collect();
        counted.iter().sum::<i64>().checked_div(counted.len() as i64).unwrap_or(0)
    }

    fn helps(&self, pod: &Pod, event: &ClusterEvent) -> bool {
        match event {
            ClusterEvent::AssignedPodDeleted(_) => true,
            ClusterEvent::TargetPod { old, new } => shrank(old, new),
            ClusterEvent::Node { old, new } => {
                let requests = pod_requests(pod);
                fits_empty(new, &requests) && old.is_none_or(|old| grew(&requests, old, new))
            }
            ClusterEvent::Claim { .. } | ClusterEvent::Volume => false,
        }
    }
}
