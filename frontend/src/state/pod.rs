//! What the page shows of a pod: the STATUS word as `kubectl get pods` prints it, and the state
//! behind it that picks the colour, the icon and the place.
//!
//! See `printPod` in `pkg/printers/internalversion/printers.go` of kubernetes/kubernetes.

use serde_json::Value;

use super::object::{integer, items, text, truth};

/// The coarse state of a pod: never told by colour alone, each has an icon and a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PodState {
    /// No node yet.
    Unscheduled,
    /// On a node, containers not yet running.
    Creating,
    /// Running, not (yet) ready.
    NotReady,
    /// Running and ready.
    Running,
    /// Every container ended well.
    Completed,
    /// Something is wrong: it failed, crashes or lacks its image.
    Failing,
    /// It was deleted and is about to end.
    Terminating,
}

impl PodState {
    /// The state of a pod.
    pub fn of(pod: &Value) -> PodState {
        let is_ready = condition(pod, "Ready").is_some_and(|ready| text(ready, "/status") == "True");
        match text(pod, "/status/phase") {
            "Succeeded" => PodState::Completed,
            "Failed" => PodState::Failing,
            _ if is_deleted(pod) => PodState::Terminating,
            _ if waiting_reasons(pod).any(is_trouble) => PodState::Failing,
            "Running" if is_ready => PodState::Running,
            "Running" => PodState::NotReady,
            _ if node_name(pod).is_empty() => PodState::Unscheduled,
            _ => PodState::Creating,
        }
    }

    /// The name of the state in style sheets and translations.
    pub fn slug(self) -> &'static str {
        match self {
            PodState::Unscheduled => "unscheduled",
            PodState::Creating => "creating",
            PodState::NotReady => "not-ready",
            PodState::Running => "running",
            PodState::Completed => "completed",
            PodState::Failing => "failing",
            PodState::Terminating => "terminating",
        }
    }

    /// All states, in the order of a pod's life.
    pub const ALL: [PodState; 7] = [
        PodState::Unscheduled,
        PodState::Creating,
        PodState::NotReady,
        PodState::Running,
        PodState::Completed,
        PodState::Failing,
        PodState::Terminating,
    ];
}

/// Reasons to wait that need somebody to act, or at least to look.
fn is_trouble(reason: &str) -> bool {
    reason.ends_with("BackOff") || reason.contains("Err") || reason.starts_with("Invalid")
}

fn waiting_reasons(pod: &Value) -> impl Iterator<Item = &str> {
    let lists = ["/status/initContainerStatuses", "/status/containerStatuses"];
    lists.into_iter().flat_map(|list| items(pod, list)).map(|status| text(status, "/state/waiting/reason"))
}

fn is_deleted(pod: &Value) -> bool {
    !text(pod, "/metadata/deletionTimestamp").is_empty()
}

/// `spec.nodeName`, empty while the pod has no node.
pub fn node_name(pod: &Value) -> &str {
    text(pod, "/spec/nodeName")
}

/// The condition of a type.
pub fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    items(object, "/status/conditions").iter().find(|condition| text(condition, "/type") == kind)
}

/// How often the containers were started again.
pub fn restarts(pod: &Value) -> i64 {
    items(pod, "/status/containerStatuses").iter().map(|status| integer(status, "/restartCount")).sum()
}

/// Ready containers and all containers, as in the READY column.
pub fn readiness(pod: &Value) -> (usize, usize) {
    let ready =
        items(pod, "/status/containerStatuses").iter().filter(|status| truth(status, "/ready")).count();
    (ready, items(pod, "/spec/containers").len())
}

/// Why the scheduler has not placed the pod, if it said so.
pub fn unscheduled_reason(pod: &Value) -> &str {
    condition(pod, "PodScheduled").map(|scheduled| text(scheduled, "/message")).unwrap_or_default()
}

/// The names of init containers and containers, in that order.
pub fn container_names(pod: &Value) -> Vec<String> {
    let specs = items(pod, "/spec/initContainers").iter().chain(items(pod, "/spec/containers"));
    specs.map(|container| text(container, "/name").to_owned()).collect()
}

/// The STATUS column.
pub fn status_word(pod: &Value) -> String {
    let phase = text(pod, "/status/phase");
    let word = initializing(pod).unwrap_or_else(|| containers_word(pod, phase));
    let is_terminal = matches!(phase, "Succeeded" | "Failed");
    match is_deleted(pod) {
        true if text(pod, "/status/reason") == "NodeLost" => "Unknown".to_owned(),
        true if !is_terminal => "Terminating".to_owned(),
        _ => word,
    }
}

