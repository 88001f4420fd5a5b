//! How a pod may change: little more than its images.
//!
//! Follows kubernetes `pkg/apis/core/validation/validation.go` (`ValidatePodUpdate`).

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Affinity, Container, NodeAffinity, Pod, PodSchedulingGate, PodSpec, Toleration,
};
use serde_json::Value;

use crate::api::schema::Schema;
use crate::api::strict::level_quantities;

use super::super::diff::diff;
use super::super::field::{ErrorList, Path};
use super::super::metadata::{validate_metadata_update, value_of};
use super::super::names;
use super::{MIRROR_ANNOTATION, metadata_and_spec, tolerations};

const UPDATABLE: &str = "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

/// Rules of a change of a pod's metadata and spec.
pub(super) fn validate(new: &Pod, old: &Pod) -> ErrorList {
    let mut errors = ErrorList::new();
    validate_metadata_update(&mut errors, &new.metadata, &old.metadata);
    errors.extend(metadata_and_spec(new));
    validate_annotation_updates(&mut errors, new, old);
    let empty = PodSpec::default();
    let spec = new.spec.as_ref().unwrap_or(&empty);
    let before = old.spec.as_ref().unwrap_or(&empty);
    // Upstream stops where lists cannot be compared item by item.
    let comparable = validate_container_counts(&mut errors, spec, before)
        && validate_deadline(&mut errors, spec, before, &Path::root("spec").child("activeDeadlineSeconds"));
    if comparable {
        validate_spec_update(&mut errors, spec, before);
    }
    errors
}

fn validate_spec_update(errors: &mut ErrorList, new: &PodSpec, old: &PodSpec) {
    let path = Path::root("spec");
    validate_tolerations(errors, new, old, &path.child("tolerations"));
    validate_gates(errors, new, old, &path.child("schedulingGates"));
    let mut leveled = level(new, old);
    if !old.scheduling_gates.as_deref().unwrap_or_default().is_empty() {
        level_gated(errors, &mut leveled, old, &path);
    }
    let (leveled, old) = (normalized(value_of(&leveled)), normalized(value_of(old)));
    if !says_the_same(&leveled, &old) {
        let changes = diff("core.PodSpec", &old, &leveled);
        let message = format!("pod updates may not change fields other than {UPDATABLE}\n{changes}");
        errors.forbidden(&path, message);
    }
}

/// Annotations that tell what a pod is may not change.
pub(super) fn validate_annotation_updates(errors: &mut ErrorList, new: &Pod, old: &Pod) {
    let path = Path::root("metadata").child("annotations").key(MIRROR_ANNOTATION);
    let mirror =
        |pod: &Pod| pod.metadata.annotations.as_ref().and_then(|all| all.get(MIRROR_ANNOTATION).cloned());
    match (mirror(old), mirror(new)) {
        (None, Some(_)) => errors.forbidden(&path, "may not add mirror pod annotation"),
        (Some(old), new) if new.as_ref() != Some(&old) => {
            errors.forbidden(&path, "may not remove or update mirror pod annotation");
        }
        _ => {}
    }
}

fn validate_container_counts(errors: &mut ErrorList, new: &PodSpec, old: &PodSpec) -> bool {
    let init = |spec: &PodSpec| spec.init_containers.as_deref().unwrap_or_default().len();
    let counts = [
        ("containers", new.containers.len(), old.containers.len()),
        ("initContainers", init(new), init(old)),
    ];
    let changed = counts.into_iter().find(|(_, new, old)| new != old);
    if let Some((name, _, _)) = changed {
        let message = "pod updates may not add or remove containers";
        errors.forbidden(&Path::root("spec").child(name), message);
    }
    changed.is_none()
}

/// A deadline may be set, and may come nearer.
fn validate_deadline(errors: &mut ErrorList, new: &PodSpec, old: &PodSpec, path: &Path) -> bool {
    match (new.active_deadline_seconds, old.active_deadline_seconds) {
        (Some(new), _) if !(0..=i64::from(i32::MAX)).contains(&new) => {
            errors.invalid(path, new, names::range_message(0, i32::MAX.into()));
            false
        }
        (Some(new), Some(old)) if old < new => {
            errors.invalid(path, new, "must be less than or equal to previous value");
            false
        }
        (None, Some(_)) => {
            errors.invalid(path, Value::Null, "must not update from a positive integer to nil value");
            true
        }
        _ => true,
    }
}

fn validate_tolerations(errors: &mut ErrorList, new: &PodSpec, old: &PodSpec, path: &Path) {
    let new = new.tolerations.as_deref().unwrap_or_default();
    let kept = |old: &Toleration| {
        new.iter().any(|new| Toleration { toleration_seconds: new.toleration_seconds, ..old.clone() } == *new)
    };
    if old.tolerations.iter().flatten().all(kept) {
        tolerations::validate(errors, new, path);
    } else {
        errors.forbidden(path, "existing toleration can not be modified except its tolerationSeconds");
    }
}

fn validate_gates(errors: &mut ErrorList, new: &PodSpec, old: &PodSpec, path: &Path) {
    let known: Vec<&PodSchedulingGate> = old.scheduling_gates.iter().flatten().collect();
    for (index, gate) in new.scheduling_gates.iter().flatten().enumerate() {
        if !known.contains(&gate) {
            let message = format!("only deletion is allowed, but found new scheduling gate '{}'", gate.name);
            errors.forbidden(&path.index(index).child("name"), message);
        }
    }
}

