//! Fields that are accepted and not honoured: each is said, none is ignored.
//!
//! The API server turns [`unsupported_fields`] into `Warning` headers, the editor into marks, and the
//! README's table of what works is made from [`UNSUPPORTED`]. Whoever makes a field work takes its line
//! out.

use serde_json::Value;

use super::field::Path;
use super::pod::MIRROR_ANNOTATION;

mod tables;

pub use tables::UNSUPPORTED;

/// A field that is accepted and not honoured.
#[derive(Clone, Copy, Debug)]
pub struct Unsupported {
    /// Where the field stands: names, `[*]` for every item of a list, `[key]` for an entry of a map.
    pub pattern: &'static str,
    /// What does not happen, as a sentence for the user.
    pub sentence: &'static str,
    /// The value that the field may have all the same, usually its default.
    pub unless: Option<&'static str>,
    /// The one value that has no effect, where others have.
    pub only: Option<&'static str>,
    /// Whether pods that mirror a node's static pods may have it.
    pub fine_in_mirrors: bool,
}

const fn field(pattern: &'static str, sentence: &'static str) -> Unsupported {
    Unsupported { pattern, sentence, unless: None, only: None, fine_in_mirrors: false }
}

const fn value(pattern: &'static str, unless: &'static str, sentence: &'static str) -> Unsupported {
    Unsupported { unless: Some(unless), ..field(pattern, sentence) }
}

const fn only(pattern: &'static str, value: &'static str, sentence: &'static str) -> Unsupported {
    Unsupported { only: Some(value), ..field(pattern, sentence) }
}

const fn host(pattern: &'static str, sentence: &'static str) -> Unsupported {
    Unsupported { fine_in_mirrors: true, ..field(pattern, sentence) }
}

const NO_SECURITY: &str =
    "this setting has no effect yet; a container is a WebAssembly sandbox without users or capabilities";
const NO_OWNER: &str = "files of volumes have no owner that a WebAssembly program could see";
const NO_DRIVER: &str = "volumes of this kind are not mounted yet; no node here has a driver for them";
const NO_AFFINITY: &str = "affinity between pods is not considered in scheduling yet";

/// The fields of a Pod that are accepted and not honoured, in the order of the table in the README.
pub const UNSUPPORTED_POD_FIELDS: &[Unsupported] = &[
    field(
        "spec.containers[*].lifecycle.stopSignal",
        "a WebAssembly program cannot tell signals apart; it ends as by SIGTERM",
    ),
    field("spec.containers[*].resizePolicy", "containers are not resized in place yet"),
    field("spec.containers[*].resources.claims", "dynamic resource allocation does not exist yet"),
    only("spec.containers[*].ports[*].protocol", "SCTP", "the pod network carries TCP and UDP"),
    field("spec.containers[*].volumeDevices", "block devices are not attached yet"),
    value(
        "spec.containers[*].volumeMounts[*].recursiveReadOnly",
        "Disabled",
        "a mount has no others below it, so none of those is made read-only",
    ),
    value("spec.containers[*].volumeMounts[*].mountPropagation", "None", "mounts are not propagated"),
    field("spec.containers[*].securityContext", NO_SECURITY),
    field("spec.securityContext", NO_SECURITY),
    field("spec.volumes[*].configMap.defaultUser", NO_OWNER),
    field("spec.volumes[*].configMap.items[*].user", NO_OWNER),
    field("spec.volumes[*].secret.defaultUser", NO_OWNER),
    field("spec.volumes[*].secret.items[*].user", NO_OWNER),
    field("spec.volumes[*].downwardAPI.defaultUser", NO_OWNER),
    field("spec.volumes[*].downwardAPI.items[*].user", NO_OWNER),
    field("spec.volumes[*].projected.defaultUser", NO_OWNER),
    field(
        "spec.volumes[*].projected.sources[*].clusterTrustBundle",
        "no trust bundles exist yet; a pod that needs one does not start",
    ),
    field(
        "spec.volumes[*].projected.sources[*].podCertificate",
        "no certificates are issued to pods yet; a pod that needs one does not start",
    ),
    field(
        "spec.volumes[*].emptyDir.medium",
        "the volume is kept on disk, and what is in it does not count as memory",
    ),
    field("spec.volumes[*].awsElasticBlockStore", NO_DRIVER),
    field("spec.volumes[*].azureDisk", NO_DRIVER),
    field("spec.volumes[*].azureFile", NO_DRIVER),
    field("spec.volumes[*].cephfs", NO_DRIVER),
    field("spec.volumes[*].cinder", NO_DRIVER),
    field("spec.volumes[*].csi", NO_DRIVER),
    field("spec.volumes[*].fc", NO_DRIVER),
    field("spec.volumes[*].flexVolume", NO_DRIVER),
    field("spec.volumes[*].flocker", NO_DRIVER),
    field("spec.volumes[*].gcePersistentDisk", NO_DRIVER),
    field("spec.volumes[*].gitRepo", NO_DRIVER),
    field("spec.volumes[*].glusterfs", NO_DRIVER),
    field("spec.volumes[*].iscsi", NO_DRIVER),
    field("spec.volumes[*].nfs", NO_DRIVER),
    field("spec.volumes[*].photonPersistentDisk", NO_DRIVER),
    field("spec.volumes[*].portworxVolume", NO_DRIVER),
    field("spec.volumes[*].quobyte", NO_DRIVER),
    field("spec.volumes[*].rbd", NO_DRIVER),
    field("spec.volumes[*].scaleIO", NO_DRIVER),
    field("spec.volumes[*].storageos", NO_DRIVER),
    field("spec.volumes[*].vsphereVolume", NO_DRIVER),
    field("spec.affinity.podAffinity", NO_AFFINITY),
    field("spec.affinity.podAntiAffinity", NO_AFFINITY),
    field("spec.topologySpreadConstraints", "spread constraints are not considered in scheduling yet"),
    field("spec.schedulingGroup", "pods are scheduled one by one yet"),
    value("spec.preemptionPolicy", "PreemptLowerPriority", "no pod is preempted for another yet"),
    field(
        "spec.priorityClassName",
        "the pod is scheduled before those of lower priority, and none is preempted for it yet",
    ),
    host("spec.hostNetwork", "the pod has its node's address; containers never see the host's network"),
    host("spec.hostPID", "containers never see the host's processes"),
    host("spec.hostIPC", "containers never see the host's memory"),
    only(
        "spec.hostUsers",
        "false",
        "containers have no users of their own, so that there are none to keep apart from the host's",
    ),
    field("spec.shareProcessNamespace", "containers do not see each other's processes"),
    field("spec.runtimeClassName", "every container runs in the same WebAssembly runtime"),
    value("spec.os.name", "linux", "nodes here are no Windows machines"),
    field(
        "spec.resources.limits",
        "limits of the pod as a whole hold nothing yet; set them in its containers",
    ),
    field("spec.resourceClaims", "dynamic resource allocation does not exist yet"),
    field("spec.evictionResponders", "evictions ask nobody yet"),
];

