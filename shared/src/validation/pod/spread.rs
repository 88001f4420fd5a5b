//! How pods are to be spread over domains.
//!
//! Follows kubernetes `pkg/apis/core/validation/validation.go` (`validateTopologySpreadConstraints`).

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::TopologySpreadConstraint;

use super::super::field::{ErrorList, Path};
use super::super::labels::{validate_label_name, validate_selector};

/// Rules of a pod's topology spread constraints.
pub(super) fn validate(errors: &mut ErrorList, constraints: &[TopologySpreadConstraint], path: &Path) {
    for (index, constraint) in constraints.iter().enumerate() {
        validate_constraint(errors, constraint, &constraints[index + 1..], &path.index(index));
    }
}

fn validate_constraint(
    errors: &mut ErrorList,
    constraint: &TopologySpreadConstraint,
    rest: &[TopologySpreadConstraint],
    path: &Path,
) {
    if constraint.max_skew <= 0 {
        errors.invalid(&path.child("maxSkew"), constraint.max_skew, "must be greater than zero");
    }
    if constraint.topology_key.is_empty() {
        errors.required(&path.child("topologyKey"), "can not be empty");
    }
    let action = constraint.when_unsatisfiable.as_str();
    let actions = ["DoNotSchedule", "ScheduleAnyway"];
    if !actions.contains(&action) {
        errors.not_supported(&path.child("whenUnsatisfiable"), action, &actions);
    }
    let kind =
        |other: &TopologySpreadConstraint| (other.topology_key.clone(), other.when_unsatisfiable.clone());
    if rest.iter().any(|other| kind(other) == kind(constraint)) {
        let value = format!("{{{}, {action}}}", constraint.topology_key);
        errors.duplicate(&path.child("{topologyKey, whenUnsatisfiable}"), value);
    }
    validate_min_domains(errors, constraint, &path.child("minDomains"));
    let policies = [
        ("nodeAffinityPolicy", &constraint.node_affinity_policy),
        ("nodeTaintsPolicy", &constraint.node_taints_policy),
    ];
    for (name, policy) in policies {
        if let Some(policy) = policy.as_deref().filter(|policy| !["Honor", "Ignore"].contains(policy)) {
            errors.not_supported(&path.child(name), policy, &["Honor", "Ignore"]);
        }
    }
    validate_match_label_keys(errors, constraint, &path.child("matchLabelKeys"));
    validate_selector(errors, constraint.label_selector.as_ref(), &path.child("labelSelector"));
}

fn validate_min_domains(errors: &mut ErrorList, constraint: &TopologySpreadConstraint, path: &Path) {
    let Some(domains) = constraint.min_domains else { return };
    if domains <= 0 {
        errors.invalid(path, domains, "must be greater than zero");
    }
    let action = constraint.when_unsatisfiable.as_str();
    if action != "DoNotSchedule" {
        let message = format!("can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {action}");
        errors.invalid(path, domains, message);
    }
}

fn validate_match_label_keys(errors: &mut ErrorList, constraint: &TopologySpreadConstraint, path: &Path) {
    let keys = constraint.match_label_keys.as_deref().unwrap_or_default();
    if keys.is_empty() {
        return;
    }
    let mut selected = BTreeSet::new();
    match &constraint.label_selector {
        None => errors.forbidden(path, "must not be specified when labelSelector is not set"),
        Some(selector) => {
            selected.extend(selector.match_labels.iter().flat_map(|labels| labels.keys()));
            selected.extend(selector.match_expressions.iter().flatten().map(|expression| &expression.key));
        }
    }
    for (index, key) in keys.iter().enumerate() {
        validate_label_name(errors, key, &path.index(index));
        if selected.contains(key) {
            errors.invalid(
                &path.index(index),
                key.as_str(),
                "exists in both matchLabelKeys and labelSelector",
            );
        }
    }
}
