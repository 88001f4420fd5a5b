//! Whether a node takes a pod that was assigned to it, by whomever: the scheduler asks before it assigns,
//! others do not.
//!
//! Follows `pkg/kubelet/lifecycle/predicate.go` of kubernetes/kubernetes and `AdmissionCheck` in
//! `pkg/scheduler/eventhandlers.go`; it is the scheduler's own plugins that are asked.

use k8s_openapi::api::core::v1::{Node, Pod};

use crate::scheduler::Snapshot;
use crate::scheduler::decision::Detail;
use crate::scheduler::framework::Cycle;
use crate::scheduler::plugins::plugin;
use crate::scheduler::plugins::toleration::{tolerated, tolerations};
use crate::scheduler::resources::PODS;
use crate::scheduler::snapshot::{NodeInfo, PodInfo};
use crate::scheduler::typed::Typed;

/// Why a node does not take a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// The reason in the pod's status and of the event: `OutOfcpu`, `NodeAffinity`.
    pub reason: String,
    /// The event's sentence.
    pub message: String,
}

/// Whether the pod was taken by an earlier start, has nothing to run, or is to be asked about.
pub fn is_new(pod: &Pod) -> bool {
    let status = pod.status.as_ref();
    let started = status.is_some_and(|status| status.start_time.is_some());
    let ended = status.and_then(|status| status.phase.as_deref()).is_some_and(super::status::is_terminal);
    !started && !ended && pod.metadata.deletion_timestamp.is_none()
}

/// Asks whether `node`, on which `others` run, takes a pod.
///
/// # Errors
/// The first reason against it.
pub fn admit<'a>(
    pod: &Pod,
    node: Typed<Node>,
    others: impl IntoIterator<Item = &'a Pod>,
) -> Result<(), Rejection> {
    let name = node.metadata.name.clone().unwrap_or_default();
    let mut snapshot = Snapshot::default();
    snapshot.set_node(node);
    others.into_iter().for_each(|other| snapshot.set_pod(PodInfo::new(other, &name)));
    let Some(node) = snapshot.node(&name) else { return Ok(()) };
    let cycle = Cycle::new(&snapshot, pod);
    let rejection = out_of_resources(&cycle, node).or_else(|| {
        ["NodeAffinity", "NodeName", "NodePorts"].iter().find_map(|name| refused_by(name, &cycle, node))
    });
    rejection.or_else(|| tainted(pod, node.node())).map_or(Ok(()), Err)
}

/// The first resource of which the node has too little left. Extended resources that no node has are
/// the whole cluster's.
fn out_of_resources(cycle: &Cycle, node: &NodeInfo) -> Option<Rejection> {
    let known = |name: &str| !name.contains('/') || node.allocatable.iter().any(|(found, _)| found == name);
    let rejections = plugin("NodeResourcesFit")?.filter(cycle, node);
    let details = rejections.iter().flat_map(|rejection| &rejection.details);
    let mut lacking = details.filter_map(|detail| match detail {
        Detail::Resource { resource, .. } if known(resource) => Some(resource),
        _ => None,
    });
    let name = lacking.next()?;
    let (requested, used, capacity) = match name.as_str() {
        PODS => (1, node.pods().len() as i64, node.allowed_pods()),
        name => (cycle.requests.get(name), node.requested.get(name), node.allocatable.get(name)),
    };
    Some(Rejection {
        reason: format!("OutOf{name}"),
        message: format!(
            "Node didn't have enough resource: {name}, requested: {requested}, used: {used}, capacity: {capacity}"
        ),
    })
}

fn refused_by(name: &str, cycle: &Cycle, node: &NodeInfo) -> Option<Rejection> {
    let rejections = plugin(name)?.filter(cycle, node);
    rejections.first().map(|rejection| failed(name, &rejection.reason))
}

