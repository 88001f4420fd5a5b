//! One container of a pod, as the kubelet keeps it: what runs, what ran, what it waits for.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{ContainerStateTerminated, ContainerStateWaiting};

use crate::image_reference::Reference;

use super::backoff::Backoff;
use super::hook::{PostStart, PreStop};
use super::probe::Probes;
use super::restart::Restart;

/// Where a container stands.
#[derive(Clone, Debug, PartialEq)]
pub enum Stage {
    /// It is to be started, as soon as its last failure is long enough ago.
    Waiting,
    /// Its image is being fetched.
    Pulling,
    /// Its image is here; it may be started.
    Pulled {
        /// The image's id.
        image_id: String,
    },
    /// It is being started.
    Starting {
        /// The image's id.
        image_id: String,
    },
    /// It runs.
    Running {
        /// Since when.
        since: Timestamp,
        /// The grace period with which it was told to stop, if it was.
        stopping: Option<SignedDuration>,
    },
    /// It ended, as `ended` tells, and was not tried again since.
    Exited,
}

/// What went wrong when a container was last to be started.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Failure {
    /// Its image could not be pulled; the waits grow.
    Pull {
        /// When.
        at: Timestamp,
        /// Whether it was told that the next try must wait.
        told: bool,
    },
    /// Something that is tried again soon.
    Start {
        /// When.
        at: Timestamp,
    },
}

/// A probe that failed for good.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FailedProbe {
    /// The probe's own grace period, in the place of the pod's.
    pub grace: Option<SignedDuration>,
}

/// One container.
#[derive(Clone, Debug)]
pub struct ContainerWork {
    /// Where it stands.
    pub stage: Stage,
    /// Why it is not started, as its status says until it is (`reason_cache.go` upstream).
    pub waiting: Option<ContainerStateWaiting>,
    /// How often it was started again.
    pub restart_count: i32,
    /// How it ended the last time, unless it runs.
    pub ended: Option<ContainerStateTerminated>,
    /// How it ended before that.
    pub last_state: Option<ContainerStateTerminated>,
    /// The image of the running or last container, in full.
    pub image: String,
    /// That image's id.
    pub image_id: String,
    /// The id of the running or last container, `kijabi://…`.
    pub container_id: String,
    /// The waits between restarts.
    pub restarts: Backoff,
    /// The waits between pulls.
    pub pulls: Backoff,
    /// Why the last try to start it failed.
    pub failure: Option<Failure>,
    /// The probes of the running container.
    pub probes: Probes,
    /// The probe for whose failure it is to be started anew, with the time that it has to end.
    pub failed_probe: Option<FailedProbe>,
    /// The hook after its start.
    pub post_start: PostStart,
    /// The hook before its stop.
    pub pre_stop: PreStop,
    /// Whether it must be started anew however it ended: its definition changed since its image was asked
    /// for, or what it prepared is gone.
    pub changed: bool,
    /// Since when it is being stopped.
    pub stopping_since: Option<Timestamp>,
}

impl ContainerWork {
    /// A container that was never started.
    pub fn new() -> ContainerWork {
        ContainerWork {
            stage: Stage::Waiting,
            waiting: None,
            restart_count: 0,
            ended: None,
            last_state: None,
            image: String::new(),
            image_id: String::new(),
            container_id: String::new(),
            restarts: Backoff::default(),
            pulls: Backoff::default(),
            failure: None,
            probes: Probes::default(),
            failed_probe: None,
            post_start: PostStart::Done,
            pre_stop: PreStop::NotRun,
            changed: false,
            stopping_since: None,
        }
    }

    /// Whether it is on its way to run: until then no other container of its pod is started.
    pub fn is_being_started(&self) -> bool {
        match self.stage {
            Stage::Pulling | Stage::Pulled { .. } | Stage::Starting { .. } => true,
            Stage::Running { stopping: None, .. } => {
                matches!(self.post_start, PostStart::Wanted | PostStart::Running)
            }
            Stage::Running { .. } | Stage::Waiting | Stage::Exited => false,
        }
    }

    /// Whether it ran to its end with success, and nothing asks for it once more.
    pub fn has_succeeded(&self) -> bool {
        !self.changed && self.exit().is_some_and(|exit| exit.exit_code == 0)
    }

    /// Whether it runs now, as far as others are told.
    pub fn is_running(&self) -> bool {
        matches!(self.stage, Stage::Running { .. }) && !self.is_held_back()
    }

    /// Whether it runs and has started, as far as its probes tell.
    pub fn is_started(&self) -> bool {
        self.is_running() && self.probes.started()
    }

