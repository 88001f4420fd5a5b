//! A pod's status: `generateAPIPodStatus` and `getPhase` in `pkg/kubelet/kubelet_pods.go`, and
//! `TerminatePod` in `pkg/kubelet/status/status_manager.go` of kubernetes/kubernetes.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerStatus, HostIP, Pod, PodIP, PodStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::api::pod_containers::{PodContainer, Role};

use super::admission::Rejection;
use super::conditions::{Facts, conditions, is_own};
use super::container::ContainerWork;
use super::container_status::{container_status, creation_reason, terminated};
use super::restart::Restart;
use super::{mirror, quality_of_service};

/// How far a pod's end is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    /// It goes on.
    #[default]
    None,
    /// Its containers are to end, and none is started any more.
    Stopping,
    /// None of its containers runs.
    Stopped,
    /// It was deleted, and nothing of it is left on the node.
    Gone,
}

/// What a kubelet knows of a pod beside the object.
pub struct Observed<'a> {
    /// The pod's containers, in the order in which they start.
    pub specs: &'a [PodContainer],
    /// What is known of each of them, in the same order.
    pub containers: &'a [ContainerWork],
    /// The pod's address, once it has one.
    pub pod_ip: Option<&'a str>,
    /// The node's address.
    pub host_ip: &'a str,
    /// Whether the pod's network and directories are there.
    pub has_sandbox: bool,
    /// When the kubelet first saw the pod.
    pub start_time: Timestamp,
    /// How far its end is.
    pub end: End,
    /// Reason and message, where the kubelet made the pod fail.
    pub failed: Option<(&'a str, &'a str)>,
    /// The status that was last reported.
    pub reported: Option<&'a PodStatus>,
}

/// The status to write.
pub fn pod_status(pod: &Pod, observed: &Observed<'_>, now: Timestamp) -> PodStatus {
    let api = pod.status.clone().unwrap_or_default();
    let statuses = container_statuses(pod, observed);
    let phase = lasting_phase(pod, observed, &statuses);
    let before = observed.reported.and_then(|status| status.conditions.as_deref());
    let before = before.or(api.conditions.as_deref()).unwrap_or_default();
    let facts = Facts { pod, phase: &phase, containers: &statuses, has_sandbox: observed.has_sandbox };
    let conditions = conditions(&facts, before, now);
    let list = |roles: &[Role]| {
        let of_role = statuses.iter().filter(|known| roles.contains(&known.role));
        of_role.map(|known| known.status.clone()).collect::<Vec<_>>()
    };
    let mut main = list(&[Role::Main]);
    main.sort_by(|a, b| a.name.cmp(&b.name));
    let unless_empty = |list: Vec<ContainerStatus>| Some(list).filter(|list| !list.is_empty());
    let (reason, message) = why(&api, observed, &phase);
    let computed = || pod.spec.as_ref().map(|spec| quality_of_service::class(spec).to_owned());
    PodStatus {
        phase: Some(phase),
        reason,
        message,
        conditions: Some(conditions),
        init_container_statuses: unless_empty(list(&[Role::Init, Role::Sidecar])),
        container_statuses: Some(main),
        ephemeral_container_statuses: unless_empty(list(&[Role::Ephemeral])),
        host_ip: Some(observed.host_ip.to_owned()),
        host_ips: Some(vec![HostIP { ip: observed.host_ip.to_owned() }]),
        pod_ip: observed.pod_ip.map(str::to_owned),
        pod_ips: observed.pod_ip.map(|ip| vec![PodIP { ip: ip.to_owned() }]),
        qos_class: api.qos_class.clone().or_else(computed),
        start_time: api.start_time.clone().or(Some(Time(observed.start_time))),
        observed_generation: pod.metadata.generation,
        ..api
    }
}

/// What stands before the reason for which a node does not take a pod.
const REJECTED: &str = "Pod was rejected: ";

/// The status of a pod that its node does not take: nothing of it ever was there (`rejectPod` in
/// `pkg/kubelet/kubelet.go`).
pub(super) fn rejected(pod: &Pod, rejection: &Rejection) -> PodStatus {
    let computed = pod.spec.as_ref().map(|spec| quality_of_service::class(spec).to_owned());
    let api = pod.status.clone().unwrap_or_default();
    PodStatus {
        phase: Some("Failed".into()),
        reason: Some(rejection.reason.clone()),
        message: Some(format!("{REJECTED}{}", rejection.message)),
        qos_class: api.qos_class.clone().or(computed),
        observed_generation: pod.metadata.generation,
        ..api
    }
}

