//! What the page shows of a node.

use serde_json::Value;

use super::object::{entries, items, text, truth};
use super::pod::condition;

/// The label prefix by which a node names its roles.
const ROLE_LABEL: &str = "node-role.kubernetes.io/";

/// Whether the node's kubelet reports it Ready.
pub fn is_ready(node: &Value) -> bool {
    condition(node, "Ready").is_some_and(|ready| text(ready, "/status") == "True")
}

/// The STATUS column of `kubectl get nodes`.
pub fn status_word(node: &Value) -> String {
    let ready = condition(node, "Ready").map(|ready| text(ready, "/status"));
    status_of(ready, truth(node, "/spec/unschedulable"))
}

/// The STATUS column, by the status of the condition `Ready` and whether the node is cordoned.
pub fn status_of(ready: Option<&str>, is_cordoned: bool) -> String {
    let ready = match ready {
        Some("True") => "Ready",
        Some("Unknown") | None => "Unknown",
        Some(_) => "NotReady",
    };
    let cordoned = if is_cordoned { ",SchedulingDisabled" } else { "" };
    format!("{ready}{cordoned}")
}

/// The node's roles, as the ROLES column names them.
pub fn roles(node: &Value) -> Vec<&str> {
    entries(node, "/metadata/labels")
        .into_iter()
        .filter_map(|(key, _)| key.strip_prefix(ROLE_LABEL))
        .collect()
}

/// The taints as `key=value:Effect`.
pub fn taints(node: &Value) -> Vec<String> {
    let print = |taint: &Value| {
        let (key, value, effect) = (text(taint, "/key"), text(taint, "/value"), text(taint, "/effect"));
        if value.is_empty() { format!("{key}:{effect}") } else { format!("{key}={value}:{effect}") }
    };
    items(node, "/spec/taints").iter().map(print).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_cordoned_node_should_say_so() {
        let node = json!({"spec": {"unschedulable": true}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}});
        assert_eq!(status_word(&node), "Ready,SchedulingDisabled");
        assert_eq!(status_word(&json!({})), "Unknown");
    }

    #[test]
    fn taints_should_be_printed_as_kubectl_prints_them() {
        let node = json!({"spec": {"taints": [{"key": "a", "value": "b", "effect": "NoSchedule"}, {"key": "c", "effect": "NoExecute"}]}});
        assert_eq!(taints(&node), ["a=b:NoSchedule", "c:NoExecute"]);
    }
}
