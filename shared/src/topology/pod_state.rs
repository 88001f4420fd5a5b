//! What a pod looks like in the picture.

use serde::{Deserialize, Serialize};

use super::pod_status::PodColumns;

/// The state that picks a pod's icon and colour, from the same columns that `kubectl get pods`
/// prints; the word beside it is the STATUS column itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PodState {
    /// It has no node yet, or its node has not looked at it yet.
    Pending,
    /// Its containers are being made, or its init containers run.
    ContainerCreating,
    /// All its containers are ready.
    Running,
    /// It runs and not all its containers are ready.
    NotReady,
    /// It ended well.
    Succeeded,
    /// It ended badly, or cannot be started as it is written.
    Failed,
    /// A container ends again and again.
    CrashLoop,
    /// An image cannot be had.
    ImagePullBackOff,
    /// It was deleted and ends.
    Terminating,
    /// Its node does not answer.
    Unknown,
}

impl PodState {
    /// Every state, in the order of a pod's life.
    pub const ALL: [PodState; 10] = [
        PodState::Pending,
        PodState::ContainerCreating,
        PodState::Running,
        PodState::NotReady,
        PodState::Succeeded,
        PodState::Failed,
        PodState::CrashLoop,
        PodState::ImagePullBackOff,
        PodState::Terminating,
        PodState::Unknown,
    ];

    /// The state that these columns tell.
    pub fn of(columns: &PodColumns) -> PodState {
        let is_init = columns.status.starts_with("Init:");
        match columns.status.strip_prefix("Init:").unwrap_or(&columns.status) {
            "" | "Pending" | "SchedulingGated" => PodState::Pending,
            "ContainerCreating" | "PodInitializing" => PodState::ContainerCreating,
            "Running" if columns.ready == columns.total => PodState::Running,
            "Running" | "NotReady" => PodState::NotReady,
            "Succeeded" | "Completed" => PodState::Succeeded,
            "CrashLoopBackOff" => PodState::CrashLoop,
            "Terminating" => PodState::Terminating,
            "Unknown" | "NodeLost" => PodState::Unknown,
            reason if is_image_trouble(reason) => PodState::ImagePullBackOff,
            progress if is_init && progress.contains('/') => PodState::ContainerCreating,
            _ => PodState::Failed,
        }
    }
}

/// Follows upstream's `pkg/kubelet/images/types.go`.
fn is_image_trouble(reason: &str) -> bool {
    let reasons =
        ["ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "ImageInspectError"];
    reasons.contains(&reason) || matches!(reason, "RegistryUnavailable" | "SignatureValidationFailed")
}
