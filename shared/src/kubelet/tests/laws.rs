//! Laws that hold for any order of events.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{ContainerStateTerminated, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use proptest::prelude::*;
use serde_json::json;

use crate::kubelet::action::{Action, PullError, Pulled, StartError};
use crate::kubelet::hook::HookKind;
use crate::kubelet::pod_worker::PodWorker;
use crate::kubelet::probe::ProbeError;

/// What may happen next, if it can.
#[derive(Clone, Copy, Debug)]
enum Happening {
    /// One of the open requests is answered, well or not.
    Answer { which: usize, well: bool },
    /// One of the running containers ends by itself.
    Exit { which: usize, exit_code: i32 },
    /// Time passes.
    Wait { seconds: i64 },
    /// A container gets another image.
    Image { which: usize },
    /// The pod is deleted, or deleted again.
    Delete { grace: i64 },
    /// The status was not written.
    NotWritten,
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        8 => (0..4usize, prop::bool::weighted(0.8)).prop_map(|(which, well)| Happening::Answer { which, well }),
        3 => (0..4usize, 0..3).prop_map(|(which, exit_code)| Happening::Exit { which, exit_code }),
        3 => (0..60i64).prop_map(|seconds| Happening::Wait { seconds }),
        1 => (0..4usize).prop_map(|which| Happening::Image { which }),
        1 => (0..40i64).prop_map(|grace| Happening::Delete { grace }),
        1 => Just(Happening::NotWritten),
    ]
}

/// A node that does what it is asked, and notices what must not be asked.
struct Node {
    api: Pod,
    worker: PodWorker,
    now: Timestamp,
    open: Vec<Action>,
    running: BTreeSet<String>,
    final_phase: Option<String>,
    deleted: bool,
}

impl Node {
    fn new(policy: &str) -> Node {
        let probe = json!({"tcpSocket": {"port": 80}, "failureThreshold": 2, "periodSeconds": 7});
        let containers = json!([
            {"name": "a", "image": "x"},
            {
                "name": "b", "image": "x", "livenessProbe": probe, "readinessProbe": probe,
                "lifecycle": {"postStart": {"sleep": {"seconds": 1}}, "preStop": {"sleep": {"seconds": 1}}},
            },
        ]);
        let spec = json!({"containers": containers, "restartPolicy": policy});
        let api: Pod = serde_json::from_value(json!({"metadata": {"name": "p"}, "spec": spec})).unwrap();
        let now = Timestamp::UNIX_EPOCH;
        let worker = PodWorker::new(api.clone(), "172.18.0.3", now);
        let mut node = Node {
            api,
            worker,
            now,
            open: vec![],
            running: BTreeSet::new(),
            final_phase: None,
            deleted: false,
        };
        node.step();
        node
    }

    fn step(&mut self) {
        let step = self.worker.step(self.now);
        assert!(step.wake_at.is_none_or(|at| at > self.now), "a wake-up that is not in the future");
        step.actions.into_iter().for_each(|action| self.take(action));
        let again = self.worker.step(self.now);
        assert_eq!(again.actions, [], "a second step at once");
    }

    fn take(&mut self, action: Action) {
        assert!(!self.deleted, "{action:?} after the pod was let go");
        let deleting = self.api.metadata.deletion_timestamp.is_some();
        match &action {
            Action::Start { container, .. } => {
                assert!(!deleting, "started after deletion began");
                assert!(!self.running.contains(container), "started while it runs");
                assert!(!self.starts(container), "started while it is being started");
            }
            Action::Pull { .. } => assert!(!deleting, "pulled after deletion began"),
            Action::Stop { container, .. } => {
                assert!(self.running.contains(container), "stopped though it does not run");
                let stop = |open: &Action| matches!(open, Action::Stop { container: other, .. } if other == container);
                self.open.retain(|open| !stop(open));
            }
            Action::Probe { container, .. } => {
                assert!(self.running.contains(container), "probed though it does not run");
                assert!(!deleting, "probed after deletion began");
            }
            Action::RunHook { container, kind, .. } => {
                assert!(self.running.contains(container), "a hook of what does not run");
                assert!(!deleting || *kind == HookKind::PreStop, "a start hook after deletion began");
            }
            Action::RemoveSandbox => {
                assert!(self.running.is_empty(), "sandbox removed under a running container");
                assert!(!self.starts("a") && !self.starts("b"), "sandbox removed under a starting container");
            }
            Action::WriteStatus(status) => self.write(status.phase.clone().unwrap_or_default()),
            Action::DeletePod => self.deleted = true,
            Action::MountVolumes | Action::CreateSandbox | Action::Record(_) => {}
        }
        if !matches!(action, Action::WriteStatus(_) | Action::Record(_) | Action::DeletePod) {
            assert!(!self.open.contains(&action), "{action:?} asked twice");
            self.open.push(action);
        }
    }

