//! Hints: for whom an endpoint is meant where the Service prefers what is near.
//!
//! Follows `staging/src/k8s.io/endpointslice/trafficdist/trafficdist.go` of kubernetes/kubernetes.

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointHints, EndpointSlice, ForNode, ForZone};

use super::slice;

/// What a Service wishes of its traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Distribution {
    /// Nothing: no endpoint bears hints.
    Anywhere,
    /// To stay in the zone: `PreferClose`, `PreferSameZone`.
    Zone,
    /// To stay on the node, or at least in the zone: `PreferSameNode`.
    Node,
}

impl Distribution {
    /// The Service's wish.
    pub(super) fn of(service: &Service) -> Distribution {
        let wish = service.spec.as_ref().and_then(|spec| spec.traffic_distribution.as_deref());
        match wish {
            Some("PreferClose" | "PreferSameZone") => Distribution::Zone,
            Some("PreferSameNode") => Distribution::Node,
            _ => Distribution::Anywhere,
        }
    }

    /// Whether the slice bears other hints than it should.
    pub(super) fn is_missed_by(self, slice: &EndpointSlice) -> bool {
        slice::endpoints(slice).iter().any(|endpoint| self.hints(endpoint) != endpoint.hints)
    }

    /// Gives the slice's endpoints their hints.
    pub(super) fn apply(self, slice: &mut EndpointSlice) {
        for endpoint in slice.endpoints.iter_mut().flatten() {
            endpoint.hints = self.hints(endpoint);
        }
    }

    /// The endpoint's hints; one that is not ready keeps what it has while there is a wish.
    fn hints(self, endpoint: &Endpoint) -> Option<EndpointHints> {
        if self == Distribution::Anywhere {
            return None;
        }
        let ready = endpoint.conditions.as_ref().is_some_and(|conditions| conditions.ready == Some(true));
        if !ready {
            return endpoint.hints.clone();
        }
        let zone = endpoint.zone.clone().map(|name| vec![ForZone { name }]);
        let node = endpoint.node_name.clone().filter(|_| self == Distribution::Node);
        let node = node.map(|name| vec![ForNode { name }]);
        (zone.is_some() || node.is_some()).then_some(EndpointHints { for_nodes: node, for_zones: zone })
    }
}
