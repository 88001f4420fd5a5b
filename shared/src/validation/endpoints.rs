//! Endpoints.
//!
//! Follows kubernetes `pkg/apis/core/validation/validation.go` (`ValidateEndpoints`).

use k8s_openapi::api::core::v1::{EndpointAddress, EndpointPort, EndpointSubset, Endpoints};

use super::Rules;
use super::addresses::{validate_ip, validate_non_special_ip};
use super::field::{ErrorList, Path};
use super::metadata::{Scope, validate_metadata, validate_metadata_update};
use super::names;
use super::pod::PROTOCOLS;

impl Rules for Endpoints {
    fn validate(&self) -> ErrorList {
        let mut errors = ErrorList::new();
        validate_metadata(&mut errors, &self.metadata, Scope::Namespaced, names::name_is_dns_subdomain);
        for (index, subset) in self.subsets.iter().flatten().enumerate() {
            validate_subset(&mut errors, subset, &Path::root("subsets").index(index));
        }
        errors
    }

    fn validate_update(&self, old: &Endpoints) -> ErrorList {
        let mut errors = ErrorList::new();
        validate_metadata_update(&mut errors, &self.metadata, &old.metadata);
        errors.extend(self.validate());
        errors
    }

    fn validate_status_update(&self, old: &Endpoints) -> ErrorList {
        self.validate_update(old)
    }
}

fn validate_subset(errors: &mut ErrorList, subset: &EndpointSubset, path: &Path) {
    let ready = subset.addresses.as_deref().unwrap_or_default();
    let not_ready = subset.not_ready_addresses.as_deref().unwrap_or_default();
    if ready.is_empty() && not_ready.is_empty() {
        errors.required(path, "must specify `addresses` or `notReadyAddresses`");
    }
    for (name, addresses) in [("addresses", ready), ("notReadyAddresses", not_ready)] {
        for (index, address) in addresses.iter().enumerate() {
            validate_address(errors, address, &path.child(name).index(index));
        }
    }
    let ports = subset.ports.as_deref().unwrap_or_default();
    for (index, port) in ports.iter().enumerate() {
        validate_port(errors, port, ports.len() > 1, &path.child("ports").index(index));
    }
}

fn validate_address(errors: &mut ErrorList, address: &EndpointAddress, path: &Path) {
    let before = errors.len();
    validate_ip(errors, &path.child("ip"), &address.ip);
    if let Some(hostname) = address.hostname.as_deref().filter(|hostname| !hostname.is_empty()) {
        errors.invalid_each(&path.child("hostname"), hostname, names::dns_1123_label(hostname));
    }
    if let Some(node) = address.node_name.as_deref() {
        errors.invalid_each(&path.child("nodeName"), node, names::name_is_dns_subdomain(node, false));
    }
    if errors.len() == before {
        validate_non_special_ip(errors, &path.child("ip"), &address.ip);
    }
}

fn validate_port(errors: &mut ErrorList, port: &EndpointPort, name_required: bool, path: &Path) {
    let name = port.name.as_deref().unwrap_or_default();
    if !name.is_empty() {
        errors.invalid_each(&path.child("name"), name, names::dns_1123_label(name));
    } else if name_required {
        errors.required(&path.child("name"), "");
    }
    errors.invalid_each(&path.child("port"), port.port, names::port_number(port.port));
    let protocol = port.protocol.as_deref().unwrap_or_default();
    errors.one_of(&path.child("protocol"), protocol, &PROTOCOLS);
    if let Some(protocol) = port.app_protocol.as_deref() {
        errors.invalid_each(&path.child("appProtocol"), protocol, names::qualified_name(protocol));
    }
}
