//! Scripts of a pod's life. A case begins with `# ` and a sentence; a line that begins with a time in
//! seconds is something that happens then, followed by a step; the indented lines under it are all
//! that the worker asks for in that step. To add a case, add lines; where the answer is not known yet,
//! leave it out and read it in the failure.
//!
//! What happens: `new POLICY CONTAINER…`, `with-volume VOLUME POLICY CONTAINER…`, `volumes ok` (or a message), `uses VOLUME BYTES`, `refused REASON MESSAGE`, `static CONTAINER…`, `sandbox IP`, `no-sandbox MESSAGE`,
//! `removed`, `pulling C`, `pulled C`, `not-pulled C REASON MESSAGE`, `started C`,
//! `not-started C REASON MESSAGE`, `exited C CODE`, `image C IMAGE`, `deadline SECONDS`,
//! `has-probe C KIND PERIOD`, `probed C ATTEMPT KIND ok` (or an output, or `errored` and why), `has-hook C post-start`
//! (or `pre-stop`), `hooked C ATTEMPT pre-stop ok` (or a message), `delete GRACE`, `vanished`, `lost-write`, `overwritten`, `phase PHASE`, `new-kubelet` and `-` for
//! nothing.

use std::fmt::Write;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerStateTerminated, ContainerStatus, Pod, PodStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::json;

use crate::kubelet::action::{Action, PullError, Pulled, StartError};
use crate::kubelet::admission::Rejection;
use crate::kubelet::eviction::Usage;
use crate::kubelet::hook::HookKind;
use crate::kubelet::mirror;
use crate::kubelet::pod_worker::PodWorker;
use crate::kubelet::probe::{ProbeError, ProbeKind};

const HOST_IP: &str = "172.18.0.3";

#[test]
fn pods_should_live_as_their_scripts_say() {
    let mut differing = String::new();
    for script in include_str!("life.txt").split("\n# ").skip(1) {
        let (sentence, lines) = script.split_once('\n').unwrap();
        let mut play = Play::default();
        lines
            .lines()
            .filter(|line| line.starts_with(|c: char| c.is_ascii_digit()))
            .for_each(|line| play.line(line));
        if play.transcript.trim() != lines.trim() {
            writeln!(differing, "\n# {sentence}\n{}", play.transcript.trim_end()).unwrap();
        }
    }
    assert!(differing.is_empty(), "these went otherwise:\n{differing}");
}

/// The pod as the API has it, its worker, and what was asked for so far.
#[derive(Default)]
struct Play {
    api: Pod,
    worker: Option<PodWorker>,
    ids: u32,
    transcript: String,
}

impl Play {
    fn line(&mut self, line: &str) {
        writeln!(self.transcript, "{line}").unwrap();
        let words: Vec<&str> = line.split(' ').filter(|word| !word.is_empty()).collect();
        let now = Timestamp::from_second(words[0].parse().unwrap()).unwrap();
        match words[1] {
            "new" => self.begin(json!({"restartPolicy": words[2]}), &words[3..], now),
            "with-volume" => {
                let spec = json!({"restartPolicy": words[3], "volumes": [{"name": words[2], "emptyDir": {"sizeLimit": "1Mi"}}]});
                self.begin(spec, &words[4..], now);
            }
            "static" => {
                self.begin(json!({}), &words[2..], now);
                let annotations = [(mirror::SOURCE_ANNOTATION.to_owned(), "file".to_owned())];
                self.api.metadata.annotations = Some(annotations.into());
                self.worker = Some(PodWorker::new(self.api.clone(), HOST_IP, now));
            }
            "refused" => {
                self.begin(json!({}), &["a"], now);
                let rejection = Rejection { reason: words[2].to_owned(), message: words[3..].join(" ") };
                self.worker.as_mut().unwrap().reject(rejection);
            }
            "new-kubelet" => self.worker = Some(PodWorker::new(self.api.clone(), HOST_IP, now)),
            _ => self.happen(&words[1..], now),
        }
        self.step(now);
    }

    fn begin(&mut self, mut spec: serde_json::Value, containers: &[&str], now: Timestamp) {
        let containers = containers.iter().map(|name| json!({"name": name, "image": "busybox"}));
        spec["containers"] = containers.collect();
        let metadata = json!({"name": "p", "namespace": "default", "uid": "u", "generation": 1});
        self.api = serde_json::from_value(json!({"metadata": metadata, "spec": spec})).unwrap();
        self.worker = Some(PodWorker::new(self.api.clone(), HOST_IP, now));
    }

