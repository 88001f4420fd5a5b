//! The lists of a pod's containers: ordinary, init (with sidecars) and ephemeral ones.
//!
//! Follows kubernetes `pkg/apis/core/validation/validation.go` (`validateContainers`,
//! `validateInitContainers`, `validateEphemeralContainers`).

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Container, PodSpec};

use crate::api::pod_containers::{as_container, is_sidecar};

use super::super::field::{ErrorList, Path};
use super::container::{Surroundings, validate_common};
use super::handlers::{validate_lifecycle, validate_probes};
use super::validate_image_is_trimmed;
use super::volumes::PodVolumes;

const RESTART_POLICIES: [&str; 3] = ["Always", "Never", "OnFailure"];
const RESTART_RULES_MAX: usize = 20;

/// Rules of all containers of a pod; `path` leads to its spec.
pub(super) fn validate(errors: &mut ErrorList, spec: &PodSpec, volumes: &PodVolumes<'_>, path: &Path) {
    let pod = Surroundings::of(spec, volumes);
    validate_containers(errors, spec, &pod, &path.child("containers"));
    validate_init_containers(errors, spec, &pod, &path.child("initContainers"));
    validate_ephemeral_containers(errors, spec, &pod, &path.child("ephemeralContainers"));
}

fn validate_containers(errors: &mut ErrorList, spec: &PodSpec, pod: &Surroundings<'_>, path: &Path) {
    if spec.containers.is_empty() {
        return errors.required(path, "");
    }
    let mut seen = BTreeSet::new();
    for (index, container) in spec.containers.iter().enumerate() {
        let path = path.index(index);
        validate_common(errors, container, pod, &path);
        if !seen.insert(&container.name) {
            errors.duplicate(&path.child("name"), container.name.as_str());
        }
        validate_lifecycle(errors, container, pod.grace_period, &path.child("lifecycle"));
        validate_probes(errors, container, &path);
        validate_restart_policy(errors, container, &path);
    }
    validate_host_ports_are_unique(errors, &spec.containers, path);
}

fn validate_restart_policy(errors: &mut ErrorList, container: &Container, path: &Path) {
    let rules = container.restart_policy_rules.as_deref().unwrap_or_default();
    let policy_path = path.child("restartPolicy");
    match container.restart_policy.as_deref() {
        None if !rules.is_empty() => {
            errors.required(&policy_path, "must specify restartPolicy when restart rules are used");
        }
        Some(policy) if !RESTART_POLICIES.contains(&policy) => {
            errors.not_supported(&policy_path, policy, &RESTART_POLICIES);
        }
        _ => {}
    }
    let path = path.child("restartPolicyRules");
    if rules.len() > RESTART_RULES_MAX {
        errors.push(super::super::field::Error::too_long(&path, RESTART_RULES_MAX));
    }
    for (index, rule) in rules.iter().enumerate() {
        let path = path.index(index).child("exitCodes");
        match &rule.exit_codes {
            None => errors.required(&path, "must be specified"),
            Some(codes) => {
                let operator = codes.operator.as_str();
                if !["In", "NotIn"].contains(&operator) {
                    errors.not_supported(&path.child("operator"), operator, &["In", "NotIn"]);
                }
            }
        }
    }
}

/// No two containers may claim the same port of the node.
fn validate_host_ports_are_unique(errors: &mut ErrorList, containers: &[Container], path: &Path) {
    let mut seen = BTreeSet::new();
    for (container_index, container) in containers.iter().enumerate() {
        for (index, port) in container.ports.iter().flatten().enumerate() {
            let Some(number) = port.host_port.filter(|number| *number != 0) else { continue };
            let protocol = port.protocol.as_deref().unwrap_or_default();
            let key = format!("{protocol}/{}/{number}", port.host_ip.as_deref().unwrap_or_default());
            if !seen.insert(key.clone()) {
                let path = path.index(container_index).child("ports").index(index).child("hostPort");
                errors.duplicate(&path, key);
            }
        }
    }
}

