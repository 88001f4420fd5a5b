//! Security settings of pods and containers, and the operating system they are for.
//!
//! Follows kubernetes `pkg/apis/core/validation/validation.go` (`validatePodSpecSecurityContext`,
//! `ValidateSecurityContext`, `validateHostUsers`, `validateOS`).

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{
    AppArmorProfile, PodSecurityContext, PodSpec, SeccompProfile, SecurityContext,
};

use super::super::field::{Error, ErrorList, Path};
use super::super::metadata::value_of;
use super::super::names;
use super::volumes::validate_local_descending_path;

const PROFILE_MAX_BYTES: usize = 4095;
const SYSCTL_MAX: usize = 253;
const SYSCTL_REGEX: &str = "^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$";

/// Rules of the pod's own security settings and of its use of the host's namespaces.
pub(super) fn validate_pod(errors: &mut ErrorList, spec: &PodSpec, path: &Path) {
    if let Some(context) = &spec.security_context {
        validate_pod_context(errors, context, spec, &path.child("securityContext"));
    }
    if spec.host_users == Some(false) {
        validate_own_users(errors, spec, path);
    }
    if spec.host_network == Some(true) {
        validate_host_ports(errors, spec, &path.child("containers"));
    }
}

fn validate_pod_context(errors: &mut ErrorList, context: &PodSecurityContext, spec: &PodSpec, path: &Path) {
    validate_ids(errors, context, path);
    if spec.share_process_namespace == Some(true) && spec.host_pid == Some(true) {
        let message = "ShareProcessNamespace and HostPID cannot both be enabled";
        errors.invalid(&path.child("shareProcessNamespace"), true, message);
    }
    validate_sysctls(errors, context, &path.child("sysctls"));
    let choices: [(&str, &Option<String>, &[&str]); 3] = [
        ("fsGroupChangePolicy", &context.fs_group_change_policy, &["Always", "OnRootMismatch"]),
        ("supplementalGroupsPolicy", &context.supplemental_groups_policy, &["Merge", "Strict"]),
        ("seLinuxChangePolicy", &context.se_linux_change_policy, &["MountOption", "Recursive"]),
    ];
    for (name, value, supported) in choices {
        if let Some(value) = value.as_deref().filter(|value| !supported.contains(value)) {
            errors.not_supported(&path.child(name), value, supported);
        }
    }
    validate_seccomp(errors, context.seccomp_profile.as_ref(), &path.child("seccompProfile"));
    validate_app_armor(errors, context.app_armor_profile.as_ref(), &path.child("appArmorProfile"));
}

fn validate_ids(errors: &mut ErrorList, context: &PodSecurityContext, path: &Path) {
    let ids = [
        ("fsGroup", context.fs_group),
        ("runAsUser", context.run_as_user),
        ("runAsGroup", context.run_as_group),
    ];
    for (name, id) in ids {
        if let Some(id) = id {
            errors.invalid_each(&path.child(name), id, names::user_id(id));
        }
    }
    for (index, id) in context.supplemental_groups.iter().flatten().enumerate() {
        let path = path.child("supplementalGroups").index(index);
        errors.invalid_each(&path, *id, names::group_id(*id));
    }
}

fn validate_sysctls(errors: &mut ErrorList, context: &PodSecurityContext, path: &Path) {
    let mut seen = BTreeSet::new();
    for (index, sysctl) in context.sysctls.iter().flatten().enumerate() {
        let path = path.index(index).child("name");
        if sysctl.name.is_empty() {
            errors.required(&path, "");
        } else if !is_sysctl(&sysctl.name) {
            let message = format!("must have at most {SYSCTL_MAX} characters and match regex {SYSCTL_REGEX}");
            errors.invalid(&path, sysctl.name.as_str(), message);
        } else if !seen.insert(&sysctl.name) {
            errors.duplicate(&path, sysctl.name.as_str());
        }
    }
}

fn is_sysctl(name: &str) -> bool {
    let edge = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    name.len() <= SYSCTL_MAX
        && name.split(['.', '/']).all(|segment| {
            let bytes = segment.as_bytes();
            bytes.first().is_some_and(edge)
                && bytes.last().is_some_and(edge)
                && bytes.iter().all(|b| edge(b) || *b == b'-' || *b == b'_')
        })
}

fn validate_own_users(errors: &mut ErrorList, spec: &PodSpec, path: &Path) {
    let uses = [("hostNetwork", spec.host_network), ("HostPID", spec.host_pid), ("HostIPC", spec.host_ipc)];
    for (name, used) in uses {
        if used == Some(true) {
            errors.forbidden(&path.child(name), "when `pod.Spec.HostUsers` is false");
        }
    }
}

fn validate_host_ports(errors: &mut ErrorList, spec: &PodSpec, path: &Path) {
    for (container_index, container) in spec.containers.iter().enumerate() {
        for (index, port) in container.ports.iter().flatten().enumerate() {
            let host_port = port.host_port.unwrap_or_default();
            if host_port != port.container_port {
                let path = path.index(container_index).child("ports").index(index).child("hostPort");
                errors.invalid(&path, host_port, "must match `containerPort` when `hostNetwork` is true");
            }
        }
    }
}

