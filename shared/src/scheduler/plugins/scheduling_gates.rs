//! `SchedulingGates`: a pod with gates is not looked at before they are gone.
//!
//! Follows upstream's `pkg/scheduler/framework/plugins/schedulinggates/scheduling_gates.go`.

use k8s_openapi::api::core::v1::Pod;

use crate::scheduler::framework::Plugin;
use crate::scheduler::hints::ClusterEvent;

/// Holds back pods with `spec.schedulingGates`; the queue asks it before anything else.
pub(crate) struct SchedulingGates;

/// Whether the pod has gates.
pub(crate) fn is_gated(pod: &Pod) -> bool {
    let gates = pod.spec.as_ref().and_then(|spec| spec.scheduling_gates.as_ref());
    gates.is_some_and(|gates| !gates.is_empty())
}

impl Plugin for SchedulingGates {
    fn name(&self) -> &'static str {
        "SchedulingGates"
    }

    fn helps(&self, _pod: &Pod, event: &ClusterEvent) -> bool {
        matches!(event, ClusterEvent::TargetPod { old, new } if is_gated(old) && !is_gated(new))
    }
}