/// Why the pod was not taken, where its status says that it was not.
pub(super) fn rejected_before(pod: &Pod) -> Option<Rejection> {
    let status = pod.status.as_ref()?;
    let message = status.message.as_deref()?.strip_prefix(REJECTED)?.to_owned();
    let is_rejected = status.phase.as_deref() == Some("Failed") && status.start_time.is_none();
    is_rejected.then(|| Rejection { reason: status.reason.clone().unwrap_or_default(), message })
}

/// The kubelet's part of a status, to tell whether two differ in it.
pub fn own_part(status: &PodStatus) -> PodStatus {
    let conditions = status.conditions.iter().flatten().filter(|condition| is_own(condition));
    PodStatus {
        phase: status.phase.clone(),
        reason: status.reason.clone(),
        message: status.message.clone(),
        conditions: Some(conditions.cloned().collect()),
        init_container_statuses: status.init_container_statuses.clone(),
        container_statuses: status.container_statuses.clone(),
        ephemeral_container_statuses: status.ephemeral_container_statuses.clone(),
        host_ip: status.host_ip.clone(),
        pod_ip: status.pod_ip.clone(),
        qos_class: status.qos_class.clone(),
        start_time: status.start_time.clone(),
        observed_generation: status.observed_generation,
        ..PodStatus::default()
    }
}

/// A kubelet's status over the one that the API has now: what others wrote stays
/// (`mergePodStatus` in `pkg/kubelet/status/status_manager.go`).
pub fn merged(stored: &PodStatus, own: &PodStatus) -> PodStatus {
    let conditions = |status: &PodStatus, of_kubelet: bool| {
        let all = status.conditions.clone().unwrap_or_default().into_iter();
        all.filter(move |condition| is_own(condition) == of_kubelet)
    };
    let conditions = conditions(stored, false).chain(conditions(own, true)).collect();
    PodStatus {
        conditions: Some(conditions),
        nominated_node_name: stored.nominated_node_name.clone(),
        resource_claim_statuses: stored.resource_claim_statuses.clone(),
        extended_resource_claim_status: stored.extended_resource_claim_status.clone(),
        ..own.clone()
    }
}

/// Whether the phase is one that a pod never leaves.
pub(super) fn is_terminal(phase: &str) -> bool {
    matches!(phase, "Succeeded" | "Failed")
}

/// What is known of a container besides its definition.
#[derive(Clone, Debug)]
pub struct Known {
    /// What it is for.
    pub role: Role,
    /// Its status.
    pub status: ContainerStatus,
    /// Whether it is started again once it ended.
    pub again: bool,
}

fn container_statuses(pod: &Pod, observed: &Observed<'_>) -> Vec<Known> {
    let statuses = observed.specs.iter().zip(observed.containers).map(|(spec, work)| {
        let restarts = work.restarts(&Restart::of(pod, spec));
        let goes_on = observed.end == End::None;
        let status = container_status(spec, work, goes_on && restarts, creation_reason(pod));
        let status = if observed.end == End::Gone { terminated(status) } else { status };
        // The kubelet of a static pod that was stopped may start it again.
        Known { role: spec.role, status, again: restarts && (goes_on || mirror::is_static(pod)) }
    });
    statuses.collect()
}

/// The phase, which never leaves `Succeeded` or `Failed`.
fn lasting_phase(pod: &Pod, observed: &Observed<'_>, statuses: &[Known]) -> String {
    let phase_of = |status: &PodStatus| status.phase.clone().filter(|phase| is_terminal(phase));
    let before = pod.status.as_ref().and_then(phase_of).or_else(|| observed.reported.and_then(phase_of));
    if let Some(phase) = before {
        return phase;
    }
    let lasting = !mirror::is_static(pod);
    let stopped = observed.end >= End::Stopped && lasting;
    if observed.failed.is_some() && stopped {
        return "Failed".to_owned();
    }
    match (phase(statuses), observed.end) {
        // A container that ended is just being started again, from a new definition.
        ("Succeeded" | "Failed", End::None) => "Running".to_owned(),
        // The phase is final only when nothing runs any more.
        ("Succeeded" | "Failed", End::Stopping) => {
            observed.reported.and_then(|status| status.phase.clone()).unwrap_or_else(|| "Running".to_owned())
        }
        ("Pending" | "Running", End::Gone) if lasting => "Failed".to_owned(),
        (phase, _) => phase.to_owned(),
    }
}

