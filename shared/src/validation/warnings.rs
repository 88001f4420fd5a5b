//! Warnings for pods that are valid and probably not meant: deprecated labels and annotations,
//! duplicates, fractions of bytes.
//!
//! Follows kubernetes `pkg/api/pod/warnings.go` and `pkg/api/node/util.go`.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Container, EnvVar, NodeSelectorTerm, Pod, PodSpec, Volume};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::amount::Amount;
use super::field::{Path, quote};
use crate::api::object::ApiObject;

const DEPRECATED_NODE_LABELS: [(&str, &str); 8] = [
    ("beta.kubernetes.io/arch", "deprecated since v1.14; use \"kubernetes.io/arch\" instead"),
    ("beta.kubernetes.io/os", "deprecated since v1.14; use \"kubernetes.io/os\" instead"),
    (
        "failure-domain.beta.kubernetes.io/region",
        "deprecated since v1.17; use \"topology.kubernetes.io/region\" instead",
    ),
    (
        "failure-domain.beta.kubernetes.io/zone",
        "deprecated since v1.17; use \"topology.kubernetes.io/zone\" instead",
    ),
    (
        "beta.kubernetes.io/instance-type",
        "deprecated since v1.17; use \"node.kubernetes.io/instance-type\" instead",
    ),
    ("app.kubernetes.io/created-by", "deprecated since v1.9"),
    (
        "scheduler.alpha.kubernetes.io/preferAvoidPods",
        "deprecated since v1.22; use Taints and Tolerations instead",
    ),
    ("node-role.kubernetes.io/master", "use \"node-role.kubernetes.io/control-plane\" instead"),
];
const DEPRECATED_ANNOTATIONS: [(&str, &str); 3] = [
    (
        "scheduler.alpha.kubernetes.io/critical-pod",
        "non-functional in v1.16+; use the \"priorityClassName\" field instead",
    ),
    ("security.alpha.kubernetes.io/sysctls", "non-functional in v1.11+; use the \"sysctls\" field instead"),
    (
        "security.alpha.kubernetes.io/unsafe-sysctls",
        "non-functional in v1.11+; use the \"sysctls\" field instead",
    ),
];

/// Warnings about an object that is to be written; kinds other than Pod bring none yet.
pub fn warnings(object: &dyn ApiObject) -> Vec<String> {
    let Some(pod) = object.downcast_ref::<Pod>() else { return Vec::new() };
    let mut found = Vec::new();
    let path = Path::root("spec");
    if let Some(spec) = &pod.spec {
        warn_of_node_labels(&mut found, spec, &path);
        warn_of_spread(&mut found, spec, &path.child("topologySpreadConstraints"));
    }
    warn_of_annotations(&mut found, pod);
    if let Some(spec) = &pod.spec {
        warn_of_volumes(&mut found, spec.volumes.as_deref().unwrap_or_default(), &path.child("volumes"));
        warn_of_lists(&mut found, spec, &path);
        for (path, container) in containers(spec, &path) {
            warn_of_fractions(&mut found, container, &path.child("resources"));
            warn_of_hidden_variables(&mut found, container, &path.child("env"));
        }
        warn_of_ports(&mut found, spec, &path);
        warn_of_grace_period(&mut found, spec, &path.child("terminationGracePeriodSeconds"));
    }
    found
}

/// The pod's containers in upstream's order, with their paths.
fn containers<'a>(spec: &'a PodSpec, path: &Path) -> Vec<(Path, &'a Container)> {
    let init = spec.init_containers.as_deref().unwrap_or_default();
    let lists = [("initContainers", init), ("containers", &spec.containers[..])];
    let mut all = Vec::new();
    for (name, list) in lists {
        let path = path.child(name);
        all.extend(list.iter().enumerate().map(|(index, container)| (path.index(index), container)));
    }
    all
}

fn deprecation(label: &str) -> Option<&'static str> {
    DEPRECATED_NODE_LABELS.iter().find(|(name, _)| *name == label).map(|(_, message)| *message)
}

