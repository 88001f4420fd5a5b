//! Files from a Secret: `pkg/volume/secret/secret.go` of kubernetes/kubernetes.

use k8s_openapi::api::core::v1::{KeyToPath, SecretVolumeSource};

use super::{Files, Sources, chosen, is_optional};

pub(super) fn files(source: &SecretVolumeSource, sources: &dyn Sources) -> Result<Files, String> {
    let name = source.secret_name.as_deref().unwrap_or_default();
    let optional = is_optional(source.optional);
    files_of(name, source.items.as_deref(), source.default_mode, optional, sources)
}

/// The files of a Secret by its name.
pub(super) fn files_of(
    name: &str,
    items: Option<&[KeyToPath]>,
    default_mode: Option<i32>,
    optional: bool,
    sources: &dyn Sources,
) -> Result<Files, String> {
    let data = match sources.secret(name) {
        None if !optional => return Err(format!("secret {name:?} not found")),
        data => data.unwrap_or_default(),
    };
    chosen(data, items, default_mode, optional, "references non-existent secret key")
}
