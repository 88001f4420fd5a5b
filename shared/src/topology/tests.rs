//! The picture stays still while pods come and go.

use k8s_openapi::api::core::v1::{Node, Pod, Service};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::pod_status::{PodColumns, pod_columns};
use super::{Item, Metrics, Objects, PodState, Topology, layout};

fn node(name: &str, labels: Value) -> Node {
    let status = json!({
        "allocatable": { "cpu": "4", "memory": "8Gi", "pods": "110" },
        "conditions": [{ "type": "Ready", "status": "True" }],
    });
    parse(json!({ "metadata": { "name": name, "labels": labels }, "status": status }))
}

fn pod(name: &str, node: Option<&str>, owner: Option<&str>) -> Pod {
    let owners: Vec<Value> = owner
        .iter()
        .map(|uid| json!({ "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": uid, "uid": uid, "controller": true }))
        .collect();
    let requests = json!({ "requests": { "cpu": "500m", "memory": "1Gi" } });
    parse(json!({
        "metadata": { "namespace": "default", "name": name, "uid": name, "ownerReferences": owners, "labels": { "app": "web" } },
        "spec": { "nodeName": node, "containers": [{ "name": "c", "resources": requests }] },
        "status": { "phase": "Pending" },
    }))
}

fn parse<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

fn next(old: &Topology, nodes: &[Node], pods: &[Pod], stack_above: usize) -> Topology {
    let (nodes, pods): (Vec<&Node>, Vec<&Pod>) = (nodes.iter().collect(), pods.iter().collect());
    old.next(&Objects { nodes: &nodes, pods: &pods, services: &[], stack_above })
}

fn names(slots: &[Option<Item>]) -> Vec<String> {
    let name = |item: &Item| format!("{}×{}", item.pods[0].name, item.count());
    slots.iter().map(|slot| slot.as_ref().map_or_else(|| "-".to_owned(), name)).collect()
}

#[test]
fn static_pods_of_a_node_should_not_be_stacked_since_each_is_another() {
    let mut pods = ["etcd", "kube-apiserver", "kube-proxy"].map(|name| pod(name, Some("n"), Some("n")));
    for pod in &mut pods {
        pod.metadata.owner_references.as_mut().unwrap()[0].kind = "Node".into();
    }
    let nodes = [parse::<Node>(json!({ "metadata": { "name": "n", "uid": "n" } }))];
    let topology = next(&Topology::default(), &nodes, &pods, 2);
    assert_eq!(names(&topology.nodes[0].slots), ["etcd×1", "kube-apiserver×1", "kube-proxy×1"]);
}

fn check_columns(
    spec: Value,
    status: Value,
    metadata: Value,
    ready: (usize, usize),
    word: &str,
    state: PodState,
) {
    let pod: Pod = parse(json!({ "metadata": metadata, "spec": spec, "status": status.clone() }));
    let columns = pod_columns(&pod);
    assert_eq!((columns.ready, columns.total, columns.status.as_str()), (ready.0, ready.1, word), "{status}");
    assert_eq!(PodState::of(&columns), state, "{status}");
}

fn container(state: Value, ready: bool) -> Value {
    json!({ "name": "c", "image": "", "imageID": "", "ready": ready, "restartCount": 0, "state": state })
}

fn check_container(phase: &str, state: Value, ready: bool, word: &str, expected: PodState) {
    let status = json!({ "phase": phase, "containerStatuses": [container(state, ready)] });
    let spec = json!({ "containers": [{ "name": "c" }] });
    check_columns(spec, status, json!({}), (usize::from(ready), 1), word, expected);
}

