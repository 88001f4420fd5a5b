//! A pod's volumes as its worker sees them: they are set up before anything else of the pod, and nothing is
//! started without them.
//!
//! Follows `WaitForAttachAndMount` in `pkg/kubelet/volumemanager/volume_manager.go` of kubernetes/kubernetes.
//! Whoever sets them up goes on trying, and keeps them true; see [`super::volume`] for what is in them.

use jiff::Timestamp;

use super::action::Action;
use super::backoff::after;
use super::pod_steps::wake;
use super::pod_worker::{PodWorker, Sandbox, Step};
use super::status::End;
use super::volume;

/// How far a pod's volumes are.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum Volumes {
    /// Nothing of them is there.
    #[default]
    None,
    /// They are being set up; the pod was told last at that time that it waits.
    Mounting(Timestamp),
    /// They are there.
    Mounted,
}

impl PodWorker {
    /// Whether the pod's volumes are there; asks for them where they are not.
    pub(super) fn mount_volumes(&mut self, now: Timestamp, step: &mut Step) -> bool {
        match self.volumes {
            Volumes::Mounted => return true,
            Volumes::None if volume::volumes(&self.pod).next().is_none() => return true,
            Volumes::None => {
                self.volumes = Volumes::Mounting(now);
                step.actions.push(Action::MountVolumes);
                wake(step, after(now, volume::TIMEOUT));
            }
            Volumes::Mounting(since) if now < after(since, volume::TIMEOUT) => {
                wake(step, after(since, volume::TIMEOUT));
            }
            Volumes::Mounting(_) => {
                self.volumes = Volumes::Mounting(now);
                let names: Vec<String> = volume::volumes(&self.pod).map(|one| one.name.clone()).collect();
                self.note("Warning", "FailedMount", &volume::timed_out(&names), None);
                wake(step, after(now, volume::TIMEOUT));
            }
        }
        false
    }

    /// The pod's volumes are there, or some could not be set up, each with the message of its event. Those
    /// that were there once stay as they were.
    pub fn on_volumes(&mut self, outcome: Result<(), Vec<String>>) {
        match outcome {
            Ok(()) if matches!(self.volumes, Volumes::Mounting(_)) => self.volumes = Volumes::Mounted,
            Ok(()) => {}
            Err(messages) if self.end() == End::None => {
                for message in messages {
                    self.note("Warning", "FailedMount", &message, None);
                }
            }
            Err(_) => {}
        }
    }

    /// Whether there are directories of the pod, but no network.
    pub(super) fn has_volumes_alone(&self) -> bool {
        self.volumes != Volumes::None && matches!(self.sandbox, Sandbox::None | Sandbox::Failed(_))
    }
}
