//! Leases.
//!
//! Follows kubernetes `pkg/apis/coordination/validation/validation.go` (`ValidateLease`).

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};

use super::Rules;
use super::field::{ErrorList, Path};
use super::metadata::{Scope, validate_metadata, validate_metadata_update};
use super::names;

impl Rules for Lease {
    fn validate(&self) -> ErrorList {
        let mut errors = ErrorList::new();
        validate_metadata(&mut errors, &self.metadata, Scope::Namespaced, names::name_is_dns_subdomain);
        validate_spec(&mut errors, self.spec.as_ref());
        errors
    }

    fn validate_update(&self, old: &Lease) -> ErrorList {
        let mut errors = ErrorList::new();
        validate_metadata_update(&mut errors, &self.metadata, &old.metadata);
        validate_spec(&mut errors, self.spec.as_ref());
        errors
    }

    fn validate_status_update(&self, old: &Lease) -> ErrorList {
        self.validate_update(old)
    }
}

fn validate_spec(errors: &mut ErrorList, spec: Option<&LeaseSpec>) {
    let Some(spec) = spec else { return };
    let path = Path::root("spec");
    if let Some(seconds) = spec.lease_duration_seconds.filter(|seconds| *seconds <= 0) {
        errors.invalid(&path.child("leaseDurationSeconds"), seconds, "must be greater than 0");
    }
    if let Some(transitions) = spec.lease_transitions.filter(|transitions| *transitions < 0) {
        errors.invalid(&path.child("leaseTransitions"), transitions, "must be greater than or equal to 0");
    }
    let strategy = spec.strategy.as_deref();
    if let Some(strategy) = strategy {
        validate_strategy(errors, strategy, &path.child("strategy").child("strategy"));
    }
    let holder = spec.preferred_holder.as_deref().unwrap_or_default();
    if !holder.is_empty() && strategy.unwrap_or_default().is_empty() {
        let message = "may only be specified if `strategy` is defined";
        errors.forbidden(&path.child("preferredHolder"), message);
    }
}

/// A strategy is Kubernetes' own or has a prefix; upstream doubles the path's last name.
fn validate_strategy(errors: &mut ErrorList, strategy: &str, path: &Path) {
    if strategy.contains('/') {
        errors.invalid_each(path, strategy, names::qualified_name(strategy));
    } else if strategy != "OldestEmulationVersion" {
        errors.not_supported(path, strategy, &["OldestEmulationVersion"]);
    }
}
