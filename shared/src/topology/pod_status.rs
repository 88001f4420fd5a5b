//! The columns READY, STATUS and RESTARTS of a pod, as `kubectl get pods` shows them.

use k8s_openapi::api::core::v1::Pod;

use crate::api::printers::PodSummary;

/// What `kubectl get pods` says of a pod, its name and its age aside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodColumns {
    /// How many containers are ready.
    pub ready: usize,
    /// How many containers there are, sidecars included.
    pub total: usize,
    /// STATUS.
    pub status: String,
    /// How often containers were started again.
    pub restarts: i32,
}

/// The columns of a pod.
pub fn pod_columns(pod: &Pod) -> PodColumns {
    let summary = PodSummary::of(pod);
    PodColumns {
        ready: summary.ready_containers,
        total: summary.total_containers,
        status: summary.reason,
        restarts: summary.restarts,
    }
}