#[test]
fn pod_state_should_follow_the_status_column() {
    let waiting = |reason: &str| json!({ "waiting": { "reason": reason } });
    let ended = |code: i32, reason: &str| json!({ "terminated": { "exitCode": code, "reason": reason } });
    let running = json!({ "running": {} });
    let cases = [
        ("Pending", waiting("ContainerCreating"), false, "ContainerCreating", PodState::ContainerCreating),
        ("Pending", waiting("ErrImagePull"), false, "ErrImagePull", PodState::ImagePullBackOff),
        ("Pending", waiting("ImagePullBackOff"), false, "ImagePullBackOff", PodState::ImagePullBackOff),
        ("Running", waiting("CrashLoopBackOff"), false, "CrashLoopBackOff", PodState::CrashLoop),
        (
            "Pending",
            waiting("CreateContainerConfigError"),
            false,
            "CreateContainerConfigError",
            PodState::Failed,
        ),
        ("Running", running.clone(), true, "Running", PodState::Running),
        ("Running", running, false, "Running", PodState::NotReady),
        ("Succeeded", ended(0, "Completed"), false, "Completed", PodState::Succeeded),
        ("Failed", ended(1, "Error"), false, "Error", PodState::Failed),
        ("Failed", ended(137, "OOMKilled"), false, "OOMKilled", PodState::Failed),
        ("Failed", ended(3, ""), false, "ExitCode:3", PodState::Failed),
    ];
    for (phase, state, ready, word, expected) in cases {
        check_container(phase, state, ready, word, expected);
    }
}

#[test]
fn pod_with_a_container_that_failed_should_not_look_completed() {
    let spec = json!({ "containers": [{ "name": "done" }, { "name": "failed" }] });
    let ended = |name: &str, code: i32, reason: &str| {
        json!({
            "name": name, "image": "", "imageID": "", "ready": false, "restartCount": 0,
            "state": { "terminated": { "exitCode": code, "reason": reason } },
        })
    };
    let statuses = [ended("done", 0, "Completed"), ended("failed", 1, "Error")];
    let status = json!({ "phase": "Failed", "containerStatuses": statuses });
    check_columns(spec, status, json!({}), (0, 2), "Error", PodState::Failed);
}

#[test]
fn pod_status_should_read_phase_reason_gates_and_deletion() {
    let spec = json!({ "containers": [{ "name": "c" }] });
    let deleted = json!({ "deletionTimestamp": "2026-01-01T00:00:00Z" });
    let gated = json!({ "phase": "Pending", "conditions": [
        { "type": "PodScheduled", "status": "False", "reason": "SchedulingGated" }
    ] });
    let cases = [
        (json!({ "phase": "Pending" }), json!({}), "Pending", PodState::Pending),
        (gated, json!({}), "SchedulingGated", PodState::Pending),
        (json!({ "phase": "Failed", "reason": "Evicted" }), json!({}), "Evicted", PodState::Failed),
        (json!({ "phase": "Running" }), deleted.clone(), "Terminating", PodState::Terminating),
        (json!({ "phase": "Running", "reason": "NodeLost" }), deleted.clone(), "Unknown", PodState::Unknown),
        (json!({ "phase": "Succeeded" }), deleted, "Succeeded", PodState::Succeeded),
    ];
    for (status, metadata, word, state) in cases {
        check_columns(spec.clone(), status, metadata, (0, 1), word, state);
    }
}

#[test]
fn pod_status_should_count_init_containers_and_sidecars() {
    let spec = json!({
        "initContainers": [{ "name": "a" }, { "name": "s", "restartPolicy": "Always" }, { "name": "b" }],
        "containers": [{ "name": "c" }],
    });
    let init = |name: &str, state: Value, started: bool| json!({ "name": name, "image": "", "imageID": "", "ready": started, "restartCount": 1, "started": started, "state": state });
    let done = json!({ "terminated": { "exitCode": 0, "reason": "Completed" } });
    let failed = json!({ "terminated": { "exitCode": 1, "reason": "Error" } });
    let first = json!([init("a", json!({ "running": {} }), false)]);
    let third = json!([
        init("a", done.clone(), false),
        init("s", json!({ "running": {} }), true),
        init("b", json!({ "waiting": { "reason": "PodInitializing" } }), false),
    ]);
    let cases = [
        (first, (0, 2), "Init:0/3", PodState::ContainerCreating),
        (third, (1, 2), "Init:2/3", PodState::ContainerCreating),
        (json!([init("a", failed, false)]), (0, 2), "Init:Error", PodState::Failed),
        (
            json!([init("a", json!({ "waiting": { "reason": "CrashLoopBackOff" } }), false)]),
            (0, 2),
            "Init:CrashLoopBackOff",
            PodState::CrashLoop,
        ),
    ];
    for (statuses, ready, word, state) in cases {
        check_columns(
            spec.clone(),
            json!({ "phase": "Pending", "initContainerStatuses": statuses }),
            json!({}),
            ready,
            word,
            state,
        );
    }
}

