//! The pod's spec as a whole: what is not a matter of one container or volume.
//!
//! Follows kubernetes `pkg/apis/core/validation/validation.go` (`ValidatePodSpec`).

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{HostAlias, PodResourceClaim, PodSchedulingGate, PodSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::super::addresses::validate_ip;
use super::super::field::{ErrorList, Path};
use super::super::labels::validate_labels;
use super::super::metadata::value_of;
use super::super::names;
use super::super::resources::{validate_overhead, validate_pod_resources};
use super::{affinity, containers, dns, security, spread, tolerations, volumes};

/// Rules of a pod's spec; `meta` is the pod's own.
pub(super) fn validate(errors: &mut ErrorList, spec: &PodSpec, meta: &ObjectMeta, path: &Path) {
    if spec.termination_grace_period_seconds.is_none() {
        errors.required(&path.child("terminationGracePeriodSeconds"), "");
    }
    let volumes = volumes::validate(errors, spec, meta, &path.child("volumes"));
    let claims = spec.resource_claims.as_deref().unwrap_or_default();
    validate_resource_claims(errors, claims, &path.child("resourceClaims"));
    containers::validate(errors, spec, &volumes, path);
    if let Some(resources) = &spec.resources {
        validate_pod_resources(errors, resources, &path.child("resources"));
    }
    validate_policies(errors, spec, path);
    validate_labels(errors, spec.node_selector.iter().flatten(), &path.child("nodeSelector"));
    security::validate_pod(errors, spec, path);
    affinity::validate(errors, spec.affinity.as_ref(), &path.child("affinity"));
    dns::validate(errors, spec, path);
    validate_gates(errors, spec, path);
    let constraints = spec.topology_spread_constraints.as_deref().unwrap_or_default();
    spread::validate(errors, constraints, &path.child("topologySpreadConstraints"));
    validate_references(errors, spec, path);
    validate_numbers(errors, spec, path);
    tolerations::validate(
        errors,
        spec.tolerations.as_deref().unwrap_or_default(),
        &path.child("tolerations"),
    );
    validate_host_aliases(
        errors,
        spec.host_aliases.as_deref().unwrap_or_default(),
        &path.child("hostAliases"),
    );
    if let Some(overhead) = &spec.overhead {
        validate_overhead(errors, overhead, &path.child("overhead"));
    }
    security::validate_os(errors, spec, path);
}

fn validate_policies(errors: &mut ErrorList, spec: &PodSpec, path: &Path) {
    let policy = spec.restart_policy.as_deref().unwrap_or_default();
    errors.one_of(&path.child("restartPolicy"), policy, &["Always", "OnFailure", "Never"]);
    let policy = spec.dns_policy.as_deref().unwrap_or_default();
    let supported = ["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"];
    errors.one_of(&path.child("dnsPolicy"), policy, &supported);
    if let Some(policy) = spec.preemption_policy.as_deref() {
        errors.one_of(&path.child("preemptionPolicy"), policy, &["PreemptLowerPriority", "Never"]);
    }
}

/// Names of other objects, and the names that the pod has in the DNS.
fn validate_references(errors: &mut ErrorList, spec: &PodSpec, path: &Path) {
    let subdomains = [
        ("serviceAccountName", &spec.service_account_name),
        ("nodeName", &spec.node_name),
        ("priorityClassName", &spec.priority_class_name),
    ];
    for (name, value) in subdomains {
        if let Some(value) = value.as_deref().filter(|value| !value.is_empty()) {
            errors.invalid_each(&path.child(name), value, names::dns_1123_subdomain(value));
        }
    }
    if let Some(class) = spec.runtime_class_name.as_deref() {
        errors.invalid_each(&path.child("runtimeClassName"), class, names::dns_1123_subdomain(class));
    }
    for (name, value) in [("hostname", &spec.hostname), ("subdomain", &spec.subdomain)] {
        if let Some(value) = value.as_deref().filter(|value| !value.is_empty()) {
            errors.invalid_each(&path.child(name), value, names::dns_1123_label(value));
        }
    }
}

fn validate_numbers(errors: &mut ErrorList, spec: &PodSpec, path: &Path) {
    if let Some(seconds) = spec.active_deadline_seconds {
        let messages = names::in_range(seconds, 1, i64::from(i32::MAX));
        errors.invalid_each(&path.child("activeDeadlineSeconds"), seconds, messages);
    }
}

fn validate_gates(errors: &mut ErrorList, spec: &PodSpec, path: &Path) {
    for (index, gate) in spec.readiness_gates.iter().flatten().enumerate() {
        let path = path.child("readinessGates").index(index).child("conditionType");
        let name = gate.condition_type.as_str();
        errors.invalid_each(&path, name, names::qualified_name(name));
    }
    let gates = spec.scheduling_gates.as_deref().unwrap_or_default();
    validate_scheduling_gates(errors, gates, &path.child("schedulingGates"));
}

fn validate_scheduling_gates(errors: &mut ErrorList, gates: &[PodSchedulingGate], path: &Path) {
    let mut seen = BTreeSet::new();
    for (index, gate) in gates.iter().enumerate() {
        let path = path.index(index);
        errors.invalid_each(&path, gate.name.as_str(), names::qualified_name(&gate.name));
        if !seen.insert(&gate.name) {
            errors.duplicate(&path, gate.name.as_str());
        }
    }
}

fn validate_host_aliases(errors: &mut ErrorList, aliases: &[HostAlias], path: &Path) {
    for (index, alias) in aliases.iter().enumerate() {
        let path = path.index(index);
        validate_ip(errors, &path.child("ip"), &alias.ip);
        for (index, name) in alias.hostnames.iter().flatten().enumerate() {
            let path = path.child("hostnames").index(index);
            errors.invalid_each(&path, name.as_str(), names::dns_1123_subdomain(name));
        }
    }
}

fn validate_resource_claims(errors: &mut ErrorList, claims: &[PodResourceClaim], path: &Path) {
    let mut seen = BTreeSet::new();
    for (index, claim) in claims.iter().enumerate() {
        let path = path.index(index);
        if claim.name.is_empty() {
            errors.required(&path.child("name"), "");
        } else if !seen.insert(&claim.name) {
            errors.duplicate(&path.child("name"), claim.name.as_str());
        } else {
            let messages = names::dns_1123_label(&claim.name);
            errors.invalid_each(&path.child("name"), claim.name.as_str(), messages);
        }
        validate_claim_source(errors, claim, &path);
    }
}

fn validate_claim_source(errors: &mut ErrorList, claim: &PodResourceClaim, path: &Path) {
    let sources = [
        ("resourceClaimName", &claim.resource_claim_name),
        ("resourceClaimTemplateName", &claim.resource_claim_template_name),
    ];
    let count = sources.iter().filter(|(_, value)| value.is_some()).count();
    if count > 1 {
        let message = "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified";
        errors.invalid(path, value_of(claim), message);
    }
    if count == 0 {
        let message = "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`";
        errors.invalid(path, value_of(claim), message);
    }
    for (name, value) in sources {
        if let Some(value) = value.as_deref() {
            errors.invalid_each(&path.child(name), value, names::dns_1123_subdomain(value));
        }
    }
}
