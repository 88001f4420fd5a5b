//! A pod's conditions: `pkg/kubelet/status/generate.go` of kubernetes/kubernetes.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, PodCondition};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::api::pod_containers::Role;

use super::status::Known;

/// What the conditions are made of.
pub struct Facts<'a> {
    /// The pod.
    pub pod: &'a Pod,
    /// Its phase.
    pub phase: &'a str,
    /// The statuses of its containers with their roles, in the order in which they start.
    pub containers: &'a [Known],
    /// Whether its network and directories are there.
    pub has_sandbox: bool,
}

/// The conditions that a kubelet writes, in the order in which it writes them.
const OWN: [&str; 5] =
    ["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"];

/// Whether the condition is a kubelet's (`pkg/kubelet/types/pod_status.go`).
pub fn is_own(condition: &PodCondition) -> bool {
    OWN.contains(&condition.type_.as_str())
}

/// The pod's conditions: those of others as they are, then the kubelet's. When each last changed is
/// taken from `before`, the conditions that were last reported.
pub fn conditions(facts: &Facts<'_>, before: &[PodCondition], now: Timestamp) -> Vec<PodCondition> {
    let mut all = others(facts.pod);
    let containers_ready = containers_ready(facts);
    let verdicts = [
        (facts.has_sandbox, None),
        initialized(facts),
        ready(facts, &all, &containers_ready),
        containers_ready,
        (true, None),
    ];
    let generation = facts.pod.metadata.generation;
    for (type_, verdict) in OWN.into_iter().zip(verdicts) {
        let condition = condition(type_, verdict, generation);
        let same = before.iter().find(|old| old.type_ == type_ && old.status == condition.status);
        let since = same.and_then(|old| old.last_transition_time.clone()).unwrap_or(Time(now));
        all.push(PodCondition { last_transition_time: Some(since), ..condition });
    }
    all
}

