//! The decisions of a pod worker's step: what a pod that is to run needs, and what one that is to end.
//!
//! Follows `computePodActions` and `doBackOff` in `pkg/kubelet/kuberuntime/kuberuntime_manager.go`,
//! `killContainer` in `kuberuntime_container.go` beside it and `pkg/kubelet/active_deadline.go` of
//! kubernetes/kubernetes.

use std::borrow::Cow;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;

use super::action::Action;
use super::backoff::{after, in_words};
use super::container::{ContainerWork, Failure, Stage};
use super::dns;
use super::hook::PostStart;
use super::pod_worker::{Eviction, PodWorker, Sandbox, Step};
use super::status::{End, is_terminal, restart_policy};

/// How soon a start that failed for another reason than a crash is tried again.
const RETRY: SignedDuration = SignedDuration::from_secs(10);

/// How long a failure is shown before the wait for the next try is. Upstream it is the time to the
/// next sync.
const SHOWN: SignedDuration = SignedDuration::from_secs(1);

/// The least time that a container has to end (`minimumGracePeriodInSeconds`).
pub(super) const LEAST_GRACE: SignedDuration = SignedDuration::from_secs(2);

const DEADLINE_EXCEEDED: Eviction = Eviction {
    reason: "DeadlineExceeded",
    message: Cow::Borrowed("Pod was active on the node longer than the specified deadline"),
    grace: None,
};

/// When to try again what failed now.
pub(super) fn retry_at(now: Timestamp) -> Timestamp {
    after(now, RETRY)
}

impl PodWorker {
    /// Adds what is to be done now.
    pub(super) fn sync_pod(&mut self, now: Timestamp, step: &mut Step) {
        self.watch_deadline(now, step);
        if self.end() == End::None {
            self.keep_running(now, step);
        } else {
            self.wind_down(now, step);
        }
    }

    /// How far the pod's end is.
    pub(super) fn end(&self) -> End {
        let deleted = self.pod.metadata.deletion_timestamp.is_some();
        if !deleted && self.evicted.is_none() && self.rejected.is_none() && !self.is_complete() {
            return End::None;
        }
        if self.containers.iter().any(ContainerWork::is_busy) {
            return End::Stopping;
        }
        let left = self.has_volumes_alone() || !matches!(self.sandbox, Sandbox::None | Sandbox::Failed(_));
        if deleted && !left { End::Gone } else { End::Stopped }
    }

    /// Whether the pod's phase is final, or every container ended and none is to be started again.
    fn is_complete(&self) -> bool {
        let phase = self.pod.status.as_ref().and_then(|status| status.phase.as_deref());
        let policy = restart_policy(&self.pod);
        let over = |work: &ContainerWork| work.exit().is_some() && !work.restarts(policy);
        phase.is_some_and(is_terminal) || (!self.containers.is_empty() && self.containers.iter().all(over))
    }

    /// Makes a pod fail that is active for longer than it may.
    fn watch_deadline(&mut self, now: Timestamp, step: &mut Step) {
        let seconds = self.pod.spec.as_ref().and_then(|spec| spec.active_deadline_seconds);
        let Some(seconds) = seconds.filter(|_| self.end() == End::None) else { return };
        let deadline = after(self.start_time, SignedDuration::from_secs(seconds));
        if now < deadline {
            return wake(step, deadline);
        }
        self.evicted = Some(DEADLINE_EXCEEDED);
        self.note("Normal", DEADLINE_EXCEEDED.reason, &DEADLINE_EXCEEDED.message, None);
    }

    fn keep_running(&mut self, now: Timestamp, step: &mut Step) {
        if !self.mount_volumes(now, step) {
            return;
        }
        match self.sandbox {
            Sandbox::Failed(until) if until > now => wake(step, until),
            Sandbox::None | Sandbox::Failed(_) => {
                self.sandbox = Sandbox::Creating;
                for warning in dns::resolv_conf(&self.pod).1 {
                    self.note("Warning", dns::DNS_CONFIG_FORMING, &warning, None);
                }
                step.actions.push(Action::CreateSandbox);
            }
            Sandbox::Creating | Sandbox::Removing => {}
            Sandbox::Ready => {
                (0..self.containers.len()).for_each(|index| self.run_container(index, now, step))
            }
        }
    }