/// The new spec with everything that may change put back to what it was.
fn level(new: &PodSpec, old: &PodSpec) -> PodSpec {
    let mut leveled = new.clone();
    level_images(&mut leveled.containers, &old.containers);
    if let (Some(new), Some(old)) = (&mut leveled.init_containers, &old.init_containers) {
        level_images(new, old);
    }
    leveled.active_deadline_seconds = old.active_deadline_seconds;
    leveled.scheduling_gates = old.scheduling_gates.clone();
    leveled.tolerations = old.tolerations.clone();
    let was_negative = old.termination_grace_period_seconds.is_some_and(|seconds| seconds < 0);
    if was_negative && new.termination_grace_period_seconds == Some(1) {
        leveled.termination_grace_period_seconds = old.termination_grace_period_seconds;
    }
    leveled
}

fn level_images(new: &mut [Container], old: &[Container]) {
    for (new, old) in new.iter_mut().zip(old) {
        new.image = old.image.clone();
    }
}

/// A pod that waits for its gates may be directed to fewer nodes.
fn level_gated(errors: &mut ErrorList, leveled: &mut PodSpec, old: &PodSpec, path: &Path) {
    if leveled.node_selector != old.node_selector {
        validate_selector_only_grows(errors, leveled, old, &path.child("nodeSelector"));
        leveled.node_selector = old.node_selector.clone();
    }
    let affinity =
        |spec: &PodSpec| spec.affinity.as_ref().and_then(|affinity| affinity.node_affinity.clone());
    let (new_affinity, old_affinity) = (affinity(leveled), affinity(old));
    if new_affinity != old_affinity {
        let path = path.child("affinity").child("nodeAffinity");
        validate_affinity_only_narrows(errors, new_affinity.as_ref(), old_affinity.as_ref(), &path);
        leveled.affinity.get_or_insert_default().node_affinity = old_affinity;
        if old.affinity.is_none() && leveled.affinity == Some(Affinity::default()) {
            leveled.affinity = None;
        }
    }
}

fn validate_selector_only_grows(errors: &mut ErrorList, new: &PodSpec, old: &PodSpec, path: &Path) {
    let empty = BTreeMap::new();
    let now = new.node_selector.as_ref().unwrap_or(&empty);
    for (key, value) in old.node_selector.iter().flatten() {
        if now.get(key) != Some(value) {
            return errors.invalid(
                path,
                value_of(now),
                "only additions to spec.nodeSelector are allowed (no mutations or deletions)",
            );
        }
    }
}

fn validate_affinity_only_narrows(
    errors: &mut ErrorList,
    new: Option<&NodeAffinity>,
    old: Option<&NodeAffinity>,
    path: &Path,
) {
    let required = |affinity: Option<&NodeAffinity>| {
        affinity.and_then(|affinity| affinity.required_during_scheduling_ignored_during_execution.clone())
    };
    let path = path.child("requiredDuringSchedulingIgnoredDuringExecution");
    let Some(before) = required(old) else { return };
    let Some(now) = required(new) else {
        return errors.invalid(&path, Value::Null, "field is immutable");
    };
    let terms_path = path.child("nodeSelectorTerms");
    if now.node_selector_terms.len() != before.node_selector_terms.len() {
        let message = "no additions/deletions to non-empty NodeSelectorTerms list are allowed";
        return errors.invalid(&terms_path, value_of(&now.node_selector_terms), message);
    }
    let terms = now.node_selector_terms.iter().zip(&before.node_selector_terms);
    for (index, (now, before)) in terms.enumerate() {
        let expressions = now.match_expressions.as_deref().unwrap_or_default();
        let fields = now.match_fields.as_deref().unwrap_or_default();
        let narrows = expressions.starts_with(before.match_expressions.as_deref().unwrap_or_default())
            && fields.starts_with(before.match_fields.as_deref().unwrap_or_default());
        if !narrows {
            let message = "only additions are allowed (no mutations or deletions)";
            errors.invalid(&terms_path.index(index), value_of(now), message);
        }
    }
}

/// Numbers and flags for which Go does not tell zero from absent.
const ZERO_IS_ABSENT: [&str; 9] = [
    "hostIPC",
    "hostNetwork",
    "hostPID",
    "hostPort",
    "initialDelaySeconds",
    "readOnly",
    "stdin",
    "stdinOnce",
    "tty",
];

/// Whether two specs differ at most in how they spell a quantity.
fn says_the_same(a: &Value, b: &Value) -> bool {
    let leveled = |spec: &Value| {
        let mut spec = spec.clone();
        if let Some(ty) = Schema::kubernetes().type_named("core.v1.PodSpec") {
            level_quantities(&mut spec, ty);
        }
        spec
    };
    a == b || leveled(a) == leveled(b)
}

/// A value without what means the same as nothing: empty lists and text, and zeros that Go does not tell from them.
fn normalized(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields = fields.into_iter().map(|(name, value)| (name, normalized(value)));
            Value::Object(fields.filter(|(name, value)| !is_nothing(name, value)).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(normalized).collect()),
        other => other,
    }
}

fn is_nothing(name: &str, value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::String(text) => text.is_empty(),
        Value::Object(fields) => name == "resources" && fields.is_empty(),
        Value::Bool(flag) => !flag && ZERO_IS_ABSENT.contains(&name),
        Value::Number(number) => number.as_i64() == Some(0) && ZERO_IS_ABSENT.contains(&name),
    }
}
