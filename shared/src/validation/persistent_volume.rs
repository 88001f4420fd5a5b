//! PersistentVolumes.
//!
//! Follows kubernetes `pkg/apis/core/validation/validation.go` (`ValidatePersistentVolume`,
//! `ValidatePersistentVolumeUpdate`). Sources that need a driver which no node here has are checked no further.

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeSpec};
use serde_json::{Map, Value};

use super::Rules;
use super::amount::{Amount, QUANTITY_MESSAGE};
use super::diff::diff;
use super::field::{Error, ErrorList, Path};
use super::metadata::{Scope, validate_metadata, validate_metadata_update, value_of};
use super::names;
use super::pod::{validate_host_path, validate_node_selector};

pub(super) const ACCESS_MODES: [&str; 4] =
    ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];
pub(super) const VOLUME_MODES: [&str; 2] = ["Block", "Filesystem"];
const RECLAIM_POLICIES: [&str; 3] = ["Delete", "Recycle", "Retain"];
/// The fields of a spec that are no source of the volume.
const NO_SOURCES: [&str; 9] = [
    "accessModes",
    "capacity",
    "claimRef",
    "mountOptions",
    "nodeAffinity",
    "persistentVolumeReclaimPolicy",
    "storageClassName",
    "volumeAttributesClassName",
    "volumeMode",
];

impl Rules for PersistentVolume {
    fn validate(&self) -> ErrorList {
        let mut errors = ErrorList::new();
        validate_metadata(&mut errors, &self.metadata, Scope::Cluster, names::name_is_dns_subdomain);
        let empty = PersistentVolumeSpec::default();
        validate_spec(&mut errors, self.spec.as_ref().unwrap_or(&empty), &Path::root("spec"));
        errors
    }

    fn validate_update(&self, old: &PersistentVolume) -> ErrorList {
        let mut errors = ErrorList::new();
        validate_metadata_update(&mut errors, &self.metadata, &old.metadata);
        errors.extend(self.validate());
        let empty = PersistentVolumeSpec::default();
        let (new, old) = (self.spec.as_ref().unwrap_or(&empty), old.spec.as_ref().unwrap_or(&empty));
        validate_change(&mut errors, new, old);
        errors
    }

    fn validate_status_update(&self, old: &PersistentVolume) -> ErrorList {
        let mut errors = ErrorList::new();
        validate_metadata_update(&mut errors, &self.metadata, &old.metadata);
        errors
    }
}

fn validate_spec(errors: &mut ErrorList, spec: &PersistentVolumeSpec, path: &Path) {
    let modes = spec.access_modes.as_deref().unwrap_or_default();
    if modes.is_empty() {
        errors.required(&path.child("accessModes"), "");
    }
    validate_access_modes(errors, modes, &path.child("accessModes"));
    validate_capacity(errors, spec, &path.child("capacity"));
    let policy = spec.persistent_volume_reclaim_policy.as_deref().unwrap_or_default();
    if !policy.is_empty() && !RECLAIM_POLICIES.contains(&policy) {
        errors.not_supported(&path.child("persistentVolumeReclaimPolicy"), policy, &RECLAIM_POLICIES);
    }
    let required = spec.node_affinity.as_ref().map(|affinity| affinity.required.as_ref());
    let affinity = path.child("nodeAffinity");
    match required {
        Some(Some(selector)) => validate_node_selector(errors, selector, &affinity.child("required")),
        Some(None) => {
            errors.required(&affinity.child("required"), "must specify required node constraints");
        }
        None => {}
    }
    validate_source(errors, spec, path);
    let root = spec.host_path.as_ref().is_some_and(|source| source.path.trim_end_matches('/').is_empty());
    if root && policy == "Recycle" {
        errors.forbidden(
            &path.child("persistentVolumeReclaimPolicy"),
            "may not be 'recycle' for a hostPath mount of '/'",
        );
    }
    validate_class_and_mode(errors, spec.storage_class_name.as_deref(), spec.volume_mode.as_deref(), path);
}

/// Rules of the ways in which a volume is mounted, those of claims too.
pub(super) fn validate_access_modes(errors: &mut ErrorList, modes: &[String], path: &Path) {
    for mode in modes.iter().filter(|mode| !ACCESS_MODES.contains(&mode.as_str())) {
        errors.not_supported(path, mode.as_str(), &ACCESS_MODES);
    }
    let alone = modes.iter().any(|mode| mode == "ReadWriteOncePod");
    let others = modes.iter().any(|mode| mode != "ReadWriteOncePod" && ACCESS_MODES.contains(&mode.as_str()));
    if alone && others {
        errors.forbidden(path, "may not use ReadWriteOncePod with other access modes");
    }
}

