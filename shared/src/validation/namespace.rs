//! Namespaces.
//!
//! Follows kubernetes `pkg/apis/core/validation/validation.go` (`ValidateNamespace`).

use k8s_openapi::api::core::v1::Namespace;

use super::Rules;
use super::field::{ErrorList, Path};
use super::metadata::{Scope, validate_metadata, validate_metadata_update, validate_standard_finalizer};
use super::names;

impl Rules for Namespace {
    fn validate(&self) -> ErrorList {
        let mut errors = ErrorList::new();
        validate_metadata(&mut errors, &self.metadata, Scope::Cluster, names::name_is_dns_label);
        let path = Path::root("spec").child("finalizers");
        let finalizers = self.spec.as_ref().and_then(|spec| spec.finalizers.as_deref());
        for finalizer in finalizers.unwrap_or_default() {
            errors.invalid_each(&path, finalizer.as_str(), names::qualified_name(finalizer));
            validate_standard_finalizer(&mut errors, finalizer, &path);
        }
        errors
    }

    fn validate_update(&self, old: &Namespace) -> ErrorList {
        let mut errors = ErrorList::new();
        validate_metadata_update(&mut errors, &self.metadata, &old.metadata);
        errors
    }

    fn validate_status_update(&self, old: &Namespace) -> ErrorList {
        let mut errors = self.validate_update(old);
        let phase = self.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or_default();
        let (expected, state) = match self.metadata.deletion_timestamp {
            None => ("Active", "empty"),
            Some(_) => ("Terminating", "not empty"),
        };
        if phase != expected {
            let message = format!("may only be '{expected}' if `deletionTimestamp` is {state}");
            errors.invalid(&Path::root("status").child("Phase"), phase, message);
        }
        errors
    }
}
