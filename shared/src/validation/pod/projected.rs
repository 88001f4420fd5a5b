//! Volumes whose files come from the API: the downward API, and several sources projected into one directory.
//!
//! Follows kubernetes `pkg/apis/core/validation/validation.go` (`validateProjectedVolumeSource`,
//! `validateDownwardAPIVolumeSource`).

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{
    ClusterTrustBundleProjection, DownwardAPIVolumeFile, KeyToPath, ServiceAccountTokenProjection, Volume,
    VolumeProjection,
};

use super::super::field::{ErrorList, Path};
use super::super::metadata::value_of;
use super::environment::{FILE_FIELDS, validate_field_ref, validate_resource_ref};
use super::volumes::{validate_items, validate_local_non_reserved_path, validate_mode};

const TOKEN_MIN_SECONDS: i64 = 600;
const TOKEN_MAX_SECONDS: i64 = 1 << 32;

/// Rules of a downward API volume.
pub(super) fn validate_downward_api(errors: &mut ErrorList, volume: &Volume, path: &Path) {
    let Some(source) = &volume.downward_api else { return };
    validate_mode(errors, source.default_mode, &path.child("defaultMode"));
    for file in source.items.iter().flatten() {
        validate_file(errors, file, path);
    }
}

fn validate_file(errors: &mut ErrorList, file: &DownwardAPIVolumeFile, path: &Path) {
    if file.path.is_empty() {
        errors.required(&path.child("path"), "");
    }
    validate_local_non_reserved_path(errors, &file.path, &path.child("path"));
    match (&file.field_ref, &file.resource_field_ref) {
        (Some(field), resource) => {
            validate_field_ref(errors, field, &FILE_FIELDS, &path.child("fieldRef"));
            if resource.is_some() {
                let message = "fieldRef and resourceFieldRef can not be specified simultaneously";
                errors.invalid(path, "resource", message);
            }
        }
        (None, Some(resource)) => {
            validate_resource_ref(errors, resource, true, &path.child("resourceFieldRef"));
        }
        (None, None) => errors.required(path, "one of fieldRef and resourceFieldRef is required"),
    }
    validate_mode(errors, file.mode, &path.child("mode"));
}

/// Rules of a projected volume.
pub(super) fn validate(errors: &mut ErrorList, volume: &Volume, path: &Path) {
    let Some(source) = &volume.projected else { return };
    validate_mode(errors, source.default_mode, &path.child("defaultMode"));
    let mut files = Files { seen: BTreeSet::new(), path };
    for (index, projection) in source.sources.iter().flatten().enumerate() {
        validate_projection(errors, projection, &mut files, &path.child("sources").index(index));
    }
}

/// The files that the sources have made so far.
struct Files<'a> {
    seen: BTreeSet<&'a str>,
    path: &'a Path,
}

impl<'a> Files<'a> {
    /// Adds a file; `shown` is what upstream shows of a source whose file was there already.
    fn add(&mut self, errors: &mut ErrorList, file: &'a str, shown: &str) {
        if !file.is_empty() && !self.seen.insert(file) {
            errors.invalid(self.path, shown, "conflicting duplicate paths");
        }
    }

    fn add_items(&mut self, errors: &mut ErrorList, items: &'a [KeyToPath], source: &str) {
        for item in items {
            self.add(errors, &item.path, source);
        }
    }
}

fn validate_projection<'a>(
    errors: &mut ErrorList,
    projection: &'a VolumeProjection,
    files: &mut Files<'a>,
    path: &Path,
) {
    if let Some(source) = &projection.secret {
        validate_keys(errors, &source.name, source.items.as_deref(), files, &path.child("secret"));
    }
    if let Some(source) = &projection.config_map {
        validate_keys(errors, &source.name, source.items.as_deref(), files, &path.child("configMap"));
    }
    if let Some(source) = &projection.downward_api {
        for file in source.items.iter().flatten() {
            validate_file(errors, file, &path.child("downwardAPI"));
            files.add(errors, &file.path, &file.path);
        }
    }
    if let Some(token) = &projection.service_account_token {
        validate_token(errors, token, files.path, &path.child("serviceAccountToken"));
    }
    if let Some(bundle) = &projection.cluster_trust_bundle {
        validate_bundle(errors, bundle, &path.child("clusterTrustBundle"));
        files.add(errors, &bundle.path, &bundle.path);
    }
    if count(projection) > 1 {
        errors.forbidden(path, "may not specify more than 1 volume type per source");
    }
}

fn count(projection: &VolumeProjection) -> usize {
    let given = [
        projection.secret.is_some(),
        projection.config_map.is_some(),
        projection.downward_api.is_some(),
        projection.service_account_token.is_some(),
        projection.cluster_trust_bundle.is_some(),
        projection.pod_certificate.is_some(),
    ];
    given.into_iter().filter(|given| *given).count()
}

fn validate_keys<'a>(
    errors: &mut ErrorList,
    name: &str,
    items: Option<&'a [KeyToPath]>,
    files: &mut Files<'a>,
    path: &Path,
) {
    if name.is_empty() {
        errors.required(&path.child("name"), "");
    }
    let items = items.unwrap_or_default();
    validate_items(errors, items, &path.child("items"));
    files.add_items(errors, items, name);
}

/// Upstream names the volume, not the source, where a token's path is wrong; `volume` leads there.
fn validate_token(errors: &mut ErrorList, token: &ServiceAccountTokenProjection, volume: &Path, path: &Path) {
    let seconds = token.expiration_seconds.unwrap_or_default();
    if seconds < TOKEN_MIN_SECONDS {
        let message = "may not specify a duration less than 10 minutes";
        errors.invalid(&path.child("expirationSeconds"), seconds, message);
    }
    if seconds > TOKEN_MAX_SECONDS {
        let message = "may not specify a duration larger than 2^32 seconds";
        errors.invalid(&path.child("expirationSeconds"), seconds, message);
    }
    if token.path.is_empty() {
        errors.required(&volume.child("path"), "");
    } else {
        validate_local_non_reserved_path(errors, &token.path, &volume.child("path"));
    }
}

fn validate_bundle(errors: &mut ErrorList, bundle: &ClusterTrustBundleProjection, path: &Path) {
    match (&bundle.name, &bundle.signer_name) {
        (Some(_), Some(_)) => {
            errors.invalid(path, value_of(bundle), "only one of name and signerName may be used");
        }
        (None, None) => errors.required(path, "either name or signerName must be specified"),
        _ => {}
    }
    if bundle.path.is_empty() {
        errors.required(&path.child("path"), "");
    }
    validate_local_non_reserved_path(errors, &bundle.path, &path.child("path"));
}
