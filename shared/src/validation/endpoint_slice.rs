//! EndpointSlices.
//!
//! Follows kubernetes `pkg/apis/discovery/validation/validation.go` (`ValidateEndpointSlice`).

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};

use k8s_openapi::api::discovery::v1::{Endpoint, EndpointHints, EndpointPort, EndpointSlice};

use super::Rules;
use super::addresses::validate_non_special_ip;
use super::field::{Error, ErrorList, Path};
use super::labels::validate_labels;
use super::metadata::{Scope, validate_metadata, validate_metadata_update};
use super::names;
use super::pod::PROTOCOLS;

const ADDRESS_TYPES: [&str; 3] = ["FQDN", "IPv4", "IPv6"];
const MAX_ENDPOINTS: usize = 1000;
const MAX_ADDRESSES: usize = 100;
/// More than the 100 that the API's documentation speaks of, as upstream has it.
const MAX_PORTS: usize = 20000;
const MAX_TOPOLOGY_LABELS: usize = 16;
/// How many zones, or nodes, an endpoint may be meant for.
const MAX_HINTS: usize = 8;

impl Rules for EndpointSlice {
    fn validate(&self) -> ErrorList {
        let mut errors = ErrorList::new();
        validate_metadata(&mut errors, &self.metadata, Scope::Namespaced, names::name_is_dns_subdomain);
        errors.one_of(&Path::root("addressType"), &self.address_type, &ADDRESS_TYPES);
        validate_endpoints(&mut errors, self, &Path::root("endpoints"));
        validate_ports(&mut errors, self.ports.as_deref().unwrap_or_default(), &Path::root("ports"));
        errors
    }

    fn validate_update(&self, old: &EndpointSlice) -> ErrorList {
        let mut errors = ErrorList::new();
        validate_metadata_update(&mut errors, &self.metadata, &old.metadata);
        errors.extend(self.validate());
        let path = Path::root("addressType");
        errors.immutable(&path, self.address_type.as_str(), old.address_type.as_str());
        errors
    }

    fn validate_status_update(&self, old: &EndpointSlice) -> ErrorList {
        self.validate_update(old)
    }
}

fn validate_endpoints(errors: &mut ErrorList, slice: &EndpointSlice, path: &Path) {
    let endpoints = slice.endpoints.as_deref().unwrap_or_default();
    if endpoints.len() > MAX_ENDPOINTS {
        return errors.push(Error::too_many(path, endpoints.len(), MAX_ENDPOINTS));
    }
    for (index, endpoint) in endpoints.iter().enumerate() {
        validate_endpoint(errors, endpoint, &slice.address_type, &path.index(index));
    }
}

fn validate_endpoint(errors: &mut ErrorList, endpoint: &Endpoint, address_type: &str, path: &Path) {
    let addresses = path.child("addresses");
    match endpoint.addresses.len() {
        0 => errors.required(&addresses, "must contain at least 1 address"),
        count if count > MAX_ADDRESSES => {
            errors.push(Error::too_many(&addresses, count, MAX_ADDRESSES));
        }
        _ => {}
    }
    for (index, address) in endpoint.addresses.iter().enumerate() {
        validate_address(errors, address, address_type, &addresses.index(index));
    }
    if let Some(node) = endpoint.node_name.as_deref() {
        errors.invalid_each(&path.child("nodeName"), node, names::name_is_dns_subdomain(node, false));
    }
    let topology = path.child("deprecatedTopology");
    if let Some(labels) = endpoint.deprecated_topology.as_ref() {
        if labels.len() > MAX_TOPOLOGY_LABELS {
            errors.push(Error::too_many(&topology, labels.len(), MAX_TOPOLOGY_LABELS));
        }
        validate_labels(errors, labels.iter(), &topology);
    }
    if let Some(hostname) = endpoint.hostname.as_deref() {
        errors.invalid_each(&path.child("hostname"), hostname, names::dns_1123_label(hostname));
    }
    if let Some(hints) = &endpoint.hints {
        validate_hints(errors, hints, &path.child("hints"));
    }
}

fn validate_address(errors: &mut ErrorList, address: &str, address_type: &str, path: &Path) {
    match address_type {
        "IPv4" => {
            if address.parse::<Ipv4Addr>().is_err() {
                errors.invalid(path, address, "must be a valid IPv4 address");
            }
            validate_non_special_ip(errors, path, address);
        }
        "IPv6" => {
            if address.parse::<Ipv6Addr>().is_err() {
                errors.invalid(path, address, "must be a valid IPv6 address");
            }
            validate_non_special_ip(errors, path, address);
        }
        "FQDN" => validate_domain(errors, address, path),
        _ => {}
    }
}

/// `IsFullyQualifiedDomainName` of apimachinery's `pkg/util/validation`.
fn validate_domain(errors: &mut ErrorList, name: &str, path: &Path) {
    if name.is_empty() {
        return errors.required(path, "");
    }
    let name = name.strip_suffix('.').unwrap_or(name);
    let messages = names::dns_1123_subdomain(name);
    if !messages.is_empty() {
        return errors.invalid_each(path, name, messages);
    }
    if !name.contains('.') {
        errors.invalid(path, name, "should be a domain with at least two segments separated by dots");
    }
    for label in name.split('.') {
        errors.invalid_each(path, label, names::dns_1123_label(label));
    }
}

fn validate_hints(errors: &mut ErrorList, hints: &EndpointHints, path: &Path) {
    let zones = hints.for_zones.iter().flatten().map(|zone| zone.name.as_str()).collect::<Vec<_>>();
    validate_hint_names(errors, &zones, &path.child("forZones"), names::label_value);
    let nodes = hints.for_nodes.iter().flatten().map(|node| node.name.as_str()).collect::<Vec<_>>();
    let node_name = |name: &str| names::name_is_dns_subdomain(name, false);
    validate_hint_names(errors, &nodes, &path.child("forNodes"), node_name);
}

fn validate_hint_names(
    errors: &mut ErrorList,
    hints: &[&str],
    path: &Path,
    rule: impl Fn(&str) -> Vec<String>,
) {
    if hints.len() > MAX_HINTS {
        return errors.push(Error::too_many(path, hints.len(), MAX_HINTS));
    }
    let mut seen = BTreeSet::new();
    for (index, name) in hints.iter().enumerate() {
        let path = path.index(index).child("name");
        if !seen.insert(name) {
            errors.duplicate(&path, *name);
        }
        errors.invalid_each(&path, *name, rule(name));
    }
}

fn validate_ports(errors: &mut ErrorList, ports: &[EndpointPort], path: &Path) {
    if ports.len() > MAX_PORTS {
        return errors.push(Error::too_many(path, ports.len(), MAX_PORTS));
    }
    let mut seen = BTreeSet::new();
    for (index, port) in ports.iter().enumerate() {
        let path = path.index(index);
        let name = port.name.as_deref().unwrap_or_default();
        if !name.is_empty() {
            errors.invalid_each(&path.child("name"), name, names::dns_1123_label(name));
        }
        if !seen.insert(name) {
            errors.duplicate(&path.child("name"), name);
        }
        match port.protocol.as_deref() {
            None => errors.required(&path.child("protocol"), ""),
            Some(protocol) if !PROTOCOLS.contains(&protocol) => {
                errors.not_supported(&path.child("protocol"), protocol, &PROTOCOLS);
            }
            Some(_) => {}
        }
        if let Some(protocol) = port.app_protocol.as_deref() {
            errors.invalid_each(&path.child("appProtocol"), protocol, names::qualified_name(protocol));
        }
    }
}
