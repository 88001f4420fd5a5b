//! Endpoints as EndpointSlices: for every set of ports of a subset one slice of each type of addresses.
//!
//! Follows `pkg/controller/endpointslicemirroring/{reconciler,reconciler_helpers,utils}.go` of
//! kubernetes/kubernetes.

use std::collections::BTreeMap;
use std::net::IpAddr;

use k8s_openapi::api::core::v1::{EndpointAddress, EndpointSubset, Endpoints};
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointConditions, EndpointPort, EndpointSlice};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::controllers::endpoint_slice::endpoint::{self, EndpointSet, PortKey};
use crate::controllers::endpoint_slice::slice::{self, MANAGED_BY, SERVICE_NAME};
use crate::controllers::pod_endpoint::{LAST_CHANGE_TRIGGER_TIME, controller_ref, name_prefix};

use super::CONTROLLER;

/// How many addresses of a subset are mirrored (`--mirroring-max-endpoints-per-subset`).
pub(super) const MAX_ENDPOINTS_PER_SUBSET: usize = 1000;

const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// What is to be written.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) create: Vec<EndpointSlice>,
    pub(super) update: Vec<EndpointSlice>,
    pub(super) delete: Vec<EndpointSlice>,
    /// How many addresses were too many.
    pub(super) skipped: usize,
}

