//! Rules of `metadata` that hold for objects of every kind.
//!
//! Follows apimachinery `pkg/api/validation/objectmeta.go` and, for finalizers, kubernetes
//! `pkg/apis/core/validation/validation.go`.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, ObjectMeta, OwnerReference, Time};
use serde_json::{Value, json};

use super::field::{ErrorList, Path};
use super::labels::validate_labels;
use super::names::{self, NameRule};

const ANNOTATIONS_MAX_BYTES: usize = 256 * 1024;
const STANDARD_FINALIZERS: [&str; 3] = ["kubernetes", "orphan", "foregroundDeletion"];

/// Whether objects of a kind live in a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// They do.
    Namespaced,
    /// They belong to the cluster.
    Cluster,
}

/// Rules of a new object's metadata; its name has been generated already.
pub(crate) fn validate_metadata(errors: &mut ErrorList, meta: &ObjectMeta, scope: Scope, rule: NameRule) {
    let path = Path::root("metadata");
    validate_name(errors, meta, rule, &path);
    validate_namespace(errors, meta, scope, &path.child("namespace"));
    validate_common(errors, meta, &path);
    validate_finalizers(errors, meta.finalizers.as_deref().unwrap_or_default(), &path.child("finalizers"));
    validate_managed_fields(errors, meta, &path.child("managedFields"));
    validate_standard_finalizers(errors, meta, &path.child("finalizers"));
}

fn validate_name(errors: &mut ErrorList, meta: &ObjectMeta, rule: NameRule, path: &Path) {
    if let Some(prefix) = meta.generate_name.as_deref().filter(|prefix| !prefix.is_empty()) {
        errors.invalid_each(&path.child("generateName"), prefix, rule(prefix, true));
    }
    let name = meta.name.as_deref().unwrap_or_default();
    if name.is_empty() {
        errors.required(&path.child("name"), "name or generateName is required");
    } else {
        errors.invalid_each(&path.child("name"), name, rule(name, false));
    }
}

fn validate_namespace(errors: &mut ErrorList, meta: &ObjectMeta, scope: Scope, path: &Path) {
    let namespace = meta.namespace.as_deref().unwrap_or_default();
    match (scope, namespace.is_empty()) {
        (Scope::Namespaced, true) => errors.required(path, ""),
        (Scope::Namespaced, false) => {
            errors.invalid_each(path, namespace, names::name_is_dns_label(namespace, false));
        }
        (Scope::Cluster, false) => errors.forbidden(path, "not allowed on this type"),
        (Scope::Cluster, true) => {}
    }
}

/// What is checked of metadata both when it is new and when it changes.
fn validate_common(errors: &mut ErrorList, meta: &ObjectMeta, path: &Path) {
    let generation = meta.generation.unwrap_or_default();
    validate_nonnegative(errors, generation, &path.child("generation"));
    validate_labels(errors, meta.labels.iter().flatten(), &path.child("labels"));
    validate_annotations(errors, meta, &path.child("annotations"));
    validate_owners(
        errors,
        meta.owner_references.as_deref().unwrap_or_default(),
        &path.child("ownerReferences"),
    );
}

/// Requires a number that is not negative.
pub(crate) fn validate_nonnegative(errors: &mut ErrorList, value: i64, path: &Path) {
    if value < 0 {
        errors.invalid(path, value, "must be greater than or equal to 0");
    }
}

pub(super) fn validate_annotations(errors: &mut ErrorList, meta: &ObjectMeta, path: &Path) {
    let mut bytes = 0;
    for (key, value) in meta.annotations.iter().flatten() {
        errors.invalid_each(path, key.as_str(), names::qualified_name(&key.to_lowercase()));
        bytes += key.len() + value.len();
    }
    if bytes > ANNOTATIONS_MAX_BYTES {
        errors.push(super::field::Error::too_long(path, ANNOTATIONS_MAX_BYTES));
    }
}

fn validate_owners(errors: &mut ErrorList, owners: &[OwnerReference], path: &Path) {
    let mut controller: Option<String> = None;
    for (index, owner) in owners.iter().enumerate() {
        validate_owner(errors, owner, &path.index(index));
        if owner.controller != Some(true) {
            continue;
        }
        let name = format!("{}/{}", owner.kind, owner.name);
        match &controller {
            None => controller = Some(name),
            Some(first) => errors.invalid(
                path,
                value_of(&owners),
                format!(
                    "Only one reference can have Controller set to true. Found \"true\" in references for {first} and {name}"
                ),
            ),
        }
    }
}

fn validate_owner(errors: &mut ErrorList, owner: &OwnerReference, path: &Path) {
    if owner.api_version.is_empty() {
        errors.required(&path.child("apiVersion"), "must not be empty");
    } else if owner.api_version.split('/').count() > 2 || owner.api_version.ends_with('/') {
        errors.invalid(
            &path.child("apiVersion"),
            owner.api_version.as_str(),
            "must be <group>/<version> or <version>",
        );
    }
    for (name, value) in [("kind", &owner.kind), ("name", &owner.name), ("uid", &owner.uid)] {
        if value.is_empty() {
            errors.required(&path.child(name), "must not be empty");
        }
    }
    if owner.api_version == "v1" && owner.kind == "Event" {
        errors.invalid(path, value_of(owner), "/v1, Kind=Event is disallowed from being an owner");
    }
}

