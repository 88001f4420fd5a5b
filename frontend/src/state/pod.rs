//! What the page shows of a pod. Its STATUS word and its state are `shared`'s, as everywhere.

use k8s_openapi::api::core::v1::Pod;
use serde::Deserialize;
use serde_json::Value;
use shared::topology::PodState;
use shared::topology::pod_status::{PodColumns, pod_columns};

use super::object::{items, text};

/// The columns of `kubectl get pods`; empty for what does not decode as a pod.
pub fn columns(pod: &Value) -> PodColumns {
    Pod::deserialize(pod).map(|pod| pod_columns(&pod)).unwrap_or_default()
}

/// The name of a state in style sheets and translations.
pub fn state_slug(state: PodState) -> &'static str {
    match state {
        PodState::Pending => "pending",
        PodState::ContainerCreating => "creating",
        PodState::Running => "running",
        PodState::NotReady => "not-ready",
        PodState::Succeeded => "succeeded",
        PodState::Failed => "failed",
        PodState::CrashLoop => "crash-loop",
        PodState::ImagePullBackOff => "image-pull",
        PodState::Terminating => "terminating",
        PodState::Unknown => "unknown",
    }
}

/// Whether somebody has to act.
pub fn is_trouble(state: PodState) -> bool {
    matches!(state, PodState::Failed | PodState::CrashLoop | PodState::ImagePullBackOff | PodState::Unknown)
}

/// `spec.nodeName`, empty while the pod has no node.
pub fn node_name(pod: &Value) -> &str {
    text(pod, "/spec/nodeName")
}

/// The condition of a type.
pub fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    items(object, "/status/conditions").iter().find(|condition| text(condition, "/type") == kind)
}

/// Why the scheduler has not placed the pod, if it said so.
pub fn unscheduled_reason(pod: &Value) -> &str {
    condition(pod, "PodScheduled").map(|scheduled| text(scheduled, "/message")).unwrap_or_default()
}
