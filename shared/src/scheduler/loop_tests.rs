//! The loop: events in, actions out.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Node, Pod};
use proptest::prelude::*;
use serde_json::json;

use super::decision::Verdict;
use super::fixtures::{book_cluster, bound, node, node_with, pod};
use super::{Action, Change, PodReference, Scheduler, Snapshot, schedule};
use crate::api::object::Object;

fn at(seconds: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds)
}

fn scheduler_for_the_book() -> Scheduler {
    let mut scheduler = Scheduler::new();
    for node in book_cluster("2") {
        scheduler.on_node(Change::Added, node, at(0));
    }
    scheduler
}

fn add(scheduler: &mut Scheduler, pod: Pod, seconds: i64) {
    scheduler.on_pod(Change::Added, Object::of(pod), at(seconds));
}

fn reference(name: &str) -> PodReference {
    PodReference { namespace: "default".into(), name: name.into(), uid: format!("uid-{name}") }
}

fn bind_of(actions: &[Action]) -> Option<(&PodReference, &str)> {
    actions.iter().find_map(|action| match action {
        Action::Bind { pod, node } => Some((pod, node.as_str())),
        _ => None,
    })
}

/// What an action is, in short.
fn kinds(actions: &[Action]) -> Vec<String> {
    let kind = |action: &Action| match action {
        Action::Explain(_) => "explain".to_owned(),
        Action::Bind { node, .. } => format!("bind {node}"),
        Action::BindVolumes { .. } => "bind volumes".to_owned(),
        Action::MarkUnschedulable { condition, .. } => {
            format!("mark {}", condition.reason.as_deref().unwrap_or(""))
        }
        Action::Event { reason, message, .. } => {
            format!("{reason}: {}", message.split(" no new").next().unwrap())
        }
    };
    actions.iter().map(kind).collect()
}

#[test]
fn pod_should_be_bound_and_then_announced() {
    let mut scheduler = scheduler_for_the_book();
    add(&mut scheduler, pod("web", json!({ "cpu": "1" }), json!({})), 0);
    let actions = scheduler.step(at(0), 0);
    let (pod, node) = bind_of(&actions).unwrap();
    assert_eq!(*pod, reference("web"));
    assert!(node.starts_with("node-"));
    let announced = kinds(&scheduler.on_bind_result(pod, Ok(()), at(0)));
    assert_eq!(announced, [format!("Scheduled: Successfully assigned default/web to {node}")]);
    assert_eq!(scheduler.next_wakeup(at(0)), None);
}

#[test]
fn assumed_pods_should_count_before_their_binding_is_seen() {
    let mut scheduler = scheduler_for_the_book();
    for name in ["a", "b", "c"] {
        add(&mut scheduler, pod(name, json!({ "cpu": "1500m" }), json!({})), 0);
    }
    let actions = scheduler.step(at(0), 0);
    let mut nodes: Vec<_> = kinds(&actions).into_iter().filter(|kind| kind.starts_with("bind")).collect();
    nodes.sort();
    assert_eq!(nodes, ["bind node-1", "bind node-2"]);
    assert_eq!(
        kinds(&actions)[5..],
        [
            "FailedScheduling: 0/3 nodes are available: 1 node(s) had untolerated taint(s), 2 Insufficient cpu.",
            "mark Unschedulable"
        ]
    );
}

#[test]
fn refused_binding_should_give_the_place_back_and_try_again_after_a_second() {
    let mut scheduler = scheduler_for_the_book();
    add(&mut scheduler, pod("web", json!({ "cpu": "1" }), json!({})), 0);
    scheduler.step(at(0), 0);
    let actions = scheduler.on_bind_result(&reference("web"), Err("etcdserver: timeout".into()), at(0));
    assert_eq!(
        kinds(&actions),
        [
            "FailedScheduling: running Bind plugin \"DefaultBinder\": etcdserver: timeout",
            "mark SchedulerError"
        ]
    );
    assert!(scheduler.snapshot().nodes().all(|node| node.requested.get("cpu") == 0));
    assert!(scheduler.step(at(0), 0).is_empty());
    assert_eq!(scheduler.next_wakeup(at(0)), Some(at(1)));
    assert!(bind_of(&scheduler.step(at(1), 0)).is_some());
}

#[test]
fn confirmed_pod_should_stay_when_a_late_refusal_arrives() {
    let mut scheduler = scheduler_for_the_book();
    let web = pod("web", json!({ "cpu": "1" }), json!({}));
    add(&mut scheduler, web.clone(), 0);
    let actions = scheduler.step(at(0), 0);
    let node = bind_of(&actions).unwrap().1.to_owned();
    scheduler.on_pod(Change::Modified, Object::of(bound(web, &node)), at(0));
    assert!(scheduler.on_bind_result(&reference("web"), Err("conflict".into()), at(0)).is_empty());
    assert_eq!(scheduler.snapshot().node(&node).unwrap().requested.get("cpu"), 1000);
}