/// Taints that would not let the pod be assigned are no matter any more; those that would evict it are.
fn tainted(pod: &Pod, node: &Node) -> Option<Rejection> {
    let taints = node.spec.iter().flat_map(|spec| spec.taints.iter().flatten());
    let mut evicting = taints.filter(|taint| taint.effect == "NoExecute");
    let repels = evicting.any(|taint| !tolerated(tolerations(pod), taint));
    repels.then(|| failed("TaintToleration", "node(s) had taints that the pod didn't tolerate"))
}

fn failed(predicate: &str, why: &str) -> Rejection {
    Rejection { reason: predicate.to_owned(), message: format!("Predicate {predicate} failed: {why}") }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::api::object::Object;

    fn node(taints: &Value) -> Typed<Node> {
        let node = json!({
            "metadata": {"name": "node-1", "labels": {"disk": "ssd"}},
            "spec": {"taints": taints},
            "status": {"allocatable": {"cpu": "2", "memory": "1Gi", "pods": "2"}},
        });
        Typed::new(Object::of(serde_json::from_value::<Node>(node).unwrap())).unwrap()
    }

    fn pod(name: &str, spec: &Value) -> Pod {
        let mut pod = json!({"metadata": {"name": name, "uid": name}, "spec": spec});
        pod["spec"]["nodeName"] = "node-1".into();
        serde_json::from_value(pod).unwrap()
    }

    fn asks_for(resources: &Value) -> Value {
        json!({"containers": [{"name": "c", "resources": {"requests": resources}}]})
    }

    fn check(spec: &Value, others: &[&Value], expected: Option<(&str, &str)>) {
        let others: Vec<Pod> =
            others.iter().enumerate().map(|(index, spec)| pod(&index.to_string(), spec)).collect();
        let found = admit(&pod("p", spec), node(&json!([])), &others).err();
        let found = found.as_ref().map(|rejection| (rejection.reason.as_str(), rejection.message.as_str()));
        assert_eq!(found, expected, "{spec}");
    }

    #[test]
    fn pod_should_be_refused_with_the_first_reason_in_upstreams_words() {
        let none = json!({"containers": [{"name": "c"}]});
        let cpu = |amount: &str| asks_for(&json!({"cpu": amount}));
        check(&none, &[&none], None);
        check(&cpu("1500m"), &[&cpu("500m")], None);
        let message = "Node didn't have enough resource: cpu, requested: 1600, used: 500, capacity: 2000";
        check(&cpu("1600m"), &[&cpu("500m")], Some(("OutOfcpu", message)));
        let message = "Node didn't have enough resource: pods, requested: 1, used: 2, capacity: 2";
        check(&none, &[&none, &none], Some(("OutOfpods", message)));
        check(&asks_for(&json!({"example.com/dongle": "1"})), &[], None);
        let port = json!({"containers": [{"name": "c", "ports": [{"containerPort": 80, "hostPort": 80}]}]});
        let message =
            "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports";
        check(&port, &[&port], Some(("NodePorts", message)));
        let selector = |disk: &str| json!({"nodeSelector": {"disk": disk}, "containers": []});
        check(&selector("ssd"), &[], None);
        let message = "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector";
        check(&selector("tape"), &[], Some(("NodeAffinity", message)));
    }

    #[test]
    fn only_taints_that_evict_should_keep_a_pod_out() {
        let pod = pod("p", &json!({"containers": []}));
        let taint = |effect: &str| node(&json!([{"key": "a", "effect": effect}]));
        assert_eq!(admit(&pod, taint("NoSchedule"), []), Ok(()));
        assert_eq!(admit(&pod, taint("NoExecute"), []).unwrap_err().reason, "TaintToleration");
    }

    #[test]
    fn only_a_pod_that_never_started_should_be_asked_about() {
        let with = |status: Value| -> Pod {
            serde_json::from_value(json!({"metadata": {}, "status": status})).unwrap()
        };
        assert!(is_new(&with(json!({"phase": "Pending"}))));
        assert!(!is_new(&with(json!({"phase": "Pending", "startTime": "2026-01-01T00:00:00Z"}))));
        assert!(!is_new(&with(json!({"phase": "Failed"}))));
    }
}