/// Type of addresses and ports.
type GroupKey = (&'static str, PortKey);

#[derive(Default)]
struct Group {
    ports: Vec<EndpointPort>,
    wanted: EndpointSet,
}

/// The writes that make `existing` the mirror of `endpoints`.
pub(super) fn reconcile(endpoints: &Endpoints, existing: &[&EndpointSlice]) -> Plan {
    let mut plan = Plan::default();
    let mut groups: BTreeMap<GroupKey, Group> = BTreeMap::new();
    for subset in endpoints.subsets.iter().flatten() {
        plan.skipped += collect(subset, &mut groups);
    }
    let mut by_key: BTreeMap<(String, PortKey), Vec<&EndpointSlice>> = BTreeMap::new();
    for slice in existing {
        let key = (slice.address_type.clone(), endpoint::port_key(slice::ports(slice)));
        by_key.entry(key).or_default().push(slice);
    }
    for ((address_type, ports), group) in groups {
        let slices = by_key.remove(&(address_type.to_owned(), ports)).unwrap_or_default();
        mirror(endpoints, address_type, group, &slices, &mut plan);
    }
    plan.delete.extend(by_key.into_values().flatten().cloned());
    recycle(&mut plan);
    plan
}

/// Takes the subset's addresses into their groups; how many were too many.
fn collect(subset: &EndpointSubset, groups: &mut BTreeMap<GroupKey, Group>) -> usize {
    let ports: Vec<EndpointPort> = subset.ports.iter().flatten().map(port).collect();
    let key = endpoint::port_key(&ports);
    let ready = subset.addresses.iter().flatten().map(|address| (address, true));
    let not_ready = subset.not_ready_addresses.iter().flatten().map(|address| (address, false));
    let mut all = ready.chain(not_ready);
    for (address, ready) in all.by_ref().take(MAX_ENDPOINTS_PER_SUBSET) {
        let Some((address_type, endpoint)) = convert(address, ready) else { continue };
        let group = groups.entry((address_type, key.clone())).or_default();
        group.ports.clone_from(&ports);
        group.wanted.insert(endpoint::id(&endpoint), endpoint);
    }
    all.count()
}

fn port(port: &k8s_openapi::api::core::v1::EndpointPort) -> EndpointPort {
    EndpointPort {
        name: Some(port.name.clone().unwrap_or_default()),
        port: Some(port.port),
        protocol: port.protocol.clone(),
        app_protocol: port.app_protocol.clone(),
    }
}

fn convert(address: &EndpointAddress, ready: bool) -> Option<(&'static str, Endpoint)> {
    let ip: IpAddr = address.ip.parse().ok()?;
    let endpoint = Endpoint {
        addresses: vec![ip.to_string()],
        conditions: Some(EndpointConditions { ready: Some(ready), ..EndpointConditions::default() }),
        hostname: address.hostname.clone().filter(|hostname| !hostname.is_empty()),
        node_name: address.node_name.clone(),
        target_ref: address.target_ref.clone(),
        ..Endpoint::default()
    };
    Some((if ip.is_ipv6() { "IPv6" } else { "IPv4" }, endpoint))
}

/// Keeps one slice for the group, written anew unless it says what it should.
fn mirror(
    endpoints: &Endpoints,
    address_type: &str,
    group: Group,
    existing: &[&EndpointSlice],
    plan: &mut Plan,
) {
    let (kept, rest) = match existing.split_first() {
        Some((first, rest)) => (Some(*first), rest),
        None => (None, existing),
    };
    plan.delete.extend(rest.iter().map(|slice| (*slice).clone()));
    if kept.is_some_and(|slice| is_mirror(slice, endpoints, &group.wanted)) {
        return;
    }
    let slice = EndpointSlice {
        metadata: metadata(endpoints, kept),
        address_type: address_type.to_owned(),
        endpoints: Some(group.wanted.into_values().collect()),
        ports: Some(group.ports),
    };
    match kept {
        Some(_) => plan.update.push(slice),
        None => plan.create.push(slice),
    }
}

fn is_mirror(slice: &EndpointSlice, endpoints: &Endpoints, wanted: &EndpointSet) -> bool {
    let found = slice::endpoints(slice);
    let same = |endpoint: &Endpoint| {
        wanted.get(&endpoint::id(endpoint)).is_some_and(|wanted| endpoint::same(wanted, endpoint))
    };
    found.len() == wanted.len()
        && found.iter().all(same)
        && slice.metadata.labels == Some(labels(endpoints))
        && slice.metadata.annotations.clone().unwrap_or_default() == annotations(endpoints)
}

fn metadata(endpoints: &Endpoints, kept: Option<&EndpointSlice>) -> ObjectMeta {
    let name = endpoints.metadata.name.clone().unwrap_or_default();
    let uid = endpoints.metadata.uid.clone().unwrap_or_default();
    let fresh = ObjectMeta {
        namespace: endpoints.metadata.namespace.clone(),
        generate_name: Some(name_prefix(&name)),
        ..ObjectMeta::default()
    };
    ObjectMeta {
        labels: Some(labels(endpoints)),
        annotations: Some(annotations(endpoints)).filter(|annotations| !annotations.is_empty()),
        owner_references: Some(vec![controller_ref("Endpoints", &name, &uid)]),
        ..kept.map_or(fresh, |slice| slice.metadata.clone())
    }
}

fn labels(endpoints: &Endpoints) -> BTreeMap<String, String> {
    let mut labels = endpoints.metadata.labels.clone().unwrap_or_default();
    labels.insert(SERVICE_NAME.to_owned(), endpoints.metadata.name.clone().unwrap_or_default());
    labels.insert(MANAGED_BY.to_owned(), CONTROLLER.to_owned());
    labels
}

fn annotations(endpoints: &Endpoints) -> BTreeMap<String, String> {
    let mut annotations = endpoints.metadata.annotations.clone().unwrap_or_default();
    annotations.remove(LAST_CHANGE_TRIGGER_TIME);
    annotations.remove(LAST_APPLIED);
    annotations
}

/// Writes new slices over those that would be deleted, where the addresses are of one type.
fn recycle(plan: &mut Plan) {
    let deleted = std::mem::take(&mut plan.delete);
    for old in deleted {
        match plan.create.iter().position(|new| new.address_type == old.address_type) {
            Some(at) => {
                let new = plan.create.remove(at);
                let ObjectMeta { labels, annotations, owner_references, .. } = new.metadata;
                let metadata = ObjectMeta { labels, annotations, owner_references, ..old.metadata };
                plan.update.push(EndpointSlice { metadata, ..new });
            }
            None => plan.delete.push(old),
        }
    }
}
