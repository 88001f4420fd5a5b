//! Containers: pulling, termination messages, ports, probes, hooks and variables.
//!
//! Follows kubernetes `pkg/apis/core/v1/defaults.go` (`SetDefaults_Container`, `SetDefaults_Probe`,
//! `SetDefaults_HTTPGetAction`, `SetDefaults_ObjectFieldSelector`).

use k8s_openapi::api::core::v1::{
    Container, ContainerPort, EnvVar, EphemeralContainer, HTTPGetAction, Lifecycle, ObjectFieldSelector,
    Probe, ResourceFieldSelector,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::super::quantity::round_up;
use super::super::{number, text};
use super::image::pull_policy;

/// Fills in what is missing from a container.
pub(super) fn apply(container: &mut Container) {
    let image = container.image.clone().unwrap_or_default();
    text(&mut container.image_pull_policy, pull_policy(&image));
    text(&mut container.termination_message_path, "/dev/termination-log");
    text(&mut container.termination_message_policy, "File");
    let resources = container.resources.get_or_insert_default();
    round_up(&mut resources.limits);
    round_up(&mut resources.requests);
    apply_to_ports(container.ports.as_deref_mut().unwrap_or_default());
    apply_to_variables(container.env.as_deref_mut().unwrap_or_default());
    let probes =
        [&mut container.liveness_probe, &mut container.readiness_probe, &mut container.startup_probe];
    for probe in probes.into_iter().flatten() {
        apply_to_probe(probe);
    }
    if let Some(lifecycle) = &mut container.lifecycle {
        apply_to_lifecycle(lifecycle);
    }
}

/// Fills in what is missing from an ephemeral container.
pub(super) fn apply_to_ephemeral(container: &mut EphemeralContainer) {
    let image = container.image.clone().unwrap_or_default();
    text(&mut container.image_pull_policy, pull_policy(&image));
    text(&mut container.termination_message_path, "/dev/termination-log");
    text(&mut container.termination_message_policy, "File");
    container.resources.get_or_insert_default();
    apply_to_variables(container.env.as_deref_mut().unwrap_or_default());
}

fn apply_to_ports(ports: &mut [ContainerPort]) {
    for port in ports {
        text(&mut port.protocol, "TCP");
    }
}

fn apply_to_variables(variables: &mut [EnvVar]) {
    for source in variables.iter_mut().filter_map(|variable| variable.value_from.as_mut()) {
        if let Some(field) = &mut source.field_ref {
            apply_to_field_ref(field);
        }
        if let Some(resource) = &mut source.resource_field_ref {
            apply_to_resource_ref(resource);
        }
        if let Some(file) = &mut source.file_key_ref {
            file.optional.get_or_insert(false);
        }
    }
}

/// Fields are those of `v1` unless another version is named.
pub(super) fn apply_to_field_ref(field: &mut ObjectFieldSelector) {
    text(&mut field.api_version, "v1");
}

/// The divisor that is not given reads as zero, as upstream writes it.
pub(super) fn apply_to_resource_ref(resource: &mut ResourceFieldSelector) {
    resource.divisor.get_or_insert_with(|| Quantity("0".to_owned()));
}

fn apply_to_probe(probe: &mut Probe) {
    number(&mut probe.timeout_seconds, 1);
    number(&mut probe.period_seconds, 10);
    number(&mut probe.success_threshold, 1);
    number(&mut probe.failure_threshold, 3);
    if let Some(action) = &mut probe.http_get {
        apply_to_http_get(action);
    }
    if let Some(grpc) = &mut probe.grpc {
        grpc.service.get_or_insert_default();
    }
}

fn apply_to_lifecycle(lifecycle: &mut Lifecycle) {
    for hook in [&mut lifecycle.post_start, &mut lifecycle.pre_stop].into_iter().flatten() {
        if let Some(action) = &mut hook.http_get {
            apply_to_http_get(action);
        }
    }
}

fn apply_to_http_get(action: &mut HTTPGetAction) {
    text(&mut action.path, "/");
    text(&mut action.scheme, "HTTP");
}