    fn starts(&self, container: &str) -> bool {
        self.open
            .iter()
            .any(|open| matches!(open, Action::Start { container: other, .. } if other == container))
    }

    fn write(&mut self, phase: String) {
        if let Some(last) = &self.final_phase {
            assert_eq!(*last, phase, "a final phase changed");
        }
        self.final_phase = Some(phase).filter(|phase| phase == "Succeeded" || phase == "Failed");
    }

    fn happens(&mut self, happening: Happening) {
        match happening {
            Happening::Answer { which, well } if !self.open.is_empty() => {
                let action = self.open.remove(which % self.open.len());
                self.answer(action, well);
            }
            Happening::Exit { which, exit_code } if !self.running.is_empty() => {
                let name = self.running.iter().nth(which % self.running.len()).cloned().unwrap();
                self.exit(&name, exit_code);
            }
            Happening::Wait { seconds } => self.now += SignedDuration::from_secs(seconds),
            Happening::Image { which } => {
                let containers = &mut self.api.spec.as_mut().unwrap().containers;
                let image = containers[which % 2].image.get_or_insert_default();
                image.push('y');
                self.worker.on_pod(self.api.clone());
            }
            Happening::Delete { grace } => self.delete(grace),
            Happening::NotWritten => self.worker.on_status_not_written(),
            Happening::Answer { .. } | Happening::Exit { .. } => {}
        }
        self.step();
    }

    fn delete(&mut self, grace: i64) {
        self.api.metadata.deletion_timestamp.get_or_insert(Time(self.now));
        self.api.metadata.deletion_grace_period_seconds = Some(grace);
        self.worker.on_pod(self.api.clone());
    }

    fn answer(&mut self, action: Action, well: bool) {
        match action {
            Action::MountVolumes if well => self.worker.on_volumes(Ok(())),
            Action::MountVolumes => self.worker.on_volumes(Err(vec!["no".into()])),
            Action::CreateSandbox if well => self.worker.on_sandbox(Ok("10.244.1.2".into()), self.now),
            Action::CreateSandbox => self.worker.on_sandbox(Err("no".into()), self.now),
            Action::RemoveSandbox => self.worker.on_sandbox_removed(),
            Action::Pull { container } => {
                let error = PullError { reason: "ErrImagePull", message: "no".into() };
                let pulled = Pulled { image_id: "sha256:1".into(), message: "yes".into() };
                self.worker.on_pulled(&container, if well { Ok(pulled) } else { Err(error) }, self.now);
            }
            Action::Start { container, attempt } => {
                let reason = if attempt % 2 == 0 { "RunContainerError" } else { "CreateContainerError" };
                let error = StartError { reason, message: "no".into() };
                if well {
                    self.running.insert(container.clone());
                }
                self.worker.on_started(
                    &container,
                    if well { Ok("kijabi://1".into()) } else { Err(error) },
                    self.now,
                );
            }
            Action::Stop { container, .. } => self.exit(&container, 143),
            Action::RunHook { container, attempt, kind } => {
                let outcome = if well { Ok(()) } else { Err("no".into()) };
                self.worker.on_hook(&container, attempt, kind, outcome, self.now);
            }
            Action::Probe { container, attempt, kind } => {
                let outcome = if well { Ok(()) } else { Err(ProbeError::Failed("no".into())) };
                self.worker.on_probed(&container, attempt, kind, outcome);
            }
            Action::WriteStatus(_) | Action::Record(_) | Action::DeletePod => unreachable!(),
        }
    }

    fn exit(&mut self, container: &str, exit_code: i32) {
        self.running.remove(container);
        self.open.retain(|open| !matches!(open, Action::Stop { container: other, .. } if other == container));
        let finished_at = Some(Time(self.now));
        let exit = ContainerStateTerminated { exit_code, finished_at, ..ContainerStateTerminated::default() };
        self.worker.on_exited(container, exit);
    }
}

proptest! {
    #[test]
    fn deleted_pod_should_end_whatever_happened_before(
        policy in prop_oneof![Just("Always"), Just("OnFailure"), Just("Never")],
        happenings in prop::collection::vec(happening(), 0..80),
    ) {
        let mut node = Node::new(policy);
        happenings.into_iter().for_each(|happening| node.happens(happening));
        node.happens(Happening::Delete { grace: 30 });
        for _ in 0..40 {
            node.happens(Happening::Answer { which: 0, well: true });
        }
        prop_assert!(node.worker.is_finished());
        prop_assert!(node.deleted && node.running.is_empty());
        prop_assert!(node.final_phase.is_some());
    }
}
