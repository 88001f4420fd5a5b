//! `NodePorts`: a port of a node is taken once.
//!
//! Follows upstream's `pkg/scheduler/framework/plugins/nodeports/node_ports.go`.

use k8s_openapi::api::core::v1::Pod;

use crate::scheduler::decision::{Detail, Rejection};
use crate::scheduler::framework::{Cycle, Plugin, PreFilter};
use crate::scheduler::hints::ClusterEvent;
use crate::scheduler::host_ports::host_ports;
use crate::scheduler::snapshot::{NodeInfo, PodInfo};

/// Compares the host ports that the pod asks for with those in use.
pub(crate) struct NodePorts;

fn frees_wanted_port(pod: &Pod, gone: &PodInfo) -> bool {
    let wanted = host_ports(pod);
    gone.host_ports.iter().any(|freed| wanted.iter().any(|port| port.conflicts_with(freed)))
}

impl Plugin for NodePorts {
    fn name(&self) -> &'static str {
        "NodePorts"
    }

    fn pre_filter(&self, cycle: &Cycle) -> PreFilter {
        if host_ports(cycle.pod).is_empty() { PreFilter::Skip } else { PreFilter::EveryNode }
    }

    fn filter(&self, cycle: &Cycle, node: &NodeInfo) -> Vec<Rejection> {
        let mut details = Vec::new();
        for wanted in host_ports(cycle.pod) {
            if let Some(taken) = node.used_ports.conflict(&wanted).cloned() {
                details.push(Detail::HostPort { wanted, taken });
            }
        }
        if details.is_empty() {
            return Vec::new();
        }
        vec![Rejection::resolvable("node(s) didn't have free ports for the requested pod ports", details)]
    }

    fn helps(&self, pod: &Pod, event: &ClusterEvent) -> bool {
        match event {
            ClusterEvent::AssignedPodDeleted(gone) => frees_wanted_port(pod, gone),
            ClusterEvent::Node { old, .. } => old.is_none(),
            _ => false,
        }
    }
}