    /// Whether it runs and can be given work.
    pub fn is_ready(&self) -> bool {
        self.is_running() && self.probes.ready()
    }

    /// Whether something is under way that must end before the pod can go.
    pub fn is_busy(&self) -> bool {
        matches!(self.stage, Stage::Running { .. } | Stage::Starting { .. })
    }

    /// How it ended, where it did and was not tried again since.
    pub fn exit(&self) -> Option<&ContainerStateTerminated> {
        self.ended.as_ref().filter(|_| self.stage == Stage::Exited)
    }

    /// How often it would have been started before, were it started now.
    pub fn attempt(&self) -> i32 {
        self.restart_count + i32::from(self.ended.is_some())
    }

    /// Whether it is to be started again after it ended; a new definition is reason enough, and so is a failed
    /// probe where anything is started again at all.
    pub fn restarts(&self, restart: &Restart<'_>) -> bool {
        let Some(ended) = &self.ended else { return true };
        self.changed
            || self.failed_probe.is_some() && restart.policy != "Never"
            || restart.after(ended.exit_code)
    }

    /// The reason for which its status says that it waits.
    pub fn waits_for(&self) -> Option<&str> {
        self.waiting.as_ref()?.reason.as_deref()
    }

    /// From now on its status says that it waits for this.
    pub(super) fn wait(&mut self, reason: &str, message: String) {
        let message = Some(message).filter(|message| !message.is_empty());
        self.waiting = Some(ContainerStateWaiting { reason: Some(reason.to_owned()), message });
    }

    /// A container was made in the place of the one that ended, if one did.
    pub(super) fn created(&mut self, image: &str, image_id: String) {
        self.restart_count = self.attempt();
        self.last_state = self.ended.take().or(self.last_state.take());
        self.image = qualified(image);
        self.image_id = image_id;
        self.waiting = None;
        self.failure = None;
        self.failed_probe = None;
        self.post_start = PostStart::Done;
        self.pre_stop = PreStop::NotRun;
        self.stopping_since = None;
    }

    /// The container ended; where that was for its hook's failure, its status says so.
    pub(super) fn exited(&mut self, exit: ContainerStateTerminated) {
        self.ended = Some(exit);
        self.stage = Stage::Exited;
        if let PostStart::Failed(message) = std::mem::take(&mut self.post_start) {
            self.wait("PostStartHookError", message);
        }
    }

    /// Its image is now another one: what was tried with the old one is forgotten, and what runs is
    /// to be replaced. Returns whether something runs that is to be replaced only since now.
    pub(super) fn definition_changed(&mut self) -> bool {
        self.restarts.reset();
        self.pulls.reset();
        self.failure = None;
        match self.stage {
            Stage::Pulled { .. } => self.stage = Stage::Waiting,
            Stage::Pulling => self.changed = true,
            Stage::Running { .. } | Stage::Starting { .. } => {
                return !std::mem::replace(&mut self.changed, true);
            }
            Stage::Waiting | Stage::Exited => {}
        }
        false
    }
}

impl Default for ContainerWork {
    fn default() -> ContainerWork {
        ContainerWork::new()
    }
}

/// The image with its registry and tag, as container runtimes report it.
fn qualified(image: &str) -> String {
    image.parse().map_or_else(|_| image.to_owned(), |reference: Reference| reference.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn image_should_be_reported_in_full() {
        let cases = [
            ("nginx", "docker.io/library/nginx:latest"),
            ("nginx:1.27", "docker.io/library/nginx:1.27"),
            ("team/app", "docker.io/team/app:latest"),
            ("localhost:5000/app", "localhost:5000/app:latest"),
            ("registry.k8s.io/pause:3.9", "registry.k8s.io/pause:3.9"),
            ("docker.io/nginx", "docker.io/library/nginx:latest"),
            ("no image", "no image"),
        ];
        for (image, expected) in cases {
            assert_eq!(qualified(image), expected);
        }
    }

    #[test]
    fn restart_should_follow_exit_code_and_definition() {
        let cases = [
            ("Always", 0, false, true),
            ("OnFailure", 0, false, false),
            ("OnFailure", 3, false, true),
            ("Never", 3, false, false),
            ("Never", 143, true, true),
        ];
        for (policy, exit_code, changed, expected) in cases {
            let ended = ContainerStateTerminated { exit_code, ..ContainerStateTerminated::default() };
            let work = ContainerWork { ended: Some(ended), changed, ..ContainerWork::new() };
            assert_eq!(work.restarts(&Restart { policy, rules: &[] }), expected, "{policy} {exit_code}");
        }
    }
}
