//! Scales, the subresource of what keeps pods.
//!
//! Follows kubernetes `pkg/apis/autoscaling/validation/validation.go` (`ValidateScale`).

use k8s_openapi::api::autoscaling::v1::Scale;

use super::field::{ErrorList, Path};
use super::metadata::validate_nonnegative;

/// What is wrong with a scale that is asked for.
pub fn validate_scale(scale: &Scale) -> ErrorList {
    let mut errors = ErrorList::new();
    let replicas = scale.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(0);
    validate_nonnegative(&mut errors, replicas.into(), &Path::root("spec").child("replicas"));
    errors
}
