//! ServiceAccounts.
//!
//! Follows kubernetes `pkg/apis/core/validation/validation.go` (`ValidateServiceAccount`).

use k8s_openapi::api::core::v1::ServiceAccount;

use super::Rules;
use super::field::ErrorList;
use super::metadata::{Scope, validate_metadata, validate_metadata_update};
use super::names;

impl Rules for ServiceAccount {
    fn validate(&self) -> ErrorList {
        let mut errors = ErrorList::new();
        validate_metadata(&mut errors, &self.metadata, Scope::Namespaced, names::name_is_dns_subdomain);
        errors
    }

    fn validate_update(&self, old: &ServiceAccount) -> ErrorList {
        let mut errors = ErrorList::new();
        validate_metadata_update(&mut errors, &self.metadata, &old.metadata);
        errors.extend(self.validate());
        errors
    }

    fn validate_status_update(&self, old: &ServiceAccount) -> ErrorList {
        self.validate_update(old)
    }
}
