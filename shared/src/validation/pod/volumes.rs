//! A pod's volumes: their names and sources.
//!
//! Follows kubernetes `pkg/apis/core/validation/validation.go` (`ValidateVolumes`, `validateVolumeSource`).

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{HostPathVolumeSource, KeyToPath, PodSpec, Volume};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::super::amount::{Amount, QUANTITY_MESSAGE};
use super::super::field::{ErrorList, Path};
use super::super::names;
use super::super::persistent_volume_claim::validate_claim_spec;
use super::projected;

const FILE_MODE_MESSAGE: &str = "must be a number between 0 and 0777 (octal), both inclusive";
const HOST_PATH_TYPES: [&str; 8] =
    ["", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"];

/// The pod's valid volumes by name: those that its containers can mount.
#[derive(Default)]
pub(super) struct PodVolumes<'a>(BTreeMap<&'a str, &'a Volume>);

impl<'a> PodVolumes<'a> {
    /// The volume of this name.
    pub(super) fn get(&self, name: &str) -> Option<&'a Volume> {
        self.0.get(name).copied()
    }
}

/// Rules of a pod's volumes; returns those that are valid.
pub(super) fn validate<'a>(
    errors: &mut ErrorList,
    spec: &'a PodSpec,
    meta: &ObjectMeta,
    path: &Path,
) -> PodVolumes<'a> {
    let volumes = spec.volumes.as_deref().unwrap_or_default();
    let pod_name = meta.name.as_deref().unwrap_or_default();
    let created: BTreeSet<String> = volumes
        .iter()
        .filter(|volume| volume.ephemeral.is_some() && !pod_name.is_empty())
        .map(|volume| format!("{pod_name}-{}", volume.name))
        .collect();
    let mut valid = PodVolumes::default();
    for (index, volume) in volumes.iter().enumerate() {
        let path = path.index(index);
        let mut found = ErrorList::new();
        validate_source(&mut found, volume, pod_name, &path);
        validate_name(&mut found, volume, &valid, &path.child("name"));
        if found.is_empty() {
            valid.0.insert(&volume.name, volume);
        }
        errors.extend(found);
        let claim = volume.persistent_volume_claim.as_ref().map(|claim| claim.claim_name.as_str());
        if let Some(claim) = claim.filter(|claim| created.contains(*claim)) {
            let message = "must not reference a PVC that gets created for an ephemeral volume";
            errors.invalid(&path.child("persistentVolumeClaim").child("claimName"), claim, message);
        }
    }
    valid
}

fn validate_name(errors: &mut ErrorList, volume: &Volume, others: &PodVolumes<'_>, path: &Path) {
    let name = volume.name.as_str();
    if name.is_empty() {
        errors.required(path, "");
    } else {
        errors.invalid_each(path, name, names::dns_1123_label(name));
    }
    if others.get(name).is_some() {
        errors.duplicate(path, name);
    }
}

