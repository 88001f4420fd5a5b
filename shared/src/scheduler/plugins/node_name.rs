//! `NodeName`: a pod that names its node goes nowhere else.
//!
//! Follows upstream's `pkg/scheduler/framework/plugins/nodename/node_name.go`.

use k8s_openapi::api::core::v1::Pod;

use crate::scheduler::decision::{Detail, Rejection};
use crate::scheduler::framework::{Cycle, Plugin, PreFilter};
use crate::scheduler::hints::ClusterEvent;
use crate::scheduler::snapshot::{NodeInfo, assigned_node};

/// Compares `spec.nodeName` with the node's name.
pub(crate) struct NodeName;

impl Plugin for NodeName {
    fn name(&self) -> &'static str {
        "NodeName"
    }

    fn pre_filter(&self, cycle: &Cycle) -> PreFilter {
        if assigned_node(cycle.pod).is_some() { PreFilter::EveryNode } else { PreFilter::Skip }
    }

    fn filter(&self, cycle: &Cycle, node: &NodeInfo) -> Vec<Rejection> {
        let Some(wanted) = assigned_node(cycle.pod).filter(|wanted| *wanted != node.name()) else {
            return Vec::new();
        };
        let details = vec![Detail::NodeName { wanted: wanted.to_owned() }];
        vec![Rejection::unresolvable("node(s) didn't match the requested node name", details)]
    }

    fn helps(&self, pod: &Pod, event: &ClusterEvent) -> bool {
        event.node_becomes(|node| node.metadata.name.as_deref() == assigned_node(pod))
    }
}
