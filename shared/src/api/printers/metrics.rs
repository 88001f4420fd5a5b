//! What pods and nodes use: the tables of kubernetes-sigs/metrics-server (`pkg/api/table.go`).

use jiff::Timestamp;
use serde_json::Value;

use crate::api::metrics::{NodeMetrics, PodMetrics, Usage};
use crate::api::quantity::Quantity;

use super::{Column, Printer, name};

const API_VERSION: &str = "metrics.k8s.io/v1beta1";
const COLUMNS: &[Column] = &[
    Column::NAME,
    Column::text("cpu", "Processor time used, in cores."),
    Column::text("memory", "Memory used, in bytes of the working set."),
    Column::text("Window", "How long it was measured."),
];

pub(super) const POD_PRINTER: Printer = Printer {
    api_version: API_VERSION,
    kind: "PodMetrics",
    columns: COLUMNS,
    row: |object, now| object.downcast_ref().map(|pod| pod_row(pod, now)),
};

pub(super) const NODE_PRINTER: Printer = Printer {
    api_version: API_VERSION,
    kind: "NodeMetrics",
    columns: COLUMNS,
    row: |object, now| object.downcast_ref().map(|node| node_row(node, now)),
};

fn pod_row(pod: &PodMetrics, _: Timestamp) -> Vec<Value> {
    let usages: Vec<&Usage> = pod.containers.iter().map(|container| &container.usage).collect();
    vec![name(pod), sum(&usages, "cpu"), sum(&usages, "memory"), pod.window.clone().into()]
}

fn node_row(node: &NodeMetrics, _: Timestamp) -> Vec<Value> {
    let usages = [&node.usage];
    vec![name(node), sum(&usages, "cpu"), sum(&usages, "memory"), node.window.clone().into()]
}

fn sum(usages: &[&Usage], resource: &str) -> Value {
    let amounts = usages.iter().filter_map(|usage| usage.get(resource)?.0.parse::<Quantity>().ok());
    let total = amounts.fold(Quantity::zero(), |total, amount| total + &amount);
    total.canonical().into()
}
