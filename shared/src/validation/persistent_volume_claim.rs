//! PersistentVolumeClaims.
//!
//! Follows kubernetes `pkg/apis/core/validation/validation.go` (`ValidatePersistentVolumeClaim`,
//! `ValidatePersistentVolumeClaimUpdate`, `ValidatePersistentVolumeClaimStatusUpdate`).

use k8s_openapi::api::core::v1::{
    PersistentVolumeClaim, PersistentVolumeClaimSpec, PersistentVolumeClaimStatus,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::Rules;
use super::amount::Amount;
use super::diff::diff;
use super::field::{ErrorList, Path};
use super::labels::validate_selector;
use super::metadata::{Scope, validate_metadata, validate_metadata_update, value_of};
use super::names;
use super::persistent_volume::{validate_access_modes, validate_class_and_mode, validate_positive};
use super::resources::validate_quantity;

const STORAGE: &str = "storage";

impl Rules for PersistentVolumeClaim {
    fn validate(&self) -> ErrorList {
        let mut errors = ErrorList::new();
        validate_metadata(&mut errors, &self.metadata, Scope::Namespaced, names::name_is_dns_subdomain);
        let empty = PersistentVolumeClaimSpec::default();
        validate_claim_spec(&mut errors, self.spec.as_ref().unwrap_or(&empty), &Path::root("spec"));
        errors
    }

    fn validate_update(&self, old: &PersistentVolumeClaim) -> ErrorList {
        let mut errors = ErrorList::new();
        validate_metadata_update(&mut errors, &self.metadata, &old.metadata);
        errors.extend(self.validate());
        validate_change(&mut errors, self, old);
        errors
    }

    fn validate_status_update(&self, old: &PersistentVolumeClaim) -> ErrorList {
        let mut errors = ErrorList::new();
        validate_metadata_update(&mut errors, &self.metadata, &old.metadata);
        let empty = PersistentVolumeClaimStatus::default();
        let status = self.status.as_ref().unwrap_or(&empty);
        let path = Path::root("status");
        for (list, amounts) in
            [("capacity", &status.capacity), ("allocatedResources", &status.allocated_resources)]
        {
            for (name, quantity) in amounts.iter().flatten() {
                validate_quantity(&mut errors, name, quantity, &path.child(list).key(name));
            }
        }
        errors
    }
}

/// Rules of what a claim asks for; those of a pod's ephemeral volumes too.
pub(super) fn validate_claim_spec(errors: &mut ErrorList, spec: &PersistentVolumeClaimSpec, path: &Path) {
    let modes = spec.access_modes.as_deref().unwrap_or_default();
    if modes.is_empty() {
        errors.required(&path.child("accessModes"), "at least 1 access mode is required");
    }
    validate_selector(errors, spec.selector.as_ref(), &path.child("selector"));
    validate_access_modes(errors, modes, &path.child("accessModes"));
    let storage = path.child("resources").key(STORAGE);
    match requested(spec) {
        None => errors.required(&storage, ""),
        Some(quantity) => validate_positive(errors, quantity, &storage),
    }
    validate_class_and_mode(errors, spec.storage_class_name.as_deref(), spec.volume_mode.as_deref(), path);
    validate_data_source(errors, spec, path);
}

fn validate_data_source(errors: &mut ErrorList, spec: &PersistentVolumeClaimSpec, path: &Path) {
    let Some(source) = &spec.data_source else { return };
    let path = path.child("dataSource");
    for (field, value) in [("name", &source.name), ("kind", &source.kind)] {
        if value.is_empty() {
            errors.required(&path.child(field), "");
        }
    }
    if source.api_group.as_deref().unwrap_or_default().is_empty() && source.kind != "PersistentVolumeClaim" {
        let message = "must be 'PersistentVolumeClaim' when referencing the default apiGroup";
        errors.invalid(&path, source.kind.as_str(), message);
    }
}

fn requested(spec: &PersistentVolumeClaimSpec) -> Option<&Quantity> {
    spec.resources.as_ref()?.requests.as_ref()?.get(STORAGE)
}

/// A bound claim may ask for more, and a claim is bound and given a class once; all else stays.
fn validate_change(errors: &mut ErrorList, new: &PersistentVolumeClaim, old: &PersistentVolumeClaim) {
    let empty = PersistentVolumeClaimSpec::default();
    let (mut after, mut before) =
        (new.spec.clone().unwrap_or_default(), old.spec.as_ref().unwrap_or(&empty).clone());
    let (new_size, old_size) = (amount(requested(&after)), amount(requested(&before)));
    if before.volume_name.as_deref().unwrap_or_default().is_empty() {
        before.volume_name.clone_from(&after.volume_name);
    }
    if before.storage_class_name.is_none() {
        before.storage_class_name.clone_from(&after.storage_class_name);
    }
    if new.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Bound") {
        level_size(&mut after, &before);
    }
    after.volume_attributes_class_name.clone_from(&before.volume_attributes_class_name);
    if after != before {
        let changes = diff("core.PersistentVolumeClaimSpec", &value_of(&before), &value_of(&after));
        let message = format!(
            "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n{changes}"
        );
        errors.forbidden(&Path::root("spec"), message);
    }
    let capacity = old.status.as_ref().and_then(|status| status.capacity.as_ref()?.get(STORAGE));
    if new_size < old_size && new_size <= amount(capacity) {
        let path = Path::root("spec").child("resources").child("requests").child(STORAGE);
        errors.forbidden(&path, "field can not be less than status.capacity");
    }
    let mode = |claim: &PersistentVolumeClaim| {
        claim.spec.as_ref().and_then(|spec| spec.volume_mode.clone()).unwrap_or_default()
    };
    errors.immutable(&Path::root("volumeMode"), mode(new), mode(old));
}

/// The size before, for a comparison of all else.
fn level_size(after: &mut PersistentVolumeClaimSpec, before: &PersistentVolumeClaimSpec) {
    let requests = after.resources.as_mut().and_then(|resources| resources.requests.as_mut());
    if let (Some(requests), Some(size)) = (requests, requested(before)) {
        requests.insert(STORAGE.to_owned(), size.clone());
    }
}

fn amount(quantity: Option<&Quantity>) -> Amount {
    quantity.and_then(Amount::of).unwrap_or_default()
}