    fn happen(&mut self, words: &[&str], now: Timestamp) {
        let worker = self.worker.as_mut().unwrap();
        let text = |from: usize| words[from..].join(" ");
        match words[0] {
            "uses" => {
                let used = (words[1].to_owned(), words[2].parse().unwrap());
                worker.on_usage(&Usage { volumes: [used].into(), ..Usage::default() });
            }
            "volumes" if words[1] == "ok" => worker.on_volumes(Ok(())),
            "volumes" => worker.on_volumes(Err(vec![text(1)])),
            "sandbox" => worker.on_sandbox(Ok(text(1)), now),
            "no-sandbox" => worker.on_sandbox(Err(text(1)), now),
            "removed" => worker.on_sandbox_removed(),
            "pulling" => worker.on_pulling(words[1]),
            "pulled" => {
                let pulled = Pulled { image_id: "sha256:1".into(), message: "It is here".into() };
                worker.on_pulled(words[1], Ok(pulled), now);
            }
            "not-pulled" => {
                let error = PullError { reason: words[2].to_owned().leak(), message: text(3) };
                worker.on_pulled(words[1], Err(error), now);
            }
            "started" => {
                self.ids += 1;
                worker.on_started(words[1], Ok(format!("kijabi://{}", self.ids)), now);
            }
            "not-started" => {
                let error = StartError { reason: words[2].to_owned().leak(), message: text(3) };
                worker.on_started(words[1], Err(error), now);
            }
            "hooked" => {
                let outcome = if words[4] == "ok" { Ok(()) } else { Err(text(4)) };
                worker.on_hook(words[1], words[2].parse().unwrap(), hook(words[3]), outcome, now);
            }
            "probed" => {
                let outcome = match words[4] {
                    "ok" => Ok(()),
                    "errored" => Err(ProbeError::NotAsked(text(5))),
                    _ => Err(ProbeError::Failed(text(4))),
                };
                worker.on_probed(words[1], words[2].parse().unwrap(), kind(words[3]), outcome);
            }
            "exited" => worker.on_exited(words[1], exit(words[2].parse().unwrap(), now)),
            "lost-write" => worker.on_status_not_written(),
            "vanished" => worker.on_removed(now),
            "-" => {}
            _ => self.change(words, now),
        }
    }

    /// Somebody changes the pod in the API.
    fn change(&mut self, words: &[&str], now: Timestamp) {
        let spec = self.api.spec.as_mut().unwrap();
        match words[0] {
            "image" => {
                let container =
                    spec.containers.iter_mut().find(|container| container.name == words[1]).unwrap();
                container.image = Some(words[2].into());
                *self.api.metadata.generation.as_mut().unwrap() += 1;
            }
            "has-probe" => {
                let container =
                    spec.containers.iter_mut().find(|container| container.name == words[1]).unwrap();
                let period: i32 = words[3].parse().unwrap();
                let probe =
                    json!({"tcpSocket": {"port": 80}, "periodSeconds": period, "failureThreshold": 2});
                let probe = serde_json::from_value(probe).unwrap();
                match kind(words[2]) {
                    ProbeKind::Startup => container.startup_probe = probe,
                    ProbeKind::Liveness => container.liveness_probe = probe,
                    ProbeKind::Readiness => container.readiness_probe = probe,
                }
            }
            "has-hook" => {
                let container =
                    spec.containers.iter_mut().find(|container| container.name == words[1]).unwrap();
                let lifecycle = container.lifecycle.get_or_insert_default();
                let handler = serde_json::from_value(json!({"sleep": {"seconds": 1}})).unwrap();
                match hook(words[2]) {
                    HookKind::PostStart => lifecycle.post_start = handler,
                    HookKind::PreStop => lifecycle.pre_stop = handler,
                }
            }
            "deadline" => spec.active_deadline_seconds = Some(words[1].parse().unwrap()),
            "delete" => {
                self.api.metadata.deletion_timestamp = Some(Time(now));
                self.api.metadata.deletion_grace_period_seconds = Some(words[1].parse().unwrap());
            }
            "overwritten" => {
                let conditions = self.api.status.as_mut().unwrap().conditions.as_mut().unwrap();
                let ready = conditions.iter_mut().find(|condition| condition.type_ == "Ready").unwrap();
                ready.status = "False".into();
            }
            "phase" => self.api.status.get_or_insert_default().phase = Some(words[1].into()),
            word => panic!("{word} is no event"),
        }
        self.worker.as_mut().unwrap().on_pod(self.api.clone());
    }

