//! The decisions of a pod worker's step: what a pod that is to run needs, and what one that is to end.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{ContainerStateTerminated, Pod};

use super::action::Action;
use super::container::{Stage, creating};
use super::pod_worker::{PodWorker, Sandbox, Step};

/// How soon a start that failed for another reason than a crash is tried again.
const RETRY: SignedDuration = SignedDuration::from_secs(10);

/// When to try again what failed now.
pub(super) fn retry_at(now: Timestamp) -> Timestamp {
    now.checked_add(RETRY).unwrap_or(now)
}

/// Whether a container that ended so is started again.
fn restarts(policy: &str, exit: &ContainerStateTerminated) -> bool {
    match policy {
        "Never" => false,
        "OnFailure" => exit.exit_code != 0,
        _ => true,
    }
}

/// What keeps a container from being started.
enum Hold {
    /// Nothing.
    Free,
    /// A back-off, until then.
    Until(Timestamp),
}

impl PodWorker {
    /// Adds what is to be done now.
    pub(super) fn act(&mut self, now: Timestamp, step: &mut Step) {
        if self.finished {
            return;
        }
        if self.pod.metadata.deletion_timestamp.is_some() || self.is_complete() {
            self.wind_down(step);
        } else {
            self.keep_running(now, step);
        }
    }

    fn policy(&self) -> &str {
        self.pod.spec.as_ref().and_then(|spec| spec.restart_policy.as_deref()).unwrap_or("Always")
    }

    /// Whether every container ended and none is to be started again.
    fn is_complete(&self) -> bool {
        let over = |exit: &ContainerStateTerminated| !restarts(self.policy(), exit);
        !self.containers.is_empty() && self.containers.iter().all(|work| work.exit().is_some_and(over))
    }

    fn keep_running(&mut self, now: Timestamp, step: &mut Step) {
        match self.sandbox {
            Sandbox::None => {
                self.sandbox = Sandbox::Busy;
                step.actions.push(Action::CreateSandbox);
            }
            Sandbox::Failed(until) if until <= now => {
                self.sandbox = Sandbox::Busy;
                step.actions.push(Action::CreateSandbox);
            }
            Sandbox::Failed(until) => wake(step, until),
            Sandbox::Busy => {}
            Sandbox::Ready => (0..self.containers.len()).for_each(|index| self.run_container(index, now, step)),
        }
    }

    fn run_container(&mut self, index: usize, now: Timestamp, step: &mut Step) {
        match self.containers[index].stage.clone() {
            Stage::Waiting => self.pull(index, now, step),
            Stage::Pulled => self.start(index, step),
            Stage::Exited(exit) if restarts(self.policy(), &exit) || self.containers[index].changed => {
                self.restart(index, exit, now, step);
            }
            Stage::CrashLoop(exit) => self.restart(index, exit, now, step),
            Stage::Running { since, stopping: false } if self.containers[index].changed => {
                self.containers[index].stage = Stage::Running { since, stopping: true };
                let grace = grace(&self.pod);
                step.actions.push(Action::Stop { container: self.name(index), grace });
            }
            Stage::Pulling | Stage::Starting | Stage::Running { .. } | Stage::Exited(_) => {}
        }
    }

    /// Fetches the image, unless a failure is too recent.
    fn pull(&mut self, index: usize, now: Timestamp, step: &mut Step) {
        match self.hold(index, now) {
            Hold::Until(until) => wake(step, until),
            Hold::Free => {
                self.containers[index].stage = Stage::Pulling;
                step.actions.push(Action::Pull { container: self.name(index) });
            }
        }
    }

    /// The back-off of a container whose pull or start failed; says so once in its status.
    fn hold(&mut self, index: usize, now: Timestamp) -> Hold {
        let name = self.name(index);
        let image = self.image(index);
        let work = &mut self.containers[index];
        let Some(failed_at) = work.failed_at else { return Hold::Free };
        if work.pulls.duration().is_zero() {
            let until = retry_at(failed_at);
            return if until <= now { Hold::Free } else { Hold::Until(until) };
        }
        let Some(until) = work.pulls.until(failed_at, now) else { return Hold::Free };
        if work.waiting.0 == "ErrImagePull" && now > failed_at {
            let message = format!("Back-off pulling image {image:?}: ErrImagePull: {}", work.waiting.1);
            work.waiting = ("ImagePullBackOff".into(), message);
            self.note("Normal", "BackOff", &format!("Back-off pulling image {image:?}"), Some(&name));
            self.note("Warning", "Failed", "Error: ImagePullBackOff", Some(&name));
        } else if work.waiting.0 == "ErrImagePull" {
            // Shown for a moment before the back-off is, as the next sync does upstream.
            return Hold::Until(now.checked_add(SignedDuration::from_secs(1)).unwrap_or(until));
        }
        Hold::Until(until)
    }