fn warn_of_node_labels(found: &mut Vec<String>, spec: &PodSpec, path: &Path) {
    for key in spec.node_selector.iter().flat_map(|selector| selector.keys()) {
        if let Some(message) = deprecation(key) {
            found.push(format!("{}: {message}", path.child("nodeSelector").key(key)));
        }
    }
    let Some(affinity) = spec.affinity.as_ref().and_then(|affinity| affinity.node_affinity.as_ref()) else {
        return;
    };
    let path = path.child("affinity").child("nodeAffinity");
    if let Some(required) = &affinity.required_during_scheduling_ignored_during_execution {
        let path = path.child("requiredDuringSchedulingIgnoredDuringExecution").child("nodeSelectorTerms");
        for (index, term) in required.node_selector_terms.iter().enumerate() {
            warn_of_term(found, term, &path.index(index));
        }
    }
    let preferred = affinity.preferred_during_scheduling_ignored_during_execution.as_deref();
    let path = path.child("preferredDuringSchedulingIgnoredDuringExecution");
    for (index, term) in preferred.unwrap_or_default().iter().enumerate() {
        warn_of_term(found, &term.preference, &path.index(index).child("preference"));
    }
}

fn warn_of_term(found: &mut Vec<String>, term: &NodeSelectorTerm, path: &Path) {
    for (index, expression) in term.match_expressions.iter().flatten().enumerate() {
        if let Some(message) = deprecation(&expression.key) {
            let path = path.child("matchExpressions").index(index).child("key");
            found.push(format!("{path}: {} is {message}", expression.key));
        }
    }
}

fn warn_of_spread(found: &mut Vec<String>, spec: &PodSpec, path: &Path) {
    for (index, constraint) in spec.topology_spread_constraints.iter().flatten().enumerate() {
        let path = path.index(index);
        if let Some(message) = deprecation(&constraint.topology_key) {
            found.push(format!("{}: {} is {message}", path.child("topologyKey"), constraint.topology_key));
        }
        if constraint.label_selector.is_none() {
            let path = path.child("labelSelector");
            found.push(format!("{path}: a null labelSelector results in matching no pod"));
        }
    }
}

fn warn_of_annotations(found: &mut Vec<String>, pod: &Pod) {
    let path = Path::root("metadata").child("annotations");
    for (name, message) in DEPRECATED_ANNOTATIONS {
        if pod.metadata.annotations.as_ref().is_some_and(|all| all.contains_key(name)) {
            found.push(format!("{}: {message}", path.key(name)));
        }
    }
}

fn warn_of_volumes(found: &mut Vec<String>, volumes: &[Volume], path: &Path) {
    for (index, volume) in volumes.iter().enumerate() {
        let kinds = [
            (
                "photonPersistentDisk",
                volume.photon_persistent_disk.is_some(),
                "deprecated in v1.11, non-functional in v1.16+",
            ),
            ("gitRepo", volume.git_repo.is_some(), "deprecated in v1.11, and disabled by default in v1.33+"),
            ("scaleIO", volume.scale_io.is_some(), "deprecated in v1.16, non-functional in v1.22+"),
            ("flocker", volume.flocker.is_some(), "deprecated in v1.22, non-functional in v1.25+"),
            ("storageOS", volume.storageos.is_some(), "deprecated in v1.22, non-functional in v1.25+"),
            ("quobyte", volume.quobyte.is_some(), "deprecated in v1.22, non-functional in v1.25+"),
            ("glusterfs", volume.glusterfs.is_some(), "deprecated in v1.25, non-functional in v1.26+"),
            ("cephfs", volume.cephfs.is_some(), "deprecated in v1.28, non-functional in v1.31+"),
            ("rbd", volume.rbd.is_some(), "deprecated in v1.28, non-functional in v1.31+"),
        ];
        for (name, _, message) in kinds.into_iter().filter(|(_, given, _)| *given) {
            found.push(format!("{}: {message}", path.index(index).child(name)));
        }
    }
}