/// Rules of a container's security settings; `host_users` tells whether the pod shares the host's users.
pub(super) fn validate_container(
    errors: &mut ErrorList,
    context: &SecurityContext,
    host_users: bool,
    path: &Path,
) {
    for (name, id) in [("runAsUser", context.run_as_user), ("runAsGroup", context.run_as_group)] {
        if let Some(id) = id {
            errors.invalid_each(&path.child(name), id, names::user_id(id));
        }
    }
    if let Some(mount) = context.proc_mount.as_deref() {
        if !["Default", "Unmasked"].contains(&mount) {
            errors.not_supported(&path.child("procMount"), mount, &["Default", "Unmasked"]);
        }
        if host_users && mount == "Unmasked" {
            let message = "`hostUsers` must be false to use `Unmasked`";
            errors.invalid(&path.child("procMount"), mount, message);
        }
    }
    validate_seccomp(errors, context.seccomp_profile.as_ref(), &path.child("seccompProfile"));
    validate_escalation(errors, context, path);
    validate_app_armor(errors, context.app_armor_profile.as_ref(), &path.child("appArmorProfile"));
}

fn validate_escalation(errors: &mut ErrorList, context: &SecurityContext, path: &Path) {
    if context.allow_privilege_escalation != Some(false) {
        return;
    }
    if context.privileged == Some(true) {
        let message = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true";
        errors.invalid(path, value_of(context), message);
    }
    let added = context.capabilities.as_ref().and_then(|capabilities| capabilities.add.as_deref());
    if added.unwrap_or_default().iter().any(|capability| capability == "CAP_SYS_ADMIN") {
        let message = "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN";
        errors.invalid(path, value_of(context), message);
    }
}

fn validate_seccomp(errors: &mut ErrorList, profile: Option<&SeccompProfile>, path: &Path) {
    let Some(profile) = profile else { return };
    let kind = profile.type_.as_str();
    let kinds = ["Localhost", "RuntimeDefault", "Unconfined"];
    if kind.is_empty() {
        errors.required(&path.child("type"), "type is required when seccompProfile is set");
    } else if !kinds.contains(&kind) {
        errors.not_supported(&path.child("type"), kind, &kinds);
    }
    let path = path.child("localhostProfile");
    match (kind, &profile.localhost_profile) {
        ("Localhost", None) => errors.required(&path, "must be set when seccomp type is Localhost"),
        ("Localhost", Some(file)) => validate_local_descending_path(errors, file, &path),
        (_, Some(_)) => {
            errors.invalid(&path, value_of(profile), "can only be set when seccomp type is Localhost");
        }
        (_, None) => {}
    }
}

fn validate_app_armor(errors: &mut ErrorList, profile: Option<&AppArmorProfile>, path: &Path) {
    let Some(profile) = profile else { return };
    let local = path.child("localhostProfile");
    match (profile.type_.as_str(), profile.localhost_profile.as_deref()) {
        ("Localhost", None | Some("")) => {
            errors.required(&local, "must be set when AppArmor type is Localhost");
        }
        ("Localhost", Some(name)) => {
            if name.trim() != name {
                errors.invalid(&local, name, "must not be padded with whitespace");
            }
            if name.len() > PROFILE_MAX_BYTES {
                errors.push(Error::too_long(&local, PROFILE_MAX_BYTES));
            }
        }
        ("RuntimeDefault" | "Unconfined", Some(name)) => {
            errors.invalid(&local, name, "can only be set when AppArmor type is Localhost");
        }
        ("RuntimeDefault" | "Unconfined", None) => {}
        ("", _) => errors.required(&path.child("type"), "type is required when appArmorProfile is set"),
        (other, _) => {
            errors.not_supported(&path.child("type"), other, &["Localhost", "RuntimeDefault", "Unconfined"]);
        }
    }
}

/// Rules of `os`: a name that is known, and no Windows settings in a pod for Linux.
pub(super) fn validate_os(errors: &mut ErrorList, spec: &PodSpec, path: &Path) {
    let Some(os) = &spec.os else { return };
    match os.name.as_str() {
        "" => errors.required(&path.child("os").child("name"), "cannot be empty"),
        "linux" => validate_linux(errors, spec, path),
        "windows" => {}
        other => errors.not_supported(&path.child("os"), other, &["linux", "windows"]),
    }
}

fn validate_linux(errors: &mut ErrorList, spec: &PodSpec, path: &Path) {
    let message = "windows options cannot be set for a linux pod";
    if spec.security_context.as_ref().is_some_and(|context| context.windows_options.is_some()) {
        errors.forbidden(&path.child("securityContext").child("windowsOptions"), message);
    }
    let init = spec.init_containers.as_deref().unwrap_or_default();
    for (list, containers) in [("initContainers", init), ("containers", &spec.containers[..])] {
        for (index, container) in containers.iter().enumerate() {
            let context = container.security_context.as_ref();
            if context.is_some_and(|context| context.windows_options.is_some()) {
                let path = path.child(list).index(index).child("securityContext").child("windowsOptions");
                errors.forbidden(&path, message);
            }
        }
    }
}
