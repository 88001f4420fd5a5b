//! What kinds that keep pods by a template have in common: selector, template, counts and shares.
//!
//! Follows kubernetes `pkg/apis/apps/validation/validation.go` (`ValidatePodTemplateSpecForReplicaSet`,
//! `ValidatePositiveIntOrPercent`, `IsNotMoreThan100Percent`).

use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::field::{ErrorList, Path};
use super::labels::validate_selector;
use super::metadata::{validate_nonnegative, value_of};
use super::pod;
use crate::api::labels::Selector;

/// Requires a selector that selects something, and a template of pods that it selects.
pub(super) fn validate_selector_and_template(
    errors: &mut ErrorList,
    selector: &LabelSelector,
    template: Option<&PodTemplateSpec>,
    path: &Path,
) {
    let selector_path = path.child("selector");
    if selector.match_labels.is_none() && selector.match_expressions.is_none() {
        errors.required(&selector_path, "");
        return validate_template(errors, &Selector::nothing(), template, &path.child("template"));
    }
    validate_selector(errors, Some(selector), &selector_path);
    match Selector::from_label_selector(Some(selector)) {
        Err(_) => errors.invalid(&selector_path, value_of(selector), "invalid label selector"),
        Ok(parsed) => {
            if parsed.is_everything() {
                errors.invalid(
                    &selector_path,
                    value_of(selector),
                    "empty selector is invalid for deployment",
                );
            }
            validate_template(errors, &parsed, template, &path.child("template"));
        }
    }
}

fn validate_template(
    errors: &mut ErrorList,
    selector: &Selector,
    template: Option<&PodTemplateSpec>,
    path: &Path,
) {
    let Some(template) = template else { return errors.required(path, "") };
    let labels = template.metadata.as_ref().and_then(|metadata| metadata.labels.clone()).unwrap_or_default();
    if !selector.is_everything() && !selector.matches(&labels) {
        let path = path.child("metadata").child("labels");
        errors.invalid(&path, value_of(&labels), "`selector` does not match template `labels`");
    }
    pod::validate_template(errors, template, path);
    let Some(spec) = &template.spec else { return };
    let policy = spec.restart_policy.as_deref().unwrap_or_default();
    if policy != "Always" {
        errors.not_supported(&path.child("spec").child("restartPolicy"), policy, &["Always"]);
    }
    if spec.active_deadline_seconds.is_some() {
        let path = path.child("spec").child("activeDeadlineSeconds");
        errors.forbidden(&path, "activeDeadlineSeconds in ReplicaSet is not Supported");
    }
}

/// Requires a number that is not negative, or a percentage.
pub(super) fn validate_count_or_share(errors: &mut ErrorList, value: &IntOrString, path: &Path) {
    match value {
        IntOrString::Int(number) => validate_nonnegative(errors, (*number).into(), path),
        IntOrString::String(text) if percent(text).is_none() => errors.invalid(
            path,
            text.as_str(),
            "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', \
             regex used for validation is '[0-9]+%')",
        ),
        IntOrString::String(_) => {}
    }
}

/// Requires a percentage to be at most the whole.
pub(super) fn validate_share(errors: &mut ErrorList, value: &IntOrString, path: &Path) {
    if let IntOrString::String(text) = value
        && percent(text).is_some_and(|percent| percent > 100)
    {
        errors.invalid(path, text.as_str(), "must not be greater than 100%");
    }
}

/// Whether a number or a percentage is nothing.
pub(super) fn is_zero(value: &IntOrString) -> bool {
    match value {
        IntOrString::Int(number) => *number == 0,
        IntOrString::String(text) => percent(text) == Some(0),
    }
}

fn percent(text: &str) -> Option<u64> {
    let digits = text.strip_suffix('%').filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    digits.parse().ok()
}

/// Requires numbers of a status not to be negative, and none to be greater than it can be.
pub(super) fn validate_counts(errors: &mut ErrorList, counts: &[(&str, Option<i64>)]) {
    for (name, count) in counts {
        validate_nonnegative(errors, count.unwrap_or(0), &Path::root("status").child(name));
    }
}

/// Requires one number of a status not to exceed another.
pub(super) fn validate_at_most(
    errors: &mut ErrorList,
    (name, count): (&str, Option<i32>),
    most: i32,
    message: &str,
) {
    let count = count.unwrap_or(0);
    if count > most {
        errors.invalid(&Path::root("status").child(name), count, message);
    }
}
