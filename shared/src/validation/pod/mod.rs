//! Pods: what a new one must be and how it may change.
//!
//! Follows kubernetes `pkg/apis/core/validation/validation.go` (`ValidatePodCreate`, `ValidatePodUpdate`,
//! `ValidatePodStatusUpdate`), with the feature gates at their defaults.

mod affinity;
mod container;
mod containers;
mod dns;
mod environment;
mod ephemeral;
mod handlers;
mod inetd;
mod projected;
mod security;
mod spec;
mod spread;
mod status;
mod template;
mod tolerations;
mod update;
mod volume_mounts;
mod volumes;

use k8s_openapi::api::core::v1::{Container, Pod, PodSpec};

use super::Rules;
use super::field::{ErrorList, Path};
use super::metadata::{Scope, validate_metadata};
use super::names;

pub(super) use affinity::validate_node_selector;
pub(super) use container::PROTOCOLS;
pub(super) use ephemeral::validate as validate_ephemeral_containers_update;
pub(super) use handlers::validate_port;
pub(super) use template::validate as validate_template;
pub(super) use tolerations::validate_taint_effect;
pub(super) use volumes::validate_host_path;

/// The annotation by which a kubelet marks the mirror of a static pod.
pub(crate) const MIRROR_ANNOTATION: &str = "kubernetes.io/config.mirror";

impl Rules for Pod {
    fn validate(&self) -> ErrorList {
        let mut errors = metadata_and_spec(self);
        let Some(spec) = &self.spec else { return errors };
        let path = Path::root("spec");
        if !spec.ephemeral_containers.as_deref().unwrap_or_default().is_empty() {
            errors.forbidden(&path.child("ephemeralContainers"), "cannot be set on create");
        }
        let gated = !spec.scheduling_gates.as_deref().unwrap_or_default().is_empty();
        if gated && !spec.node_name.as_deref().unwrap_or_default().is_empty() {
            let message = "cannot be set until all schedulingGates have been cleared";
            errors.forbidden(&path.child("nodeName"), message);
        }
        errors
    }

    fn validate_update(&self, old: &Pod) -> ErrorList {
        update::validate(self, old)
    }

    fn validate_status_update(&self, old: &Pod) -> ErrorList {
        status::validate(self, old)
    }
}

/// What holds for a pod whether it is new or changed.
fn metadata_and_spec(pod: &Pod) -> ErrorList {
    let mut errors = ErrorList::new();
    validate_metadata(&mut errors, &pod.metadata, Scope::Namespaced, names::name_is_dns_subdomain);
    validate_annotations(&mut errors, pod);
    let empty = PodSpec::default();
    let spec = pod.spec.as_ref().unwrap_or(&empty);
    let path = Path::root("spec");
    spec::validate(&mut errors, spec, &pod.metadata, &path);
    validate_token_volumes(&mut errors, spec, &path);
    validate_images(&mut errors, &spec.containers, &path.child("containers"));
    let init = spec.init_containers.as_deref().unwrap_or_default();
    validate_images(&mut errors, init, &path.child("initContainers"));
    errors
}

fn validate_annotations(errors: &mut ErrorList, pod: &Pod) {
    let path = Path::root("metadata").child("annotations");
    let annotation = |key: &str| pod.metadata.annotations.as_ref().and_then(|all| all.get(key));
    let assigned =
        pod.spec.as_ref().is_some_and(|spec| spec.node_name.as_deref().is_some_and(|n| !n.is_empty()));
    if let Some(value) = annotation(MIRROR_ANNOTATION).filter(|_| !assigned) {
        let message = "must set spec.nodeName if mirror pod annotation is set";
        errors.invalid(&path.key(MIRROR_ANNOTATION), value.as_str(), message);
    }
    let cost = "controller.kubernetes.io/pod-deletion-cost";
    if let Some(value) = annotation(cost).filter(|value| !is_deletion_cost(value)) {
        errors.invalid(&path.key(cost), value.as_str(), "must be a 32bit integer");
    }
    inetd::validate(errors, pod, &path);
}

/// A 32-bit number without a plus sign or leading zeros.
fn is_deletion_cost(value: &str) -> bool {
    let plain = value == "0" || value.starts_with(|c: char| matches!(c, '-' | '1'..='9'));
    plain && value.parse::<i32>().is_ok()
}

/// Tokens need the account they speak for.
fn validate_token_volumes(errors: &mut ErrorList, spec: &PodSpec, path: &Path) {
    if !spec.service_account_name.as_deref().unwrap_or_default().is_empty() {
        return;
    }
    for (volume_index, volume) in spec.volumes.iter().flatten().enumerate() {
        let sources = volume.projected.as_ref().and_then(|projected| projected.sources.as_deref());
        for (index, source) in sources.unwrap_or_default().iter().enumerate() {
            if source.service_account_token.is_some() {
                let path = path.child("volumes").index(volume_index).child("projected").child("sources");
                errors.forbidden(
                    &path.index(index).child("serviceAccountToken"),
                    "must not be specified when serviceAccountName is not set",
                );
            }
        }
    }
}

fn validate_images(errors: &mut ErrorList, containers: &[Container], path: &Path) {
    for (index, container) in containers.iter().enumerate() {
        validate_image_is_trimmed(errors, container, &path.index(index));
    }
}

fn validate_image_is_trimmed(errors: &mut ErrorList, container: &Container, path: &Path) {
    let image = container.image.as_deref().unwrap_or_default();
    if image.trim().len() != image.len() {
        errors.invalid(&path.child("image"), image, "must not have leading or trailing whitespace");
    }
}
