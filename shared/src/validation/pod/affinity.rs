//! Affinity to nodes and to other pods.
//!
//! Follows kubernetes `pkg/apis/core/validation/validation.go` (`validateAffinity` and below).

use k8s_openapi::api::core::v1::{
    Affinity, NodeAffinity, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, PodAffinityTerm,
    PreferredSchedulingTerm, WeightedPodAffinityTerm,
};

use super::super::field::{ErrorList, Path};
use super::super::labels::{validate_label_name, validate_selector};
use super::super::names;

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";

/// Rules of a pod's affinity; none at all is fine.
pub(super) fn validate(errors: &mut ErrorList, affinity: Option<&Affinity>, path: &Path) {
    let Some(affinity) = affinity else { return };
    if let Some(node) = &affinity.node_affinity {
        validate_node_affinity(errors, node, &path.child("nodeAffinity"));
    }
    if let Some(pod) = &affinity.pod_affinity {
        let path = path.child("podAffinity");
        let required = pod.required_during_scheduling_ignored_during_execution.as_deref();
        validate_terms(errors, required.unwrap_or_default(), &path.child(REQUIRED));
        let preferred = pod.preferred_during_scheduling_ignored_during_execution.as_deref();
        validate_weighted_terms(errors, preferred.unwrap_or_default(), &path.child(PREFERRED));
    }
    if let Some(pod) = &affinity.pod_anti_affinity {
        let path = path.child("podAntiAffinity");
        let required = pod.required_during_scheduling_ignored_during_execution.as_deref();
        validate_terms(errors, required.unwrap_or_default(), &path.child(REQUIRED));
        let preferred = pod.preferred_during_scheduling_ignored_during_execution.as_deref();
        validate_weighted_terms(errors, preferred.unwrap_or_default(), &path.child(PREFERRED));
    }
}

fn validate_node_affinity(errors: &mut ErrorList, affinity: &NodeAffinity, path: &Path) {
    if let Some(selector) = &affinity.required_during_scheduling_ignored_during_execution {
        validate_node_selector(errors, selector, &path.child(REQUIRED));
    }
    let preferred = affinity.preferred_during_scheduling_ignored_during_execution.as_deref();
    for (index, term) in preferred.unwrap_or_default().iter().enumerate() {
        validate_preferred_term(errors, term, &path.child(PREFERRED).index(index));
    }
}

/// Rules of what nodes must be; those of volumes too.
pub(in super::super) fn validate_node_selector(errors: &mut ErrorList, selector: &NodeSelector, path: &Path) {
    let path = path.child("nodeSelectorTerms");
    if selector.node_selector_terms.is_empty() {
        errors.required(&path, "must have at least one node selector term");
    }
    for (index, term) in selector.node_selector_terms.iter().enumerate() {
        validate_node_term(errors, term, LabelValues::Checked, &path.index(index));
    }
}

fn validate_preferred_term(errors: &mut ErrorList, term: &PreferredSchedulingTerm, path: &Path) {
    validate_weight(errors, term.weight, path);
    validate_node_term(errors, &term.preference, LabelValues::Tolerated, &path.child("preference"));
}

fn validate_weight(errors: &mut ErrorList, weight: i32, path: &Path) {
    if !(1..=100).contains(&weight) {
        errors.invalid(&path.child("weight"), weight, "must be in the range 1-100");
    }
}

/// Whether values that no label can have are an error; upstream tolerates them in preferences.
#[derive(Clone, Copy, PartialEq, Eq)]
enum LabelValues {
    Checked,
    Tolerated,
}

fn validate_node_term(errors: &mut ErrorList, term: &NodeSelectorTerm, values: LabelValues, path: &Path) {
    for (index, requirement) in term.match_expressions.iter().flatten().enumerate() {
        validate_expression(errors, requirement, values, &path.child("matchExpressions").index(index));
    }
    for (index, requirement) in term.match_fields.iter().flatten().enumerate() {
        validate_field_expression(errors, requirement, &path.child("matchFields").index(index));
    }
}

