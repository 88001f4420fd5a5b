//! Nodes: `printNode`.

use std::collections::BTreeSet;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Node;
use serde_json::Value;

use super::{Column, NONE, Printer, age_cell, descriptions, name, or};

pub(super) const PRINTER: Printer = Printer {
    api_version: "v1",
    kind: "Node",
    columns: &[
        Column::NAME,
        Column::text("Status", "The status of the node"),
        Column::text("Roles", "The roles of the node"),
        Column::AGE,
        Column::text("Version", descriptions::KUBELET_VERSION),
        Column::text("Internal-IP", descriptions::NODE_ADDRESSES).wide(),
        Column::text("External-IP", descriptions::NODE_ADDRESSES).wide(),
        Column::text("OS-Image", descriptions::OS_IMAGE).wide(),
        Column::text("Kernel-Version", descriptions::KERNEL_VERSION).wide(),
        Column::text("Container-Runtime", descriptions::CONTAINER_RUNTIME_VERSION).wide(),
    ],
    row: |object, now| object.downcast_ref().map(|node| row(node, now)),
};

fn row(node: &Node, now: Timestamp) -> Vec<Value> {
    let info = node.status.as_ref().and_then(|status| status.node_info.clone()).unwrap_or_default();
    let or_unknown = |text: &str| Value::from(or(Some(text), "<unknown>"));
    vec![
        name(node),
        status(node).into(),
        roles(node).into(),
        age_cell(node, now),
        info.kubelet_version.as_str().into(),
        address(node, "InternalIP").into(),
        address(node, "ExternalIP").into(),
        or_unknown(&info.os_image),
        or_unknown(&info.kernel_version),
        or_unknown(&info.container_runtime_version),
    ]
}

fn status(node: &Node) -> String {
    let conditions = node.status.iter().flat_map(|status| status.conditions.iter().flatten());
    let mut ready = conditions.filter(|condition| condition.type_ == "Ready");
    let readiness = match ready.next_back() {
        Some(condition) if condition.status == "True" => "Ready",
        Some(_) => "NotReady",
        None => "Unknown",
    };
    let unschedulable = node.spec.as_ref().and_then(|spec| spec.unschedulable) == Some(true);
    if unschedulable { format!("{readiness},SchedulingDisabled") } else { readiness.to_owned() }
}

/// `findNodeRoles`: from labels such as `node-role.kubernetes.io/control-plane`.
fn roles(node: &Node) -> String {
    let labels = node.metadata.labels.iter().flatten();
    let role = |(key, value): (&String, &String)| match key.strip_prefix("node-role.kubernetes.io/") {
        Some(role) => Some(role.to_owned()),
        None => (key == "kubernetes.io/role").then(|| value.clone()),
    };
    let roles: BTreeSet<_> = labels.filter_map(role).filter(|role| !role.is_empty()).collect();
    or(Some(&roles.into_iter().collect::<Vec<_>>().join(",")), NONE)
}

/// The first address of a type.
fn address(node: &Node, kind: &str) -> String {
    let mut addresses = node.status.iter().flat_map(|status| status.addresses.iter().flatten());
    let found = addresses.find(|address| address.type_ == kind);
    found.map_or_else(|| NONE.to_owned(), |address| address.address.clone())
}