/// The sources that a volume can have, in upstream's order and by upstream's names, and which are given.
fn sources(volume: &Volume) -> [(&'static str, bool); 30] {
    [
        ("emptyDir", volume.empty_dir.is_some()),
        ("hostPath", volume.host_path.is_some()),
        ("gitRepo", volume.git_repo.is_some()),
        ("gcePersistentDisk", volume.gce_persistent_disk.is_some()),
        ("awsElasticBlockStore", volume.aws_elastic_block_store.is_some()),
        ("secret", volume.secret.is_some()),
        ("nfs", volume.nfs.is_some()),
        ("iscsi", volume.iscsi.is_some()),
        ("glusterfs", volume.glusterfs.is_some()),
        ("flocker", volume.flocker.is_some()),
        ("persistentVolumeClaim", volume.persistent_volume_claim.is_some()),
        ("rbd", volume.rbd.is_some()),
        ("cinder", volume.cinder.is_some()),
        ("cephFS", volume.cephfs.is_some()),
        ("quobyte", volume.quobyte.is_some()),
        // Upstream's misspelling is on the wire.
        ("downwarAPI", volume.downward_api.is_some()),
        ("fc", volume.fc.is_some()),
        ("flexVolume", volume.flex_volume.is_some()),
        ("configMap", volume.config_map.is_some()),
        ("azureFile", volume.azure_file.is_some()),
        ("vsphereVolume", volume.vsphere_volume.is_some()),
        ("photonPersistentDisk", volume.photon_persistent_disk.is_some()),
        ("portworxVolume", volume.portworx_volume.is_some()),
        ("azureDisk", volume.azure_disk.is_some()),
        ("storageos", volume.storageos.is_some()),
        ("projected", volume.projected.is_some()),
        ("scaleIO", volume.scale_io.is_some()),
        ("csi", volume.csi.is_some()),
        ("ephemeral", volume.ephemeral.is_some()),
        ("image", volume.image.is_some()),
    ]
}

fn validate_source(errors: &mut ErrorList, volume: &Volume, pod_name: &str, path: &Path) {
    let mut given = sources(volume).into_iter().filter(|(_, given)| *given).map(|(name, _)| name);
    let Some(first) = given.next() else { return errors.required(path, "must specify a volume type") };
    validate_first(errors, volume, first, pod_name, path);
    for name in given {
        errors.forbidden(&path.child(name), "may not specify more than 1 volume type");
    }
}

fn validate_first(errors: &mut ErrorList, volume: &Volume, source: &str, pod_name: &str, path: &Path) {
    match source {
        "emptyDir" => validate_empty_dir(errors, volume, &path.child("emptyDir")),
        "hostPath" => validate_host_path(errors, volume.host_path.as_ref(), &path.child("hostPath")),
        "secret" => validate_secret(errors, volume, &path.child("secret")),
        "configMap" => validate_config_map(errors, volume, &path.child("configMap")),
        "downwarAPI" => projected::validate_downward_api(errors, volume, &path.child("downwardAPI")),
        "projected" => projected::validate(errors, volume, &path.child("projected")),
        "persistentVolumeClaim" => {
            let name = volume.persistent_volume_claim.as_ref().map(|claim| claim.claim_name.as_str());
            require(errors, name, &path.child("persistentVolumeClaim").child("claimName"));
        }
        "nfs" => validate_nfs(errors, volume, &path.child("nfs")),
        "csi" => require(
            errors,
            volume.csi.as_ref().map(|csi| csi.driver.as_str()),
            &path.child("csi").child("driver"),
        ),
        "image" => validate_image(errors, volume, &path.child("image")),
        "ephemeral" => validate_ephemeral(errors, volume, pod_name, path),
        // The remaining sources need drivers that no node here has; such a pod never starts and is told why.
        _ => {}
    }
}

fn require(errors: &mut ErrorList, value: Option<&str>, path: &Path) {
    if value.unwrap_or_default().is_empty() {
        errors.required(path, "");
    }
}

fn validate_empty_dir(errors: &mut ErrorList, volume: &Volume, path: &Path) {
    let limit = volume.empty_dir.as_ref().and_then(|source| source.size_limit.as_ref());
    let Some(limit) = limit else { return };
    let path = path.child("sizeLimit");
    match Amount::of(limit) {
        None => errors.invalid(&path, limit.0.as_str(), QUANTITY_MESSAGE),
        Some(amount) if amount.is_negative() => {
            errors.forbidden(&path, "SizeLimit field must be a valid resource quantity");
        }
        Some(_) => {}
    }
}

/// Rules of a path on the node.
pub(in super::super) fn validate_host_path(
    errors: &mut ErrorList,
    source: Option<&HostPathVolumeSource>,
    path: &Path,
) {
    let Some(source) = source else { return };
    if source.path.is_empty() {
        return errors.required(&path.child("path"), "");
    }
    validate_no_backsteps(errors, &source.path, &path.child("path"));
    if let Some(kind) = source.type_.as_deref().filter(|kind| !HOST_PATH_TYPES.contains(kind)) {
        errors.not_supported(&path.child("type"), kind, &HOST_PATH_TYPES);
    }
}

fn validate_secret(errors: &mut ErrorList, volume: &Volume, path: &Path) {
    let Some(source) = &volume.secret else { return };
    require(errors, source.secret_name.as_deref(), &path.child("secretName"));
    validate_mode(errors, source.default_mode, &path.child("defaultMode"));
    validate_items(errors, source.items.as_deref().unwrap_or_default(), &path.child("items"));
}

fn validate_config_map(errors: &mut ErrorList, volume: &Volume, path: &Path) {
    let Some(source) = &volume.config_map else { return };
    require(errors, Some(&source.name), &path.child("name"));
    validate_mode(errors, source.default_mode, &path.child("defaultMode"));
    validate_items(errors, source.items.as_deref().unwrap_or_default(), &path.child("items"));
}

fn validate_nfs(errors: &mut ErrorList, volume: &Volume, path: &Path) {
    let Some(source) = &volume.nfs else { return };
    require(errors, Some(&source.server), &path.child("server"));
    require(errors, Some(&source.path), &path.child("path"));
    if !source.path.starts_with('/') {
        errors.invalid(&path.child("path"), source.path.as_str(), "must be an absolute path");
    }
}

fn validate_image(errors: &mut ErrorList, volume: &Volume, path: &Path) {
    let Some(source) = &volume.image else { return };
    require(errors, source.reference.as_deref(), &path.child("reference"));
    let policy = source.pull_policy.as_deref().unwrap_or_default();
    errors.one_of(&path.child("pullPolicy"), policy, &["Always", "IfNotPresent", "Never"]);
}

fn validate_ephemeral(errors: &mut ErrorList, volume: &Volume, pod_name: &str, path: &Path) {
    let template = volume.ephemeral.as_ref().and_then(|source| source.volume_claim_template.as_ref());
    let at = path.child("ephemeral").child("volumeClaimTemplate");
    match template {
        None => errors.required(&at, ""),
        Some(template) => validate_claim_spec(errors, &template.spec, &at.child("spec")),
    }
    if pod_name.is_empty() || volume.name.is_empty() {
        return;
    }
    let claim = format!("{pod_name}-{}", volume.name);
    for message in names::dns_1123_subdomain(&claim) {
        errors.invalid(&path.child("name"), volume.name.as_str(), format!("PVC name \"{claim}\": {message}"));
    }
}

/// Rules of which keys become which files.
pub(super) fn validate_items(errors: &mut ErrorList, items: &[KeyToPath], path: &Path) {
    for (index, item) in items.iter().enumerate() {
        let path = path.index(index);
        require(errors, Some(&item.key), &path.child("key"));
        require(errors, Some(&item.path), &path.child("path"));
        validate_local_non_reserved_path(errors, &item.path, &path.child("path"));
        validate_mode(errors, item.mode, &path.child("mode"));
    }
}

/// Rules of a file's permission bits.
pub(super) fn validate_mode(errors: &mut ErrorList, mode: Option<i32>, path: &Path) {
    if let Some(mode) = mode.filter(|mode| !(0..=0o777).contains(mode)) {
        errors.invalid(path, mode, FILE_MODE_MESSAGE);
    }
}

/// Requires a relative path that does not leave its directory.
pub(super) fn validate_local_descending_path(errors: &mut ErrorList, file: &str, path: &Path) {
    if file.starts_with('/') {
        errors.invalid(path, file, "must be a relative path");
    }
    validate_no_backsteps(errors, file, path);
}

/// Requires a relative path that does not leave its directory and does not begin with two dots.
pub(super) fn validate_local_non_reserved_path(errors: &mut ErrorList, file: &str, path: &Path) {
    validate_local_descending_path(errors, file, path);
    if file.starts_with("..") && !file.starts_with("../") {
        errors.invalid(path, file, "must not start with '..'");
    }
}

fn validate_no_backsteps(errors: &mut ErrorList, file: &str, path: &Path) {
    if has_backsteps(file) {
        errors.invalid(path, file, "must not contain '..'");
    }
}

/// Whether a path goes up somewhere.
pub(super) fn has_backsteps(file: &str) -> bool {
    file.split('/').any(|part| part == "..")
}
