//! A pod's status: `generateAPIPodStatus` and `getPhase` in `pkg/kubelet/kubelet_pods.go`, and
//! `TerminatePod` in `pkg/kubelet/status/status_manager.go` of kubernetes/kubernetes.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerStatus, HostIP, Pod, PodIP, PodStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::admission::Rejection;
use super::conditions::{Facts, conditions, is_own};
use super::container::ContainerWork;
use super::container_status::{container_status, terminated};
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
    /// The containers, in the order of the spec.
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
    let mut statuses = container_statuses(pod, observed);
    let phase = lasting_phase(pod, observed, &statuses);
    let before = observed.reported.and_then(|status| status.conditions.as_deref());
    let before = before.or(api.conditions.as_deref()).unwrap_or_default();
    let facts = Facts { pod, phase: &phase, containers: &statuses, has_sandbox: observed.has_sandbox };
    let conditions = conditions(&facts, before, now);
    statuses.sort_by(|a, b| a.name.cmp(&b.name));
    let (reason, message) = why(&api, observed, &phase);
    let computed = || pod.spec.as_ref().map(|spec| quality_of_service::class(spec).to_owned());
    PodStatus {
        phase: Some(phase),
        reason,
        message,
        conditions: Some(conditions),
        container_statuses: Some(statuses),
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
        container_statuses: status.container_statuses.clone(),
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

/// `Always`, `OnFailure` or `Never`.
pub(super) fn restart_policy(pod: &Pod) -> &str {
    pod.spec.as_ref().and_then(|spec| spec.restart_policy.as_deref()).unwrap_or("Always")
}

/// Whether the phase is one that a pod never leaves.
pub(super) fn is_terminal(phase: &str) -> bool {
    matches!(phase, "Succeeded" | "Failed")
}

fn container_statuses(pod: &Pod, observed: &Observed<'_>) -> Vec<ContainerStatus> {
    let policy = restart_policy(pod);
    let specs = pod.spec.iter().flat_map(|spec| &spec.containers);
    let statuses = specs.zip(observed.containers).map(|(spec, work)| {
        let again = observed.end == End::None && work.restarts(policy);
        let status = container_status(spec, work, again);
        if observed.end == End::Gone { terminated(status) } else { status }
    });
    statuses.collect()
}

/// The phase, which never leaves `Succeeded` or `Failed`.
fn lasting_phase(pod: &Pod, observed: &Observed<'_>, statuses: &[ContainerStatus]) -> String {
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
    match (phase(statuses, restart_policy(pod), stopped), observed.end) {
        // A container that ended is just being started again, from a new definition.
        ("Succeeded" | "Failed", End::None) => "Running".to_owned(),
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

/// `Pending`, `Running`, `Succeeded` or `Failed`; a pod that `is_over` starts no container again.
pub fn phase(containers: &[ContainerStatus], restart_policy: &str, is_over: bool) -> &'static str {
    let mut running = 0;
    let mut waiting_for_the_first_time = 0;
    let mut stopped = 0;
    let mut succeeded = 0;
    for status in containers {
        let state = status.state.clone().unwrap_or_default();
        let before = status.last_state.as_ref().and_then(|state| state.terminated.as_ref());
        match (state.running, state.terminated, before) {
            (Some(_), ..) => running += 1,
            (None, Some(exit), _) => {
                stopped += 1;
                succeeded += usize::from(exit.exit_code == 0);
            }
            (None, None, Some(_)) => stopped += 1,
            (None, None, None) => waiting_for_the_first_time += 1,
        }
    }
    match () {
        () if waiting_for_the_first_time > 0 => "Pending",
        () if running > 0 => "Running",
        () if stopped == 0 => "Pending",
        () if restart_policy == "Always" && !is_over => "Running",
        () if stopped == succeeded => "Succeeded",
        () if restart_policy == "Never" || is_over => "Failed",
        () => "Running",
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
            let statuses = containers.into_iter().map(|mut status| {
                status["name"] = json!("a");
                serde_json::from_value(status).unwrap()
            });
            let statuses: Vec<ContainerStatus> = statuses.collect();
            assert_eq!(phase(&statuses, policy, over), expected, "{policy} {statuses:?}");
        }
    }
}