#[test]
fn ended_container_beside_a_running_one_should_not_look_ended() {
    let spec = json!({ "containers": [{ "name": "c" }, { "name": "d" }] });
    let ended = container(json!({ "terminated": { "exitCode": 0, "reason": "Completed" } }), false);
    let statuses = json!([ended, container(json!({ "running": {} }), true)]);
    let status = |ready: &str| json!({ "phase": "Running", "containerStatuses": statuses, "conditions": [{ "type": "Ready", "status": ready }] });
    check_columns(spec.clone(), status("False"), json!({}), (1, 2), "NotReady", PodState::NotReady);
    check_columns(spec, status("True"), json!({}), (1, 2), "Running", PodState::NotReady);
    assert_eq!(PodState::of(&PodColumns::default()), PodState::Pending);
}

#[test]
fn nodes_should_stand_control_plane_first_and_then_by_number() {
    let master = node("z", json!({ "node-role.kubernetes.io/control-plane": "" }));
    let nodes = [node("node-10", json!({})), node("node-2", json!({})), master, node("node-1", json!({}))];
    let topology = next(&Topology::default(), &nodes, &[pod("a", Some("node-1"), None)], 9);
    let order: Vec<&str> = topology.nodes.iter().map(|node| node.name.as_str()).collect();
    assert_eq!(order, ["z", "node-1", "node-2", "node-10"]);
    let first = &topology.nodes[1];
    assert_eq!((first.cpu.requested, first.cpu.allocatable, first.pods.requested), (500, 4000, 1));
    assert_eq!(first.memory.fraction(), 0.125);
}

#[test]
fn pods_should_keep_their_slots_and_new_ones_take_the_first_free() {
    let nodes = [node("n", json!({}))];
    let on_node =
        |names: &[&str]| -> Vec<Pod> { names.iter().map(|name| pod(name, Some("n"), None)).collect() };
    let first = next(&Topology::default(), &nodes, &on_node(&["a", "b", "c"]), 9);
    assert_eq!(names(&first.nodes[0].slots), ["a×1", "b×1", "c×1"]);
    let second = next(&first, &nodes, &on_node(&["a", "c"]), 9);
    assert_eq!(names(&second.nodes[0].slots), ["a×1", "-", "c×1"]);
    let third = next(&second, &nodes, &on_node(&["a", "aa", "c", "d"]), 9);
    assert_eq!(names(&third.nodes[0].slots), ["a×1", "aa×1", "c×1", "d×1"]);
}

#[test]
fn pod_should_wait_with_its_reason_until_it_has_a_node() {
    let nodes = [node("n", json!({}))];
    let mut waiting = pod("a", None, None);
    let condition =
        json!({ "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1" });
    waiting.status.as_mut().unwrap().conditions = Some(vec![parse(condition)]);
    let lost = pod("b", Some("gone"), None);
    let first = next(&Topology::default(), &nodes, &[waiting, lost], 9);
    assert_eq!(names(&first.waiting), ["a×1", "b×1"]);
    let reason = first.waiting[0].as_ref().unwrap().pods[0].waiting.clone().unwrap();
    assert_eq!((reason.reason.as_str(), reason.message.as_str()), ("Unschedulable", "0/1"));
    let second = next(&first, &nodes, &[pod("a", Some("n"), None)], 9);
    assert_eq!((names(&second.waiting), names(&second.nodes[0].slots)), (vec![], vec!["a×1".to_owned()]));
}

