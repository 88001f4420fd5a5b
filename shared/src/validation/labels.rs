//! Labels and selectors of labels.
//!
//! Follows apimachinery `pkg/apis/meta/v1/validation/validation.go`.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};

use super::field::{ErrorList, Path};
use super::names;

/// Requires keys and values of labels to be well formed.
pub(crate) fn validate_labels<'a>(
    errors: &mut ErrorList,
    labels: impl Iterator<Item = (&'a String, &'a String)>,
    path: &Path,
) {
    for (key, value) in labels {
        validate_label_name(errors, key, path);
        errors.invalid_each(path, value.as_str(), names::label_value(value));
    }
}

/// Requires a label's key to be a qualified name.
pub(crate) fn validate_label_name(errors: &mut ErrorList, key: &str, path: &Path) {
    errors.invalid_each(path, key, names::qualified_name(key));
}

/// Requires a selector to be well formed; none at all is.
pub(crate) fn validate_selector(errors: &mut ErrorList, selector: Option<&LabelSelector>, path: &Path) {
    let Some(selector) = selector else { return };
    validate_labels(errors, selector.match_labels.iter().flatten(), &path.child("matchLabels"));
    for (index, requirement) in selector.match_expressions.iter().flatten().enumerate() {
        validate_requirement(errors, requirement, &path.child("matchExpressions").index(index));
    }
}

fn validate_requirement(errors: &mut ErrorList, requirement: &LabelSelectorRequirement, path: &Path) {
    let values = requirement.values.as_deref().unwrap_or_default();
    match requirement.operator.as_str() {
        "In" | "NotIn" if values.is_empty() => {
            errors.required(&path.child("values"), "must be specified when `operator` is 'In' or 'NotIn'");
        }
        "Exists" | "DoesNotExist" if !values.is_empty() => errors.forbidden(
            &path.child("values"),
            "may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
        ),
        "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
        other => errors.invalid(&path.child("operator"), other, "not a valid selector operator"),
    }
    validate_label_name(errors, &requirement.key, &path.child("key"));
    for (index, value) in values.iter().enumerate() {
        errors.invalid_each(&path.child("values").index(index), value.as_str(), names::label_value(value));
    }
}
