//! A container's environment: `makeEnvironmentVariables` in `pkg/kubelet/kubelet_pods.go` and the
//! `$(VAR)` expansion of `third_party/forked/golang/expansion` in kubernetes/kubernetes.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, EnvVar, EnvVarSource, FileKeySelector, Pod};

use super::env_file;
use crate::api::quantity::Quantity;

/// What the pod names: the data of ConfigMaps and Secrets, `None` where the object does not exist, and files of its
/// volumes.
pub trait Sources {
    /// The data of a ConfigMap.
    fn config_map(&self, name: &str) -> Option<BTreeMap<String, String>>;
    /// The data of a Secret, decoded.
    fn secret(&self, name: &str) -> Option<BTreeMap<String, String>>;
    /// A file of one of the pod's volumes.
    fn file(&self, volume: &str, path: &str) -> VolumeFile;
}

/// A file of a volume, as it is when the container starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VolumeFile {
    /// The pod has no such volume.
    NoVolume,
    /// It is not there, is no text, or is longer than [`env_file::LONGEST`].
    Unreadable,
    /// It is there.
    Text {
        /// Where it lies on the node.
        place: String,
        /// What stands in it.
        text: String,
    },
}

/// What a variable can take from the pod's surroundings.
pub struct Surroundings<'a> {
    /// The pod's address.
    pub pod_ip: &'a str,
    /// The node's address.
    pub host_ip: &'a str,
    /// The variables by which Services are found; what the pod sets itself goes before them.
    pub services: &'a BTreeMap<String, String>,
    /// The node's allocatable resources, for limits that are not set.
    pub allocatable: &'a BTreeMap<String, k8s_openapi::apimachinery::pkg::api::resource::Quantity>,
}

/// The variables in the order in which they were set, later ones overriding earlier ones; the error
/// is the message of `CreateContainerConfigError`.
pub fn environment(
    pod: &Pod,
    container: &Container,
    surroundings: &Surroundings<'_>,
    sources: &dyn Sources,
) -> Result<Vec<(String, String)>, String> {
    let mut variables = Variables::default();
    for source in container.env_from.iter().flatten() {
        let prefix = source.prefix.as_deref().unwrap_or_default();
        if let Some(reference) = &source.config_map_ref {
            let data = required(
                sources.config_map(&reference.name),
                reference.optional,
                "configmap",
                &reference.name,
            )?;
            variables.import(prefix, data);
        }
        if let Some(reference) = &source.secret_ref {
            let data =
                required(sources.secret(&reference.name), reference.optional, "secret", &reference.name)?;
            variables.import(prefix, data);
        }
    }
    for variable in container.env.iter().flatten() {
        let value = match &variable.value_from {
            None => Some(expand_by(variable.value.as_deref().unwrap_or_default(), |name| {
                variables.values.get(name).or_else(|| surroundings.services.get(name))
            })),
            Some(source) => taken_from(pod, container, variable, source, surroundings, sources)?,
        };
        if let Some(value) = value {
            variables.set(&variable.name, value);
        }
    }
    for (name, value) in surroundings.services {
        if !variables.values.contains_key(name) {
            variables.set(name, value.clone());
        }
    }
    Ok(variables.in_order())
}

#[derive(Default)]
struct Variables {
    order: Vec<String>,
    values: BTreeMap<String, String>,
}

impl Variables {
    fn set(&mut self, name: &str, value: String) {
        if self.values.insert(name.to_owned(), value).is_none() {
            self.order.push(name.to_owned());
        }
    }

    fn import(&mut self, prefix: &str, data: BTreeMap<String, String>) {
        for (key, value) in data {
            self.set(&format!("{prefix}{key}"), value);
        }
    }

    fn in_order(mut self) -> Vec<(String, String)> {
        let order = std::mem::take(&mut self.order);
        order.into_iter().filter_map(|name| self.values.remove_entry(&name)).collect()
    }
}

fn required(
    data: Option<BTreeMap<String, String>>,
    optional: Option<bool>,
    kind: &str,
    name: &str,
) -> Result<BTreeMap<String, String>, String> {
    match data {
        Some(data) => Ok(data),
        None if optional == Some(true) => Ok(BTreeMap::new()),
        None => Err(format!("{kind} {name:?} not found")),
    }
}

