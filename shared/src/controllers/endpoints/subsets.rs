//! The subsets of a Service's Endpoints: addresses with the same ports together, each as ready or not.
//!
//! Follows `pkg/controller/endpoint/endpoints_controller.go` and `pkg/api/v1/endpoints/util.go`
//! (`RepackSubsets`) of kubernetes/kubernetes. Subsets are ordered by what they say, and not by its
//! hash.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    EndpointAddress, EndpointPort, EndpointSubset, Endpoints, ObjectReference, Pod, Service,
};

use crate::controllers::pod_endpoint;

/// How many addresses Endpoints have at most.
const MAX_CAPACITY: usize = 1000;

/// What identifies an address: itself, and the uid of its pod.
type AddressId = (String, Option<String>);
/// A port's name, number, protocol and application protocol; `None` where the Service has no port.
type Port = Option<(Option<String>, i32, Option<String>, Option<String>)>;

/// The addresses behind a port, and whether they are ready.
type Behind = BTreeMap<AddressId, bool>;

/// The subsets that a Service's pods make.
pub(super) fn subsets(service: &Service, pods: &[&Pod]) -> Vec<EndpointSubset> {
    let mut addresses: BTreeMap<AddressId, EndpointAddress> = BTreeMap::new();
    let mut by_port: BTreeMap<Port, Behind> = BTreeMap::new();
    let tolerant = pod_endpoint::publishes_not_ready(service);
    for pod in pods.iter().filter(|pod| pod_endpoint::belongs(pod, tolerant)) {
        let Some(address) = address(service, pod) else { continue };
        let id = (address.ip.clone(), pod.metadata.uid.clone());
        let ready = tolerant || pod_endpoint::is_ready(pod);
        for port in ports(service, pod) {
            let behind = by_port.entry(port).or_default();
            // Not ready weighs more than ready.
            behind.entry(id.clone()).and_modify(|known| *known &= ready).or_insert(ready);
        }
        addresses.entry(id).or_insert(address);
    }
    let mut groups: BTreeMap<Behind, Vec<Port>> = BTreeMap::new();
    for (port, behind) in by_port {
        groups.entry(behind).or_default().push(port);
    }
    let mut groups: Vec<_> = groups.into_iter().map(|(behind, ports)| (ports, behind)).collect();
    groups.sort();
    groups.into_iter().map(|(ports, behind)| subset(ports, behind, &addresses)).collect()
}

fn subset(
    ports: Vec<Port>,
    behind: Behind,
    addresses: &BTreeMap<AddressId, EndpointAddress>,
) -> EndpointSubset {
    let port = |(name, port, protocol, app_protocol)| EndpointPort { name, port, protocol, app_protocol };
    let ports: Vec<_> = ports.into_iter().flatten().map(port).collect();
    let of = |ready: bool| {
        let ids = behind.iter().filter(|(_, is)| **is == ready);
        ids.filter_map(|(id, _)| addresses.get(id).cloned()).collect::<Vec<_>>()
    };
    EndpointSubset {
        addresses: Some(of(true)).filter(|list| !list.is_empty()),
        not_ready_addresses: Some(of(false)).filter(|list| !list.is_empty()),
        ports: Some(ports).filter(|list| !list.is_empty()),
    }
}

/// The ports that the Service has in the pod; a headless one without ports has the pod all the same.
fn ports(service: &Service, pod: &Pod) -> Vec<Port> {
    let Some(spec) = &service.spec else { return Vec::new() };
    let ports = spec.ports.as_deref().unwrap_or_default();
    if ports.is_empty() {
        return if pod_endpoint::has_cluster_ip(spec) { Vec::new() } else { vec![None] };
    }
    let found = ports.iter().filter_map(|port| {
        let number = pod_endpoint::port_number(pod, port)?;
        let name = port.name.clone().filter(|name| !name.is_empty());
        Some(Some((name, number, port.protocol.clone(), port.app_protocol.clone())))
    });
    found.collect()
}

/// The pod's address of the Service's first family (`podToEndpointAddressForService`).
fn address(service: &Service, pod: &Pod) -> Option<EndpointAddress> {
    let spec = service.spec.as_ref()?;
    let is_v6 = match spec.ip_families.as_deref().unwrap_or_default() {
        [first, ..] => first == "IPv6",
        [] => spec.cluster_ip.as_deref().is_some_and(|ip| ip.contains(':')),
    };
    let ip = pod_endpoint::addresses(pod).into_iter().find(|ip| ip.is_ipv6() == is_v6)?;
    Some(EndpointAddress {
        ip: ip.to_string(),
        hostname: pod_endpoint::hostname(pod, service),
        node_name: pod_endpoint::node_name(pod).map(str::to_owned),
        target_ref: Some(pod_endpoint::target_ref(pod)),
    })
}

/// Whether two lists of subsets say the same, revisions of the pods aside.
pub(super) fn same(one: &[EndpointSubset], other: &[EndpointSubset]) -> bool {
    let plain = |subsets: &[EndpointSubset]| {
        let mut subsets = subsets.to_vec();
        for subset in &mut subsets {
            let lists = [&mut subset.addresses, &mut subset.not_ready_addresses];
            for address in lists.into_iter().flat_map(|list| list.iter_mut().flatten()) {
                let target = address.target_ref.take();
                address.target_ref =
                    target.map(|target| ObjectReference { resource_version: None, ..target });
            }
        }
        subsets
    };
    plain(one) == plain(other)
}

fn count(list: &Option<Vec<EndpointAddress>>) -> usize {
    list.as_ref().map_or(0, Vec::len)
}

/// Cuts what is too much: addresses that are not ready first, from every subset in proportion. Whether
/// something was (`truncateEndpoints`).
pub(super) fn truncate(endpoints: &mut Endpoints) -> bool {
    let subsets = endpoints.subsets.get_or_insert_default();
    let ready: usize = subsets.iter().map(|subset| count(&subset.addresses)).sum();
    let not_ready: usize = subsets.iter().map(|subset| count(&subset.not_ready_addresses)).sum();
    if ready + not_ready <= MAX_CAPACITY {
        return false;
    }
    let cuts_ready = ready > MAX_CAPACITY;
    let (room, total) = if cuts_ready { (MAX_CAPACITY, ready) } else { (MAX_CAPACITY - ready, not_ready) };
    let mut left = room;
    for subset in subsets {
        if cuts_ready {
            subset.not_ready_addresses = None;
        }
        let list = if cuts_ready { &mut subset.addresses } else { &mut subset.not_ready_addresses };
        let share = (count(list) * room).div_ceil(total).min(left);
        if let Some(list) = list {
            list.truncate(share);
        }
        left -= count(list);
        if list.as_ref().is_some_and(Vec::is_empty) {
            *list = None;
        }
    }
    true
}