#[test]
fn scheduler_should_leave_alone_what_is_not_its_own() {
    let mut scheduler = scheduler_for_the_book();
    let phase = |name: &str, phase: &str| {
        let mut pod = pod(name, json!({}), json!({}));
        pod.status.as_mut().unwrap().phase = Some(phase.to_owned());
        pod
    };
    add(&mut scheduler, pod("other", json!({}), json!({ "schedulerName": "mine" })), 0);
    add(&mut scheduler, bound(pod("bound", json!({}), json!({})), "node-1"), 0);
    add(&mut scheduler, phase("ended", "Failed"), 0);
    assert!(scheduler.step(at(0), 0).is_empty());
}

#[test]
fn gated_pod_should_be_marked_once_and_bound_when_the_gates_are_gone() {
    let mut scheduler = scheduler_for_the_book();
    let gated = pod("web", json!({}), json!({ "schedulingGates": [{ "name": "a" }] }));
    add(&mut scheduler, gated.clone(), 0);
    let actions = scheduler.step(at(0), 0);
    assert_eq!(kinds(&actions), ["mark SchedulingGated"]);
    let Action::MarkUnschedulable { condition, .. } = &actions[0] else { panic!() };
    let mut marked = gated;
    marked.status.as_mut().unwrap().conditions = Some(vec![condition.clone()]);
    scheduler.on_pod(Change::Modified, Object::of(marked), at(1));
    assert!(scheduler.step(at(1), 0).is_empty());
    scheduler.on_pod(Change::Modified, Object::of(pod("web", json!({}), json!({}))), at(2));
    assert!(bind_of(&scheduler.step(at(2), 0)).is_some());
}

#[test]
fn unschedulable_pod_should_be_bound_when_room_appears() {
    let mut scheduler = scheduler_for_the_book();
    add(&mut scheduler, pod("web", json!({ "cpu": "3" }), json!({})), 0);
    assert!(bind_of(&scheduler.step(at(0), 0)).is_none());
    scheduler.on_node(Change::Added, Object::of(node("node-3", json!({}), json!({}))), at(1));
    assert_eq!(bind_of(&scheduler.step(at(1), 0)).unwrap().1, "node-3");
}

#[test]
fn ended_pod_should_make_room() {
    let mut scheduler = scheduler_for_the_book();
    for node in ["node-1", "node-2"] {
        add(&mut scheduler, bound(pod(node, json!({ "cpu": "2" }), json!({})), node), 0);
    }
    add(&mut scheduler, pod("web", json!({ "cpu": "2" }), json!({})), 0);
    assert!(bind_of(&scheduler.step(at(0), 0)).is_none());
    let mut ended = bound(pod("node-2", json!({ "cpu": "2" }), json!({})), "node-2");
    ended.status.as_mut().unwrap().phase = Some("Succeeded".into());
    scheduler.on_pod(Change::Modified, Object::of(ended), at(5));
    assert_eq!(bind_of(&scheduler.step(at(5), 0)).unwrap().1, "node-2");
}

#[test]
fn pod_being_deleted_should_not_be_scheduled() {
    let mut scheduler = scheduler_for_the_book();
    let mut web = pod("web", json!({}), json!({}));
    web.metadata.deletion_timestamp = Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(at(0)));
    add(&mut scheduler, web, 0);
    let actions = scheduler.step(at(0), 0);
    assert_eq!(kinds(&actions), ["FailedScheduling: skip schedule deleting pod: default/web"]);
}

/// One thing that happens in a random history.
#[derive(Clone, Debug)]
enum Happening {
    NodeAdded { index: u8, cores: u8, tainted: bool },
    NodeDeleted { index: u8 },
    PodAdded { index: u8, milli_cpu: u16, tolerant: bool },
    PodDeleted { index: u8 },
    BindAnswered { refused: bool },
    Time { seconds: u8 },
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        (0..4u8, 1..5u8, any::<bool>()).prop_map(|(index, cores, tainted)| Happening::NodeAdded {
            index,
            cores,
            tainted
        }),
        (0..4u8).prop_map(|index| Happening::NodeDeleted { index }),
        (0..12u8, 0..3000u16, any::<bool>()).prop_map(|(index, milli_cpu, tolerant)| Happening::PodAdded {
            index,
            milli_cpu,
            tolerant
        }),
        (0..12u8).prop_map(|index| Happening::PodDeleted { index }),
        any::<bool>().prop_map(|refused| Happening::BindAnswered { refused }),
        (0..20u8).prop_map(|seconds| Happening::Time { seconds }),
    ]
}

/// The cluster as the API server would know it, beside the scheduler that watches it.
#[derive(Default)]
struct Model {
    scheduler: Scheduler,
    nodes: BTreeMap<String, Node>,
    pods: BTreeMap<String, Pod>,
    binding: BTreeMap<String, String>,
    now: i64,
    created: u32,
}