/// Reason and message of the phase: they stay as long as it does.
fn why(api: &PodStatus, observed: &Observed<'_>, phase: &str) -> (Option<String>, Option<String>) {
    match observed.failed {
        Some((reason, message)) if phase == "Failed" => (Some(reason.to_owned()), Some(message.to_owned())),
        _ if api.phase.as_deref() == Some(phase) => (api.reason.clone(), api.message.clone()),
        _ => (None, None),
    }
}

/// What the statuses of a pod's containers come to.
#[derive(Default)]
struct Tally {
    /// Init containers that are still to succeed.
    init_pending: usize,
    /// Init containers that failed for good.
    init_failed: usize,
    /// Sidecars that did not start yet.
    sidecars_pending: usize,
    running: usize,
    waiting: usize,
    stopped: usize,
    succeeded: usize,
    /// Whether an ordinary container ever ran, or ended and is started again.
    any_started: bool,
    any_again: bool,
}

impl Tally {
    fn add(&mut self, Known { role, status, again }: &Known) {
        let state = status.state.clone().unwrap_or_default();
        let before = status.last_state.as_ref().and_then(|state| state.terminated.as_ref());
        let running = state.running.is_some();
        match (role, state.terminated.as_ref()) {
            (Role::Init, exit) => match exit.or(before.filter(|_| !running)) {
                Some(exit) if exit.exit_code == 0 => {}
                Some(_) if !again => self.init_failed += 1,
                _ => self.init_pending += 1,
            },
            (Role::Sidecar, None) if running => {
                self.running += 1;
                self.sidecars_pending += usize::from(status.started != Some(true));
            }
            (Role::Sidecar, None) if before.is_none() => {
                self.sidecars_pending += 1;
                self.waiting += 1;
            }
            (Role::Sidecar | Role::Ephemeral, _) => {}
            (Role::Main, exit) => {
                self.any_started |= running || exit.is_some();
                self.any_again |= !running && (exit.is_some() || before.is_some()) && *again;
                match (running, exit, before) {
                    (true, ..) => self.running += 1,
                    (false, Some(exit), _) => {
                        self.stopped += 1;
                        self.succeeded += usize::from(exit.exit_code == 0);
                    }
                    (false, None, Some(_)) => self.stopped += 1,
                    (false, None, None) => self.waiting += 1,
                }
            }
        }
    }
}

