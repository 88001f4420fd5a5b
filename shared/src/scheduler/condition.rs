//! The pod's condition `PodScheduled`.
//!
//! Follows `updatePod` of upstream's `pkg/scheduler/schedule_one.go` and `UpdatePodCondition` of
//! `pkg/api/v1/pod/util.go`.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, PodCondition};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

/// No node takes the pod.
pub const UNSCHEDULABLE: &str = "Unschedulable";
/// The pod has scheduling gates.
pub const SCHEDULING_GATED: &str = "SchedulingGated";
/// The scheduler failed, the cluster's state aside.
pub const SCHEDULER_ERROR: &str = "SchedulerError";
/// What the condition of a pod with gates says.
pub const GATED_MESSAGE: &str = "Scheduling is blocked due to non-empty scheduling gates";

/// The condition that says why the pod has no node; `None` if the pod's status says it already.
///
/// The time of transition stays where the condition was `False` before.
pub fn unscheduled(pod: &Pod, reason: &str, message: &str, now: Timestamp) -> Option<PodCondition> {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    let old = conditions.iter().find(|condition| condition.type_ == "PodScheduled");
    let unchanged = old.filter(|old| old.status == "False");
    let condition = PodCondition {
        type_: "PodScheduled".to_owned(),
        status: "False".to_owned(),
        reason: Some(reason.to_owned()),
        message: Some(message.to_owned()),
        observed_generation: pod.metadata.generation,
        last_transition_time: unchanged.and_then(|old| old.last_transition_time.clone()).or(Some(Time(now))),
        last_probe_time: unchanged.and_then(|old| old.last_probe_time.clone()),
    };
    (old != Some(&condition)).then_some(condition)
}