/// The value that the source gives; `None` for an optional one that is not there.
fn taken_from(
    pod: &Pod,
    container: &Container,
    variable: &EnvVar,
    source: &EnvVarSource,
    surroundings: &Surroundings<'_>,
    sources: &dyn Sources,
) -> Result<Option<String>, String> {
    if let Some(field) = &source.field_ref {
        return pod_field(pod, &field.field_path, surroundings).map(Some);
    }
    if let Some(resource) = &source.resource_field_ref {
        let container = named_container(pod, resource.container_name.as_deref()).unwrap_or(container);
        let (divisor, allocatable) = (resource.divisor.as_ref(), surroundings.allocatable);
        return resource_value(container, &resource.resource, divisor, allocatable).map(Some);
    }
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    if let Some(key) = &source.config_map_key_ref {
        return keyed(
            sources.config_map(&key.name),
            key.optional,
            &key.key,
            "configmap",
            "ConfigMap",
            namespace,
            &key.name,
        );
    }
    if let Some(key) = &source.secret_key_ref {
        return keyed(
            sources.secret(&key.name),
            key.optional,
            &key.key,
            "secret",
            "Secret",
            namespace,
            &key.name,
        );
    }
    if let Some(key) = &source.file_key_ref {
        return from_file(key, sources);
    }
    Err(format!(
        "environment variable {:?} takes its value from a source that is not supported",
        variable.name
    ))
}

/// A file must be there and well formed, also where the key need not be in it.
fn from_file(key: &FileKeySelector, sources: &dyn Sources) -> Result<Option<String>, String> {
    match sources.file(&key.volume_name, &key.path) {
        VolumeFile::NoVolume => {
            Err(format!("cannot find the volume {:?} referenced by FileKeyRef", key.volume_name))
        }
        VolumeFile::Unreadable => Err(NOT_PARSED.to_owned()),
        VolumeFile::Text { place, text } => {
            let value = env_file::value_of(&text, &key.key).map_err(|_| NOT_PARSED.to_owned())?;
            match value.filter(|value| !value.is_empty()) {
                Some(value) => Ok(Some(value)),
                None if key.optional == Some(true) => Ok(None),
                None => Err(format!("environment variable key {:?} not found in file {place:?}", key.key)),
            }
        }
    }
}

const NOT_PARSED: &str = "couldn't parse env file";

fn keyed(
    data: Option<BTreeMap<String, String>>,
    optional: Option<bool>,
    key: &str,
    resource: &str,
    kind: &str,
    namespace: &str,
    name: &str,
) -> Result<Option<String>, String> {
    let found = data.is_some();
    match data.and_then(|mut data| data.remove(key)) {
        Some(value) => Ok(Some(value)),
        None if optional == Some(true) => Ok(None),
        None if found => Err(format!("couldn't find key {key} in {kind} {namespace}/{name}")),
        None => Err(format!("{resource} {name:?} not found")),
    }
}

/// The container of that name, be it an init container.
pub(super) fn named_container<'a>(pod: &'a Pod, name: Option<&str>) -> Option<&'a Container> {
    let spec = pod.spec.as_ref()?;
    let mut all = spec.containers.iter().chain(spec.init_containers.iter().flatten());
    all.find(|container| Some(container.name.as_str()) == name)
}

/// The field of the pod that the downward API names (`pkg/fieldpath/fieldpath.go`).
fn pod_field(pod: &Pod, path: &str, surroundings: &Surroundings<'_>) -> Result<String, String> {
    let spec = pod.spec.as_ref();
    let text = |value: Option<&String>| value.cloned().unwrap_or_default();
    Ok(match path {
        "spec.nodeName" => text(spec.and_then(|spec| spec.node_name.as_ref())),
        "spec.serviceAccountName" => text(spec.and_then(|spec| spec.service_account_name.as_ref())),
        "status.podIP" | "status.podIPs" => surroundings.pod_ip.to_owned(),
        "status.hostIP" | "status.hostIPs" => surroundings.host_ip.to_owned(),
        _ => return metadata_field(pod, path),
    })
}

