//! Tolerations, and the effects of taints.
//!
//! Follows kubernetes `pkg/apis/core/validation/validation.go` (`ValidateTolerations`, `validateTaintEffect`).

use k8s_openapi::api::core::v1::Toleration;

use super::super::field::{ErrorList, Path};
use super::super::labels::validate_label_name;
use super::super::names;

/// Rules of a pod's tolerations.
pub(super) fn validate(errors: &mut ErrorList, tolerations: &[Toleration], path: &Path) {
    for (index, toleration) in tolerations.iter().enumerate() {
        validate_toleration(errors, toleration, &path.index(index));
    }
}

fn validate_toleration(errors: &mut ErrorList, toleration: &Toleration, path: &Path) {
    let key = toleration.key.as_deref().unwrap_or_default();
    let operator = toleration.operator.as_deref().unwrap_or_default();
    let effect = toleration.effect.as_deref().unwrap_or_default();
    if !key.is_empty() {
        validate_label_name(errors, key, &path.child("key"));
    }
    if key.is_empty() && operator != "Exists" {
        let message =
            "operator must be Exists when `key` is empty, which means \"match all values and all keys\"";
        errors.invalid(&path.child("operator"), operator, message);
    }
    if toleration.toleration_seconds.is_some() && effect != "NoExecute" {
        let message = "effect must be 'NoExecute' when `tolerationSeconds` is set";
        errors.invalid(&path.child("effect"), effect, message);
    }
    let value = toleration.value.as_deref().unwrap_or_default();
    validate_operator(errors, operator, value, &path.child("operator"));
    if !effect.is_empty() {
        validate_taint_effect(errors, effect, &path.child("effect"));
    }
}

fn validate_operator(errors: &mut ErrorList, operator: &str, value: &str, path: &Path) {
    match operator {
        "" | "Equal" => {
            let messages = names::label_value(value);
            if !messages.is_empty() {
                errors.invalid(path, value, messages.join(";"));
            }
        }
        "Exists" => {
            if !value.is_empty() {
                errors.invalid(path, value, "value must be empty when `operator` is 'Exists'");
            }
        }
        other => errors.not_supported(path, other, &["Equal", "Exists"]),
    }
}

/// Rules of a taint's effect, which must be given.
pub(in super::super) fn validate_taint_effect(errors: &mut ErrorList, effect: &str, path: &Path) {
    errors.one_of(path, effect, &["NoSchedule", "PreferNoSchedule", "NoExecute"]);
}
