//! Nodes and pods for tests.

use k8s_openapi::api::core::v1::{Node, Pod};
use serde_json::{Value, json};

use crate::api::object::{Object, SharedObject};

/// A node with 4 cores, 8 GiB and room for 110 pods, with these fields of metadata and spec on top.
pub(crate) fn node(name: &str, labels: Value, spec: Value) -> Node {
    node_with(name, labels, spec, json!({ "cpu": "4", "memory": "8Gi", "pods": "110" }))
}

/// A node with this allocatable.
pub(crate) fn node_with(name: &str, labels: Value, spec: Value, allocatable: Value) -> Node {
    let metadata = json!({ "name": name, "labels": labels });
    parse(json!({ "metadata": metadata, "spec": spec, "status": { "allocatable": allocatable } }))
}

/// A pod of one container with these requests, and these fields of the spec on top.
pub(crate) fn pod(name: &str, requests: Value, spec: Value) -> Pod {
    let container = json!({ "name": "c", "image": "nginx", "resources": { "requests": requests } });
    let mut value = json!({
        "metadata": { "name": name, "namespace": "default", "uid": format!("uid-{name}") },
        "spec": { "containers": [container], "schedulerName": "default-scheduler" },
        "status": { "phase": "Pending" },
    });
    merge(&mut value["spec"], spec);
    parse(value)
}

/// The book's cluster: a tainted control plane and two workers with these cores each.
pub(crate) fn book_cluster(cores: &str) -> Vec<SharedObject> {
    let taint = json!({ "key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule" });
    let size = json!({ "cpu": cores, "memory": "8Gi", "pods": "110" });
    let node = |name, spec| Object::of(node_with(name, json!({}), spec, size.clone()));
    vec![
        node("control-plane", json!({ "taints": [taint] })),
        node("node-1", json!({})),
        node("node-2", json!({})),
    ]
}

/// The pod, bound to a node.
pub(crate) fn bound(mut pod: Pod, node: &str) -> Pod {
    pod.spec.get_or_insert_default().node_name = Some(node.to_owned());
    pod
}

fn merge(into: &mut Value, from: Value) {
    if let (Some(into), Value::Object(from)) = (into.as_object_mut(), from) {
        into.extend(from);
    }
}

fn parse<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}