/// Lists in which an entry hides an earlier one.
fn warn_of_lists(found: &mut Vec<String>, spec: &PodSpec, path: &Path) {
    let aliases = path.child("hostAliases");
    let mut seen = BTreeSet::new();
    for (index, alias) in spec.host_aliases.iter().flatten().enumerate() {
        if !seen.insert(&alias.ip) {
            let path = aliases.index(index).child("ip");
            found.push(format!("{path}: duplicate ip {}", quote(&alias.ip)));
        }
    }
    let secrets = path.child("imagePullSecrets");
    let mut seen = BTreeSet::new();
    for (index, secret) in spec.image_pull_secrets.iter().flatten().enumerate() {
        let path = secrets.index(index).child("name");
        if !seen.insert(&secret.name) {
            found.push(format!("{path}: duplicate name {}", quote(&secret.name)));
        }
        if secret.name.is_empty() {
            found.push(format!("{path}: invalid empty name \"\""));
        }
    }
}

fn warn_of_fractions(found: &mut Vec<String>, container: &Container, path: &Path) {
    let Some(resources) = &container.resources else { return };
    for name in ["memory", "ephemeral-storage"] {
        for (list, amounts) in [("limits", &resources.limits), ("requests", &resources.requests)] {
            let quantity = amounts.as_ref().and_then(|amounts| amounts.get(name));
            if let Some(quantity) = quantity.filter(|quantity| is_fraction(quantity)) {
                let path = path.child(list).key(name);
                let shown = quote(&quantity.0);
                found.push(format!("{path}: fractional byte value {shown} is invalid, must be an integer"));
            }
        }
    }
}

fn is_fraction(quantity: &Quantity) -> bool {
    Amount::of(quantity).is_some_and(|amount| !amount.is_integer())
}

fn warn_of_hidden_variables(found: &mut Vec<String>, container: &Container, path: &Path) {
    let mut seen = BTreeSet::new();
    for (index, variable) in container.env.iter().flatten().enumerate() {
        if !seen.insert(&variable.name) && hides(variable) {
            let (path, name) = (path.index(index), quote(&variable.name));
            found.push(format!(
                "{path}: hides previous definition of {name}, which may be dropped when using apply"
            ));
        }
    }
}

/// Whether a second definition of a variable does more than add to the first.
fn hides(variable: &EnvVar) -> bool {
    let reference = format!("$({})", variable.name);
    let value = variable.value.as_deref().unwrap_or_default();
    variable.value_from.is_some() || value == reference || !value.contains(&reference)
}

fn warn_of_ports(found: &mut Vec<String>, spec: &PodSpec, path: &Path) {
    let mut seen: Vec<(Path, (i32, &str), i32, &str)> = Vec::new();
    for (path, container) in containers(spec, path) {
        for (index, port) in container.ports.iter().flatten().enumerate() {
            let path = path.child("ports").index(index);
            let key = (port.container_port, port.protocol.as_deref().unwrap_or_default());
            let host_port = port.host_port.unwrap_or_default();
            let host_ip = port.host_ip.as_deref().unwrap_or_default();
            for (other, _, other_port, other_ip) in seen.iter().filter(|(_, other, ..)| *other == key) {
                let relation = if (host_port, host_ip) == (*other_port, *other_ip) {
                    "duplicate"
                } else if host_port == 0 || *other_port == 0 {
                    "overlapping"
                } else if host_port == *other_port && host_ip.is_empty() != other_ip.is_empty() {
                    "dangerously ambiguous"
                } else {
                    continue;
                };
                found.push(format!("{path}: {relation} port definition with {other}"));
            }
            seen.push((path, key, host_port, host_ip));
        }
    }
}

fn warn_of_grace_period(found: &mut Vec<String>, spec: &PodSpec, path: &Path) {
    if spec.termination_grace_period_seconds.is_some_and(|seconds| seconds < 0) {
        found.push(format!("{path}: must be >= 0; negative values are invalid and will be treated as 1"));
    }
}
