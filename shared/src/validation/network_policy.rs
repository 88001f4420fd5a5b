//! NetworkPolicies.
//!
//! Follows kubernetes `pkg/apis/networking/validation/validation.go` (`ValidateNetworkPolicy`).

use k8s_openapi::api::networking::v1::{
    IPBlock, NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::Rules;
use super::addresses::{contains_block, validate_cidr};
use super::field::{ErrorList, Path};
use super::labels::validate_selector;
use super::metadata::{Scope, validate_metadata, validate_metadata_update, value_of};
use super::names;

const PROTOCOLS: [&str; 3] = ["TCP", "UDP", "SCTP"];
const POLICY_TYPES: [&str; 2] = ["Egress", "Ingress"];

impl Rules for NetworkPolicy {
    fn validate(&self) -> ErrorList {
        let mut errors = ErrorList::new();
        validate_metadata(&mut errors, &self.metadata, Scope::Namespaced, names::name_is_dns_subdomain);
        validate_spec(&mut errors, self.spec.as_ref(), &Path::root("spec"));
        errors
    }

    fn validate_update(&self, old: &NetworkPolicy) -> ErrorList {
        let mut errors = ErrorList::new();
        validate_metadata_update(&mut errors, &self.metadata, &old.metadata);
        validate_spec(&mut errors, self.spec.as_ref(), &Path::root("spec"));
        errors
    }

    fn validate_status_update(&self, old: &NetworkPolicy) -> ErrorList {
        self.validate_update(old)
    }
}

fn validate_spec(errors: &mut ErrorList, spec: Option<&NetworkPolicySpec>, path: &Path) {
    let Some(spec) = spec else { return };
    validate_selector(errors, spec.pod_selector.as_ref(), &path.child("podSelector"));
    for (index, rule) in spec.ingress.iter().flatten().enumerate() {
        let path = path.child("ingress").index(index);
        validate_rule(errors, (&rule.ports, &rule.from), "from", &path);
    }
    for (index, rule) in spec.egress.iter().flatten().enumerate() {
        let path = path.child("egress").index(index);
        validate_rule(errors, (&rule.ports, &rule.to), "to", &path);
    }
    let (types, path) = (spec.policy_types.as_deref().unwrap_or_default(), path.child("policyTypes"));
    if types.len() > POLICY_TYPES.len() {
        return errors.invalid(&path, value_of(&types), "may not specify more than two policyTypes");
    }
    for (index, name) in types.iter().enumerate().filter(|(_, name)| !POLICY_TYPES.contains(&name.as_str())) {
        errors.not_supported(&path.index(index), name.as_str(), &["Ingress", "Egress"]);
    }
}

/// The ports and peers of a rule, the latter in a field named `peers`.
fn validate_rule(
    errors: &mut ErrorList,
    (ports, from): (&Option<Vec<NetworkPolicyPort>>, &Option<Vec<NetworkPolicyPeer>>),
    peers: &str,
    path: &Path,
) {
    for (index, port) in ports.iter().flatten().enumerate() {
        validate_port(errors, port, &path.child("ports").index(index));
    }
    for (index, peer) in from.iter().flatten().enumerate() {
        validate_peer(errors, peer, &path.child(peers).index(index));
    }
}

fn validate_port(errors: &mut ErrorList, port: &NetworkPolicyPort, path: &Path) {
    if let Some(protocol) = port.protocol.as_deref().filter(|protocol| !PROTOCOLS.contains(protocol)) {
        errors.not_supported(&path.child("protocol"), protocol, &PROTOCOLS);
    }
    let (port_path, end_path) = (path.child("port"), path.child("endPort"));
    match (&port.port, port.end_port) {
        (Some(IntOrString::Int(number)), end) => {
            errors.invalid_each(&port_path, *number, names::port_number(*number));
            let Some(end) = end else { return };
            if end < *number {
                errors.invalid(&end_path, end, "must be greater than or equal to `port`");
            }
            errors.invalid_each(&end_path, end, names::port_number(end));
        }
        (Some(IntOrString::String(name)), end) => {
            if let Some(end) = end {
                errors.invalid(&end_path, end, "may not be specified when `port` is non-numeric");
            }
            errors.invalid_each(&port_path, name.as_str(), names::port_name(name));
        }
        (None, Some(end)) => {
            errors.invalid(&end_path, end, "may not be specified when `port` is not specified");
        }
        (None, None) => {}
    }
}

fn validate_peer(errors: &mut ErrorList, peer: &NetworkPolicyPeer, path: &Path) {
    validate_selector(errors, peer.pod_selector.as_ref(), &path.child("podSelector"));
    validate_selector(errors, peer.namespace_selector.as_ref(), &path.child("namespaceSelector"));
    if let Some(block) = &peer.ip_block {
        validate_block(errors, block, &path.child("ipBlock"));
    }
    let selects = peer.pod_selector.is_some() || peer.namespace_selector.is_some();
    match (selects, &peer.ip_block) {
        (false, None) => errors.required(path, "must specify a peer"),
        (true, Some(_)) => errors.forbidden(path, "may not specify both ipBlock and another peer"),
        _ => {}
    }
}

fn validate_block(errors: &mut ErrorList, block: &IPBlock, path: &Path) {
    if block.cidr.is_empty() {
        return errors.required(&path.child("cidr"), "");
    }
    validate_cidr(errors, &path.child("cidr"), &block.cidr);
    for (index, except) in block.except.iter().flatten().enumerate() {
        let path = path.child("except").index(index);
        validate_cidr(errors, &path, except);
        if contains_block(&block.cidr, except) == Some(false) {
            errors.invalid(&path, except.as_str(), "must be a strict subset of `cidr`");
        }
    }
}
