//! Pods: `printPod`.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use serde_json::Value;

use super::pod_status::PodSummary;
use super::{Column, NONE, Printer, RowCondition, age, age_cell, descriptions, name, or};

pub(super) const PRINTER: Printer = Printer {
    api_version: "v1",
    kind: "Pod",
    columns: &[
        Column::NAME,
        Column::text("Ready", "The aggregate readiness state of this pod for accepting traffic."),
        Column::text("Status", "The aggregate status of the containers in this pod."),
        Column::text("Restarts", RESTARTS),
        Column::AGE,
        Column::text("IP", descriptions::POD_IP).wide(),
        Column::text("Node", descriptions::NODE_NAME).wide(),
        Column::text("Nominated Node", descriptions::NOMINATED_NODE_NAME).wide(),
        Column::text("Readiness Gates", descriptions::READINESS_GATES).wide(),
    ],
    row: |object, now| object.downcast_ref().map(|pod| row(pod, now)),
};

const RESTARTS: &str = "The number of times the containers in this pod have been restarted and when the last container in this pod has restarted.";

/// What is said of a row whose pod has ended.
pub(super) fn conditions(pod: &Pod) -> &'static [RowCondition] {
    const fn completed(reason: &'static str, message: &'static str) -> RowCondition {
        RowCondition { kind: "Completed", status: "True", reason, message }
    }
    const SUCCEEDED: [RowCondition; 1] = [completed("Succeeded", "The pod has completed successfully.")];
    const FAILED: [RowCondition; 1] = [completed("Failed", "The pod failed.")];
    match pod.status.as_ref().and_then(|status| status.phase.as_deref()) {
        Some("Succeeded") => &SUCCEEDED,
        Some("Failed") => &FAILED,
        _ => &[],
    }
}

fn row(pod: &Pod, now: Timestamp) -> Vec<Value> {
    let summary = PodSummary::of(pod);
    let status = pod.status.as_ref();
    let ip = status.and_then(|status| {
        status.pod_ips.iter().flatten().next().map(|ip| &ip.ip).or(status.pod_ip.as_ref())
    });
    let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref());
    let nominated_node = status.and_then(|status| status.nominated_node_name.as_deref());
    vec![
        name(pod),
        format!("{}/{}", summary.ready_containers, summary.total_containers).into(),
        summary.reason.as_str().into(),
        restarts(&summary, now).into(),
        age_cell(pod, now),
        or(ip.map(String::as_str), NONE).into(),
        or(node, NONE).into(),
        or(nominated_node, NONE).into(),
        readiness_gates(pod).into(),
    ]
}

/// The restarts and, where it is known, how long ago the last one was: `3 (5m ago)`.
fn restarts(summary: &PodSummary, now: Timestamp) -> String {
    match summary.last_restart {
        Some(last) if summary.restarts != 0 => {
            format!("{} ({} ago)", summary.restarts, age::since(Some(last), now))
        }
        _ => summary.restarts.to_string(),
    }
}

/// How many of the readiness gates are open.
fn readiness_gates(pod: &Pod) -> String {
    let gates = pod.spec.as_ref().and_then(|spec| spec.readiness_gates.as_deref()).unwrap_or_default();
    if gates.is_empty() {
        return NONE.to_owned();
    }
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    let is_open = |kind: &str| {
        conditions
            .iter()
            .find(|condition| condition.type_ == kind)
            .is_some_and(|found| found.status == "True")
    };
    let open = gates.iter().filter(|gate| is_open(&gate.condition_type)).count();
    format!("{open}/{}", gates.len())
}