    fn step(&mut self, now: Timestamp) {
        let step = self.worker.as_mut().unwrap().step(now);
        for action in &step.actions {
            writeln!(self.transcript, "    {}", in_short(action)).unwrap();
            if let Action::WriteStatus(status) = action {
                self.api.status = Some((**status).clone());
            }
        }
        if let Some(at) = step.wake_at {
            writeln!(self.transcript, "    wake {}", at.as_second()).unwrap();
        }
        self.see_what_was_written(now, step.wake_at);
    }

    /// The worker's own write comes back to it, and makes no difference.
    fn see_what_was_written(&mut self, now: Timestamp, wake_at: Option<Timestamp>) {
        let worker = self.worker.as_mut().unwrap();
        worker.on_pod(self.api.clone());
        let again = worker.step(now);
        assert_eq!(
            (again.actions, again.wake_at),
            (vec![], wake_at.filter(|_| !worker.is_finished())),
            "{}",
            self.transcript
        );
    }
}

fn kind(word: &str) -> ProbeKind {
    let all = [ProbeKind::Startup, ProbeKind::Liveness, ProbeKind::Readiness];
    all.into_iter().find(|kind| kind.word().eq_ignore_ascii_case(word)).unwrap()
}

fn hook(word: &str) -> HookKind {
    let all = [HookKind::PostStart, HookKind::PreStop];
    all.into_iter().find(|kind| hook_word(*kind) == word).unwrap()
}

fn hook_word(kind: HookKind) -> &'static str {
    match kind {
        HookKind::PostStart => "post-start",
        HookKind::PreStop => "pre-stop",
    }
}

fn exit(exit_code: i32, now: Timestamp) -> ContainerStateTerminated {
    let reason = if exit_code == 0 { "Completed" } else { "Error" };
    ContainerStateTerminated {
        exit_code,
        reason: Some(reason.into()),
        finished_at: Some(Time(now)),
        ..ContainerStateTerminated::default()
    }
}

fn in_short(action: &Action) -> String {
    match action {
        Action::MountVolumes => "mount volumes".into(),
        Action::CreateSandbox => "create sandbox".into(),
        Action::RemoveSandbox => "remove sandbox".into(),
        Action::DeletePod => "delete pod".into(),
        Action::Pull { container } => format!("pull {container}"),
        Action::Start { container, attempt } => format!("start {container} {attempt}"),
        Action::Probe { container, attempt, kind } => {
            format!("probe {container} {attempt} {}", kind.word().to_lowercase())
        }
        Action::RunHook { container, attempt, kind } => {
            format!("hook {container} {attempt} {}", hook_word(*kind))
        }
        Action::Stop { container, grace } => format!("stop {container} {}s", grace.as_secs()),
        Action::Record(note) => format!("{} {}: {}", note.type_, note.reason, note.message),
        Action::WriteStatus(status) => format!("status {}", status_in_short(status)),
    }
}

/// The phase, the pod's address, `ready`, and each container: `name:state`, `+restarts`, `<last state`.
fn status_in_short(status: &PodStatus) -> String {
    let conditions = status.conditions.iter().flatten();
    let ready = conditions.clone().any(|condition| condition.type_ == "Ready" && condition.status == "True");
    let mut words = vec![status.phase.clone().unwrap()];
    words.extend(status.reason.clone());
    words.extend(status.pod_ip.clone());
    words.extend(ready.then(|| "ready".to_owned()));
    words.extend(status.container_statuses.iter().flatten().map(container_in_short));
    let waiting = status
        .container_statuses
        .iter()
        .flatten()
        .filter_map(|status| status.state.as_ref()?.waiting.as_ref());
    words.extend(waiting.filter_map(|waiting| Some(format!("({})", waiting.message.as_ref()?))));
    words.join(" ")
}

fn container_in_short(status: &ContainerStatus) -> String {
    let ended = |exit: &ContainerStateTerminated| {
        format!("{}/{}", exit.reason.as_deref().unwrap_or_default(), exit.exit_code)
    };
    let state = status.state.clone().unwrap_or_default();
    let waiting = state.waiting.and_then(|waiting| waiting.reason);
    let running = state.running.map(|_| "running".to_owned());
    let state = waiting.or(running).or(state.terminated.as_ref().map(ended)).unwrap();
    let last = status.last_state.as_ref().and_then(|state| state.terminated.as_ref());
    let last = last.map(|exit| format!("<{}", ended(exit))).unwrap_or_default();
    let restarts =
        if status.restart_count > 0 { format!("+{}", status.restart_count) } else { String::new() };
    format!("{}:{state}{restarts}{last}", status.name)
}
