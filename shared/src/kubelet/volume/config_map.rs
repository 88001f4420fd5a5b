//! Files from a ConfigMap: `pkg/volume/configmap/configmap.go` of kubernetes/kubernetes.

use k8s_openapi::api::core::v1::{ConfigMapVolumeSource, KeyToPath};

use super::{Files, Sources, chosen, is_optional};

pub(super) fn files(source: &ConfigMapVolumeSource, sources: &dyn Sources) -> Result<Files, String> {
    let optional = is_optional(source.optional);
    files_of(&source.name, source.items.as_deref(), source.default_mode, optional, sources)
}

/// The files of a ConfigMap by its name.
pub(super) fn files_of(
    name: &str,
    items: Option<&[KeyToPath]>,
    default_mode: Option<i32>,
    optional: bool,
    sources: &dyn Sources,
) -> Result<Files, String> {
    let data = match sources.config_map(name) {
        None if !optional => return Err(format!("configmap {name:?} not found")),
        data => data.unwrap_or_default(),
    };
    chosen(data, items, default_mode, optional, "references non-existent config key")
}