/// The field of the pod's metadata that the downward API names.
pub(super) fn metadata_field(pod: &Pod, path: &str) -> Result<String, String> {
    let metadata = &pod.metadata;
    let text = |value: Option<&String>| value.cloned().unwrap_or_default();
    if let Some((map, key)) = path.strip_suffix(']').and_then(|path| path.split_once("['")) {
        let key = key.trim_end_matches('\'');
        let map = match map {
            "metadata.labels" => metadata.labels.as_ref(),
            "metadata.annotations" => metadata.annotations.as_ref(),
            _ => return Err(format!("unsupported fieldPath: {path}")),
        };
        return Ok(text(map.and_then(|map| map.get(key))));
    }
    Ok(match path {
        "metadata.name" => text(metadata.name.as_ref()),
        "metadata.namespace" => text(metadata.namespace.as_ref()),
        "metadata.uid" => text(metadata.uid.as_ref()),
        _ => return Err(format!("unsupported fieldPath: {path}")),
    })
}

/// `limits.cpu` and the like, in units of the divisor, rounded up (`pkg/api/v1/resource/helpers.go`).
pub(super) fn resource_value(
    container: &Container,
    resource: &str,
    divisor: Option<&k8s_openapi::apimachinery::pkg::api::resource::Quantity>,
    allocatable: &BTreeMap<String, k8s_openapi::apimachinery::pkg::api::resource::Quantity>,
) -> Result<String, String> {
    let (kind, name) =
        resource.split_once('.').ok_or_else(|| format!("unsupported container resource : {resource}"))?;
    let resources = container.resources.as_ref();
    let limit = || resources.and_then(|resources| resources.limits.as_ref()?.get(name));
    let amount = match kind {
        "limits" => limit().or_else(|| allocatable.get(name)),
        "requests" => resources.and_then(|resources| resources.requests.as_ref()?.get(name)),
        _ => return Err(format!("unsupported container resource : {resource}")),
    };
    let parse = |text: &str| text.parse::<Quantity>().map_err(|error| error.to_string());
    let amount = parse(amount.map_or("0", |quantity| &quantity.0))?;
    let divisor = parse(divisor.map_or("1", |quantity| &quantity.0))?;
    let (amount, divisor) = match name {
        "cpu" => (amount.milli_value(), divisor.milli_value()),
        _ => (amount.value(), divisor.value()),
    };
    let divisor = if divisor == 0 { if name == "cpu" { 1000 } else { 1 } } else { divisor };
    Ok(((amount + divisor - 1) / divisor).to_string())
}

/// Replaces each `$(NAME)` by the value of the variable; unknown names stay as they are and `$$` is
/// a dollar sign.
pub fn expand(text: &str, variables: &BTreeMap<String, String>) -> String {
    expand_by(text, |name| variables.get(name))
}