fn validate_finalizers(errors: &mut ErrorList, finalizers: &[String], path: &Path) {
    for finalizer in finalizers {
        errors.invalid_each(path, finalizer.as_str(), names::qualified_name(finalizer));
    }
    let has = |name: &str| finalizers.iter().any(|finalizer| finalizer == name);
    if has("orphan") && has("foregroundDeletion") {
        let message = "finalizer orphan and foregroundDeletion cannot be both set";
        errors.invalid(path, json!(finalizers), message);
    }
}

fn validate_standard_finalizers(errors: &mut ErrorList, meta: &ObjectMeta, path: &Path) {
    for (index, finalizer) in meta.finalizers.iter().flatten().enumerate() {
        validate_standard_finalizer(errors, finalizer, &path.index(index));
    }
}

/// A finalizer without a prefix must be one that Kubernetes itself knows.
pub(crate) fn validate_standard_finalizer(errors: &mut ErrorList, finalizer: &str, path: &Path) {
    if !finalizer.contains('/') && !STANDARD_FINALIZERS.contains(&finalizer) {
        let message = "name is neither a standard finalizer name nor is it fully qualified";
        errors.invalid(path, finalizer, message);
    }
}

fn validate_managed_fields(errors: &mut ErrorList, meta: &ObjectMeta, path: &Path) {
    for (index, entry) in meta.managed_fields.iter().flatten().enumerate() {
        validate_managed_fields_entry(errors, entry, &path.index(index));
    }
}

fn validate_managed_fields_entry(errors: &mut ErrorList, entry: &ManagedFieldsEntry, path: &Path) {
    let operation = entry.operation.as_deref().unwrap_or_default();
    if operation.is_empty() {
        errors.required(&path.child("operation"), "must not be empty");
    } else if !["Apply", "Update"].contains(&operation) {
        errors.not_supported(&path.child("operation"), operation, &["Apply", "Update"]);
    }
    let fields_type = entry.fields_type.as_deref().unwrap_or_default();
    if !fields_type.is_empty() && fields_type != "FieldsV1" {
        errors.invalid(&path.child("fieldsType"), fields_type, "must be `FieldsV1`");
    }
    for (name, value, max) in [("manager", &entry.manager, 128), ("subresource", &entry.subresource, 256)] {
        if value.as_deref().unwrap_or_default().len() > max {
            errors.push(super::field::Error::too_long(&path.child(name), max));
        }
    }
}

/// Rules of changed metadata: what must be given, and what may not change.
pub(crate) fn validate_metadata_update(errors: &mut ErrorList, new: &ObjectMeta, old: &ObjectMeta) {
    let path = Path::root("metadata");
    if old.deletion_timestamp.is_some() {
        validate_no_new_finalizers(errors, new, old, &path.child("finalizers"));
    }
    if new.resource_version.as_deref().unwrap_or_default().is_empty() {
        errors.invalid(&path.child("resourceVersion"), "", "must be specified for an update");
    }
    let generation = new.generation.unwrap_or_default();
    if generation < old.generation.unwrap_or_default() {
        errors.invalid(&path.child("generation"), generation, "must not be decremented");
    }
    validate_immutable(errors, new, old, &path);
    validate_common(errors, new, &path);
    validate_managed_fields(errors, new, &path.child("managedFields"));
    validate_standard_finalizers(errors, new, &path.child("finalizers"));
}

fn validate_no_new_finalizers(errors: &mut ErrorList, new: &ObjectMeta, old: &ObjectMeta, path: &Path) {
    let known = old.finalizers.as_deref().unwrap_or_default();
    let mut added: Vec<&String> =
        new.finalizers.iter().flatten().filter(|finalizer| !known.contains(finalizer)).collect();
    added.sort();
    added.dedup();
    if added.is_empty() {
        return;
    }
    let added: Vec<String> = added.into_iter().map(|finalizer| super::field::quote(finalizer)).collect();
    errors.forbidden(
        path,
        format!(
            "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{}}}",
            added.join(", ")
        ),
    );
}

fn validate_immutable(errors: &mut ErrorList, new: &ObjectMeta, old: &ObjectMeta, path: &Path) {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let time = |value: &Option<Time>| value.as_ref().map_or(Value::Null, value_of);
    errors.immutable(&path.child("name"), text(&new.name), text(&old.name));
    errors.immutable(&path.child("namespace"), text(&new.namespace), text(&old.namespace));
    errors.immutable(&path.child("uid"), text(&new.uid), text(&old.uid));
    let times = [
        ("creationTimestamp", &new.creation_timestamp, &old.creation_timestamp),
        ("deletionTimestamp", &new.deletion_timestamp, &old.deletion_timestamp),
    ];
    for (name, new, old) in times {
        errors.immutable(&path.child(name), time(new), time(old));
    }
    errors.immutable(
        &path.child("deletionGracePeriodSeconds"),
        json!(new.deletion_grace_period_seconds),
        json!(old.deletion_grace_period_seconds),
    );
}

/// A typed value as JSON, to be shown in an error.
pub(crate) fn value_of(value: &impl serde::Serialize) -> Value {
    serde_json::to_value(value).unwrap_or(Value::Null)
}