/// The fields of an object of a kind that are accepted and not honoured: the path of each, and what does not happen.
pub fn unsupported_fields(kind: &str, root: &Value) -> Vec<(String, String)> {
    let annotations = root.pointer("/metadata/annotations");
    let mirror = annotations.is_some_and(|all| all.get(MIRROR_ANNOTATION).is_some());
    let is_fine = |entry: &Unsupported| mirror && entry.fine_in_mirrors;
    found(kind, root, is_fine)
}

/// What the table of a kind says of a value.
fn found(kind: &str, root: &Value, is_fine: impl Fn(&Unsupported) -> bool) -> Vec<(String, String)> {
    let entries = UNSUPPORTED.iter().filter(|(name, _)| *name == kind).flat_map(|(_, entries)| *entries);
    let entries = entries.filter(|entry| !is_fine(entry));
    let told = |entry: &Unsupported, path: Path| (path.to_string(), entry.sentence.to_owned());
    entries.flat_map(|entry| matches(root, entry).into_iter().map(|path| told(entry, path))).collect()
}

/// Where in `root` the entry's field is set; what holds for the containers of a pod holds for those of its other
/// lists, too.
fn matches(root: &Value, entry: &Unsupported) -> Vec<Path> {
    let mut found = matches_of(root, entry, entry.pattern.to_owned());
    if let Some(rest) = entry.pattern.strip_prefix("spec.containers[*]") {
        for list in ["initContainers", "ephemeralContainers"] {
            found.extend(matches_of(root, entry, format!("spec.{list}[*]{rest}")));
        }
    }
    found
}

fn matches_of(root: &Value, entry: &Unsupported, pattern: String) -> Vec<Path> {
    let mut names = names(&pattern);
    let Some(first) = names.next() else { return Vec::new() };
    let mut reached = vec![(Path::root(first), root.get(first))];
    for name in names {
        reached = reached.into_iter().flat_map(|(path, value)| step(&path, value, name)).collect();
    }
    let asks = |value: &Value| match (entry.only, entry.unless) {
        (Some(only), _) => text(value) == only,
        (None, Some(unless)) => is_set(value) && text(value) != unless,
        (None, None) => is_set(value),
    };
    reached.into_iter().filter(|(_, value)| value.is_some_and(asks)).map(|(path, _)| path).collect()
}

