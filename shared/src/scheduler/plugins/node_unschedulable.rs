//! `NodeUnschedulable`: nothing new on a cordoned node.
//!
//! Follows upstream's `pkg/scheduler/framework/plugins/nodeunschedulable/node_unschedulable.go`.

use k8s_openapi::api::core::v1::{Node, Pod, Taint};

use super::toleration::{tolerated, tolerations};
use crate::scheduler::decision::{Detail, Rejection};
use crate::scheduler::framework::{Cycle, Plugin, PreFilter};
use crate::scheduler::hints::ClusterEvent;
use crate::scheduler::snapshot::NodeInfo;

/// Looks at the node's `spec.unschedulable`; a pod that tolerates the taint of that name passes.
pub(crate) struct NodeUnschedulable;

fn tolerates_unschedulable(pod: &Pod) -> bool {
    let taint = Taint {
        key: "node.kubernetes.io/unschedulable".to_owned(),
        effect: "NoSchedule".to_owned(),
        ..Taint::default()
    };
    tolerated(tolerations(pod), &taint)
}

fn is_unschedulable(node: &Node) -> bool {
    node.spec.as_ref().and_then(|spec| spec.unschedulable).unwrap_or(false)
}

impl Plugin for NodeUnschedulable {
    fn name(&self) -> &'static str {
        "NodeUnschedulable"
    }

    fn pre_filter(&self, _cycle: &Cycle) -> PreFilter {
        PreFilter::EveryNode
    }

    fn filter(&self, cycle: &Cycle, node: &NodeInfo) -> Vec<Rejection> {
        if !is_unschedulable(node.node()) || tolerates_unschedulable(cycle.pod) {
            return Vec::new();
        }
        vec![Rejection::unresolvable("node(s) were unschedulable", vec![Detail::Unschedulable])]
    }

    fn helps(&self, _pod: &Pod, event: &ClusterEvent) -> bool {
        match event {
            ClusterEvent::TargetPod { old, new } => {
                !tolerates_unschedulable(old) && tolerates_unschedulable(new)
            }
            _ => event.node_becomes(|node| !is_unschedulable(node)),
        }
    }
}
