//! PersistentVolumes, PersistentVolumeClaims and StorageClasses.
//!
//! Follows kubernetes `pkg/apis/core/v1/defaults.go` (`SetDefaults_PersistentVolume`,
//! `SetDefaults_PersistentVolumeClaimSpec`) and `pkg/apis/storage/v1/defaults.go`. The data source is copied to
//! its reference and back by `pkg/registry/core/persistentvolumeclaim/strategy.go` (`NormalizeDataSources`).

use k8s_openapi::api::core::v1::{
    PersistentVolume, PersistentVolumeClaim, PersistentVolumeClaimSpec, TypedLocalObjectReference,
    TypedObjectReference,
};
use k8s_openapi::api::storage::v1::StorageClass;

use super::quantity::round_up;
use super::{Defaults, text};

const FILESYSTEM: &str = "Filesystem";

impl Defaults for PersistentVolume {
    fn apply(&mut self) {
        text(&mut self.status.get_or_insert_default().phase, "Pending");
        let Some(spec) = &mut self.spec else { return };
        text(&mut spec.persistent_volume_reclaim_policy, "Retain");
        spec.volume_mode.get_or_insert_with(|| FILESYSTEM.to_owned());
        if let Some(source) = &mut spec.host_path {
            source.type_.get_or_insert_default();
        }
        round_up(&mut spec.capacity);
    }
}

impl Defaults for PersistentVolumeClaim {
    fn apply(&mut self) {
        text(&mut self.status.get_or_insert_default().phase, "Pending");
        if let Some(spec) = &mut self.spec {
            apply_to_claim_spec(spec);
        }
    }
}

/// What claims and templates of claims have in common.
pub(super) fn apply_to_claim_spec(spec: &mut PersistentVolumeClaimSpec) {
    spec.volume_mode.get_or_insert_with(|| FILESYSTEM.to_owned());
    if let Some(resources) = &mut spec.resources {
        round_up(&mut resources.limits);
        round_up(&mut resources.requests);
    }
    match (&spec.data_source, &spec.data_source_ref) {
        (Some(source), None) => {
            spec.data_source_ref = Some(TypedObjectReference {
                api_group: source.api_group.clone(),
                kind: source.kind.clone(),
                name: source.name.clone(),
                namespace: None,
            });
        }
        (None, Some(reference)) if reference.namespace.as_deref().unwrap_or_default().is_empty() => {
            spec.data_source = Some(TypedLocalObjectReference {
                api_group: reference.api_group.clone(),
                kind: reference.kind.clone(),
                name: reference.name.clone(),
            });
        }
        _ => {}
    }
}

impl Defaults for StorageClass {
    fn apply(&mut self) {
        self.reclaim_policy.get_or_insert_with(|| "Delete".to_owned());
        self.volume_binding_mode.get_or_insert_with(|| "Immediate".to_owned());
    }
}
