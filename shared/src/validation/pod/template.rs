//! Templates of pods.
//!
//! Follows kubernetes `pkg/apis/core/validation/validation.go` (`ValidatePodTemplateSpec`).

use k8s_openapi::api::core::v1::{PodSpec, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::super::field::{ErrorList, Path};
use super::super::labels::validate_labels;
use super::super::metadata::validate_annotations;
use super::spec;

/// Rules of a template.
pub(in crate::validation) fn validate(errors: &mut ErrorList, template: &PodTemplateSpec, path: &Path) {
    let no_metadata = ObjectMeta::default();
    let metadata = template.metadata.as_ref().unwrap_or(&no_metadata);
    validate_labels(errors, metadata.labels.iter().flatten(), &path.child("labels"));
    validate_annotations(errors, metadata, &path.child("annotations"));
    let (no_spec, path) = (PodSpec::default(), path.child("spec"));
    let spec = template.spec.as_ref().unwrap_or(&no_spec);
    spec::validate(errors, spec, metadata, &path);
    if !spec.ephemeral_containers.as_deref().unwrap_or_default().is_empty() {
        let message = "ephemeral containers not allowed in pod template";
        errors.forbidden(&path.child("ephemeralContainers"), message);
    }
}