    fn run_container(&mut self, index: usize, now: Timestamp, step: &mut Step) {
        let work = &self.containers[index];
        match work.stage.clone() {
            Stage::Waiting => self.try_again(index, now, step),
            Stage::Pulled { image_id } => self.start(index, image_id, step),
            Stage::Exited if work.restarts(restart_policy(&self.pod)) => self.restart(index, now, step),
            Stage::Running { stopping: None, .. } if work.changed || work.failed_probe.is_some() => {
                self.stop(index, now, step);
            }
            Stage::Running { stopping: None, .. } => match work.post_start {
                PostStart::Wanted => self.run_post_start(index, step),
                PostStart::Running => {}
                PostStart::Failed(_) => self.stop(index, now, step),
                PostStart::Done => self.probe(index, now, step),
            },
            Stage::Running { .. } => self.await_pre_stop(index, now, step),
            Stage::Pulling | Stage::Starting { .. } | Stage::Exited => {}
        }
    }

    /// Asks the probes of a running container that are due.
    fn probe(&mut self, index: usize, now: Timestamp, step: &mut Step) {
        let (container, work) = (self.name(index), &mut self.containers[index]);
        let (kinds, next) = work.probes.ask(now);
        let attempt = work.restart_count;
        step.actions.extend(kinds.into_iter().map(|kind| Action::Probe {
            container: container.clone(),
            attempt,
            kind,
        }));
        if let Some(next) = next {
            wake(step, next);
        }
    }

    /// Goes about to start a container, unless a failure is too recent.
    fn try_again(&mut self, index: usize, now: Timestamp, step: &mut Step) {
        let work = &self.containers[index];
        let until = match work.failure {
            None => None,
            Some(Failure::Start { at }) => Some(retry_at(at)).filter(|until| now < *until),
            Some(Failure::Pull { at, told }) => {
                let until = work.pulls.until(at, now);
                if until.is_some() && !told {
                    self.tell_pull_back_off(index, at, now, step);
                }
                until
            }
        };
        match until {
            Some(until) => wake(step, until),
            None => self.pull(index, step),
        }
    }

    /// Tells, a moment after the pull failed at `at`, that the next one must wait.
    fn tell_pull_back_off(&mut self, index: usize, at: Timestamp, now: Timestamp, step: &mut Step) {
        if now < after(at, SHOWN) {
            return wake(step, after(at, SHOWN));
        }
        let (name, told) = (self.name(index), format!("Back-off pulling image {:?}", self.image(index)));
        let work = &mut self.containers[index];
        work.failure = Some(Failure::Pull { at, told: true });
        let failed = work.waiting.take().unwrap_or_default();
        let why = [failed.reason, failed.message].into_iter().flatten().collect::<Vec<_>>().join(": ");
        work.wait("ImagePullBackOff", format!("{told}: {why}"));
        self.note("Normal", "BackOff", &told, Some(&name));
        self.note("Warning", "Failed", "Error: ImagePullBackOff", Some(&name));
    }

    fn pull(&mut self, index: usize, step: &mut Step) {
        let work = &mut self.containers[index];
        work.stage = Stage::Pulling;
        work.failure = None;
        work.changed = false;
        step.actions.push(Action::Pull { container: self.name(index) });
    }

    fn start(&mut self, index: usize, image_id: String, step: &mut Step) {
        let work = &mut self.containers[index];
        let attempt = work.attempt();
        work.stage = Stage::Starting { image_id };
        step.actions.push(Action::Start { container: self.name(index), attempt });
    }