fn initializing(pod: &Value) -> Option<String> {
    let total = items(pod, "/spec/initContainers").len();
    let statuses = items(pod, "/status/initContainerStatuses");
    let (index, status) = statuses.iter().enumerate().find(|(_, status)| !is_init_done(status))?;
    let waiting = text(status, "/state/waiting/reason");
    Some(match status.pointer("/state/terminated") {
        Some(terminated) => format!("Init:{}", termination_word(terminated)),
        None if !waiting.is_empty() && waiting != "PodInitializing" => format!("Init:{waiting}"),
        None => format!("Init:{index}/{total}"),
    })
}

fn is_init_done(status: &Value) -> bool {
    let ended_well = status.pointer("/state/terminated").is_some_and(|end| integer(end, "/exitCode") == 0);
    ended_well || truth(status, "/started")
}

fn containers_word(pod: &Value, phase: &str) -> String {
    let reason = text(pod, "/status/reason");
    let gated = condition(pod, "PodScheduled").filter(|c| text(c, "/reason") == "SchedulingGated");
    let mut word = if gated.is_some() {
        "SchedulingGated"
    } else if reason.is_empty() {
        phase
    } else {
        reason
    }
    .to_owned();
    let statuses = items(pod, "/status/containerStatuses");
    let has_running = statuses.iter().any(|s| truth(s, "/ready") && s.pointer("/state/running").is_some());
    if let Some(first) = statuses.iter().find_map(container_word) {
        word = first;
    }
    if word != "Completed" || !has_running {
        return word;
    }
    let is_ready = condition(pod, "Ready").is_some_and(|ready| text(ready, "/status") == "True");
    if is_ready { "Running" } else { "NotReady" }.to_owned()
}

/// What a container that does not run says.
fn container_word(status: &Value) -> Option<String> {
    let waiting = text(status, "/state/waiting/reason");
    if !waiting.is_empty() {
        return Some(waiting.to_owned());
    }
    status.pointer("/state/terminated").map(termination_word)
}

fn termination_word(terminated: &Value) -> String {
    let (reason, signal) = (text(terminated, "/reason"), integer(terminated, "/signal"));
    match reason {
        "" if signal != 0 => format!("Signal:{signal}"),
        "" => format!("ExitCode:{}", integer(terminated, "/exitCode")),
        _ => reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn waiting(reason: &str) -> Value {
        json!({"state": {"waiting": {"reason": reason}}})
    }

    #[test]
    fn a_pod_should_show_the_word_kubectl_prints_and_the_state_behind_it() {
        let running = json!({"ready": true, "state": {"running": {}}});
        let done = json!({"state": {"terminated": {"reason": "Completed", "exitCode": 0}}});
        let ready = json!([{"type": "Ready", "status": "True"}]);
        let on_node = json!({"nodeName": "node-1", "containers": [{}]});
        let table = [
            (json!({"status": {"phase": "Pending"}}), "Pending", PodState::Unscheduled),
            (
                json!({"spec": on_node, "status": {"phase": "Pending", "containerStatuses": [waiting("ContainerCreating")]}}),
                "ContainerCreating",
                PodState::Creating,
            ),
            (
                json!({"spec": on_node, "status": {"phase": "Pending", "containerStatuses": [waiting("ErrImagePull")]}}),
                "ErrImagePull",
                PodState::Failing,
            ),
            (
                json!({"spec": on_node, "status": {"phase": "Running", "conditions": ready, "containerStatuses": [running]}}),
                "Running",
                PodState::Running,
            ),
            (
                json!({"spec": on_node, "status": {"phase": "Running", "containerStatuses": [waiting("CrashLoopBackOff")]}}),
                "CrashLoopBackOff",
                PodState::Failing,
            ),
            (
                json!({"spec": on_node, "status": {"phase": "Running", "containerStatuses": [done, running]}}),
                "NotReady",
                PodState::NotReady,
            ),
            (
                json!({"spec": on_node, "status": {"phase": "Succeeded", "containerStatuses": [done]}}),
                "Completed",
                PodState::Completed,
            ),
            (
                json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}, "status": {"phase": "Running"}}),
                "Terminating",
                PodState::Terminating,
            ),
            (
                json!({"spec": {"initContainers": [{}, {}]}, "status": {"phase": "Pending", "initContainerStatuses": [{"state": {"running": {}}}]}}),
                "Init:0/2",
                PodState::Unscheduled,
            ),
            (
                json!({"spec": on_node, "status": {"phase": "Failed", "containerStatuses": [{"state": {"terminated": {"exitCode": 3}}}]}}),
                "ExitCode:3",
                PodState::Failing,
            ),
        ];
        for (pod, word, state) in table {
            assert_eq!((status_word(&pod).as_str(), PodState::of(&pod)), (word, state), "{pod}");
        }
    }
}
