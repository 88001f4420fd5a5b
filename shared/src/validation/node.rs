//! Nodes.
//!
//! Follows kubernetes `pkg/apis/core/validation/validation.go` (`ValidateNode`, `ValidateNodeUpdate`).

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Node, NodeSpec, NodeStatus, Taint};
use serde_json::json;

use super::Rules;
use super::addresses::{one_of_each_family, validate_cidr};
use super::field::{Error, ErrorList, Path};
use super::labels::validate_label_name;
use super::metadata::{Scope, validate_metadata, validate_metadata_update};
use super::names;
use super::pod::validate_taint_effect;
use super::resources::validate_quantity;

impl Rules for Node {
    fn validate(&self) -> ErrorList {
        let mut errors = ErrorList::new();
        validate_metadata(&mut errors, &self.metadata, Scope::Cluster, names::name_is_dns_subdomain);
        validate_taints(&mut errors, self);
        validate_amounts(&mut errors, self.status.as_ref());
        let cidrs = self.spec.as_ref().and_then(|spec| spec.pod_cidrs.as_deref()).unwrap_or_default();
        validate_pod_cidrs(&mut errors, cidrs, &Path::root("spec").child("podCIDRs"));
        errors
    }

    fn validate_update(&self, old: &Node) -> ErrorList {
        let mut errors = ErrorList::new();
        validate_metadata_update(&mut errors, &self.metadata, &old.metadata);
        validate_amounts(&mut errors, self.status.as_ref());
        validate_addresses(&mut errors, self.status.as_ref());
        let empty = NodeSpec::default();
        let spec = self.spec.as_ref().unwrap_or(&empty);
        validate_spec_update(&mut errors, spec, old.spec.as_ref().unwrap_or(&empty));
        validate_taints(&mut errors, self);
        errors
    }

    fn validate_status_update(&self, old: &Node) -> ErrorList {
        self.validate_update(old)
    }
}

fn validate_taints(errors: &mut ErrorList, node: &Node) {
    // Upstream looks for taints under metadata; the path is on the wire.
    let path = Path::root("metadata").child("taints");
    let taints = node.spec.as_ref().and_then(|spec| spec.taints.as_deref()).unwrap_or_default();
    let mut seen = BTreeSet::new();
    for (index, taint) in taints.iter().enumerate() {
        let path = path.index(index);
        validate_label_name(errors, &taint.key, &path.child("key"));
        let value = taint.value.as_deref().unwrap_or_default();
        let messages = names::label_value(value);
        if !messages.is_empty() {
            errors.invalid(&path.child("value"), value, messages.join(";"));
        }
        validate_taint_effect(errors, &taint.effect, &path.child("effect"));
        if !seen.insert((&taint.key, &taint.effect)) {
            errors.push(duplicate_taint(&path, taint));
        }
    }
}

fn duplicate_taint(path: &Path, taint: &Taint) -> Error {
    let shown = json!({
        "Key": taint.key,
        "Value": taint.value.as_deref().unwrap_or_default(),
        "Effect": taint.effect,
        "TimeAdded": taint.time_added,
    });
    let detail = "taints must be unique by key and effect pair".to_owned();
    Error { detail, ..Error::duplicate(path, shown) }
}

fn validate_amounts(errors: &mut ErrorList, status: Option<&NodeStatus>) {
    let Some(status) = status else { return };
    let path = Path::root("status");
    for (list, amounts) in [("capacity", &status.capacity), ("allocatable", &status.allocatable)] {
        for (name, quantity) in amounts.iter().flatten() {
            validate_quantity(errors, name, quantity, &path.child(list).child(name));
        }
    }
}

fn validate_pod_cidrs(errors: &mut ErrorList, cidrs: &[String], path: &Path) {
    for (index, cidr) in cidrs.iter().enumerate() {
        validate_cidr(errors, &path.index(index), cidr);
    }
    if !one_of_each_family(cidrs) {
        errors.invalid(path, json!(cidrs), "may specify no more than one CIDR for each IP family");
    }
    for (index, cidr) in cidrs.iter().enumerate() {
        if cidrs[..index].contains(cidr) {
            errors.duplicate(&path.index(index), cidr.as_str());
        }
    }
}

fn validate_addresses(errors: &mut ErrorList, status: Option<&NodeStatus>) {
    let addresses = status.and_then(|status| status.addresses.as_deref()).unwrap_or_default();
    let path = Path::root("status").child("addresses");
    for (index, address) in addresses.iter().enumerate() {
        if addresses[..index].contains(address) {
            let shown = json!({ "Type": address.type_, "Address": address.address });
            errors.duplicate(&path.index(index), shown);
        }
    }
}

/// What may be set once may not change after.
fn validate_spec_update(errors: &mut ErrorList, new: &NodeSpec, old: &NodeSpec) {
    let path = Path::root("spec");
    let cidrs = old.pod_cidrs.as_deref().unwrap_or_default();
    if !cidrs.is_empty() && cidrs != new.pod_cidrs.as_deref().unwrap_or_default() {
        let message = "node updates may not change podCIDR except from \"\" to valid";
        errors.forbidden(&path.child("podCIDRs"), message);
    }
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let provider = text(&old.provider_id);
    if !provider.is_empty() && provider != text(&new.provider_id) {
        let message = "node updates may not change providerID except from \"\" to valid";
        errors.forbidden(&path.child("providerID"), message);
    }
    if text(&new.external_id) != text(&old.external_id) {
        errors.forbidden(&path.child("externalID"), "may not be updated");
    }
}
