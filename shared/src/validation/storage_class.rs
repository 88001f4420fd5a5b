//! StorageClasses.
//!
//! Follows kubernetes `pkg/apis/storage/validation/validation.go` (`ValidateStorageClass`,
//! `ValidateStorageClassUpdate`).

use k8s_openapi::api::storage::v1::StorageClass;

use super::Rules;
use super::field::{Error, ErrorList, Path};
use super::metadata::{Scope, validate_metadata, validate_metadata_update};
use super::names;

const BINDING_MODES: [&str; 2] = ["Immediate", "WaitForFirstConsumer"];
const RECLAIM_POLICIES: [&str; 2] = ["Delete", "Retain"];
const MAX_PARAMETERS: usize = 512;
const MAX_PARAMETERS_BYTES: usize = 256 * 1024;

impl Rules for StorageClass {
    fn validate(&self) -> ErrorList {
        let mut errors = ErrorList::new();
        validate_metadata(&mut errors, &self.metadata, Scope::Cluster, names::name_is_dns_subdomain);
        validate_provisioner(&mut errors, &self.provisioner);
        validate_parameters(&mut errors, self);
        let policy = self.reclaim_policy.as_deref().unwrap_or_default();
        if !policy.is_empty() && !RECLAIM_POLICIES.contains(&policy) {
            errors.not_supported(&Path::root("reclaimPolicy"), policy, &RECLAIM_POLICIES);
        }
        let path = Path::root("volumeBindingMode");
        match self.volume_binding_mode.as_deref() {
            None => errors.required(&path, ""),
            Some(mode) if !BINDING_MODES.contains(&mode) => {
                errors.not_supported(&path, mode, &BINDING_MODES);
            }
            Some(_) => {}
        }
        errors
    }

    fn validate_update(&self, old: &StorageClass) -> ErrorList {
        let mut errors = ErrorList::new();
        validate_metadata_update(&mut errors, &self.metadata, &old.metadata);
        if self.parameters.clone().unwrap_or_default() != old.parameters.clone().unwrap_or_default() {
            errors.forbidden(&Path::root("parameters"), "updates to parameters are forbidden.");
        }
        if self.provisioner != old.provisioner {
            errors.forbidden(&Path::root("provisioner"), "updates to provisioner are forbidden.");
        }
        if self.reclaim_policy != old.reclaim_policy {
            errors.forbidden(&Path::root("reclaimPolicy"), "updates to reclaimPolicy are forbidden.");
        }
        let mode = |class: &StorageClass| class.volume_binding_mode.clone().unwrap_or_default();
        errors.immutable(&Path::root("volumeBindingMode"), mode(self), mode(old));
        errors
    }

    fn validate_status_update(&self, old: &StorageClass) -> ErrorList {
        self.validate_update(old)
    }
}

fn validate_provisioner(errors: &mut ErrorList, provisioner: &str) {
    let path = Path::root("provisioner");
    if provisioner.is_empty() {
        return errors.required(&path, "");
    }
    errors.invalid_each(&path, provisioner, names::qualified_name(&provisioner.to_lowercase()));
}

fn validate_parameters(errors: &mut ErrorList, class: &StorageClass) {
    let path = Path::root("parameters");
    let parameters = class.parameters.iter().flatten();
    if parameters.clone().count() > MAX_PARAMETERS {
        // Upstream counts parameters and says bytes; the sentence is on the wire.
        return errors.push(Error::too_long(&path, MAX_PARAMETERS));
    }
    let bytes: usize = parameters.clone().map(|(key, value)| key.len() + value.len()).sum();
    for (key, _) in parameters.filter(|(key, _)| key.is_empty()) {
        errors.invalid(&path, key.as_str(), "field can not be empty.");
    }
    if bytes > MAX_PARAMETERS_BYTES {
        errors.push(Error::too_long(&path, MAX_PARAMETERS_BYTES));
    }
}
