//! A container's environment: its variables and where their values come from.
//!
//! Follows kubernetes `pkg/apis/core/validation/validation.go` (`ValidateEnv`, `ValidateEnvFrom`) and
//! `pkg/apis/core/pods/helpers.go` (`ConvertDownwardAPIFieldLabel`).

use k8s_openapi::api::core::v1::{
    Container, EnvFromSource, EnvVar, EnvVarSource, FileKeySelector, ObjectFieldSelector,
    ResourceFieldSelector,
};

use super::super::amount::{Amount, QUANTITY_MESSAGE};
use super::super::field::{ErrorList, Path};
use super::super::names;
use super::volumes::validate_local_non_reserved_path;

/// Fields of the pod that a variable can hold.
const VARIABLE_FIELDS: [&str; 9] = [
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];
/// Fields of the pod that a file of a downward API volume can hold.
pub(super) const FILE_FIELDS: [&str; 5] =
    ["metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid"];
/// Labels of fields that upstream can convert at all.
const KNOWN_FIELDS: [&str; 14] = [
    "metadata.annotations",
    "metadata.labels",
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.serviceAccountName",
    "spec.schedulerName",
    "status.phase",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];
const RESOURCES: [&str; 6] = [
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
];
const BYTE_DIVISORS: [&str; 13] =
    ["1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei"];

/// Rules of `env` and `envFrom`; `path` leads to the container.
pub(super) fn validate(errors: &mut ErrorList, container: &Container, path: &Path) {
    for (index, variable) in container.env.iter().flatten().enumerate() {
        validate_variable(errors, variable, &path.child("env").index(index));
    }
    let path = path.child("envFrom");
    for (index, source) in container.env_from.iter().flatten().enumerate() {
        validate_env_from(errors, source, &path, &path.index(index));
    }
}

fn validate_variable(errors: &mut ErrorList, variable: &EnvVar, path: &Path) {
    let name = variable.name.as_str();
    if name.is_empty() {
        errors.required(&path.child("name"), "");
    } else {
        errors.invalid_each(&path.child("name"), name, names::environment_variable(name));
    }
    if let Some(source) = &variable.value_from {
        let has_value = variable.value.as_deref().is_some_and(|value| !value.is_empty());
        validate_value_from(errors, source, has_value, &path.child("valueFrom"));
    }
}

fn validate_value_from(errors: &mut ErrorList, source: &EnvVarSource, has_value: bool, path: &Path) {
    let mut sources = 0;
    if let Some(selector) = &source.field_ref {
        sources += 1;
        validate_field_ref(errors, selector, &VARIABLE_FIELDS, &path.child("fieldRef"));
    }
    if let Some(selector) = &source.resource_field_ref {
        sources += 1;
        validate_resource_ref(errors, selector, false, &path.child("resourceFieldRef"));
    }
    if let Some(selector) = &source.config_map_key_ref {
        sources += 1;
        validate_key_ref(errors, &selector.name, &selector.key, &path.child("configMapKeyRef"));
    }
    if let Some(selector) = &source.secret_key_ref {
        sources += 1;
        validate_key_ref(errors, &selector.name, &selector.key, &path.child("secretKeyRef"));
    }
    if let Some(selector) = &source.file_key_ref {
        sources += 1;
        validate_file_ref(errors, selector, &path.child("fileKeyRef"));
    }
    let message = match sources {
        0 => {
            "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`"
        }
        _ if has_value => "may not be specified when `value` is not empty",
        1 => return,
        _ => "may not have more than one field specified at a time",
    };
    errors.invalid(path, "", message);
}

fn validate_file_ref(errors: &mut ErrorList, selector: &FileKeySelector, path: &Path) {
    let (key, volume) = (selector.key.as_str(), selector.volume_name.as_str());
    errors.invalid_each(&path.child("key"), key, names::environment_variable(key));
    errors.invalid_each(&path.child("volumeName"), volume, names::dns_1123_label(volume));
    if selector.path.is_empty() {
        errors.required(&path.child("path"), "");
    } else {
        validate_local_non_reserved_path(errors, &selector.path, &path.child("path"));
    }
}

fn validate_key_ref(errors: &mut ErrorList, name: &str, key: &str, path: &Path) {
    errors.invalid_each(&path.child("name"), name, names::dns_1123_subdomain(name));
    if key.is_empty() {
        errors.required(&path.child("key"), "");
    } else {
        errors.invalid_each(&path.child("key"), key, names::config_map_key(key));
    }
}