/// The steps of a pattern; a dot in a key parts none.
fn names(pattern: &str) -> impl Iterator<Item = &str> {
    let mut in_key = false;
    pattern.split(move |c| {
        in_key = c == '[' || (in_key && c != ']');
        c == '.' && !in_key
    })
}

/// One step of a pattern: `name`, `name[*]` or `name[key]`.
fn step<'a>(path: &Path, value: Option<&'a Value>, name: &str) -> Vec<(Path, Option<&'a Value>)> {
    let (name, subscript) = match name.strip_suffix(']').and_then(|name| name.split_once('[')) {
        Some((name, subscript)) => (name, Some(subscript)),
        None => (name, None),
    };
    let path = path.child(name);
    let value = value.and_then(|value| value.get(name));
    match subscript {
        None => vec![(path, value)],
        Some("*") => {
            let items = value.and_then(Value::as_array).into_iter().flatten().enumerate();
            items.map(|(index, item)| (path.index(index), Some(item))).collect()
        }
        Some(key) => vec![(path.key(key), value.and_then(|value| value.get(key)))],
    }
}

/// A scalar as text.
fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Whether a value asks for something: not absent, empty or false.
fn is_set(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(flag) => *flag,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        Value::Number(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::api::scheme;

    fn paths(kind: &str, object: Value) -> Vec<String> {
        let object = scheme::by_kind("v1", kind).unwrap().decode(&object).unwrap();
        unsupported_fields(kind, &object.to_value()).into_iter().map(|(path, _)| path).collect()
    }

    fn found(pod: Value) -> Vec<String> {
        paths("Pod", pod)
    }

    #[test]
    fn pods_should_be_told_which_of_their_fields_have_no_effect() {
        let pod = json!({"spec": {
            "containers": [
                {"name": "a", "ports": [{"containerPort": 1, "protocol": "UDP"}, {"containerPort": 2, "protocol": "SCTP"}]},
                {"name": "b", "resources": {"claims": [{"name": "r"}]}},
            ],
            "initContainers": [{"name": "i", "securityContext": {"runAsUser": 1}}],
            "volumes": [{"name": "v", "emptyDir": {}}, {"name": "c", "nfs": {"server": "a", "path": "/"}}],
            "securityContext": {}, "hostNetwork": true, "hostUsers": false, "dnsPolicy": "ClusterFirst", "priority": 0,
        }});
        assert_eq!(
            found(pod),
            [
                "spec.containers[1].resources.claims",
                "spec.containers[0].ports[1].protocol",
                "spec.initContainers[0].securityContext",
                "spec.volumes[1].nfs",
                "spec.hostNetwork",
                "spec.hostUsers",
            ]
        );
    }

    #[test]
    fn other_kinds_should_be_told_which_of_their_fields_have_no_effect() {
        let cases: [(&str, Value, &[&str]); 7] = [
            ("Service", json!({"spec": {"type": "ClusterIP", "ports": [{"port": 80}]}}), &[]),
            (
                "Service",
                json!({"spec": {"type": "NodePort", "ports": [{"port": 80, "protocol": "SCTP"}]}}),
                &["spec.ports[0].protocol"],
            ),
            (
                "Service",
                json!({"metadata": {"annotations": {"service.kubernetes.io/topology-mode": "Auto"}}}),
                &["metadata.annotations[service.kubernetes.io/topology-mode]"],
            ),
            ("ServiceAccount", json!({"imagePullSecrets": [{"name": "a"}]}), &[]),
            ("ServiceAccount", json!({"automountServiceAccountToken": false}), &[]),
            ("Secret", json!({"type": "kubernetes.io/service-account-token"}), &["type"]),
            ("Secret", json!({"type": "Opaque"}), &[]),
        ];
        for (kind, object, expected) in cases {
            assert_eq!(paths(kind, object.clone()), expected, "{kind} {object}");
        }
    }

    #[test]
    fn mirror_pods_may_use_the_hosts_namespaces() {
        let pod = json!({
            "metadata": {"annotations": {MIRROR_ANNOTATION: "x"}},
            "spec": {"containers": [{"name": "a"}], "hostNetwork": true, "shareProcessNamespace": true},
        });
        assert_eq!(found(pod), ["spec.shareProcessNamespace"]);
    }

    #[test]
    fn table_should_name_each_field_once() {
        let entries =
            UNSUPPORTED.iter().flat_map(|(kind, entries)| entries.iter().map(move |entry| (kind, entry)));
        let mut patterns: Vec<_> = entries.map(|(kind, entry)| (kind, entry.pattern, entry.only)).collect();
        let count = patterns.len();
        patterns.sort_unstable();
        patterns.dedup();
        assert_eq!(patterns.len(), count);
    }
}
