//! Where a container mounts the pod's volumes.
//!
//! Follows kubernetes `pkg/apis/core/validation/validation.go` (`ValidateVolumeMounts`, `ValidateVolumeDevices`).

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Container, VolumeDevice, VolumeMount};

use super::super::field::{ErrorList, Path};
use super::volumes::{PodVolumes, has_backsteps, validate_local_descending_path};

const PROPAGATIONS: [&str; 3] = ["Bidirectional", "HostToContainer", "None"];

/// Rules of `volumeMounts` and `volumeDevices`; `path` leads to the container.
pub(super) fn validate(errors: &mut ErrorList, container: &Container, volumes: &PodVolumes<'_>, path: &Path) {
    let mounts = container.volume_mounts.as_deref().unwrap_or_default();
    let devices = container.volume_devices.as_deref().unwrap_or_default();
    let list = path.child("volumeMounts");
    let mut seen = BTreeSet::new();
    for (index, mount) in mounts.iter().enumerate() {
        let path = list.index(index);
        validate_name(errors, &mount.name, volumes, &path.child("name"));
        validate_mount_path(errors, mount, &mut seen, &path.child("mountPath"));
        validate_overlap_with_devices(errors, mount, devices, &path);
        validate_sub_paths(errors, mount, volumes, &path, &list);
        validate_propagation(errors, mount, container, &list);
    }
    validate_devices(errors, devices, mounts, volumes, &path.child("volumeDevices"));
}

fn validate_name(errors: &mut ErrorList, name: &str, volumes: &PodVolumes<'_>, path: &Path) {
    if name.is_empty() {
        errors.required(path, "");
    }
    if volumes.get(name).is_none() {
        errors.not_found(path, name);
    }
}

fn validate_mount_path<'a>(
    errors: &mut ErrorList,
    mount: &'a VolumeMount,
    seen: &mut BTreeSet<&'a str>,
    path: &Path,
) {
    if mount.mount_path.is_empty() {
        errors.required(path, "");
    }
    if !seen.insert(&mount.mount_path) {
        errors.invalid(path, mount.mount_path.as_str(), "must be unique");
    }
}

fn validate_overlap_with_devices(
    errors: &mut ErrorList,
    mount: &VolumeMount,
    devices: &[VolumeDevice],
    path: &Path,
) {
    if devices.iter().any(|device| device.name == mount.name) {
        errors.invalid(&path.child("name"), mount.name.as_str(), "must not already exist in volumeDevices");
    }
    if devices.iter().any(|device| device.device_path == mount.mount_path) {
        let message = "must not already exist as a path in volumeDevices";
        errors.invalid(&path.child("mountPath"), mount.mount_path.as_str(), message);
    }
}

/// Upstream names the list, not the mount, where a path is not local; `list` leads there.
fn validate_sub_paths(
    errors: &mut ErrorList,
    mount: &VolumeMount,
    volumes: &PodVolumes<'_>,
    path: &Path,
    list: &Path,
) {
    let sub_path = mount.sub_path.as_deref().unwrap_or_default();
    let expression = mount.sub_path_expr.as_deref().unwrap_or_default();
    let in_image = volumes.get(&mount.name).is_some_and(|volume| volume.image.is_some());
    for (name, value) in [("subPath", sub_path), ("subPathExpr", expression)] {
        if value.is_empty() {
            continue;
        }
        if in_image && name == "subPathExpr" {
            errors.invalid(&path.child(name), value, "not allowed in image volume sources");
        }
        if name == "subPathExpr" && !sub_path.is_empty() {
            errors.invalid(&path.child(name), value, "subPathExpr and subPath are mutually exclusive");
        }
        validate_local_descending_path(errors, value, &list.child(name));
    }
}

fn validate_propagation(errors: &mut ErrorList, mount: &VolumeMount, container: &Container, list: &Path) {
    if let Some(mode) = mount.mount_propagation.as_deref() {
        let path = list.child("mountPropagation");
        if !PROPAGATIONS.contains(&mode) {
            errors.not_supported(&path, mode, &PROPAGATIONS);
        }
        let privileged = container.security_context.as_ref().and_then(|context| context.privileged);
        if mode == "Bidirectional" && privileged != Some(true) {
            let message = "Bidirectional mount propagation is available only to privileged containers";
            errors.forbidden(&path, message);
        }
    }
    validate_recursive_read_only(errors, mount, &list.child("recursiveReadOnly"));
}

fn validate_recursive_read_only(errors: &mut ErrorList, mount: &VolumeMount, path: &Path) {
    match mount.recursive_read_only.as_deref() {
        None | Some("Disabled") => {}
        Some("Enabled" | "IfPossible") => {
            if mount.read_only != Some(true) {
                errors.forbidden(path, "may only be specified when readOnly is true");
            }
            if mount.mount_propagation.as_deref().is_some_and(|mode| mode != "None") {
                let message = "may only be specified when mountPropagation is None or not specified";
                errors.forbidden(path, message);
            }
        }
        Some(other) => errors.not_supported(path, other, &["Disabled", "Enabled", "IfPossible"]),
    }
}

fn validate_devices(
    errors: &mut ErrorList,
    devices: &[VolumeDevice],
    mounts: &[VolumeMount],
    volumes: &PodVolumes<'_>,
    path: &Path,
) {
    let (mut names, mut paths) = (BTreeSet::new(), BTreeSet::new());
    for (index, device) in devices.iter().enumerate() {
        let (name_path, device_path) =
            (path.index(index).child("name"), path.index(index).child("devicePath"));
        let (name, file) = (device.name.as_str(), device.device_path.as_str());
        if !names.insert(name) && !name.is_empty() {
            errors.invalid(&name_path, name, "must be unique");
        }
        validate_name(errors, name, volumes, &name_path);
        validate_block_source(errors, name, volumes, &name_path);
        if file.is_empty() {
            errors.required(&device_path, "");
        }
        if !paths.insert(file) {
            errors.invalid(&device_path, file, "must be unique");
        }
        if has_backsteps(file) {
            errors.invalid(&device_path, file, "can not contain backsteps ('..')");
        }
        if mounts.iter().any(|mount| mount.name == name) {
            errors.invalid(&name_path, name, "must not already exist in volumeMounts");
        }
        if mounts.iter().any(|mount| mount.mount_path == file) {
            errors.invalid(&device_path, file, "must not already exist as a path in volumeMounts");
        }
    }
}

/// Only claims can be used as devices.
fn validate_block_source(errors: &mut ErrorList, name: &str, volumes: &PodVolumes<'_>, path: &Path) {
    let Some(volume) = volumes.get(name) else { return };
    if volume.persistent_volume_claim.is_none() && volume.ephemeral.is_none() {
        let message = "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode";
        errors.invalid(path, name, message);
    }
}
