//! What a pod worker asks the node to do.

use jiff::SignedDuration;
use k8s_openapi::api::core::v1::PodStatus;

use crate::recorder::Note;

use super::hook::HookKind;
use super::probe::ProbeKind;

/// One thing to do for a pod. Those that can fail or take time are answered by a call of the
/// [`super::pod_worker::PodWorker`].
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Set up the pod's volumes, and keep them true from then on; answered by `on_volumes`, more than once.
    MountVolumes,
    /// Make the pod's network; answered by `on_sandbox`.
    CreateSandbox,
    /// Fetch a container's image; answered by `on_pulled`.
    Pull {
        /// The container that needs it.
        container: String,
    },
    /// Start a container; answered by `on_started`, then by `on_exited`.
    Start {
        /// The container.
        container: String,
        /// How often it was started before.
        attempt: i32,
    },
    /// Stop a running container; answered by `on_exited`. Asked again, with a shorter grace period,
    /// where the pod's was shortened meanwhile.
    Stop {
        /// The container.
        container: String,
        /// How long it has to end.
        grace: SignedDuration,
    },
    /// Ask one of a running container's probes; answered by `on_probed`.
    Probe {
        /// The container.
        container: String,
        /// Which of its runs.
        attempt: i32,
        /// Which probe.
        kind: ProbeKind,
    },
    /// Run one of a running container's hooks; answered by `on_hook`.
    RunHook {
        /// The container.
        container: String,
        /// Which of its runs.
        attempt: i32,
        /// Which hook.
        kind: HookKind,
    },
    /// Take down the pod's network, volumes and directories; answered by `on_sandbox_removed`.
    RemoveSandbox,
    /// Write the pod's status.
    WriteStatus(Box<PodStatus>),
    /// Record an event.
    Record(Note),
    /// Nothing of the pod is left here: delete it from the API.
    DeletePod,
}

/// What became of a pull.
#[derive(Clone, Debug, PartialEq)]
pub struct Pulled {
    /// The image's id, `docker.io/library/nginx@sha256:…`.
    pub image_id: String,
    /// The sentence of the `Pulled` event.
    pub message: String,
}

/// Why a pull failed.
#[derive(Clone, Debug, PartialEq)]
pub struct PullError {
    /// `ErrImagePull`, `InvalidImageName` or `ErrImageNeverPull`.
    pub reason: &'static str,
    /// The sentence of the `Failed` event and of the container's status.
    pub message: String,
}

/// Why a container did not start. With `RunContainerError` it was made, and counts as one that ended
/// at once with exit code 128, as container runtimes report it; with the others it was not.
#[derive(Clone, Debug, PartialEq)]
pub struct StartError {
    /// `CreateContainerConfigError`, `CreateContainerError` or `RunContainerError`.
    pub reason: &'static str,
    /// What was wrong.
    pub message: String,
}
