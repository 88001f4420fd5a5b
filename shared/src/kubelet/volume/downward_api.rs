//! Files that tell a pod of itself: `pkg/volume/downwardapi/downwardapi.go` and `pkg/fieldpath/fieldpath.go` of
//! kubernetes/kubernetes.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{DownwardAPIVolumeFile, DownwardAPIVolumeSource, Pod};

use crate::kubelet::environment;

use super::{File, Files, Sources, mode};

pub(super) fn files(
    pod: &Pod,
    source: &DownwardAPIVolumeSource,
    sources: &dyn Sources,
) -> Result<Files, String> {
    files_of(pod, source.items.as_deref(), source.default_mode, sources)
}

/// The files that the items describe; the error names all that went wrong.
pub(super) fn files_of(
    pod: &Pod,
    items: Option<&[DownwardAPIVolumeFile]>,
    default_mode: Option<i32>,
    sources: &dyn Sources,
) -> Result<Files, String> {
    let (mut files, mut errors) = (Files::new(), Vec::new());
    for item in items.unwrap_or_default() {
        match content(pod, item, sources) {
            Ok(content) => {
                let file = File { content: content.into_bytes(), mode: mode(item.mode, default_mode) };
                files.insert(item.path.clone(), file);
            }
            Err(error) => errors.push(error),
        }
    }
    all_or_errors(files, errors)
}

/// The files, unless something went wrong (`NewAggregate` in `pkg/util/errors` of kubernetes/apimachinery).
pub(super) fn all_or_errors(files: Files, mut errors: Vec<String>) -> Result<Files, String> {
    errors.dedup();
    match errors.as_slice() {
        [] => Ok(files),
        [one] => Err(one.clone()),
        many => Err(format!("[{}]", many.join(", "))),
    }
}

fn content(pod: &Pod, item: &DownwardAPIVolumeFile, sources: &dyn Sources) -> Result<String, String> {
    if let Some(field) = &item.field_ref {
        return match field.field_path.as_str() {
            "metadata.labels" => Ok(lines(pod.metadata.labels.as_ref())),
            "metadata.annotations" => Ok(lines(pod.metadata.annotations.as_ref())),
            path => environment::metadata_field(pod, path),
        };
    }
    let Some(resource) = &item.resource_field_ref else { return Ok(String::new()) };
    let name = resource.container_name.as_deref();
    let container = environment::named_container(pod, name)
        .ok_or_else(|| format!("container {} not found", name.unwrap_or_default()))?;
    environment::resource_value(
        container,
        &resource.resource,
        resource.divisor.as_ref(),
        sources.allocatable(),
    )
}

/// A map as lines `key="value"`, sorted.
fn lines(map: Option<&BTreeMap<String, String>>) -> String {
    let mut lines: Vec<String> =
        map.into_iter().flatten().map(|(key, value)| format!("{key}={}", quoted(value))).collect();
    lines.sort();
    lines.join("\n")
}

/// A text as Go's `%q` writes it.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{b}' => out.push_str("\\v"),
            '\u{c}' => out.push_str("\\f"),
            c if c.is_ascii_control() => out.push_str(&format!("\\x{:02x}", u32::from(c))),
            c if c.is_control() => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
