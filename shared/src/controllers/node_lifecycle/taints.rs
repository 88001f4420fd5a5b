//! The taints that follow from a node's conditions (`doNoScheduleTaintingPass`, `doNoExecuteTaintingPass` upstream).

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, Taint};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::health::condition;

const NOT_READY: &str = "node.kubernetes.io/not-ready";
const UNREACHABLE: &str = "node.kubernetes.io/unreachable";
const UNSCHEDULABLE: &str = "node.kubernetes.io/unschedulable";
const NO_SCHEDULE: &str = "NoSchedule";
const NO_EXECUTE: &str = "NoExecute";

/// Condition, its status, and the taint that keeps new pods away for it.
const BY_CONDITION: [(&str, &str, &str); 6] = [
    ("Ready", "False", NOT_READY),
    ("Ready", "Unknown", UNREACHABLE),
    ("MemoryPressure", "True", "node.kubernetes.io/memory-pressure"),
    ("DiskPressure", "True", "node.kubernetes.io/disk-pressure"),
    ("NetworkUnavailable", "True", "node.kubernetes.io/network-unavailable"),
    ("PIDPressure", "True", "node.kubernetes.io/pid-pressure"),
];

/// The taint by which pods are evicted from a node that is not ready.
pub(super) fn eviction(node: &Node) -> Option<String> {
    match condition(node, "Ready")?.status.as_str() {
        "False" => Some(NOT_READY.to_owned()),
        "Unknown" => Some(UNREACHABLE.to_owned()),
        _ => None,
    }
}

/// Whether the taint is one by which this controller evicts.
pub(super) fn evicts(taint: &Taint) -> bool {
    taint.effect == NO_EXECUTE && matches!(taint.key.as_str(), NOT_READY | UNREACHABLE)
}

/// Whether the taint is one of those that this controller sets and takes away.
fn is_own(taint: &Taint) -> bool {
    let by_condition = BY_CONDITION.iter().any(|(_, _, key)| *key == taint.key);
    evicts(taint) || (taint.effect == NO_SCHEDULE && (by_condition || taint.key == UNSCHEDULABLE))
}

/// The taints that the node is to have: those of others as they are, then those of its conditions; `evict` says
/// whether pods are evicted for these.
pub(super) fn wanted(node: &Node, before: &[Taint], evict: bool, now: Timestamp) -> Vec<Taint> {
    let holds =
        |type_: &str, status: &str| condition(node, type_).is_some_and(|found| found.status == status);
    let mut own: Vec<(String, &str)> = Vec::new();
    for (type_, status, key) in BY_CONDITION {
        if holds(type_, status) {
            own.push((key.to_owned(), NO_SCHEDULE));
        }
    }
    if node.spec.as_ref().and_then(|spec| spec.unschedulable) == Some(true) {
        own.push((UNSCHEDULABLE.to_owned(), NO_SCHEDULE));
    }
    own.extend(eviction(node).filter(|_| evict).map(|key| (key, NO_EXECUTE)));
    let is_wanted =
        |taint: &Taint| own.iter().any(|(key, effect)| taint.key == *key && taint.effect == *effect);
    let mut taints: Vec<Taint> =
        before.iter().filter(|taint| !is_own(taint) || is_wanted(taint)).cloned().collect();
    for (key, effect) in &own {
        if !taints.iter().any(|taint| taint.key == *key && taint.effect == *effect) {
            let time_added = Some(Time(Timestamp::from_second(now.as_second()).unwrap_or(now)));
            taints.push(Taint { key: key.clone(), effect: (*effect).to_owned(), time_added, value: None });
        }
    }
    taints
}
