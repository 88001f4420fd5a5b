//! Which pods go first where there are too many.
//!
//! Follows `ActivePodsWithRanks` in `pkg/controller/controller_utils.go` of kubernetes/kubernetes.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;

use super::status::{is_ready, phase, ready_since};

const DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";

/// As many pods as are to go; `on_nodes` counts the pods that do the same work on each node.
pub(super) fn choose<'a>(
    pods: &[&'a Pod],
    on_nodes: &BTreeMap<String, usize>,
    how_many: usize,
    now: Timestamp,
) -> Vec<&'a Pod> {
    let mut ordered = pods.to_vec();
    ordered.sort_by(|a, b| compare(a, b, on_nodes, now));
    ordered.truncate(how_many);
    ordered
}

/// Less is who goes first.
fn compare(a: &Pod, b: &Pod, on_nodes: &BTreeMap<String, usize>, now: Timestamp) -> Ordering {
    let crowd = |pod: &Pod| on_nodes.get(node(pod)).copied().unwrap_or(0);
    let first = (!node(a).is_empty())
        .cmp(&!node(b).is_empty())
        .then_with(|| progress(a).cmp(&progress(b)))
        .then_with(|| is_ready(a).cmp(&is_ready(b)))
        .then_with(|| cost(a).cmp(&cost(b)))
        .then_with(|| crowd(b).cmp(&crowd(a)));
    let by_age = |a: Option<Timestamp>, b: Option<Timestamp>, pods: (&Pod, &Pod)| match a == b {
        true => Ordering::Equal,
        false => magnitude(a, now).cmp(&magnitude(b, now)).then_with(|| uid(pods.0).cmp(uid(pods.1))),
    };
    first
        .then_with(|| by_age(ready_since(a), ready_since(b), (a, b)))
        .then_with(|| restarts(b).cmp(&restarts(a)))
        .then_with(|| by_age(created(a), created(b), (a, b)))
        .then_with(|| uid(a).cmp(uid(b)))
}

fn node(pod: &Pod) -> &str {
    pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()).unwrap_or_default()
}

fn uid(pod: &Pod) -> &str {
    pod.metadata.uid.as_deref().unwrap_or_default()
}

fn created(pod: &Pod) -> Option<Timestamp> {
    pod.metadata.creation_timestamp.as_ref().map(|time| time.0)
}

fn progress(pod: &Pod) -> u8 {
    match phase(pod) {
        "Pending" => 0,
        "Unknown" => 1,
        _ => 2,
    }
}

fn cost(pod: &Pod) -> i32 {
    let annotation = pod.metadata.annotations.as_ref().and_then(|all| all.get(DELETION_COST));
    annotation.and_then(|cost| cost.parse().ok()).unwrap_or(0)
}

fn restarts(pod: &Pod) -> i32 {
    let statuses = pod.status.as_ref().and_then(|status| status.container_statuses.as_deref());
    statuses.unwrap_or_default().iter().map(|status| status.restart_count).max().unwrap_or(0)
}

/// How old something is, as a power of two: the younger go first, and those of about one age by chance of their uid
/// (`LogarithmicScaleDown`).
fn magnitude(since: Option<Timestamp>, now: Timestamp) -> i64 {
    let age = since.map_or(0, |since| now.duration_since(since).as_nanos());
    u128::try_from(age).ok().and_then(u128::checked_ilog2).map_or(-1, i64::from)
}
