//! The queue's order and times.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Node, Pod};
use serde_json::{Value, json};

use super::fixtures::{bound, node, node_with, pod};
use super::hints::ClusterEvent;
use super::queue::{QueuedPod, SchedulingQueue};
use super::snapshot::PodInfo;
use super::typed::Typed;
use crate::api::object::Object;

fn at(seconds: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds)
}

fn typed(pod: Pod) -> Typed<Pod> {
    Typed::new(Object::of(pod)).unwrap()
}

fn queue_of(pods: Vec<Pod>) -> SchedulingQueue {
    let mut queue = SchedulingQueue::default();
    for pod in pods {
        queue.upsert(typed(pod), at(0));
    }
    queue
}

fn name(queued: Option<QueuedPod>) -> Option<String> {
    queued.and_then(|queued| queued.pod.metadata.name.clone())
}

/// A queue in which `spec`'s pod was refused by this plugin at second 0.
fn refused(spec: Value, requests: Value, plugin: &str) -> SchedulingQueue {
    let mut queue = queue_of(vec![pod("web", requests, spec)]);
    let queued = queue.pop().unwrap();
    queue.return_unschedulable(queued, [plugin.to_owned()].into(), at(0));
    queue
}

#[test]
fn queue_should_give_pods_by_priority_and_then_by_age() {
    let with_priority = |name: &str, priority: i32| pod(name, json!({}), json!({ "priority": priority }));
    let mut queue = queue_of(vec![with_priority("a", 0), with_priority("b", 9), with_priority("c", 0)]);
    queue.upsert(typed(with_priority("d", 9)), at(1));
    let order: Vec<_> = std::iter::from_fn(|| name(queue.pop())).collect();
    assert_eq!(order, ["b", "d", "a", "c"]);
}

#[test]
fn backoff_should_double_from_one_second_to_ten() {
    let mut queue = queue_of(vec![pod("web", json!({}), json!({}))]);
    let mut now = 0;
    for expected in [1, 2, 4, 8, 10, 10] {
        let queued = queue.pop().unwrap();
        queue.return_after_error(queued, at(now));
        assert_eq!(queue.next_wakeup(at(now)), Some(at(now + expected)));
        queue.flush(at(now + expected - 1));
        assert!(queue.pop().is_none());
        now += expected;
        queue.flush(at(now));
    }
}

#[test]
fn pod_in_backoff_should_be_tried_early_when_nothing_else_waits() {
    let mut queue = refused(json!({}), json!({}), "NodeResourcesFit");
    let gone = PodInfo::new(&bound(pod("old", json!({}), json!({})), "n"), "n");
    queue.on_event(&ClusterEvent::AssignedPodDeleted(&gone), at(0));
    queue.upsert(typed(pod("new", json!({}), json!({}))), at(0));
    assert_eq!(name(queue.pop()).as_deref(), Some("new"));
    assert_eq!(name(queue.pop()).as_deref(), Some("web"));
}

#[test]
fn unschedulable_pod_should_be_tried_again_after_five_minutes() {
    let mut queue = refused(json!({}), json!({}), "NodeAffinity");
    assert_eq!(queue.next_wakeup(at(0)), Some(at(300)));
    queue.flush(at(299));
    assert!(queue.pop().is_none());
    queue.flush(at(300));
    assert!(queue.pop().is_some());
}

fn tainted(value: &str) -> Node {
    let taint = json!({ "key": "k", "value": value, "effect": "NoSchedule" });
    node("n", json!({}), json!({ "taints": [taint] }))
}

fn sized(cpu: &str) -> Node {
    node_with("n", json!({}), json!({}), json!({ "cpu": cpu, "memory": "1Gi", "pods": "9" }))
}

fn check_node_hint(plugin: &str, spec: Value, old: Option<&Node>, new: &Node, wakes: bool) {
    let mut queue = refused(spec, json!({ "cpu": "2" }), plugin);
    queue.on_event(&ClusterEvent::Node { old, new }, at(60));
    assert_eq!(queue.pop().is_some(), wakes, "{plugin} {old:?} {new:?}");
}

#[test]
fn nodes_should_wake_only_the_pods_that_they_may_help() {
    let plain = node("n", json!({}), json!({}));
    let labelled = node("n", json!({ "disk": "ssd" }), json!({}));
    let cordoned = node("n", json!({}), json!({ "unschedulable": true }));
    let wants_ssd = json!({ "nodeSelector": { "disk": "ssd" } });
    let cases = [
        ("TaintToleration", json!({}), None, &plain, true),
        ("TaintToleration", json!({}), None, &tainted("v"), false),
        ("TaintToleration", json!({}), Some(&tainted("v")), &plain, true),
        ("TaintToleration", json!({}), Some(&plain), &labelled, false),
        ("NodeUnschedulable", json!({}), Some(&cordoned), &plain, true),
        ("NodeUnschedulable", json!({}), Some(&plain), &cordoned, false),
        ("NodeAffinity", wants_ssd.clone(), None, &plain, false),
        ("NodeAffinity", wants_ssd.clone(), Some(&plain), &labelled, true),
        ("NodeAffinity", wants_ssd, Some(&labelled), &labelled, false),
        ("NodeResourcesFit", json!({}), None, &sized("1"), false),
        ("NodeResourcesFit", json!({}), None, &sized("2"), true),
        ("NodeResourcesFit", json!({}), Some(&sized("2")), &sized("4"), true),
        ("NodeResourcesFit", json!({}), Some(&sized("4")), &sized("2"), false),
        ("NodePorts", json!({}), None, &plain, true),
        ("NodePorts", json!({}), Some(&plain), &labelled, false),
    ];
    for (plugin, spec, old, new, wakes) in cases {
        check_node_hint(plugin, spec, old, new, wakes);
    }
}

#[test]
fn deleted_pod_should_wake_pods_that_lacked_room_and_no_others() {
    let gone = PodInfo::new(&bound(pod("old", json!({ "cpu": "1" }), json!({})), "n"), "n");
    for (plugin, wakes) in [("NodeResourcesFit", true), ("TaintToleration", false), ("NodeAffinity", false)] {
        let mut queue = refused(json!({}), json!({}), plugin);
        queue.on_event(&ClusterEvent::AssignedPodDeleted(&gone), at(60));
        assert_eq!(queue.pop().is_some(), wakes, "{plugin}");
    }
}

#[test]
fn pod_should_be_tried_again_when_it_tolerates_more() {
    let mut queue = refused(json!({}), json!({}), "TaintToleration");
    queue.upsert(typed(pod("web", json!({}), json!({}))), at(60));
    assert!(queue.pop().is_none());
    queue.upsert(typed(pod("web", json!({}), json!({ "tolerations": [{ "operator": "Exists" }] }))), at(60));
    assert!(queue.pop().is_some());
}

#[test]
fn gated_pod_should_wait_until_its_last_gate_is_gone() {
    let gates = |names: &[&str]| {
        let gates: Vec<Value> = names.iter().map(|name| json!({ "name": name })).collect();
        pod("web", json!({}), json!({ "schedulingGates": gates }))
    };
    let mut queue = queue_of(vec![gates(&["a", "b"])]);
    queue.flush(at(3600));
    assert!(queue.pop().is_none());
    assert_eq!(queue.next_wakeup(at(0)), None);
    queue.upsert(typed(gates(&["b"])), at(1));
    assert!(queue.pop().is_none());
    queue.upsert(typed(gates(&[])), at(2));
    assert!(queue.pop().is_some());
}
