//! How the endpoints of one set of ports are spread over slices, with as few writes as possible.
//!
//! Follows `reconcileByPortMapping` of `staging/src/k8s.io/endpointslice/reconciler.go` in
//! kubernetes/kubernetes: endpoints stay where they are; slices that are written anyway are filled up,
//! the fullest first; what is left goes into one slice that has room for it, or into new ones.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::{EndpointPort, EndpointSlice};

use super::Plan;
use super::endpoint::{self, EndpointSet};
use super::slice;

/// The endpoints that are wanted behind one set of ports.
pub(super) struct Group {
    pub(super) ports: Vec<EndpointPort>,
    pub(super) wanted: EndpointSet,
}

/// The slices of one set of ports, as they are to be.
#[derive(Default)]
struct Slices {
    changed: BTreeMap<String, EndpointSlice>,
    unchanged: BTreeMap<String, EndpointSlice>,
}

/// What makes `existing` the slices of `group`; `max` is how many endpoints a slice may have.
pub(super) fn fill(
    service: &Service,
    address_type: &str,
    mut group: Group,
    existing: &[&EndpointSlice],
    max: usize,
) -> Plan {
    let mut plan = Plan::default();
    let mut slices = Slices::default();
    for slice in existing {
        keep(service, slice, &mut group.wanted, &mut slices, &mut plan);
    }
    fill_changed(&mut slices, &mut group.wanted, max);
    while !group.wanted.is_empty() {
        let mut slice = match take_slice_to_fill(&mut slices, group.wanted.len(), max) {
            Some(slice) => slice,
            None => slice::new(service, address_type, group.ports.clone()),
        };
        take_endpoints(&mut slice, &mut group.wanted, max);
        match slice.metadata.name.clone() {
            Some(name) => drop(slices.changed.insert(name, slice)),
            None => plan.create.push(slice),
        }
    }
    plan.update.extend(slices.changed.into_values());
    plan
}

/// Keeps in the slice what is still wanted there, as it is wanted now.
fn keep(
    service: &Service,
    old: &EndpointSlice,
    wanted: &mut EndpointSet,
    slices: &mut Slices,
    plan: &mut Plan,
) {
    let mut kept = Vec::new();
    let mut updated = false;
    for endpoint in slice::endpoints(old) {
        if let Some(now) = wanted.remove(&endpoint::id(endpoint)) {
            updated |= !endpoint::same(&now, endpoint);
            kept.push(now);
        }
    }
    let name = old.metadata.name.clone().unwrap_or_default();
    let updated = updated || kept.len() != slice::endpoints(old).len();
    if updated && kept.is_empty() {
        return plan.delete.push(old.clone());
    }
    if !updated && slice::labels_are_current(old, service) {
        return drop(slices.unchanged.insert(name, old.clone()));
    }
    let mut new = old.clone();
    new.metadata.labels = Some(slice::labels(service));
    if updated {
        new.endpoints = Some(kept);
    }
    slices.changed.insert(name, new);
}

fn fill_changed(slices: &mut Slices, wanted: &mut EndpointSet, max: usize) {
    let mut fullest: Vec<&mut EndpointSlice> = slices.changed.values_mut().collect();
    fullest.sort_by_key(|slice| Reverse(slice::endpoints(slice).len()));
    for slice in fullest {
        take_endpoints(slice, wanted, max);
    }
}

fn take_endpoints(slice: &mut EndpointSlice, wanted: &mut EndpointSet, max: usize) {
    let endpoints = slice.endpoints.get_or_insert_default();
    while endpoints.len() < max
        && let Some((_, endpoint)) = wanted.pop_first()
    {
        endpoints.push(endpoint);
    }
}

/// The unchanged slice that is fullest once all of `count` endpoints are in it.
fn take_slice_to_fill(slices: &mut Slices, count: usize, max: usize) -> Option<EndpointSlice> {
    let room = |slice: &EndpointSlice| max.checked_sub(slice::endpoints(slice).len() + count);
    let fitting = slices.unchanged.iter().filter_map(|(name, slice)| Some((room(slice)?, name)));
    let (_, name) = fitting.min()?;
    let name = name.clone();
    slices.unchanged.remove(&name)
}