fn validate_expression(
    errors: &mut ErrorList,
    requirement: &NodeSelectorRequirement,
    label_values: LabelValues,
    path: &Path,
) {
    let values = requirement.values.as_deref().unwrap_or_default();
    let values_path = path.child("values");
    match requirement.operator.as_str() {
        "In" | "NotIn" if values.is_empty() => {
            errors.required(&values_path, "must be specified when `operator` is 'In' or 'NotIn'");
        }
        "Exists" | "DoesNotExist" if !values.is_empty() => {
            errors.forbidden(
                &values_path,
                "may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
            );
        }
        "Gt" | "Lt" if values.len() != 1 => {
            errors.required(&values_path, "must be specified single value when `operator` is 'Lt' or 'Gt'");
        }
        "In" | "NotIn" | "Exists" | "DoesNotExist" | "Gt" | "Lt" => {}
        other => errors.invalid(&path.child("operator"), other, "not a valid selector operator"),
    }
    validate_label_name(errors, &requirement.key, &path.child("key"));
    if label_values == LabelValues::Checked {
        for (index, value) in values.iter().enumerate() {
            errors.invalid_each(&values_path.index(index), value.as_str(), names::label_value(value));
        }
    }
}

fn validate_field_expression(errors: &mut ErrorList, requirement: &NodeSelectorRequirement, path: &Path) {
    let values = requirement.values.as_deref().unwrap_or_default();
    let values_path = path.child("values");
    match requirement.operator.as_str() {
        "In" | "NotIn" if values.len() != 1 => {
            let message = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector";
            errors.required(&values_path, message);
        }
        "In" | "NotIn" => {}
        other => errors.invalid(&path.child("operator"), other, "not a valid selector operator"),
    }
    if requirement.key != "metadata.name" {
        let message = "not a valid field selector key";
        return errors.invalid(&path.child("key"), requirement.key.as_str(), message);
    }
    for (index, value) in values.iter().enumerate() {
        errors.invalid_each(&values_path.index(index), value.as_str(), names::dns_1123_subdomain(value));
    }
}

fn validate_terms(errors: &mut ErrorList, terms: &[PodAffinityTerm], path: &Path) {
    for (index, term) in terms.iter().enumerate() {
        validate_term(errors, term, &path.index(index));
    }
}

fn validate_weighted_terms(errors: &mut ErrorList, terms: &[WeightedPodAffinityTerm], path: &Path) {
    for (index, term) in terms.iter().enumerate() {
        let path = path.index(index);
        validate_weight(errors, term.weight, &path);
        validate_term(errors, &term.pod_affinity_term, &path.child("podAffinityTerm"));
    }
}

fn validate_term(errors: &mut ErrorList, term: &PodAffinityTerm, path: &Path) {
    validate_selector(errors, term.label_selector.as_ref(), &path.child("labelSelector"));
    validate_selector(errors, term.namespace_selector.as_ref(), &path.child("namespaceSelector"));
    for name in term.namespaces.iter().flatten() {
        errors.invalid_each(&path.child("namespace"), name.as_str(), names::dns_1123_label(name));
    }
    validate_label_keys(errors, term, path);
    if term.topology_key.is_empty() {
        errors.required(&path.child("topologyKey"), "can not be empty");
    }
    validate_label_name(errors, &term.topology_key, &path.child("topologyKey"));
}

fn validate_label_keys(errors: &mut ErrorList, term: &PodAffinityTerm, path: &Path) {
    let matched = term.match_label_keys.as_deref().unwrap_or_default();
    let mismatched = term.mismatch_label_keys.as_deref().unwrap_or_default();
    for (name, keys) in [("matchLabelKeys", matched), ("mismatchLabelKeys", mismatched)] {
        let path = path.child(name);
        if !keys.is_empty() && term.label_selector.is_none() {
            errors.forbidden(&path, "must not be specified when labelSelector is not set");
            continue;
        }
        for (index, key) in keys.iter().enumerate() {
            validate_label_name(errors, key, &path.index(index));
        }
    }
    for (index, key) in matched.iter().enumerate().filter(|(_, key)| mismatched.contains(key)) {
        let message = "exists in both matchLabelKeys and mismatchLabelKeys";
        errors.invalid(&path.child("matchLabelKeys").index(index), key.as_str(), message);
    }
}