/// Rules of a reference to a field of the pod, which must be one of `allowed`.
pub(super) fn validate_field_ref(
    errors: &mut ErrorList,
    selector: &ObjectFieldSelector,
    allowed: &[&str],
    path: &Path,
) {
    let version = selector.api_version.as_deref().unwrap_or_default();
    let field = selector.field_path.as_str();
    if version.is_empty() {
        return errors.required(&path.child("apiVersion"), "");
    }
    if field.is_empty() {
        return errors.required(&path.child("fieldPath"), "");
    }
    if version != "v1" {
        let message = format!("error converting fieldPath: unsupported pod version: {version}");
        return errors.invalid(&path.child("fieldPath"), field, message);
    }
    match subscripted(field) {
        Some(("metadata.annotations", key)) => {
            let key = key.to_lowercase();
            errors.invalid_each(path, key.as_str(), names::qualified_name(&key));
        }
        Some(("metadata.labels", key)) => errors.invalid_each(path, key, names::qualified_name(key)),
        Some((field_path, _)) => {
            let message =
                format!("error converting fieldPath: field label does not support subscript: {field_path}");
            errors.invalid(&path.child("fieldPath"), field, message);
        }
        None => validate_plain_field(errors, field, allowed, &path.child("fieldPath")),
    }
}

fn validate_plain_field(errors: &mut ErrorList, field: &str, allowed: &[&str], path: &Path) {
    let field = if field == "spec.host" { "spec.nodeName" } else { field };
    if !KNOWN_FIELDS.contains(&field) {
        let message = format!("error converting fieldPath: field label not supported: {field}");
        errors.invalid(path, field, message);
    } else if !allowed.contains(&field) {
        errors.not_supported(path, field, allowed);
    }
}

/// `metadata.labels['app']` as path and key.
fn subscripted(field: &str) -> Option<(&str, &str)> {
    let (path, key) = field.strip_suffix("']")?.split_once("['")?;
    (!path.is_empty()).then_some((path, key))
}

/// Rules of a reference to a resource of a container, which a volume must name.
pub(super) fn validate_resource_ref(
    errors: &mut ErrorList,
    selector: &ResourceFieldSelector,
    in_volume: bool,
    path: &Path,
) {
    let resource = selector.resource.as_str();
    let huge = ["requests.hugepages-", "limits.hugepages-"].iter().any(|prefix| resource.starts_with(prefix));
    if in_volume && selector.container_name.as_deref().unwrap_or_default().is_empty() {
        errors.required(&path.child("containerName"), "");
    } else if resource.is_empty() {
        errors.required(&path.child("resource"), "");
    } else if !RESOURCES.contains(&resource) && !huge {
        errors.not_supported(&path.child("resource"), resource, &RESOURCES);
    }
    validate_divisor(errors, selector, &path.child("divisor"));
}

fn validate_divisor(errors: &mut ErrorList, selector: &ResourceFieldSelector, path: &Path) {
    let Some(divisor) = selector.divisor.as_ref().filter(|divisor| !divisor.0.is_empty()) else { return };
    let resource = selector.resource.as_str();
    let Some(amount) = Amount::of(divisor) else {
        return errors.invalid(path, divisor.0.as_str(), QUANTITY_MESSAGE);
    };
    let kind = resource.split_once('.').map_or("", |(_, kind)| kind);
    let (allowed, noun): (&[&str], &str) = match kind {
        _ if amount.is_zero() => return,
        "cpu" => (&["1m", "1"], "cpu"),
        "memory" => (&BYTE_DIVISORS, "memory"),
        "ephemeral-storage" => (&BYTE_DIVISORS, "local ephemeral storage"),
        _ if kind.starts_with("hugepages-") => (&BYTE_DIVISORS, "hugepages"),
        _ => return,
    };
    if allowed.contains(&divisor.0.as_str()) {
        return;
    }
    let list = if kind == "cpu" { "1m and 1".to_owned() } else { allowed.join(", ") };
    let message = format!("only divisor's values {list} are supported with the {noun} resource");
    errors.invalid(path, resource, message);
}

fn validate_env_from(errors: &mut ErrorList, source: &EnvFromSource, list_path: &Path, path: &Path) {
    if let Some(prefix) = source.prefix.as_deref().filter(|prefix| !prefix.is_empty()) {
        errors.invalid_each(&path.child("prefix"), prefix, names::environment_variable(prefix));
    }
    let references = [
        ("configMapRef", source.config_map_ref.as_ref().map(|reference| reference.name.as_str())),
        ("secretRef", source.secret_ref.as_ref().map(|reference| reference.name.as_str())),
    ];
    for (field, name) in references {
        let path = path.child(field).child("name");
        match name {
            None => {}
            Some("") => errors.required(&path, ""),
            Some(name) => errors.invalid_each(&path, name, names::name_is_dns_subdomain(name, true)),
        }
    }
    match references.iter().filter(|(_, name)| name.is_some()).count() {
        0 => errors.invalid(list_path, "", "must specify one of: `configMapRef` or `secretRef`"),
        1 => {}
        _ => errors.invalid(list_path, "", "may not have more than one field specified at a time"),
    }
}
