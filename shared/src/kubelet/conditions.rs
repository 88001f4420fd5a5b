//! A pod's conditions: `pkg/kubelet/status/generate.go` of kubernetes/kubernetes.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerStatus, PodCondition};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

/// What the conditions are made of.
pub struct Facts<'a> {
    /// The pod's phase.
    pub phase: &'a str,
    /// The statuses of its containers.
    pub containers: &'a [ContainerStatus],
    /// Whether its network and directories are there.
    pub has_sandbox: bool,
    /// The object's generation that the status is about.
    pub generation: Option<i64>,
}

/// The kubelet's conditions, in the order in which upstream writes them, keeping from `before` when
/// each last changed; conditions of others (`PodScheduled`) stay as they are.
pub fn conditions(facts: &Facts<'_>, before: &[PodCondition], now: Timestamp) -> Vec<PodCondition> {
    let ready = readiness(facts);
    let sandbox = (facts.has_sandbox, None);
    let mut all = vec![
        condition("PodReadyToStartContainers", sandbox, facts),
        condition("Initialized", (true, completed(facts)), facts),
        condition("Ready", ready.clone(), facts),
        condition("ContainersReady", ready, facts),
    ];
    for condition in &mut all {
        let same = before.iter().find(|old| old.type_ == condition.type_ && old.status == condition.status);
        condition.last_transition_time = same.and_then(|old| old.last_transition_time.clone()).or(Some(Time(now)));
    }
    let own = |old: &&PodCondition| !all.iter().any(|new| new.type_ == old.type_);
    let others: Vec<PodCondition> = before.iter().filter(own).cloned().collect();
    all.extend(others);
    all
}

type Verdict = (bool, Option<(&'static str, String)>);

fn completed(facts: &Facts<'_>) -> Option<(&'static str, String)> {
    (facts.phase == "Succeeded").then(|| ("PodCompleted", String::new()))
}

fn readiness(facts: &Facts<'_>) -> Verdict {
    if let Some(completed) = completed(facts) {
        return (false, Some(completed));
    }
    if facts.phase == "Failed" {
        return (false, Some(("PodFailed", String::new())));
    }
    let unready: Vec<&str> =
        facts.containers.iter().filter(|container| !container.ready).map(|container| container.name.as_str()).collect();
    if unready.is_empty() {
        return (true, None);
    }
    (false, Some(("ContainersNotReady", format!("containers with unready status: [{}]", unready.join(" ")))))
}

fn condition(type_: &str, (holds, why): Verdict, facts: &Facts<'_>) -> PodCondition {
    let (reason, message) = why.unzip();
    PodCondition {
        type_: type_.to_owned(),
        status: if holds { "True" } else { "False" }.to_owned(),
        reason: reason.map(str::to_owned),
        message: message.filter(|message| !message.is_empty()),
        observed_generation: facts.generation,
        ..PodCondition::default()
    }
}
