//! What happens in the cluster that may help a pod which found no node.
//!
//! Follows the queueing hints of upstream's plugins (`EventsToRegister`,
//! `isSchedulableAfter…`) and `pkg/scheduler/framework/events.go`.

use k8s_openapi::api::core::v1::{Node, Pod};

use super::snapshot::PodInfo;

/// A change of the cluster.
pub enum ClusterEvent<'a> {
    /// A node appeared (`old` is `None`) or changed.
    Node {
        /// The node before.
        old: Option<&'a Node>,
        /// The node now.
        new: &'a Node,
    },
    /// A pod that had a node went, ended, or gave back what it was assumed to take.
    AssignedPodDeleted(&'a PodInfo),
    /// A claim appeared or changed.
    Claim {
        /// Its namespace.
        namespace: &'a str,
        /// Its name.
        name: &'a str,
    },
    /// A volume or a class of volumes appeared or changed.
    Volume,
    /// The waiting pod itself changed.
    TargetPod {
        /// The pod before.
        old: &'a Pod,
        /// The pod now.
        new: &'a Pod,
    },
}

impl ClusterEvent<'_> {
    /// Whether `fits` became true by this event, for plugins that look at nodes alone.
    pub fn node_becomes(&self, fits: impl Fn(&Node) -> bool) -> bool {
        match self {
            ClusterEvent::Node { old, new } => fits(new) && !old.is_some_and(&fits),
            _ => false,
        }
    }
}