    /// Starts a container that ended, or tells, a moment after it ended, that it must wait.
    fn restart(&mut self, index: usize, now: Timestamp, step: &mut Step) {
        let work = &mut self.containers[index];
        let ended = work.ended.as_ref().and_then(|exit| exit.finished_at.as_ref());
        let ended = ended.map_or(Timestamp::UNIX_EPOCH, |time| time.0);
        let Some(until) = work.restarts.until(ended, now) else {
            work.restarts.next(ended, now);
            return self.pull(index, step);
        };
        wake(step, until);
        if self.containers[index].waits_for() == Some("CrashLoopBackOff") {
            return;
        }
        if now < after(ended, SHOWN) {
            return wake(step, after(ended, SHOWN));
        }
        self.tell_crash_loop(index);
    }

    /// Tells that a container which keeps ending is not started again before the back-off is over.
    fn tell_crash_loop(&mut self, index: usize) {
        let (name, pod) = (self.name(index), full_name(&self.pod));
        let work = &mut self.containers[index];
        let wait = in_words(work.restarts.duration());
        work.wait(
            "CrashLoopBackOff",
            format!("back-off {wait} restarting failed container={name} pod={pod}"),
        );
        let told = format!("Back-off restarting failed container {name} in pod {pod}");
        self.note("Warning", "BackOff", &told, Some(&name));
    }

    /// Stops what runs; when nothing does, takes the sandbox down; when that is gone, lets the pod go.
    fn wind_down(&mut self, now: Timestamp, step: &mut Step) {
        match self.end() {
            End::Gone => {
                self.finished = true;
                step.actions.push(Action::DeletePod);
            }
            End::Stopped if self.sandbox == Sandbox::Ready || self.has_volumes_alone() => {
                self.sandbox = Sandbox::Removing;
                step.actions.push(Action::RemoveSandbox);
            }
            End::Stopping => (0..self.containers.len()).for_each(|index| self.kill(index, now, step)),
            End::Stopped | End::None => {}
        }
    }

    /// Stops a running container for good; again, if its grace period was shortened meanwhile.
    fn kill(&mut self, index: usize, now: Timestamp, step: &mut Step) {
        let Stage::Running { stopping, .. } = self.containers[index].stage else { return };
        if stopping.is_some_and(|given| given <= self.grace()) {
            return self.await_pre_stop(index, now, step);
        }
        if stopping.is_none() {
            let name = self.name(index);
            self.note("Normal", "Killing", &format!("Stopping container {name}"), Some(&name));
        }
        self.stop(index, now, step);
    }

    /// How long the pod's containers have to end.
    fn grace(&self) -> SignedDuration {
        let own = self.evicted.as_ref().and_then(|eviction| eviction.grace);
        own.map_or_else(|| grace(&self.pod), |own| own.max(LEAST_GRACE))
    }

    fn stop(&mut self, index: usize, now: Timestamp, step: &mut Step) {
        let Stage::Running { since, .. } = self.containers[index].stage else { return };
        let probe = self.containers[index].failed_probe.and_then(|probe| probe.grace);
        let grace = match self.end() {
            End::None => probe.map_or_else(|| self.grace(), |own| own.max(LEAST_GRACE)),
            _ => self.grace(),
        };
        self.containers[index].stage = Stage::Running { since, stopping: Some(grace) };
        self.stop_with_hook(index, now, step);
    }
}

/// The pod's own time for its containers to end.
fn grace(pod: &Pod) -> SignedDuration {
    let asked = pod.metadata.deletion_grace_period_seconds;
    let own = pod.spec.as_ref().and_then(|spec| spec.termination_grace_period_seconds);
    SignedDuration::from_secs(asked.or(own).unwrap_or(30)).max(LEAST_GRACE)
}

/// The pod as messages name it, `web_default(1b4e28ba)`.
pub(super) fn full_name(pod: &Pod) -> String {
    let part = |text: &Option<String>| text.clone().unwrap_or_default();
    let metadata = &pod.metadata;
    format!("{}_{}({})", part(&metadata.name), part(&metadata.namespace), part(&metadata.uid))
}

pub(super) fn wake(step: &mut Step, at: Timestamp) {
    step.wake_at = Some(step.wake_at.map_or(at, |earlier| earlier.min(at)));
}
