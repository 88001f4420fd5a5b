//! Deployments.
//!
//! Follows kubernetes `pkg/apis/apps/validation/validation.go` (`ValidateDeployment`) and, for the selector that
//! never changes, `pkg/registry/apps/deployment/strategy.go`.

use k8s_openapi::api::apps::v1::{Deployment, DeploymentStrategy, RollingUpdateDeployment};

use super::Rules;
use super::field::{ErrorList, Path};
use super::metadata::{Scope, validate_metadata, validate_metadata_update, validate_nonnegative, value_of};
use super::names;
use super::workload::{
    is_zero, validate_at_most, validate_count_or_share, validate_counts, validate_selector_and_template,
    validate_share,
};

impl Rules for Deployment {
    fn validate(&self) -> ErrorList {
        let mut errors = ErrorList::new();
        validate_metadata(&mut errors, &self.metadata, Scope::Namespaced, names::name_is_dns_subdomain);
        validate_spec(&mut errors, self);
        errors
    }

    fn validate_update(&self, old: &Deployment) -> ErrorList {
        let mut errors = ErrorList::new();
        validate_metadata_update(&mut errors, &self.metadata, &old.metadata);
        validate_spec(&mut errors, self);
        let path = Path::root("spec").child("selector");
        errors.immutable(&path, value_of(&self.spec.selector), value_of(&old.spec.selector));
        errors
    }

    fn validate_status_update(&self, old: &Deployment) -> ErrorList {
        let mut errors = ErrorList::new();
        validate_metadata_update(&mut errors, &self.metadata, &old.metadata);
        validate_status(&mut errors, self);
        let collisions = |deployment: &Deployment| deployment.status.as_ref()?.collision_count;
        let path = Path::root("status").child("collisionCount");
        match (collisions(self), collisions(old)) {
            (Some(new), Some(old)) if new < old => errors.invalid(&path, new, "cannot be decremented"),
            (None, Some(_)) => errors.invalid(&path, serde_json::Value::Null, "cannot be decremented"),
            _ => {}
        }
        errors
    }
}

fn validate_spec(errors: &mut ErrorList, deployment: &Deployment) {
    let (spec, path) = (&deployment.spec, Path::root("spec"));
    validate_nonnegative(errors, spec.replicas.unwrap_or(0).into(), &path.child("replicas"));
    validate_selector_and_template(errors, &spec.selector, Some(&spec.template), &path);
    if let Some(strategy) = &spec.strategy {
        validate_strategy(errors, strategy, &path.child("strategy"));
    }
    let min_ready = spec.min_ready_seconds.unwrap_or(0);
    validate_nonnegative(errors, min_ready.into(), &path.child("minReadySeconds"));
    let limit = spec.revision_history_limit.unwrap_or(0);
    validate_nonnegative(errors, limit.into(), &path.child("revisionHistoryLimit"));
    if let Some(deadline) = spec.progress_deadline_seconds {
        let path = path.child("progressDeadlineSeconds");
        validate_nonnegative(errors, deadline.into(), &path);
        if deadline <= min_ready {
            errors.invalid(&path, deadline, "must be greater than minReadySeconds");
        }
    }
}

fn validate_strategy(errors: &mut ErrorList, strategy: &DeploymentStrategy, path: &Path) {
    let rolling = path.child("rollingUpdate");
    match (strategy.type_.as_deref(), &strategy.rolling_update) {
        (Some("Recreate"), Some(_)) => {
            errors.forbidden(&rolling, "may not be specified when strategy `type` is 'Recreate'");
        }
        (Some("Recreate"), None) => {}
        (Some("RollingUpdate"), None) => {
            errors.required(&rolling, "this should be defaulted and never be nil");
        }
        (Some("RollingUpdate"), Some(update)) => validate_rolling_update(errors, update, &rolling),
        _ => errors.not_supported(path, value_of(strategy), &["Recreate", "RollingUpdate"]),
    }
}

fn validate_rolling_update(errors: &mut ErrorList, update: &RollingUpdateDeployment, path: &Path) {
    let unavailable = path.child("maxUnavailable");
    for (value, path) in
        [(&update.max_unavailable, &unavailable), (&update.max_surge, &path.child("maxSurge"))]
    {
        if let Some(value) = value {
            validate_count_or_share(errors, value, path);
        }
    }
    let (Some(most), Some(surge)) = (&update.max_unavailable, &update.max_surge) else { return };
    if is_zero(most) && is_zero(surge) {
        errors.invalid(&unavailable, value_of(most), "may not be 0 when `maxSurge` is 0");
    }
    validate_share(errors, most, &unavailable);
}

fn validate_status(errors: &mut ErrorList, deployment: &Deployment) {
    let status = deployment.status.clone().unwrap_or_default();
    validate_counts(
        errors,
        &[
            ("observedGeneration", status.observed_generation),
            ("replicas", status.replicas.map(i64::from)),
            ("updatedReplicas", status.updated_replicas.map(i64::from)),
            ("readyReplicas", status.ready_replicas.map(i64::from)),
            ("availableReplicas", status.available_replicas.map(i64::from)),
            ("unavailableReplicas", status.unavailable_replicas.map(i64::from)),
            ("terminatingReplicas", status.terminating_replicas.map(i64::from)),
            ("collisionCount", status.collision_count.map(i64::from)),
        ],
    );
    let (all, message) = (status.replicas.unwrap_or(0), "cannot be greater than status.replicas");
    for count in [
        ("updatedReplicas", status.updated_replicas),
        ("readyReplicas", status.ready_replicas),
        ("availableReplicas", status.available_replicas),
    ] {
        validate_at_most(errors, count, all, message);
    }
    let available = ("availableReplicas", status.available_replicas);
    let ready = status.ready_replicas.unwrap_or(0);
    validate_at_most(errors, available, ready, "cannot be greater than readyReplicas");
}