    fn image(&self, index: usize) -> String {
        let spec = self.pod.spec.as_ref().and_then(|spec| spec.containers.get(index));
        spec.and_then(|container| container.image.clone()).unwrap_or_default()
    }

    fn start(&mut self, index: usize, step: &mut Step) {
        let work = &mut self.containers[index];
        work.stage = Stage::Starting;
        work.changed = false;
        let attempt = work.restart_count;
        step.actions.push(Action::Start { container: self.name(index), attempt });
    }

    /// Starts a container that ended, or tells that it must wait (`doBackOff` in
    /// `kuberuntime_manager.go`).
    fn restart(&mut self, index: usize, exit: ContainerStateTerminated, now: Timestamp, step: &mut Step) {
        let work = &mut self.containers[index];
        let ended = exit.finished_at.as_ref().map_or(now, |time| time.0);
        if let Some(until) = work.restarts.until(ended, now) {
            if !matches!(work.stage, Stage::CrashLoop(_)) {
                work.last_state = Some(exit.clone());
                work.stage = Stage::CrashLoop(exit);
                self.crash_loop(index);
            }
            return wake(step, until);
        }
        work.restarts.next(ended, now);
        work.last_state = Some(exit);
        work.waiting = creating();
        work.restart_count += 1;
        work.stage = Stage::Pulling;
        step.actions.push(Action::Pull { container: self.name(index) });
    }

    /// Tells that a container which keeps ending is not started again before the back-off is over.
    fn crash_loop(&mut self, index: usize) {
        let name = self.name(index);
        let metadata = &self.pod.metadata;
        let part = |text: &Option<String>| text.clone().unwrap_or_default();
        let pod = format!("{}_{}({})", part(&metadata.name), part(&metadata.namespace), part(&metadata.uid));
        let work = &mut self.containers[index];
        let seconds = work.restarts.duration().as_secs();
        let wait = match (seconds / 60, seconds % 60) {
            (0, seconds) => format!("{seconds}s"),
            (minutes, seconds) => format!("{minutes}m{seconds}s"),
        };
        let message = format!("back-off {wait} restarting failed container={name} pod={pod}");
        work.waiting = ("CrashLoopBackOff".into(), message);
        let told = format!("Back-off restarting failed container {name} in pod {pod}");
        self.note("Warning", "BackOff", &told, Some(&name));
    }

    /// Stops what runs; when nothing does, takes the sandbox down; when that is gone, lets the pod go.
    fn wind_down(&mut self, step: &mut Step) {
        for index in 0..self.containers.len() {
            if let Stage::Running { since, stopping: false } = self.containers[index].stage {
                let name = self.name(index);
                self.note("Normal", "Killing", &format!("Stopping container {name}"), Some(&name));
                self.containers[index].stage = Stage::Running { since, stopping: true };
                step.actions.push(Action::Stop { container: name, grace: grace(&self.pod) });
            }
        }
        if self.containers.iter().any(super::container::ContainerWork::is_busy) {
            return;
        }
        match self.sandbox {
            Sandbox::Ready => {
                self.sandbox = Sandbox::Busy;
                step.actions.push(Action::RemoveSandbox);
            }
            Sandbox::Busy => {}
            Sandbox::None | Sandbox::Failed(_) => {
                if self.pod.metadata.deletion_timestamp.is_some() {
                    self.finished = true;
                    step.actions.push(Action::DeletePod);
                }
            }
        }
    }
}

/// How long the pod's containers have to end.
fn grace(pod: &Pod) -> SignedDuration {
    let asked = pod.metadata.deletion_grace_period_seconds;
    let own = pod.spec.as_ref().and_then(|spec| spec.termination_grace_period_seconds);
    SignedDuration::from_secs(asked.or(own).unwrap_or(30))
}

fn wake(step: &mut Step, at: Timestamp) {
    step.wake_at = Some(step.wake_at.map_or(at, |earlier| earlier.min(at)));
}