/// Whether a condition holds; reason and message.
type Verdict = (bool, Option<(&'static str, String)>);

fn others(pod: &Pod) -> Vec<PodCondition> {
    let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.filter(|condition| !is_own(condition)).cloned().collect()
}

fn completed(facts: &Facts<'_>) -> Option<(&'static str, String)> {
    (facts.phase == "Succeeded").then(|| ("PodCompleted", String::new()))
}

/// Init containers must be done, and sidecars have started; once an ordinary container has started, all that is
/// past.
fn initialized(facts: &Facts<'_>) -> Verdict {
    if let Some(completed) = completed(facts) {
        return (true, Some(completed));
    }
    let has_run = |known: &Known| {
        let state = known.status.state.as_ref();
        let ran = state.is_some_and(|state| state.running.is_some() || state.terminated.is_some());
        known.role == Role::Main && ran
    };
    let is_incomplete = |known: &&Known| match known.role {
        Role::Init => !known.status.ready,
        Role::Sidecar => known.status.started != Some(true),
        Role::Main | Role::Ephemeral => false,
    };
    let incomplete = names(facts.containers.iter().filter(is_incomplete));
    if incomplete.is_empty() || facts.containers.iter().any(has_run) {
        return (true, None);
    }
    let message = format!("containers with incomplete status: [{incomplete}]");
    (false, Some(("ContainersNotInitialized", message)))
}

fn names<'a>(containers: impl Iterator<Item = &'a Known>) -> String {
    containers.map(|known| known.status.name.as_str()).collect::<Vec<_>>().join(" ")
}

fn containers_ready(facts: &Facts<'_>) -> Verdict {
    if let Some(completed) = completed(facts) {
        return (false, Some(completed));
    }
    if facts.phase == "Failed" {
        return (false, Some(("PodFailed", String::new())));
    }
    let counts = |role: Role| matches!(role, Role::Sidecar | Role::Main);
    let unready = names(facts.containers.iter().filter(|known| counts(known.role) && !known.status.ready));
    if unready.is_empty() {
        return (true, None);
    }
    (false, Some(("ContainersNotReady", format!("containers with unready status: [{unready}]"))))
}

/// A pod is ready when its containers are, and every condition that its readiness gates name holds.
fn ready(facts: &Facts<'_>, others: &[PodCondition], containers: &Verdict) -> Verdict {
    if !containers.0 {
        return containers.clone();
    }
    let gates = facts.pod.spec.iter().flat_map(|spec| spec.readiness_gates.iter().flatten());
    let closed: Vec<String> = gates.filter_map(|gate| closed_gate(&gate.condition_type, others)).collect();
    if closed.is_empty() {
        return (true, None);
    }
    (false, Some(("ReadinessGatesNotReady", closed.join(", "))))
}

fn closed_gate(type_: &str, others: &[PodCondition]) -> Option<String> {
    match others.iter().find(|condition| condition.type_ == type_) {
        None => Some(format!("corresponding condition of pod readiness gate {type_:?} does not exist.")),
        Some(condition) if condition.status == "True" => None,
        Some(condition) => Some(format!(
            "the status of pod readiness gate {type_:?} is not \"True\", but {}",
            condition.status
        )),
    }
}

fn condition(type_: &str, (holds, why): Verdict, generation: Option<i64>) -> PodCondition {
    let (reason, message) = why.unzip();
    PodCondition {
        type_: type_.to_owned(),
        status: if holds { "True" } else { "False" }.to_owned(),
        reason: reason.map(str::to_owned),
        message: message.filter(|message| !message.is_empty()),
        observed_generation: generation,
        ..PodCondition::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::ContainerStatus;
    use serde_json::json;

    fn container(name: &str, ready: bool) -> Known {
        let status = ContainerStatus { name: name.into(), ready, ..ContainerStatus::default() };
        Known { role: Role::Main, status, again: false }
    }

    fn in_short(phase: &str, containers: &[Known], pod: &serde_json::Value) -> Vec<String> {
        let pod: Pod = serde_json::from_value(pod.clone()).unwrap();
        let facts = Facts { pod: &pod, phase, containers, has_sandbox: true };
        let short = |condition: PodCondition| {
            let why =
                [condition.reason, condition.message].into_iter().flatten().collect::<Vec<_>>().join(": ");
            format!("{} {} {why}", condition.type_, condition.status).trim_end().to_owned()
        };
        conditions(&facts, &[], Timestamp::UNIX_EPOCH).into_iter().map(short).collect()
    }

    #[test]
    fn conditions_should_follow_phase_and_containers() {
        let waiting = "ContainersNotReady: containers with unready status: [b a]";
        let cases = [
            ("Running", [("b", true), ("a", true)], "Initialized True", "Ready True".to_owned()),
            ("Pending", [("b", false), ("a", false)], "Initialized True", format!("Ready False {waiting}")),
            (
                "Succeeded",
                [("b", false), ("a", false)],
                "Initialized True PodCompleted",
                "Ready False PodCompleted".into(),
            ),
            ("Failed", [("b", false), ("a", false)], "Initialized True", "Ready False PodFailed".into()),
        ];
        for (phase, containers, initialized, ready) in cases {
            let containers = containers.map(|(name, ready)| container(name, ready));
            let found = in_short(phase, &containers, &json!({}));
            let containers_ready = ready.replace("Ready ", "ContainersReady ");
            let expected = [
                "PodReadyToStartContainers True",
                initialized,
                &ready,
                &containers_ready,
                "PodScheduled True",
            ];
            assert_eq!(found, expected, "{phase}");
        }
    }

    #[test]
    fn pod_should_count_as_initialized_when_its_init_containers_are_done_or_its_containers_ran() {
        let init = |role, ready, started| {
            let status = json!({"name": "i", "image": "", "imageID": "", "restartCount": 0, "ready": ready, "started": started});
            Known { role, status: serde_json::from_value(status).unwrap(), again: false }
        };
        let main = |state| {
            let status = json!({"name": "a", "image": "", "imageID": "", "restartCount": 0, "ready": false, "state": state});
            Known { role: Role::Main, status: serde_json::from_value(status).unwrap(), again: false }
        };
        let waiting = "Initialized False ContainersNotInitialized: containers with incomplete status: [i]";
        let cases = [
            (init(Role::Init, false, true), json!({}), waiting),
            (init(Role::Init, true, false), json!({}), "Initialized True"),
            (init(Role::Sidecar, true, false), json!({}), waiting),
            (init(Role::Sidecar, false, true), json!({}), "Initialized True"),
            (init(Role::Sidecar, false, false), json!({"running": {}}), "Initialized True"),
            (init(Role::Sidecar, false, false), json!({"terminated": {"exitCode": 1}}), "Initialized True"),
        ];
        for (init, state, expected) in cases {
            let found = in_short("Pending", &[init.clone(), main(state)], &json!({}));
            assert!(found.contains(&expected.to_owned()), "{init:?}: {found:?}");
            let unready = if init.role == Role::Sidecar && !init.status.ready { "[i a]" } else { "[a]" };
            assert!(
                found.iter().any(|line| line.starts_with("Ready") && line.ends_with(unready)),
                "{found:?}"
            );
        }
    }

    #[test]
    fn readiness_gate_should_keep_a_pod_from_being_ready() {
        let cases = [
            (
                json!([]),
                "Ready False ReadinessGatesNotReady: corresponding condition of pod readiness gate \"x/y\" does not exist.",
            ),
            (
                json!([{"type": "x/y", "status": "False"}]),
                "Ready False ReadinessGatesNotReady: the status of pod readiness gate \"x/y\" is not \"True\", but False",
            ),
            (json!([{"type": "x/y", "status": "True"}]), "Ready True"),
        ];
        for (others, expected) in cases {
            let pod = json!({
                "spec": {"containers": [], "readinessGates": [{"conditionType": "x/y"}]},
                "status": {"conditions": others},
            });
            let found = in_short("Running", &[container("a", true)], &pod);
            assert!(found.contains(&expected.to_owned()), "{found:?}");
            assert!(found.contains(&"ContainersReady True".to_owned()), "{found:?}");
        }
    }

    #[test]
    fn transition_time_should_change_with_the_status_only() {
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        let pod = Pod::default();
        let containers = [container("a", false)];
        let pending = Facts { pod: &pod, phase: "Pending", containers: &containers, has_sandbox: false };
        let first = conditions(&pending, &[], at(1));
        let sandboxed = Facts { has_sandbox: true, ..pending };
        let second = conditions(&sandboxed, &first, at(2));
        let times: Vec<i64> = second
            .iter()
            .map(|condition| condition.last_transition_time.as_ref().unwrap().0.as_second())
            .collect();
        assert_eq!(times, [2, 1, 1, 1, 1]);
    }
}