impl Model {
    fn apply(&mut self, happening: Happening) {
        match happening {
            Happening::NodeAdded { index, cores, tainted } => self.add_node(index, cores, tainted),
            Happening::NodeDeleted { index } => {
                if let Some(node) = self.nodes.remove(&format!("n{index}")) {
                    self.scheduler.on_node(Change::Deleted, Object::of(node), at(self.now));
                }
            }
            Happening::PodAdded { index, milli_cpu, tolerant } => self.add_pod(index, milli_cpu, tolerant),
            Happening::PodDeleted { index } => {
                let name = format!("p{index}");
                self.binding.remove(&name);
                if let Some(pod) = self.pods.remove(&name) {
                    self.scheduler.on_pod(Change::Deleted, Object::of(pod), at(self.now));
                }
            }
            Happening::BindAnswered { refused } => self.answer(refused),
            Happening::Time { seconds } => self.now += i64::from(seconds),
        }
    }

    fn add_node(&mut self, index: u8, cores: u8, tainted: bool) {
        let name = format!("n{index}");
        if self.nodes.contains_key(&name) {
            return;
        }
        let taints = if tainted { json!([{ "key": "k", "effect": "NoSchedule" }]) } else { json!([]) };
        let size = json!({ "cpu": cores.to_string(), "memory": "1Gi", "pods": "3" });
        // A node that comes back finds its old pods gone, as after its removal upstream.
        for pod in self
            .pods
            .values_mut()
            .filter(|pod| pod.spec.as_ref().unwrap().node_name.as_deref() == Some(&name))
        {
            pod.status.as_mut().unwrap().phase = Some("Failed".into());
            self.scheduler.on_pod(Change::Modified, Object::of(pod.clone()), at(self.now));
        }
        if self.binding.values().any(|node| *node == name) {
            return;
        }
        let node = node_with(&name, json!({}), json!({ "taints": taints }), size);
        self.scheduler.on_node(Change::Added, Object::of(node.clone()), at(self.now));
        self.nodes.insert(name, node);
    }

    fn add_pod(&mut self, index: u8, milli_cpu: u16, tolerant: bool) {
        let name = format!("p{index}");
        if self.pods.contains_key(&name) {
            return;
        }
        let tolerations = if tolerant { json!([{ "operator": "Exists" }]) } else { json!([]) };
        let mut pod =
            pod(&name, json!({ "cpu": format!("{milli_cpu}m") }), json!({ "tolerations": tolerations }));
        self.created += 1;
        pod.metadata.uid = Some(format!("uid-{}", self.created));
        self.scheduler.on_pod(Change::Added, Object::of(pod.clone()), at(self.now));
        self.pods.insert(name, pod);
    }

    fn answer(&mut self, refused: bool) {
        let Some((name, node)) = self.binding.pop_first() else { return };
        let pod = self.pods[&name].clone();
        let uid = pod.metadata.uid.clone().unwrap();
        let reference = PodReference { namespace: "default".into(), name: name.clone(), uid };
        if refused {
            self.scheduler.on_bind_result(&reference, Err("refused".into()), at(self.now));
            return;
        }
        let pod = bound(pod, &node);
        self.scheduler.on_pod(Change::Modified, Object::of(pod.clone()), at(self.now));
        self.scheduler.on_bind_result(&reference, Ok(()), at(self.now));
        self.pods.insert(name, pod);
    }

    /// The cluster as it is once all bindings that were asked for are done.
    fn settled(&self) -> Snapshot {
        let nodes = self.nodes.values().cloned().map(Object::of);
        let pods = self.pods.iter().map(|(name, pod)| match self.binding.get(name) {
            Some(node) => Object::of(bound(pod.clone(), node)),
            None => Object::of(pod.clone()),
        });
        Snapshot::of(nodes.chain(pods))
    }

    fn step(&mut self, entropy: u64) {
        for action in self.scheduler.step(at(self.now), entropy) {
            let Action::Bind { pod, node } = action else { continue };
            let decision = schedule(&self.settled(), &self.pods[&pod.name], 0);
            let verdict = decision.nodes.into_iter().find(|each| each.node == node).map(|each| each.verdict);
            assert!(matches!(verdict, Some(Verdict::Feasible { .. })), "{pod:?} on {node}: {verdict:?}");
            self.binding.insert(pod.name, node);
        }
    }

    fn check(&self) {
        let settled = self.settled();
        for node in settled.nodes() {
            assert!(node.requested.get("cpu") <= node.allocatable.get("cpu"), "{} is overfull", node.name());
            assert!(node.pods().len() as i64 <= node.allowed_pods());
            let known = self.scheduler.snapshot().node(node.name()).unwrap();
            assert!(known.pods().eq(node.pods()), "the snapshot forgot or invented pods of {}", node.name());
            for (name, amount) in node.requested.iter() {
                assert_eq!(known.requested.get(name), amount);
            }
        }
        assert_eq!(self.scheduler.snapshot().nodes().len(), settled.nodes().len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_history_should_bind_a_pod_to_a_node_that_a_filter_refuses(
        history in prop::collection::vec((happening(), any::<u64>()), 1..60)
    ) {
        let mut model = Model::default();
        for (happening, entropy) in history {
            model.apply(happening);
            model.step(entropy);
            model.check();
        }
    }
}