fn validate_init_containers(errors: &mut ErrorList, spec: &PodSpec, pod: &Surroundings<'_>, path: &Path) {
    let mut seen: BTreeSet<&str> = spec.containers.iter().map(|container| container.name.as_str()).collect();
    for (index, container) in spec.init_containers.iter().flatten().enumerate() {
        let list_path = path;
        let path = path.index(index);
        validate_common(errors, container, pod, &path);
        let name = container.name.as_str();
        if !seen.insert(name) && !name.is_empty() {
            errors.duplicate(&path.child("name"), name);
        }
        validate_restart_policy(errors, container, &path);
        validate_host_ports_are_unique(errors, std::slice::from_ref(container), list_path);
        if is_sidecar(container) {
            validate_lifecycle(errors, container, pod.grace_period, &path.child("lifecycle"));
            validate_probes(errors, container, &path);
        } else {
            forbid_hooks(errors, container, &path);
        }
    }
}

/// What a container that runs to its end before the others cannot have.
fn forbid_hooks(errors: &mut ErrorList, container: &Container, path: &Path) {
    let fields = [
        ("lifecycle", container.lifecycle.is_some()),
        ("livenessProbe", container.liveness_probe.is_some()),
        ("readinessProbe", container.readiness_probe.is_some()),
        ("startupProbe", container.startup_probe.is_some()),
    ];
    for (name, _) in fields.into_iter().filter(|(_, set)| *set) {
        let message = "may not be set for init containers without restartPolicy=Always";
        errors.forbidden(&path.child(name), message);
    }
}

fn validate_ephemeral_containers(
    errors: &mut ErrorList,
    spec: &PodSpec,
    pod: &Surroundings<'_>,
    path: &Path,
) {
    let init = spec.init_containers.iter().flatten();
    let others: BTreeSet<&str> =
        spec.containers.iter().chain(init).map(|other| other.name.as_str()).collect();
    let mut seen = others.clone();
    for (index, ephemeral) in spec.ephemeral_containers.iter().flatten().enumerate() {
        let path = path.index(index);
        let container = as_container(ephemeral);
        validate_common(errors, &container, pod, &path);
        validate_image_is_trimmed(errors, &container, &path);
        if !seen.insert(&ephemeral.name) {
            errors.duplicate(&path.child("name"), ephemeral.name.as_str());
        }
        let target = ephemeral.target_container_name.as_deref().unwrap_or_default();
        if !target.is_empty() && !others.contains(target) {
            errors.not_found(&path.child("targetContainerName"), target);
        }
        forbid_for_ephemeral(errors, &container, &path);
    }
}

/// What a container that is only there to look around cannot have.
fn forbid_for_ephemeral(errors: &mut ErrorList, container: &Container, path: &Path) {
    let fields = [
        ("ports", container.ports.is_some()),
        ("resources", container.resources.as_ref().is_some_and(|resources| *resources != Default::default())),
        ("resizePolicy", container.resize_policy.is_some()),
        ("restartPolicy", container.restart_policy.is_some()),
        ("restartPolicyRules", container.restart_policy_rules.is_some()),
        ("livenessProbe", container.liveness_probe.is_some()),
        ("readinessProbe", container.readiness_probe.is_some()),
        ("startupProbe", container.startup_probe.is_some()),
        ("lifecycle", container.lifecycle.is_some()),
    ];
    let message = "cannot be set for an Ephemeral Container";
    for (name, _) in fields.into_iter().filter(|(_, set)| *set) {
        errors.forbidden(&path.child(name), message);
    }
    for (index, mount) in container.volume_mounts.iter().flatten().enumerate() {
        for (name, value) in [("subPath", &mount.sub_path), ("subPathExpr", &mount.sub_path_expr)] {
            if value.as_deref().is_some_and(|value| !value.is_empty()) {
                errors.forbidden(&path.child("volumeMounts").index(index).child(name), message);
            }
        }
    }
}