/// `Pending`, `Running`, `Succeeded` or `Failed`.
pub fn phase(containers: &[Known]) -> &'static str {
    let mut tally = Tally::default();
    containers.iter().for_each(|known| tally.add(known));
    match () {
        () if tally.init_failed > 0 => "Failed",
        () if tally.init_pending > 0 => "Pending",
        () if tally.sidecars_pending > 0 && !tally.any_started => "Pending",
        () if tally.waiting > 0 => "Pending",
        () if tally.running > 0 => "Running",
        () if tally.stopped == 0 => "Pending",
        () if tally.any_again => "Running",
        () if tally.stopped == tally.succeeded => "Succeeded",
        () => "Failed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn merged_status_should_keep_what_others_wrote() {
        let condition = |type_: &str, status: &str| json!({"type": type_, "status": status});
        let stored = json!({
            "phase": "Pending", "reason": "Old", "nominatedNodeName": "node-2",
            "conditions": [condition("Ready", "False"), condition("x/y", "True")],
        });
        let own = json!({
            "phase": "Running",
            "conditions": [condition("x/y", "False"), condition("x/z", "True"), condition("Ready", "True")],
        });
        let status = |value: &Value| -> PodStatus { serde_json::from_value(value.clone()).unwrap() };
        let expected = json!({
            "phase": "Running", "nominatedNodeName": "node-2",
            "conditions": [condition("x/y", "True"), condition("Ready", "True")],
        });
        assert_eq!(merged(&status(&stored), &status(&own)), status(&expected));
    }

    fn known(role: Role, mut status: Value, policy: &str, over: bool) -> Known {
        let exit =
            ["/state", "/lastState"].map(|state| status.pointer(&format!("{state}/terminated/exitCode")));
        let exit_code = exit.into_iter().flatten().next().and_then(Value::as_i64).unwrap_or_default();
        status["name"] = json!("a");
        let pod =
            serde_json::from_value(json!({"spec": {"containers": [], "restartPolicy": policy}})).unwrap();
        let spec = PodContainer { role, container: Default::default() };
        let again = !over && Restart::of(&pod, &spec).after(i32::try_from(exit_code).unwrap());
        Known { role, status: serde_json::from_value(status).unwrap(), again }
    }

    fn exited(exit_code: i32) -> Value {
        json!({"state": {"terminated": {"exitCode": exit_code}}})
    }

    #[test]
    fn phase_should_follow_containers_and_restart_policy() {
        let running = || json!({"state": {"running": {}}});
        let creating = || json!({"state": {"waiting": {}}});
        let crash_looping =
            || json!({"state": {"waiting": {}}, "lastState": {"terminated": {"exitCode": 1}}});
        let cases = [
            (vec![creating()], "Always", false, "Pending"),
            (vec![running(), creating()], "Always", false, "Pending"),
            (vec![running()], "Never", false, "Running"),
            (vec![running(), exited(1)], "Never", false, "Running"),
            (vec![exited(0)], "Never", false, "Succeeded"),
            (vec![exited(0)], "OnFailure", false, "Succeeded"),
            (vec![exited(0), exited(3)], "Never", false, "Failed"),
            (vec![exited(3)], "OnFailure", false, "Running"),
            (vec![exited(3), exited(0)], "OnFailure", false, "Running"),
            (vec![exited(0)], "Always", false, "Running"),
            (vec![crash_looping()], "Always", false, "Running"),
            (vec![exited(0)], "Always", true, "Succeeded"),
            (vec![exited(143)], "Always", true, "Failed"),
            (vec![exited(143), exited(0)], "OnFailure", true, "Failed"),
        ];
        for (containers, policy, over, expected) in cases {
            let statuses = containers.iter().cloned();
            let known: Vec<Known> = statuses.map(|status| known(Role::Main, status, policy, over)).collect();
            assert_eq!(phase(&known), expected, "{policy} {containers:?}");
        }
    }

    #[test]
    fn phase_should_follow_init_containers_and_sidecars_before_the_others() {
        let running = |started: bool| json!({"state": {"running": {}}, "started": started});
        let creating = || json!({"state": {"waiting": {}}});
        let again = |exit_code: i32| json!({"state": {"waiting": {}}, "lastState": {"terminated": {"exitCode": exit_code}}});
        let cases = [
            (Role::Init, running(true), creating(), "Always", "Pending"),
            (Role::Init, exited(0), creating(), "Always", "Pending"),
            (Role::Init, exited(0), running(true), "Always", "Running"),
            (Role::Init, exited(3), creating(), "Always", "Pending"),
            (Role::Init, exited(3), creating(), "Never", "Failed"),
            (Role::Init, again(3), creating(), "OnFailure", "Pending"),
            (Role::Sidecar, running(false), creating(), "Always", "Pending"),
            (Role::Sidecar, running(true), running(true), "Always", "Running"),
            (Role::Sidecar, creating(), again(3), "Always", "Pending"),
            (Role::Sidecar, again(3), running(true), "Always", "Running"),
            (Role::Sidecar, running(false), exited(0), "Never", "Running"),
            (Role::Sidecar, exited(137), exited(0), "Never", "Succeeded"),
            (Role::Ephemeral, running(true), exited(0), "Never", "Succeeded"),
            (Role::Ephemeral, creating(), running(true), "Never", "Running"),
        ];
        for (role, other, main, policy, expected) in cases {
            let text = format!("{role:?} {other} {main} {policy}");
            let statuses = [known(role, other, policy, false), known(Role::Main, main, policy, false)];
            assert_eq!(phase(&statuses), expected, "{text}");
        }
    }
}
