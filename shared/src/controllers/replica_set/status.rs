//! What a ReplicaSet's status says of its pods.
//!
//! Follows `pkg/controller/replicaset/replica_set_utils.go` and `pkg/api/v1/pod/util.go` of kubernetes/kubernetes.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::apps::v1::{ReplicaSet, ReplicaSetCondition, ReplicaSetStatus};
use k8s_openapi::api::core::v1::{Pod, PodCondition};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

const REPLICA_FAILURE: &str = "ReplicaFailure";

/// Whether the pod counts: it has not ended and is not to be deleted (`IsPodActive`).
pub(super) fn is_active(pod: &Pod) -> bool {
    !has_ended(pod) && pod.metadata.deletion_timestamp.is_none()
}

fn has_ended(pod: &Pod) -> bool {
    matches!(phase(pod), "Succeeded" | "Failed")
}

/// The pod's phase, empty where none is told.
pub(super) fn phase(pod: &Pod) -> &str {
    pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or_default()
}

fn ready_condition(pod: &Pod) -> Option<&PodCondition> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    conditions.iter().find(|condition| condition.type_ == "Ready")
}

/// Whether the pod is ready.
pub(super) fn is_ready(pod: &Pod) -> bool {
    ready_condition(pod).is_some_and(|condition| condition.status == "True")
}

/// Since when the pod is ready.
pub(super) fn ready_since(pod: &Pod) -> Option<Timestamp> {
    let condition = ready_condition(pod).filter(|condition| condition.status == "True")?;
    condition.last_transition_time.as_ref().map(|time| time.0)
}

/// When the pod is, or was, available: ready for as long as the set demands.
fn available_from(pod: &Pod, min_ready_seconds: i32) -> Option<Timestamp> {
    match (is_ready(pod), min_ready_seconds) {
        (false, _) => None,
        (true, ..=0) => Some(Timestamp::MIN),
        (true, seconds) => ready_since(pod)?.checked_add(SignedDuration::from_secs(seconds.into())).ok(),
    }
}

/// When the next pod becomes available that is not yet.
pub(super) fn next_available(set: &ReplicaSet, pods: &[&Pod], now: Timestamp) -> Option<Timestamp> {
    let seconds = set.spec.min_ready_seconds.unwrap_or(0);
    let active = pods.iter().filter(|pod| is_active(pod));
    active.filter_map(|pod| available_from(pod, seconds)).filter(|due| *due > now).min()
}

/// The set's status; `failure` is the reason and the message of what could not be done.
pub(super) fn of(
    set: &ReplicaSet,
    pods: &[&Pod],
    failure: Option<&(&'static str, String)>,
    now: Timestamp,
) -> ReplicaSetStatus {
    let wanted = set.spec.template.as_ref().and_then(|template| template.metadata.as_ref());
    let wanted = wanted.and_then(|metadata| metadata.labels.clone()).unwrap_or_default();
    let bears_all = |pod: &Pod| {
        let labels = pod.metadata.labels.as_ref();
        wanted.iter().all(|(key, value)| labels.and_then(|labels| labels.get(key)) == Some(value))
    };
    let seconds = set.spec.min_ready_seconds.unwrap_or(0);
    let active: Vec<&Pod> = pods.iter().copied().filter(|pod| is_active(pod)).collect();
    let is_available = |pod: &Pod| available_from(pod, seconds).is_some_and(|since| since <= now);
    let terminating = pods.iter().filter(|pod| !has_ended(pod) && pod.metadata.deletion_timestamp.is_some());
    ReplicaSetStatus {
        replicas: count(active.iter()),
        fully_labeled_replicas: some(count(active.iter().filter(|pod| bears_all(pod)))),
        ready_replicas: some(count(active.iter().filter(|pod| is_ready(pod)))),
        available_replicas: some(count(active.iter().filter(|pod| is_available(pod)))),
        terminating_replicas: Some(count(terminating)),
        observed_generation: set.metadata.generation,
        conditions: conditions(set, failure, now),
    }
}

fn count<T>(pods: impl Iterator<Item = T>) -> i32 {
    i32::try_from(pods.count()).unwrap_or(i32::MAX)
}

/// Upstream leaves out numbers that are zero.
pub(in crate::controllers) fn some(number: i32) -> Option<i32> {
    (number != 0).then_some(number)
}

/// The conditions, with `ReplicaFailure` as long as something fails.
fn conditions(
    set: &ReplicaSet,
    failure: Option<&(&'static str, String)>,
    now: Timestamp,
) -> Option<Vec<ReplicaSetCondition>> {
    let mut conditions = set.status.as_ref().and_then(|status| status.conditions.clone()).unwrap_or_default();
    let is_told = conditions.iter().any(|condition| condition.type_.as_deref() == Some(REPLICA_FAILURE));
    match failure {
        Some((reason, message)) if !is_told => conditions.push(ReplicaSetCondition {
            type_: Some(REPLICA_FAILURE.to_owned()),
            status: Some("True".to_owned()),
            reason: Some((*reason).to_owned()),
            message: Some(message.clone()),
            last_transition_time: Some(Time(Timestamp::from_second(now.as_second()).unwrap_or(now))),
        }),
        None => conditions.retain(|condition| condition.type_.as_deref() != Some(REPLICA_FAILURE)),
        Some(_) => {}
    }
    Some(conditions).filter(|conditions| !conditions.is_empty())
}