#[test]
fn equal_pods_should_stack_in_the_place_of_the_first_and_unstack_again() {
    let nodes = [node("n", json!({}))];
    let owned = |count: usize| -> Vec<Pod> {
        let mut pods = vec![pod("a", Some("n"), None)];
        pods.extend((0..count).map(|index| pod(&format!("web-{index}"), Some("n"), Some("rs"))));
        pods.push(pod("z", Some("n"), None));
        pods
    };
    let first = next(&Topology::default(), &nodes, &owned(2), 2);
    assert_eq!(names(&first.nodes[0].slots), ["a×1", "web-0×1", "web-1×1", "z×1"]);
    let second = next(&first, &nodes, &owned(3), 2);
    assert_eq!(names(&second.nodes[0].slots), ["a×1", "web-0×3", "-", "z×1"]);
    assert_eq!(second.nodes[0].slots[1].as_ref().unwrap().states(), [(PodState::Pending, 3)].into());
    let third = next(&second, &nodes, &owned(2), 2);
    assert_eq!(names(&third.nodes[0].slots), ["a×1", "web-0×1", "web-1×1", "z×1"]);
}

#[test]
fn service_should_be_joined_to_the_pods_that_it_selects() {
    let service = |selector: Value| -> Service {
        parse(
            json!({ "metadata": { "namespace": "default", "name": "s" }, "spec": { "selector": selector } }),
        )
    };
    let (a, b) = (pod("a", None, None), pod("b", None, None));
    for (selector, expected) in [(json!({ "app": "web" }), 2), (json!({ "app": "db" }), 0), (Value::Null, 0)]
    {
        let service = service(selector);
        let objects = Objects { pods: &[&a, &b], services: &[&service], ..Objects::default() };
        assert_eq!(Topology::default().next(&objects).services[0].pods.len(), expected);
    }
}

#[test]
fn narrow_pages_should_have_one_column_and_wide_ones_several() {
    let nodes = [node("a", json!({})), node("b", json!({})), node("c", json!({}))];
    let topology = next(&Topology::default(), &nodes, &[], 9);
    let columns = |width: f64| {
        let placed = layout(&topology, width, &Metrics::default());
        placed.nodes.iter().filter(|node| node.rect.y == 0.0).count()
    };
    assert_eq!([390.0, 700.0, 1440.0].map(columns), [1, 2, 3]);
}

proptest! {
    #[test]
    fn boxes_should_hold_their_pods_and_never_overlap(
        width in 200.0..2000.0f64,
        node_count in 0..8usize,
        pod_places in prop::collection::vec(0..9usize, 0..60),
    ) {
        let nodes: Vec<Node> = (0..node_count).map(|index| node(&format!("n-{index}"), json!({}))).collect();
        let place = |place: usize| (place < node_count).then(|| format!("n-{place}"));
        let pods: Vec<Pod> =
            pod_places.iter().enumerate().map(|(index, at)| pod(&format!("p{index}"), place(*at).as_deref(), None)).collect();
        let placed = layout(&next(&Topology::default(), &nodes, &pods, 99), width, &Metrics::default());
        let mut boxes = placed.nodes.clone();
        boxes.push(placed.waiting.clone());
        prop_assert_eq!(boxes.iter().map(|each| each.items.len()).sum::<usize>(), pods.len());
        let page = super::Rect { width, height: placed.height, ..super::Rect::default() };
        for (index, each) in boxes.iter().enumerate() {
            prop_assert!(page.contains(&each.rect));
            prop_assert!(boxes[index + 1..].iter().all(|other| !each.rect.overlaps(&other.rect)));
            for (at, (_, rect)) in each.items.iter().enumerate() {
                prop_assert!(each.rect.contains(rect));
                prop_assert!(each.items[at + 1..].iter().all(|(_, other)| !rect.overlaps(other)));
            }
        }
    }
}
