//! An endpoint of a Service's port, as kube-proxy sees it.
//!
//! Follows `pkg/proxy/endpoint.go` and `pkg/proxy/endpointslicecache.go` of kubernetes/kubernetes.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddrV4};

use k8s_openapi::api::discovery::v1::{Endpoint as SliceEndpoint, EndpointSlice};

use super::service_port::{Protocol, ServicePortName, number};

/// The label that says whose slice it is.
const SERVICE_NAME_LABEL: &str = "kubernetes.io/service-name";
/// Slices with one of these labels are none of kube-proxy's business.
const OTHERS: [&str; 2] = ["service.kubernetes.io/headless", "service.kubernetes.io/service-proxy-name"];

/// An endpoint of a Service's port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Where it listens.
    pub address: SocketAddrV4,
    /// Whether it is to get connections.
    pub ready: bool,
    /// Whether it could answer connections, though it may be ending.
    pub serving: bool,
    /// Whether it is ending.
    pub terminating: bool,
    /// Whether it is on this node.
    pub local: bool,
    /// Nodes whose connections are meant for it.
    pub node_hints: BTreeSet<String>,
    /// Zones whose connections are meant for it.
    pub zone_hints: BTreeSet<String>,
}

/// Namespace and name of the Service that a slice belongs to, where kube-proxy acts on it.
pub(super) fn owner(slice: &EndpointSlice) -> Option<(String, String)> {
    let labels = slice.metadata.labels.as_ref()?;
    if slice.address_type != "IPv4" || OTHERS.iter().any(|label| labels.contains_key(*label)) {
        return None;
    }
    let service = labels.get(SERVICE_NAME_LABEL).filter(|name| !name.is_empty())?;
    Some((slice.metadata.namespace.clone().unwrap_or_default(), service.clone()))
}

/// The endpoints of a Service by port, from all of its slices, in the order of their addresses. Where one
/// stands in several slices, as it may while it moves, the ready one counts.
pub(super) fn endpoints<'a>(
    owner: &(String, String),
    slices: impl Iterator<Item = &'a EndpointSlice>,
    node: &str,
) -> BTreeMap<(ServicePortName, Protocol), Vec<Endpoint>> {
    let mut found: BTreeMap<_, BTreeMap<String, Endpoint>> = BTreeMap::new();
    for slice in slices {
        for port in slice.ports.iter().flatten() {
            let protocol = Protocol::from_name(port.protocol.as_deref().unwrap_or_default());
            let (Some(number), Some(protocol)) = (number(port.port), protocol) else { continue };
            let name = ServicePortName {
                namespace: owner.0.clone(),
                service: owner.1.clone(),
                port: port.name.clone().unwrap_or_default(),
            };
            let places = found.entry((name, protocol)).or_default();
            for endpoint in
                slice.endpoints.iter().flatten().filter_map(|endpoint| read(endpoint, number, node))
            {
                let place = places.entry(endpoint.address.to_string()).or_insert_with(|| endpoint.clone());
                if endpoint.ready && !place.ready {
                    *place = endpoint;
                }
            }
        }
    }
    found.into_iter().map(|(name, places)| (name, places.into_values().collect())).collect()
}

fn read(endpoint: &SliceEndpoint, port: u16, node: &str) -> Option<Endpoint> {
    // Upstream forwards to the first address alone: all of them are the same endpoint's.
    let ip: Ipv4Addr = endpoint.addresses.first()?.parse().ok()?;
    let conditions = endpoint.conditions.clone().unwrap_or_default();
    let ready = conditions.ready.unwrap_or(true);
    let hints = endpoint.hints.as_ref();
    let nodes = hints.and_then(|hints| hints.for_nodes.as_ref()).into_iter().flatten();
    let zones = hints.and_then(|hints| hints.for_zones.as_ref()).into_iter().flatten();
    Some(Endpoint {
        address: SocketAddrV4::new(ip, port),
        ready,
        serving: conditions.serving.unwrap_or(ready),
        terminating: conditions.terminating.unwrap_or(false),
        local: endpoint.node_name.as_deref() == Some(node),
        node_hints: nodes.map(|node| node.name.clone()).collect(),
        zone_hints: zones.map(|zone| zone.name.clone()).collect(),
    })
}
