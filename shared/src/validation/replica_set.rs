//! ReplicaSets.
//!
//! Follows kubernetes `pkg/apis/apps/validation/validation.go` (`ValidateReplicaSet`) and, for the selector that
//! never changes, `pkg/registry/apps/replicaset/strategy.go`.

use k8s_openapi::api::apps::v1::ReplicaSet;

use super::Rules;
use super::field::{ErrorList, Path};
use super::metadata::{Scope, validate_metadata, validate_metadata_update, validate_nonnegative, value_of};
use super::names;
use super::workload::{validate_at_most, validate_counts, validate_selector_and_template};

impl Rules for ReplicaSet {
    fn validate(&self) -> ErrorList {
        let mut errors = ErrorList::new();
        validate_metadata(&mut errors, &self.metadata, Scope::Namespaced, names::name_is_dns_subdomain);
        validate_spec(&mut errors, self);
        errors
    }

    fn validate_update(&self, old: &ReplicaSet) -> ErrorList {
        let mut errors = ErrorList::new();
        validate_metadata_update(&mut errors, &self.metadata, &old.metadata);
        validate_spec(&mut errors, self);
        let path = Path::root("spec").child("selector");
        errors.immutable(&path, value_of(&self.spec.selector), value_of(&old.spec.selector));
        errors
    }

    fn validate_status_update(&self, old: &ReplicaSet) -> ErrorList {
        let mut errors = ErrorList::new();
        validate_metadata_update(&mut errors, &self.metadata, &old.metadata);
        let status = self.status.clone().unwrap_or_default();
        validate_counts(
            &mut errors,
            &[
                ("replicas", Some(status.replicas.into())),
                ("fullyLabeledReplicas", status.fully_labeled_replicas.map(i64::from)),
                ("readyReplicas", status.ready_replicas.map(i64::from)),
                ("availableReplicas", status.available_replicas.map(i64::from)),
                ("terminatingReplicas", status.terminating_replicas.map(i64::from)),
                ("observedGeneration", status.observed_generation),
            ],
        );
        let (all, message) = (status.replicas, "cannot be greater than status.replicas");
        for count in [
            ("fullyLabeledReplicas", status.fully_labeled_replicas),
            ("readyReplicas", status.ready_replicas),
            ("availableReplicas", status.available_replicas),
        ] {
            validate_at_most(&mut errors, count, all, message);
        }
        let available = ("availableReplicas", status.available_replicas);
        let ready = status.ready_replicas.unwrap_or(0);
        validate_at_most(&mut errors, available, ready, "cannot be greater than readyReplicas");
        errors
    }
}

fn validate_spec(errors: &mut ErrorList, set: &ReplicaSet) {
    let (spec, path) = (&set.spec, Path::root("spec"));
    validate_nonnegative(errors, spec.replicas.unwrap_or(0).into(), &path.child("replicas"));
    validate_nonnegative(errors, spec.min_ready_seconds.unwrap_or(0).into(), &path.child("minReadySeconds"));
    validate_selector_and_template(errors, &spec.selector, spec.template.as_ref(), &path);
}
