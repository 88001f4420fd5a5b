//! What is to be written so that a Service's slices are what its pods make them: one function.
//!
//! Follows `staging/src/k8s.io/endpointslice/reconciler.go` of kubernetes/kubernetes.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{Pod, Service, ServiceSpec};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::endpoint::{self, PortKey, Zones};
use super::fill::{self, Group};
use super::hints::Distribution;
use super::slice;
use crate::controllers::pod_endpoint;

/// Writes, in the order in which they are to be made.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Plan {
    pub(super) create: Vec<EndpointSlice>,
    pub(super) update: Vec<EndpointSlice>,
    pub(super) delete: Vec<EndpointSlice>,
}

impl Plan {
    fn append(&mut self, mut other: Plan) {
        self.create.append(&mut other.create);
        self.update.append(&mut other.update);
        self.delete.append(&mut other.delete);
    }
}

/// What is known of a Service.
pub(super) struct Known<'a> {
    pub(super) service: &'a Service,
    /// The pods that it selects.
    pub(super) pods: &'a [&'a Pod],
    /// The zones of all nodes.
    pub(super) zones: &'a Zones,
    /// How many endpoints a slice may have.
    pub(super) max: usize,
}

/// The writes that make `existing` what they should be.
pub(super) fn reconcile(known: &Known, existing: &[&EndpointSlice]) -> Plan {
    let mut plan = Plan::default();
    let types = address_types(known.service);
    for address_type in &types {
        let of_type = existing.iter().filter(|slice| slice.address_type == *address_type);
        plan.append(reconcile_type(known, &of_type.copied().collect::<Vec<_>>(), address_type));
    }
    let strange = existing.iter().filter(|slice| !types.contains(slice.address_type.as_str()));
    plan.delete.extend(strange.map(|slice| (*slice).clone()));
    plan
}

/// The types of addresses that the Service has.
fn address_types(service: &Service) -> BTreeSet<&str> {
    let families = service.spec.iter().flat_map(|spec| spec.ip_families.iter().flatten());
    let types: BTreeSet<&str> = families.map(String::as_str).filter(|family| !family.is_empty()).collect();
    let is_v6 = |spec: &ServiceSpec| spec.cluster_ip.as_deref().is_some_and(|ip| ip.contains(':'));
    match (types.is_empty(), service.spec.as_ref()) {
        (false, _) => types,
        (true, Some(spec)) if is_v6(spec) => BTreeSet::from(["IPv6"]),
        (true, Some(spec)) if pod_endpoint::has_cluster_ip(spec) => BTreeSet::from(["IPv4"]),
        (true, _) => BTreeSet::from(["IPv4", "IPv6"]),
    }
}

fn reconcile_type(known: &Known, existing: &[&EndpointSlice], address_type: &str) -> Plan {
    let mut plan = Plan::default();
    let mut by_ports: BTreeMap<PortKey, Vec<&EndpointSlice>> = BTreeMap::new();
    for slice in existing {
        match slice::is_owned_by(slice, known.service) {
            true => by_ports.entry(endpoint::port_key(slice::ports(slice))).or_default().push(slice),
            false => plan.delete.push((*slice).clone()),
        }
    }
    for (key, group) in groups(known, address_type) {
        let slices = by_ports.remove(&key).unwrap_or_default();
        plan.append(fill::fill(known.service, address_type, group, &slices, known.max));
    }
    plan.delete.extend(by_ports.into_values().flatten().cloned());
    keep_a_placeholder(known, existing, address_type, &mut plan);
    give_hints(known, existing, &mut plan);
    recycle(known, &mut plan);
    plan
}

/// The endpoints that are wanted, by their ports.
fn groups(known: &Known, address_type: &str) -> BTreeMap<PortKey, Group> {
    let mut groups: BTreeMap<PortKey, Group> = BTreeMap::new();
    for pod in known.pods.iter().filter(|pod| pod_endpoint::belongs(pod, true)) {
        let ports = endpoint::ports(known.service, pod);
        let key = endpoint::port_key(&ports);
        let group = groups.entry(key).or_insert_with(|| Group { ports, wanted: BTreeMap::new() });
        if !has_node(known, pod) {
            continue;
        }
        if let Some(endpoint) = endpoint::endpoint(known.service, pod, known.zones, address_type) {
            group.wanted.insert(endpoint::id(&endpoint), endpoint);
        }
    }
    groups
}

/// Whether the pod's node is there, or does not matter.
fn has_node(known: &Known, pod: &Pod) -> bool {
    let node = pod_endpoint::node_name(pod).unwrap_or_default();
    known.zones.contains_key(node) || pod_endpoint::publishes_not_ready(known.service)
}

/// A Service without endpoints has one empty slice, so that clients see that it has none.
fn keep_a_placeholder(known: &Known, existing: &[&EndpointSlice], address_type: &str, plan: &mut Plan) {
    if existing.len() != plan.delete.len() || !plan.create.is_empty() {
        return;
    }
    let placeholder = slice::new(known.service, address_type, Vec::new());
    match plan.delete.as_slice() {
        [only] if is_placeholder(only, &placeholder, known.service) => plan.delete.clear(),
        _ => plan.create.push(placeholder),
    }
}

fn is_placeholder(slice: &EndpointSlice, placeholder: &EndpointSlice, service: &Service) -> bool {
    slice::endpoints(slice).is_empty()
        && slice::ports(slice).is_empty()
        && slice.metadata.labels == placeholder.metadata.labels
        && slice::is_owned_by(slice, service)
}

fn give_hints(known: &Known, existing: &[&EndpointSlice], plan: &mut Plan) {
    let distribution = Distribution::of(known.service);
    let written: BTreeSet<String> =
        plan.update.iter().chain(&plan.delete).filter_map(|slice| slice.metadata.name.clone()).collect();
    let unchanged = existing
        .iter()
        .filter(|slice| slice.metadata.name.as_ref().is_none_or(|name| !written.contains(name)));
    let missing = unchanged.filter(|slice| distribution.is_missed_by(slice));
    plan.update.extend(missing.map(|slice| (*slice).clone()));
    for slice in plan.create.iter_mut().chain(&mut plan.update) {
        distribution.apply(slice);
    }
}

/// Writes new slices over those that would be deleted: one write in the place of two.
fn recycle(known: &Known, plan: &mut Plan) {
    let deleted = std::mem::take(&mut plan.delete);
    for old in deleted {
        if !slice::is_owned_by(&old, known.service) {
            plan.delete.push(old);
            continue;
        }
        match plan.create.pop() {
            Some(new) => {
                let labels = new.metadata.labels;
                let metadata = ObjectMeta { labels, ..old.metadata };
                plan.update.push(EndpointSlice { metadata, ..new });
            }
            None => plan.delete.push(old),
        }
    }
}
