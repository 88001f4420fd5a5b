//! Which endpoints of a Service's port a node may use: ready ones, those that are near where that is asked
//! for, and those that are ending where there are no others.
//!
//! Follows `CategorizeEndpoints` in `pkg/proxy/topology.go` of kubernetes/kubernetes.

use super::endpoint::Endpoint;
use super::service_port::ServicePort;

/// The endpoints that a node may use of one Service's port.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usable {
    /// For connections that may go to any node, in the order of their addresses.
    pub cluster: Vec<Endpoint>,
    /// For connections that stay on this node, in the order of their addresses.
    pub local: Vec<Endpoint>,
    /// Whether any node of the cluster has one.
    pub anywhere: bool,
}

/// What connections prefer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Preference {
    None,
    SameNode,
    SameZone,
}

/// Sorts endpoints out for a node that lies in `zone`, which is empty where that is not known.
pub(super) fn usable(port: &ServicePort, endpoints: &[Endpoint], node: &str, zone: &str) -> Usable {
    let mut usable = Usable::default();
    if port.uses_cluster_endpoints() {
        let preference = preference(endpoints, node, zone);
        usable.cluster =
            select(endpoints, |endpoint| endpoint.ready && is_preferred(endpoint, preference, node, zone));
        if usable.cluster.is_empty() {
            usable.cluster = select(endpoints, is_ending);
        }
        usable.anywhere = !usable.cluster.is_empty();
    }
    if port.uses_local_endpoints() {
        usable.anywhere |= endpoints.iter().any(|endpoint| endpoint.ready || is_ending(endpoint));
        usable.local = select(endpoints, |endpoint| endpoint.local && endpoint.ready);
        if usable.local.is_empty() {
            usable.local = select(endpoints, |endpoint| endpoint.local && is_ending(endpoint));
        }
    }
    usable
}

fn select(endpoints: &[Endpoint], wanted: impl Fn(&Endpoint) -> bool) -> Vec<Endpoint> {
    endpoints.iter().filter(|endpoint| wanted(endpoint)).cloned().collect()
}

/// Whether it ends and still answers.
fn is_ending(endpoint: &Endpoint) -> bool {
    endpoint.serving && endpoint.terminating
}

/// Hints count where every ready endpoint has them and one is meant for here.
fn preference(endpoints: &[Endpoint], node: &str, zone: &str) -> Preference {
    let ready = || endpoints.iter().filter(|endpoint| endpoint.ready);
    if ready().all(|endpoint| !endpoint.node_hints.is_empty())
        && ready().any(|endpoint| endpoint.node_hints.contains(node))
    {
        return Preference::SameNode;
    }
    if ready().all(|endpoint| !endpoint.zone_hints.is_empty())
        && ready().any(|endpoint| endpoint.zone_hints.contains(zone))
    {
        return Preference::SameZone;
    }
    Preference::None
}

fn is_preferred(endpoint: &Endpoint, preference: Preference, node: &str, zone: &str) -> bool {
    match preference {
        Preference::None => true,
        Preference::SameNode => endpoint.node_hints.contains(node),
        Preference::SameZone => endpoint.zone_hints.contains(zone),
    }
}
