//! A pod as the endpoint of a Service, and what makes two endpoints the same.
//!
//! Follows `podToEndpoint` and `getEndpointPorts` of `staging/src/k8s.io/endpointslice/utils.go` and
//! `staging/src/k8s.io/endpointslice/util/endpointset.go` of kubernetes/kubernetes.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ObjectReference, Pod, Service};
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointConditions, EndpointPort};

use crate::controllers::pod_endpoint;

/// What identifies an endpoint: addresses, hostname, and the pod's namespace and name.
pub(in super::super) type EndpointId = (Vec<String>, Option<String>, Option<String>, Option<String>);

/// Endpoints, each once.
pub(in super::super) type EndpointSet = BTreeMap<EndpointId, Endpoint>;

/// What slices are grouped by: the ports, in an order of their own.
pub(in super::super) type PortKey = Vec<(Option<String>, Option<i32>, Option<String>, Option<String>)>;

/// The zones of the nodes, by name.
pub(super) type Zones = BTreeMap<String, Option<String>>;

/// The identity of an endpoint.
pub(in super::super) fn id(endpoint: &Endpoint) -> EndpointId {
    let mut addresses = endpoint.addresses.clone();
    addresses.sort();
    let target = endpoint.target_ref.as_ref();
    let namespace = target.and_then(|target| target.namespace.clone());
    (addresses, endpoint.hostname.clone(), namespace, target.and_then(|target| target.name.clone()))
}

/// Whether two endpoints of one identity say the same, hints and revisions aside.
pub(in super::super) fn same(one: &Endpoint, other: &Endpoint) -> bool {
    let target = |endpoint: &Endpoint| {
        let target = endpoint.target_ref.clone();
        target.map(|target| ObjectReference { resource_version: None, ..target })
    };
    one.node_name == other.node_name
        && one.zone == other.zone
        && one.conditions == other.conditions
        && target(one) == target(other)
}

/// The group that ports belong to.
pub(in super::super) fn port_key(ports: &[EndpointPort]) -> PortKey {
    let parts = |port: &EndpointPort| {
        (port.name.clone(), port.port, port.protocol.clone(), port.app_protocol.clone())
    };
    let mut key: PortKey = ports.iter().map(parts).collect();
    key.sort();
    key
}

/// The ports that the Service has in this pod.
pub(super) fn ports(service: &Service, pod: &Pod) -> Vec<EndpointPort> {
    let ports = service.spec.iter().flat_map(|spec| spec.ports.iter().flatten());
    let found = ports.filter_map(|port| {
        Some(EndpointPort {
            name: Some(port.name.clone().unwrap_or_default()),
            port: Some(pod_endpoint::port_number(pod, port)?),
            protocol: port.protocol.clone(),
            app_protocol: port.app_protocol.clone(),
        })
    });
    found.collect()
}

/// The pod's endpoint; `None` where the pod has no address of that type.
pub(super) fn endpoint(service: &Service, pod: &Pod, zones: &Zones, address_type: &str) -> Option<Endpoint> {
    let wanted =
        pod_endpoint::addresses(pod).into_iter().filter(|ip| ip.is_ipv6() == (address_type == "IPv6"));
    let addresses: Vec<String> = wanted.map(|ip| ip.to_string()).collect();
    if addresses.is_empty() {
        return None;
    }
    let node_name = pod_endpoint::node_name(pod).map(str::to_owned);
    let zone = node_name.as_ref().and_then(|node| zones.get(node)?.clone());
    Some(Endpoint {
        addresses,
        conditions: Some(conditions(service, pod)),
        hostname: pod_endpoint::hostname(pod, service),
        node_name,
        target_ref: Some(pod_endpoint::target_ref(pod)),
        zone,
        ..Endpoint::default()
    })
}

/// A pod that ends is not ready, whatever it says, unless the Service publishes such pods.
fn conditions(service: &Service, pod: &Pod) -> EndpointConditions {
    let serving = pod_endpoint::is_ready(pod);
    let terminating = pod.metadata.deletion_timestamp.is_some();
    EndpointConditions {
        ready: Some(pod_endpoint::publishes_not_ready(service) || (serving && !terminating)),
        serving: Some(serving),
        terminating: Some(terminating),
    }
}