/// Rules of the names of a class and a mode, those of claims too.
pub(super) fn validate_class_and_mode(
    errors: &mut ErrorList,
    class: Option<&str>,
    mode: Option<&str>,
    path: &Path,
) {
    if let Some(class) = class.filter(|class| !class.is_empty()) {
        let messages = names::name_is_dns_subdomain(class, false);
        errors.invalid_each(&path.child("storageClassName"), class, messages);
    }
    if let Some(mode) = mode.filter(|mode| !VOLUME_MODES.contains(mode)) {
        errors.not_supported(&path.child("volumeMode"), mode, &VOLUME_MODES);
    }
}

fn validate_capacity(errors: &mut ErrorList, spec: &PersistentVolumeSpec, path: &Path) {
    let capacity = spec.capacity.iter().flatten();
    let names: Vec<&String> = capacity.clone().map(|(name, _)| name).collect();
    if names.is_empty() {
        errors.required(path, "");
    }
    if names.len() != 1 || names[0] != "storage" {
        errors.not_supported(path, value_of(&spec.capacity), &["storage"]);
    }
    for (name, quantity) in capacity {
        let path = path.key(name);
        validate_positive(errors, quantity, &path);
    }
}

/// Requires an amount above zero (`ValidatePositiveQuantityValue`).
pub(super) fn validate_positive(
    errors: &mut ErrorList,
    quantity: &k8s_openapi::apimachinery::pkg::api::resource::Quantity,
    path: &Path,
) {
    match Amount::of(quantity) {
        None => errors.invalid(path, quantity.0.as_str(), QUANTITY_MESSAGE),
        Some(amount) if amount.is_negative() || amount.is_zero() => {
            errors.invalid(path, quantity.0.as_str(), "must be greater than zero");
        }
        Some(_) => {}
    }
}

/// The sources that are given, by the names of their fields.
fn sources(spec: &PersistentVolumeSpec) -> Map<String, Value> {
    let Value::Object(mut fields) = value_of(spec) else { return Map::new() };
    fields.retain(|name, value| !NO_SOURCES.contains(&name.as_str()) && !value.is_null());
    fields
}

fn validate_source(errors: &mut ErrorList, spec: &PersistentVolumeSpec, path: &Path) {
    let given = sources(spec);
    if given.is_empty() {
        errors.required(path, "must specify a volume type");
    }
    for name in given.keys().skip(1) {
        errors.forbidden(&path.child(name), "may not specify more than 1 volume type");
    }
    match given.keys().next().map(String::as_str) {
        Some("hostPath") => validate_host_path(errors, spec.host_path.as_ref(), &path.child("hostPath")),
        Some("local") => validate_local(errors, spec, path),
        _ => {}
    }
}

fn validate_local(errors: &mut ErrorList, spec: &PersistentVolumeSpec, path: &Path) {
    let file = spec.local.as_ref().map(|local| local.path.as_str()).unwrap_or_default();
    let at = path.child("local").child("path");
    if file.is_empty() {
        errors.required(&at, "");
    } else if file.split('/').any(|part| part == "..") {
        errors.invalid(&at, file, "must not contain '..'");
    }
    if spec.node_affinity.is_none() {
        errors.required(&path.child("nodeAffinity"), "Local volume requires node affinity");
    }
}

/// The source, the mode and the nodes of a volume stay as they are.
fn validate_change(errors: &mut ErrorList, new: &PersistentVolumeSpec, old: &PersistentVolumeSpec) {
    let (after, before) = (sources(new), sources(old));
    if after != before {
        let changes = diff("core.PersistentVolumeSource", &Value::Object(before), &Value::Object(after));
        let message = format!("spec.persistentvolumesource is immutable after creation\n{changes}");
        errors.forbidden(&Path::root("spec").child("persistentvolumesource"), message);
    }
    let mode = |spec: &PersistentVolumeSpec| spec.volume_mode.clone().unwrap_or_default();
    errors.immutable(&Path::root("volumeMode"), mode(new), mode(old));
    if old.node_affinity.is_some() && new.node_affinity != old.node_affinity {
        errors.push(Error::immutable(&Path::root("nodeAffinity"), value_of(&new.node_affinity)));
    }
}