pub(super) fn expand_by<'a>(text: &str, value_of: impl Fn(&str) -> Option<&'a String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some((name, after)) = rest.strip_prefix('(').and_then(|inner| inner.split_once(')')) {
            match value_of(name) {
                Some(value) => out.push_str(value),
                None => out.push_str(&format!("$({name})")),
            }
            rest = after;
        } else {
            out.push('$');
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    struct Known;

    impl Sources for Known {
        fn config_map(&self, name: &str) -> Option<BTreeMap<String, String>> {
            (name == "settings").then(|| BTreeMap::from([("colour".to_owned(), "blue".to_owned())]))
        }

        fn secret(&self, _name: &str) -> Option<BTreeMap<String, String>> {
            None
        }

        fn file(&self, volume: &str, path: &str) -> VolumeFile {
            let text =
                |text: &str| VolumeFile::Text { place: format!("/{volume}/{path}"), text: text.into() };
            match (volume, path) {
                ("settings", "app.env") => text("MODE='fast'\nNOTHING=''\n"),
                ("settings", "broken.env") => text("MODE = fast\n"),
                ("settings", _) => VolumeFile::Unreadable,
                _ => VolumeFile::NoVolume,
            }
        }
    }

    fn environment_of(container: serde_json::Value) -> Result<Vec<(String, String)>, String> {
        let pod =
            json!({"metadata": {"name": "web", "labels": {"app": "x"}}, "spec": {"containers": [container]}});
        let pod: Pod = serde_json::from_value(pod).unwrap();
        let allocatable = serde_json::from_value(json!({"cpu": "2", "memory": "1Gi"})).unwrap();
        let services = BTreeMap::from(
            [("DB_PORT", "tcp://10.96.0.7:6379"), ("IP", "none")]
                .map(|(name, value)| (name.into(), value.into())),
        );
        let surroundings = Surroundings {
            pod_ip: "10.244.1.5",
            host_ip: "172.18.0.3",
            services: &services,
            allocatable: &allocatable,
        };
        environment(&pod, &pod.spec.as_ref().unwrap().containers[0], &surroundings, &Known)
    }

    #[test]
    fn expansion_should_follow_upstreams_rules() {
        let variables = BTreeMap::from([("A".to_owned(), "1".to_owned())]);
        let cases = [
            ("$(A)", "1"),
            ("$$(A)", "$(A)"),
            ("$(B)", "$(B)"),
            ("$A", "$A"),
            ("x$(A)y$", "x1y$"),
            ("$(A", "$(A"),
        ];
        for (text, expected) in cases {
            assert_eq!(expand(text, &variables), expected, "{text}");
        }
    }

    #[test]
    fn variables_should_come_from_everywhere() {
        let container = json!({
            "name": "a",
            "envFrom": [{"prefix": "C_", "configMapRef": {"name": "settings"}}],
            "env": [
                {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
                {"name": "APP", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['app']"}}},
                {"name": "CPU", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "1m"}}},
                {"name": "URL", "value": "http://$(IP)/$(C_colour)"},
                {"name": "DB", "value": "$(DB_PORT)"},
                {"name": "GONE", "valueFrom": {"secretKeyRef": {"name": "none", "key": "k", "optional": true}}},
            ],
        });
        let found = environment_of(container).unwrap();
        let found: Vec<(&str, &str)> =
            found.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let expected = [
            ("C_colour", "blue"),
            ("IP", "10.244.1.5"),
            ("APP", "x"),
            ("CPU", "2000"),
            ("URL", "http://10.244.1.5/blue"),
            ("DB", "tcp://10.96.0.7:6379"),
            ("DB_PORT", "tcp://10.96.0.7:6379"),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn missing_source_should_be_named() {
        let missing = json!({"name": "a", "env": [{"name": "X", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]});
        assert_eq!(environment_of(missing).unwrap_err(), "secret \"s\" not found");
        let key = json!({"name": "a", "env": [{"name": "X", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "k"}}}]});
        assert_eq!(environment_of(key).unwrap_err(), "couldn't find key k in ConfigMap /settings");
    }

    #[test]
    fn variables_should_come_from_files_of_volumes() {
        let of = |volume: &str, path: &str, key: &str, optional: bool| {
            let reference = json!({"volumeName": volume, "path": path, "key": key, "optional": optional});
            let variable = json!({"name": "V", "valueFrom": {"fileKeyRef": reference}});
            let variables = environment_of(json!({"name": "a", "env": [variable]}))?;
            Ok::<_, String>(variables.into_iter().find(|(name, _)| name == "V").map(|(_, value)| value))
        };
        let missing = |key: &str| {
            Err(format!("environment variable key {key:?} not found in file \"/settings/app.env\""))
        };
        let not_parsed = || Err("couldn't parse env file".to_owned());
        let no_volume = || Err("cannot find the volume \"other\" referenced by FileKeyRef".to_owned());
        let cases = [
            ("settings", "app.env", "MODE", false, Ok(Some("fast".to_owned()))),
            ("settings", "app.env", "OTHER", false, missing("OTHER")),
            ("settings", "app.env", "NOTHING", false, missing("NOTHING")),
            ("settings", "app.env", "OTHER", true, Ok(None)),
            ("settings", "broken.env", "MODE", false, not_parsed()),
            ("settings", "absent.env", "MODE", true, not_parsed()),
            ("other", "app.env", "MODE", true, no_volume()),
        ];
        for (volume, path, key, optional, expected) in cases {
            assert_eq!(of(volume, path, key, optional), expected, "{volume} {path} {key} {optional}");
        }
    }
}
