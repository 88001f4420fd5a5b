//! One container: what holds for it whatever list it stands in.
//!
//! Follows kubernetes `pkg/apis/core/validation/validation.go` (`validateContainerCommon`).

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Container, ContainerPort, ContainerResizePolicy, PodSpec};

use super::super::field::{ErrorList, Path};
use super::super::names;
use super::super::resources::validate_container_resources;
use super::volumes::PodVolumes;
use super::{environment, security, volume_mounts};

pub(in super::super) const PROTOCOLS: [&str; 3] = ["SCTP", "TCP", "UDP"];
const PULL_POLICIES: [&str; 3] = ["Always", "IfNotPresent", "Never"];
const MESSAGE_POLICIES: [&str; 2] = ["File", "FallbackToLogsOnError"];
const RESIZE_POLICIES: [&str; 2] = ["NotRequired", "RestartContainer"];

/// What a container's rules need to know of its pod.
pub(super) struct Surroundings<'a> {
    /// The pod's valid volumes.
    pub(super) volumes: &'a PodVolumes<'a>,
    /// The names of the pod's resource claims.
    claims: BTreeSet<&'a str>,
    /// Seconds that the pod's containers have to end.
    pub(super) grace_period: Option<i64>,
    restart_policy: &'a str,
    host_users: bool,
}

impl<'a> Surroundings<'a> {
    /// What the containers of `spec` need to know of it.
    pub(super) fn of(spec: &'a PodSpec, volumes: &'a PodVolumes<'a>) -> Surroundings<'a> {
        let claims = spec.resource_claims.iter().flatten().map(|claim| claim.name.as_str());
        Surroundings {
            volumes,
            claims: claims.filter(|name| !name.is_empty()).collect(),
            grace_period: spec.termination_grace_period_seconds,
            restart_policy: spec.restart_policy.as_deref().unwrap_or_default(),
            host_users: spec.host_users.unwrap_or(true),
        }
    }
}

/// Rules of every container.
pub(super) fn validate_common(
    errors: &mut ErrorList,
    container: &Container,
    pod: &Surroundings<'_>,
    path: &Path,
) {
    if container.name.is_empty() {
        errors.required(&path.child("name"), "");
    } else {
        let messages = names::dns_1123_label(&container.name);
        errors.invalid_each(&path.child("name"), container.name.as_str(), messages);
    }
    if container.image.as_deref().unwrap_or_default().is_empty() {
        errors.required(&path.child("image"), "");
    }
    let policy = container.termination_message_policy.as_deref().unwrap_or_default();
    errors.one_of(&path.child("terminationMessagePolicy"), policy, &MESSAGE_POLICIES);
    validate_ports(errors, container.ports.as_deref().unwrap_or_default(), &path.child("ports"));
    environment::validate(errors, container, path);
    volume_mounts::validate(errors, container, pod.volumes, path);
    let policy = container.image_pull_policy.as_deref().unwrap_or_default();
    errors.one_of(&path.child("imagePullPolicy"), policy, &PULL_POLICIES);
    if let Some(resources) = &container.resources {
        validate_container_resources(errors, resources, &pod.claims, &path.child("resources"));
    }
    let policies = container.resize_policy.as_deref().unwrap_or_default();
    validate_resize_policies(errors, policies, pod.restart_policy, &path.child("resizePolicy"));
    if let Some(context) = &container.security_context {
        security::validate_container(errors, context, pod.host_users, &path.child("securityContext"));
    }
}

fn validate_ports(errors: &mut ErrorList, ports: &[ContainerPort], path: &Path) {
    let mut seen = BTreeSet::new();
    for (index, port) in ports.iter().enumerate() {
        let path = path.index(index);
        if let Some(name) = port.name.as_deref().filter(|name| !name.is_empty()) {
            let messages = names::port_name(name);
            if messages.is_empty() && !seen.insert(name) {
                errors.duplicate(&path.child("name"), name);
            }
            errors.invalid_each(&path.child("name"), name, messages);
        }
        validate_port_numbers(errors, port, &path);
        let protocol = port.protocol.as_deref().unwrap_or_default();
        errors.one_of(&path.child("protocol"), protocol, &PROTOCOLS);
    }
}

fn validate_port_numbers(errors: &mut ErrorList, port: &ContainerPort, path: &Path) {
    let number = port.container_port;
    if number == 0 {
        errors.required(&path.child("containerPort"), "");
    } else {
        errors.invalid_each(&path.child("containerPort"), number, names::port_number(number));
    }
    if let Some(number) = port.host_port.filter(|number| *number != 0) {
        errors.invalid_each(&path.child("hostPort"), number, names::port_number(number));
    }
}

fn validate_resize_policies(
    errors: &mut ErrorList,
    policies: &[ContainerResizePolicy],
    restart_policy: &str,
    path: &Path,
) {
    let mut seen = BTreeSet::new();
    for (index, policy) in policies.iter().enumerate() {
        if !seen.insert(&policy.resource_name) {
            errors.duplicate(&path.index(index), policy.resource_name.as_str());
        }
        errors.one_of(path, &policy.resource_name, &["cpu", "memory"]);
        errors.one_of(path, &policy.restart_policy, &RESIZE_POLICIES);
        if restart_policy == "Never" && policy.restart_policy != "NotRequired" {
            let message = "must be 'NotRequired' when `restartPolicy` is 'Never'";
            errors.invalid(path, policy.restart_policy.as_str(), message);
        }
    }
}
