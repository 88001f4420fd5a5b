//! How a pod's status may change.
//!
//! Follows kubernetes `pkg/apis/core/validation/validation.go` (`ValidatePodStatusUpdate`).

use k8s_openapi::api::core::v1::{Container, ContainerStatus, Pod, PodSpec, PodStatus};

use crate::api::pod_containers::is_sidecar;

use super::super::addresses::{one_of_each_family, validate_ip};
use super::super::field::{ErrorList, Path};
use super::super::metadata::{validate_metadata_update, value_of};
use super::super::names;
use super::update::validate_annotation_updates;

const SYSTEM_CONDITIONS: [&str; 3] = ["PodScheduled", "Ready", "Initialized"];

/// Rules of a change of `status`.
pub(super) fn validate(new: &Pod, old: &Pod) -> ErrorList {
    let mut errors = ErrorList::new();
    validate_metadata_update(&mut errors, &new.metadata, &old.metadata);
    validate_annotation_updates(&mut errors, new, old);
    let path = Path::root("status");
    validate_node_name(&mut errors, new, old, &path.child("nodeName"));
    let (empty_status, empty_spec) = (PodStatus::default(), PodSpec::default());
    let status = new.status.as_ref().unwrap_or(&empty_status);
    let before = old.status.as_ref().unwrap_or(&empty_status);
    validate_conditions(&mut errors, status);
    validate_nominated_node(&mut errors, status, before, &path.child("nominatedNodeName"));
    let class = |status: &PodStatus| status.qos_class.clone().unwrap_or_default();
    errors.immutable(&path.child("qosClass"), class(status), class(before));
    validate_transitions(&mut errors, status, before, old.spec.as_ref().unwrap_or(&empty_spec), &path);
    validate_pod_ips(&mut errors, status, &path.child("podIPs"));
    validate_host_ips(&mut errors, status, &path.child("hostIPs"));
    errors
}

fn validate_node_name(errors: &mut ErrorList, new: &Pod, old: &Pod, path: &Path) {
    let node = |pod: &Pod| pod.spec.as_ref().and_then(|spec| spec.node_name.clone()).unwrap_or_default();
    if node(new) != node(old) {
        errors.forbidden(path, "may not be changed directly");
    }
}

fn validate_conditions(errors: &mut ErrorList, status: &PodStatus) {
    // Upstream looks for them under metadata; the path is on the wire.
    let path = Path::root("metadata").child("conditions");
    for (index, condition) in status.conditions.iter().flatten().enumerate() {
        let name = condition.type_.as_str();
        if !SYSTEM_CONDITIONS.contains(&name) {
            errors.invalid_each(&path.index(index).child("Type"), name, names::qualified_name(name));
        }
    }
}

fn validate_nominated_node(errors: &mut ErrorList, status: &PodStatus, before: &PodStatus, path: &Path) {
    let name = status.nominated_node_name.as_deref().unwrap_or_default();
    if !name.is_empty() && name != before.nominated_node_name.as_deref().unwrap_or_default() {
        errors.invalid_each(path, name, names::dns_1123_subdomain(name));
    }
}

/// A container that has ended and is not to be restarted stays ended.
fn validate_transitions(
    errors: &mut ErrorList,
    status: &PodStatus,
    before: &PodStatus,
    spec: &PodSpec,
    path: &Path,
) {
    let policy = spec.restart_policy.as_deref().unwrap_or_default();
    let init = spec.init_containers.as_deref().unwrap_or_default();
    let restarts_itself = |name: &str| has(&spec.containers, name, has_own_policy);
    let sidecar = |name: &str| has(init, name, is_sidecar);
    let (now, then) = (&status.container_statuses, &before.container_statuses);
    validate_transition(errors, now, then, policy, &restarts_itself, &path.child("containerStatuses"));
    let (now, then) = (&status.init_container_statuses, &before.init_container_statuses);
    validate_transition(errors, now, then, policy, &sidecar, &path.child("initContainerStatuses"));
    let (now, then) = (&status.ephemeral_container_statuses, &before.ephemeral_container_statuses);
    // Ephemeral containers are never restarted, whatever the pod's policy.
    validate_transition(errors, now, then, "Never", &|_| false, &path.child("ephemeralContainerStatuses"));
}

fn has(containers: &[Container], name: &str, property: fn(&Container) -> bool) -> bool {
    containers.iter().any(|container| container.name == name && property(container))
}

/// Whether a container says itself when it is restarted.
fn has_own_policy(container: &Container) -> bool {
    container.restart_policy.is_some() || container.restart_policy_rules.is_some()
}

type Statuses = Option<Vec<ContainerStatus>>;

fn validate_transition(
    errors: &mut ErrorList,
    new: &Statuses,
    old: &Statuses,
    policy: &str,
    exempt: &dyn Fn(&str) -> bool,
    path: &Path,
) {
    if policy == "Always" {
        return;
    }
    for (index, before) in old.iter().flatten().enumerate() {
        let Some(code) = exit_code(before) else { continue };
        if (code != 0 && policy == "OnFailure") || exempt(&before.name) {
            continue;
        }
        let lives = |status: &&ContainerStatus| status.name == before.name && exit_code(status).is_none();
        if new.iter().flatten().any(|status| lives(&status)) {
            let message = "may not be transitioned to non-terminated state";
            errors.forbidden(&path.index(index).child("state"), message);
        }
    }
}

/// With which code a container ended, if it has.
fn exit_code(status: &ContainerStatus) -> Option<i32> {
    Some(status.state.as_ref()?.terminated.as_ref()?.exit_code)
}

fn validate_pod_ips(errors: &mut ErrorList, status: &PodStatus, path: &Path) {
    let addresses: Vec<String> = status.pod_ips.iter().flatten().map(|address| address.ip.clone()).collect();
    validate_addresses(errors, &addresses, value_of(&status.pod_ips), path);
}

fn validate_host_ips(errors: &mut ErrorList, status: &PodStatus, path: &Path) {
    let addresses: Vec<String> = status.host_ips.iter().flatten().map(|address| address.ip.clone()).collect();
    if let Some(first) = addresses.first()
        && status.host_ip.as_deref().unwrap_or_default() != first
    {
        errors.invalid(&path.index(0).child("ip"), first.as_str(), "must be equal to `hostIP`");
    }
    validate_addresses(errors, &addresses, value_of(&status.host_ips), path);
}

fn validate_addresses(errors: &mut ErrorList, addresses: &[String], shown: serde_json::Value, path: &Path) {
    for (index, address) in addresses.iter().enumerate() {
        validate_ip(errors, &path.index(index), address);
    }
    if addresses.len() > 1 && !one_of_each_family(addresses) {
        errors.invalid(path, shown, "may specify no more than one IP for each IP family");
    }
    for (index, address) in addresses.iter().enumerate() {
        if addresses[..index].contains(address) {
            errors.duplicate(&path.index(index), serde_json::json!({ "IP": address }));
        }
    }
}
