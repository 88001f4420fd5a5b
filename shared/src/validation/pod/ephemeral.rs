//! How the ephemeral containers of a pod may change: they may only become more.
//!
//! Follows kubernetes `pkg/apis/core/validation/validation.go` (`ValidatePodEphemeralContainersUpdate`).

use k8s_openapi::api::core::v1::{EphemeralContainer, Pod};

use super::super::diff::diff;
use super::super::field::{ErrorList, Path};
use super::super::metadata::{validate_metadata_update, value_of};
use super::update::validate_annotation_updates;
use super::{MIRROR_ANNOTATION, metadata_and_spec};

/// Rules of an update of a pod's `ephemeralcontainers`.
pub(in crate::validation) fn validate(new: &Pod, old: &Pod) -> ErrorList {
    let mut errors = ErrorList::new();
    let annotations = old.metadata.annotations.as_ref();
    if annotations.is_some_and(|annotations| annotations.contains_key(MIRROR_ANNOTATION)) {
        errors.forbidden(&Path::root(""), "static pods do not support ephemeral containers");
        return errors;
    }
    validate_metadata_update(&mut errors, &new.metadata, &old.metadata);
    errors.extend(metadata_and_spec(new));
    validate_annotation_updates(&mut errors, new, old);
    let path = Path::root("spec").child("ephemeralContainers");
    for old in containers(old) {
        let name = &old.name;
        match containers(new).iter().find(|new| new.name == *name) {
            None => {
                let message = format!("existing ephemeral containers {name:?} may not be removed\n");
                errors.forbidden(&path, message);
            }
            Some(new) if new != old => {
                let changes = diff("core.EphemeralContainer", &value_of(old), &value_of(new));
                let message = format!("existing ephemeral containers {name:?} may not be changed\n{changes}");
                errors.forbidden(&path, message);
            }
            Some(_) => {}
        }
    }
    errors
}

fn containers(pod: &Pod) -> &[EphemeralContainer] {
    pod.spec.as_ref().and_then(|spec| spec.ephemeral_containers.as_deref()).unwrap_or_default()
}
