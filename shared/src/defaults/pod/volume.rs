//! Volumes: an empty directory where no source is given, and the permission bits of files.
//!
//! Follows kubernetes `pkg/apis/core/v1/defaults.go` (`SetDefaults_Volume` and the volume sources' defaults).

use k8s_openapi::api::core::v1::{
    DownwardAPIVolumeFile, EmptyDirVolumeSource, ProjectedVolumeSource, Volume, VolumeProjection,
};

use super::super::persistent_volume::apply_to_claim_spec;
use super::super::text;
use super::container::{apply_to_field_ref, apply_to_resource_ref};
use super::image::pull_policy;

const FILE_MODE: i32 = 0o644;
const TOKEN_SECONDS: i64 = 3600;

/// Fills in what is missing from a volume.
pub(super) fn apply(volume: &mut Volume) {
    if *volume == (Volume { name: volume.name.clone(), ..Volume::default() }) {
        volume.empty_dir = Some(EmptyDirVolumeSource::default());
    }
    if let Some(source) = &mut volume.secret {
        source.default_mode.get_or_insert(FILE_MODE);
    }
    if let Some(source) = &mut volume.config_map {
        source.default_mode.get_or_insert(FILE_MODE);
    }
    if let Some(source) = &mut volume.downward_api {
        source.default_mode.get_or_insert(FILE_MODE);
        apply_to_files(source.items.as_deref_mut().unwrap_or_default());
    }
    if let Some(source) = &mut volume.projected {
        apply_to_projected(source);
    }
    if let Some(source) = &mut volume.host_path {
        source.type_.get_or_insert_default();
    }
    if let Some(template) = volume.ephemeral.as_mut().and_then(|source| source.volume_claim_template.as_mut())
    {
        apply_to_claim_spec(&mut template.spec);
    }
    if let Some(source) = &mut volume.image {
        let image = source.reference.clone().unwrap_or_default();
        text(&mut source.pull_policy, pull_policy(&image));
    }
}

fn apply_to_projected(source: &mut ProjectedVolumeSource) {
    source.default_mode.get_or_insert(FILE_MODE);
    for projection in source.sources.iter_mut().flatten() {
        apply_to_projection(projection);
    }
}

fn apply_to_projection(projection: &mut VolumeProjection) {
    if let Some(token) = &mut projection.service_account_token {
        token.expiration_seconds.get_or_insert(TOKEN_SECONDS);
    }
    if let Some(source) = &mut projection.downward_api {
        apply_to_files(source.items.as_deref_mut().unwrap_or_default());
    }
}

fn apply_to_files(files: &mut [DownwardAPIVolumeFile]) {
    for file in files {
        if let Some(field) = &mut file.field_ref {
            apply_to_field_ref(field);
        }
        if let Some(resource) = &mut file.resource_field_ref {
            apply_to_resource_ref(resource);
        }
    }
}
