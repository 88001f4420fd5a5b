//! Upstream's plugin tests, as tables.

use serde_json::{Value, json};

use crate::api::object::{Object, SharedObject};
use crate::scheduler::decision::{Detail, Verdict};
use crate::scheduler::fixtures::{bound, node, node_with, pod};
use crate::scheduler::{Decision, Snapshot, schedule};

fn decide(objects: Vec<SharedObject>, requests: Value, spec: Value) -> Decision {
    schedule(&Snapshot::of(objects), &pod("web", requests, spec), 0)
}

/// The reasons of the one node of the cluster, or none if it takes the pod.
fn reasons(decision: &Decision) -> Vec<&str> {
    match &decision.nodes[0].verdict {
        Verdict::Filtered { rejections, .. } => rejections.iter().map(|each| each.reason.as_str()).collect(),
        Verdict::Feasible { .. } => Vec::new(),
    }
}

fn scores(decision: &Decision, plugin: &str) -> Vec<i64> {
    let of_node = |verdict: &Verdict| match verdict {
        Verdict::Feasible { scores, .. } => {
            scores.iter().find(|score| score.plugin == plugin).map(|score| score.normalized)
        }
        Verdict::Filtered { .. } => None,
    };
    decision.nodes.iter().filter_map(|node| of_node(&node.verdict)).collect()
}

fn check_taint(taint: Value, tolerations: Value, passes: bool) {
    let objects = vec![Object::of(node("n", json!({}), json!({ "taints": [taint] })))];
    let decision = decide(objects, json!({}), json!({ "tolerations": tolerations }));
    let expected: &[&str] = if passes { &[] } else { &["node(s) had untolerated taint(s)"] };
    assert_eq!(reasons(&decision), expected, "{taint} {tolerations}");
}

#[test]
fn taint_toleration_should_refuse_what_is_not_tolerated() {
    let taint = json!({ "key": "dedicated", "value": "user1", "effect": "NoSchedule" });
    check_taint(taint.clone(), json!([]), false);
    check_taint(
        taint.clone(),
        json!([{ "key": "dedicated", "value": "user1", "effect": "NoSchedule" }]),
        true,
    );
    check_taint(taint.clone(), json!([{ "key": "dedicated", "operator": "Equal", "value": "user2" }]), false);
    check_taint(taint.clone(), json!([{ "key": "dedicated", "operator": "Exists" }]), true);
    check_taint(taint.clone(), json!([{ "operator": "Exists" }]), true);
    check_taint(
        taint.clone(),
        json!([{ "key": "dedicated", "operator": "Exists", "effect": "NoExecute" }]),
        false,
    );
    check_taint(taint, json!([{ "key": "other", "operator": "Exists" }]), false);
    check_taint(json!({ "key": "dedicated", "effect": "PreferNoSchedule" }), json!([]), true);
    check_taint(json!({ "key": "gone", "effect": "NoExecute" }), json!([]), false);
}

#[test]
fn taint_toleration_should_prefer_nodes_with_fewer_untolerated_soft_taints() {
    let soft = |key: &str| json!({ "key": key, "value": "v", "effect": "PreferNoSchedule" });
    let objects = vec![
        Object::of(node("a", json!({}), json!({}))),
        Object::of(node("b", json!({}), json!({ "taints": [soft("x")] }))),
        Object::of(node("c", json!({}), json!({ "taints": [soft("x"), soft("y")] }))),
    ];
    let none = decide(objects.clone(), json!({}), json!({}));
    assert_eq!(scores(&none, "TaintToleration"), [100, 50, 0]);
    let tolerant =
        decide(objects, json!({}), json!({ "tolerations": [{ "key": "x", "operator": "Exists" }] }));
    assert_eq!(scores(&tolerant, "TaintToleration"), [100, 100, 0]);
}

#[test]
fn node_unschedulable_should_refuse_cordoned_nodes_unless_tolerated() {
    let objects = vec![Object::of(node("n", json!({}), json!({ "unschedulable": true })))];
    assert_eq!(reasons(&decide(objects.clone(), json!({}), json!({}))), ["node(s) were unschedulable"]);
    let toleration =
        json!({ "key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule", "operator": "Exists" });
    assert!(reasons(&decide(objects, json!({}), json!({ "tolerations": [toleration] }))).is_empty());
}

#[test]
fn node_name_should_refuse_other_nodes() {
    let objects = vec![Object::of(node("n", json!({}), json!({})))];
    let refused = decide(objects.clone(), json!({}), json!({ "nodeName": "bar" }));
    assert_eq!(reasons(&refused), ["node(s) didn't match the requested node name"]);
    assert!(reasons(&decide(objects, json!({}), json!({ "nodeName": "n" }))).is_empty());
}

fn check_affinity(labels: Value, spec: Value, passes: bool) {
    let objects = vec![Object::of(node("n", labels.clone(), json!({})))];
    let decision = decide(objects, json!({}), spec.clone());
    assert_eq!(reasons(&decision).is_empty(), passes, "{labels} {spec}");
}

fn required(terms: Value) -> Value {
    let selector = json!({ "nodeSelectorTerms": terms });
    json!({ "affinity": { "nodeAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": selector } } })
}

fn expression(key: &str, operator: &str, values: &[&str]) -> Value {
    json!({ "matchExpressions": [{ "key": key, "operator": operator, "values": values }] })
}

#[test]
fn node_affinity_should_match_selectors_and_terms_as_upstream() {
    let selector = json!({ "nodeSelector": { "foo": "bar" } });
    check_affinity(json!({}), selector.clone(), false);
    check_affinity(json!({ "foo": "bar" }), selector.clone(), true);
    check_affinity(json!({ "foo": "bar", "baz": "blah" }), selector, true);
    let cases = [
        (json!({ "foo": "bar" }), "In", &["bar", "value2"][..], true),
        (json!({ "foo": "bar" }), "NotIn", &["bar"][..], false),
        (json!({}), "NotIn", &["bar"][..], true),
        (json!({ "foo": "0206" }), "Gt", &["0204"][..], true),
        (json!({ "foo": "0204" }), "Gt", &["0204"][..], false),
        (json!({ "foo": "3" }), "Lt", &["4"][..], true),
        (json!({ "foo": "many" }), "Lt", &["4"][..], false),
        (json!({ "foo": "3" }), "Gt", &["1", "2"][..], false),
        (json!({ "foo": "bar" }), "Exists", &[][..], true),
        (json!({}), "DoesNotExist", &[][..], true),
        (json!({ "foo": "bar" }), "Unknown", &["bar"][..], false),
    ];
    for (labels, operator, values, passes) in cases {
        check_affinity(labels, required(json!([expression("foo", operator, values)])), passes);
    }
    let foo = expression("foo", "In", &["bar"]);
    let never = expression("gpu", "Exists", &[]);
    check_affinity(json!({ "foo": "bar" }), required(json!([never, foo])), true);
    check_affinity(json!({ "foo": "bar" }), required(json!([])), false);
    check_affinity(json!({ "foo": "bar" }), required(json!([{}])), false);
    let both = json!({ "nodeSelector": { "foo": "bar" }, "affinity": required(json!([never]))["affinity"] });
    check_affinity(json!({ "foo": "bar" }), both, false);
}

#[test]
fn node_affinity_should_match_the_field_metadata_name() {
    let field = |operator: &str, value: &str| json!({ "matchFields": [{ "key": "metadata.name", "operator": operator, "values": [value] }] });
    check_affinity(json!({}), required(json!([field("In", "n")])), true);
    check_affinity(json!({}), required(json!([field("In", "m")])), false);
    check_affinity(json!({}), required(json!([field("NotIn", "m")])), true);
    check_affinity(
        json!({}),
        required(json!([field("In", "m"), expression("foo", "DoesNotExist", &[])])),
        true,
    );
    let objects = vec![Object::of(node("n", json!({}), json!({})))];
    let decision = decide(objects.clone(), json!({}), required(json!([field("In", "m")])));
    assert_eq!(reasons(&decision), ["node(s) didn't satisfy plugin(s) [NodeAffinity]"]);
    let conflict = json!({ "matchFields": [
        { "key": "metadata.name", "operator": "In", "values": ["n"] },
        { "key": "metadata.name", "operator": "In", "values": ["m"] },
    ] });
    assert_eq!(
        reasons(&decide(objects, json!({}), required(json!([conflict])))),
        ["pod affinity terms conflict"]
    );
}

#[test]
fn node_affinity_should_name_the_label_that_is_wanted_and_found() {
    let objects = vec![Object::of(node("n", json!({ "disk": "hdd" }), json!({})))];
    let decision = decide(objects, json!({}), json!({ "nodeSelector": { "disk": "ssd" } }));
    let Verdict::Filtered { rejections, .. } = &decision.nodes[0].verdict else { panic!("{decision:?}") };
    let expected =
        Detail::NodeSelector { key: "disk".into(), wanted: "ssd".into(), found: Some("hdd".into()) };
    assert_eq!(rejections[0].details, [expected]);
    assert_eq!(rejections[0].reason, "node(s) didn't match Pod's node affinity/selector");
}

#[test]
fn node_affinity_should_score_by_the_weights_of_preferred_terms() {
    let objects = vec![
        Object::of(node("a", json!({ "zone": "1", "disk": "ssd" }), json!({}))),
        Object::of(node("b", json!({ "disk": "ssd" }), json!({}))),
        Object::of(node("c", json!({}), json!({}))),
    ];
    let preferred = json!([
        { "weight": 3, "preference": expression("zone", "Exists", &[]) },
        { "weight": 1, "preference": expression("disk", "In", &["ssd"]) },
        { "weight": 9, "preference": {} },
    ]);
    let affinity =
        json!({ "nodeAffinity": { "preferredDuringSchedulingIgnoredDuringExecution": preferred } });
    let decision = decide(objects, json!({}), json!({ "affinity": affinity }));
    assert_eq!(scores(&decision, "NodeAffinity"), [100, 25, 0]);
}

#[test]
fn node_resources_fit_should_name_everything_that_is_missing() {
    let size = json!({ "cpu": "1", "memory": "1Gi", "pods": "1", "ephemeral-storage": "1Gi", "example.com/gpu": "1" });
    let objects = vec![
        Object::of(node_with("n", json!({}), json!({}), size)),
        Object::of(bound(
            pod("old", json!({ "cpu": "500m", "memory": "512Mi", "example.com/gpu": "1" }), json!({})),
            "n",
        )),
    ];
    let requests =
        json!({ "cpu": "600m", "memory": "600Mi", "ephemeral-storage": "2Gi", "example.com/gpu": "1" });
    assert_eq!(
        reasons(&decide(objects.clone(), requests, json!({}))),
        [
            "Too many pods",
            "Insufficient cpu",
            "Insufficient ephemeral-storage",
            "Insufficient example.com/gpu",
            "Insufficient memory"
        ]
    );
    assert_eq!(reasons(&decide(objects, json!({}), json!({}))), ["Too many pods"]);
}

#[test]
fn node_resources_fit_should_count_init_containers_and_sidecars_as_upstream() {
    let container = |name: &str, cpu: &str, restart: Option<&str>| json!({ "name": name, "resources": { "requests": { "cpu": cpu } }, "restartPolicy": restart });
    let cases = [
        (vec![("2", None), ("3", None)], "1", 3000),
        (vec![("1", Some("Always"))], "1", 2000),
        (vec![("1", Some("Always")), ("3", None)], "1", 4000),
        (vec![("3", None), ("1", Some("Always"))], "1", 3000),
    ];
    for (init, main, expected) in cases {
        let init: Vec<Value> = init.iter().map(|(cpu, restart)| container("i", cpu, *restart)).collect();
        let spec = json!({ "initContainers": init });
        let requests =
            crate::scheduler::resources::pod_requests(&pod("p", json!({ "cpu": main }), spec.clone()));
        assert_eq!(requests.get("cpu"), expected, "{spec}");
    }
}

#[test]
fn node_resources_fit_should_prefer_the_emptier_node() {
    let objects = vec![
        Object::of(node_with(
            "a",
            json!({}),
            json!({}),
            json!({ "cpu": "4", "memory": "10000", "pods": "9" }),
        )),
        Object::of(node_with(
            "b",
            json!({}),
            json!({}),
            json!({ "cpu": "6", "memory": "10000", "pods": "9" }),
        )),
    ];
    let decision = decide(objects, json!({ "cpu": "3", "memory": "5000" }), json!({}));
    assert_eq!(scores(&decision, "NodeResourcesFit"), [37, 50]);
}

#[test]
fn balanced_allocation_should_prefer_the_node_that_the_pod_balances() {
    let size = json!({ "cpu": "10", "memory": "10000", "pods": "9" });
    let objects = vec![
        Object::of(node_with("a", json!({}), json!({}), size.clone())),
        Object::of(node_with("b", json!({}), json!({}), size)),
        Object::of(bound(pod("old", json!({ "memory": "4000" }), json!({})), "b")),
    ];
    let decision = decide(objects.clone(), json!({ "cpu": "4", "memory": "0" }), json!({}));
    assert_eq!(scores(&decision, "NodeResourcesBalancedAllocation"), [65, 85]);
    assert!(scores(&decide(objects, json!({}), json!({})), "NodeResourcesBalancedAllocation").is_empty());
}

fn port(host_ip: &str, protocol: &str, host_port: i32) -> Value {
    let port = json!({ "containerPort": 80, "hostPort": host_port, "hostIP": host_ip, "protocol": protocol });
    json!({ "containers": [{ "name": "c", "image": "nginx", "ports": [port] }] })
}

#[test]
fn node_ports_should_refuse_taken_ports() {
    let cases = [
        (("127.0.0.1", "UDP", 8080), ("127.0.0.1", "UDP", 8080), false),
        (("127.0.0.1", "UDP", 8080), ("127.0.0.1", "TCP", 8080), true),
        (("127.0.0.1", "TCP", 8080), ("127.0.0.2", "TCP", 8080), true),
        (("127.0.0.1", "TCP", 8080), ("0.0.0.0", "TCP", 8080), false),
        (("", "TCP", 8080), ("10.0.0.1", "", 8080), false),
        (("127.0.0.1", "TCP", 8080), ("127.0.0.1", "TCP", 8081), true),
    ];
    for (taken, wanted, passes) in cases {
        let old = bound(pod("old", json!({}), port(taken.0, taken.1, taken.2)), "n");
        let objects = vec![Object::of(node("n", json!({}), json!({}))), Object::of(old)];
        let decision = decide(objects, json!({}), port(wanted.0, wanted.1, wanted.2));
        let expected: &[&str] =
            if passes { &[] } else { &["node(s) didn't have free ports for the requested pod ports"] };
        assert_eq!(reasons(&decision), expected, "{taken:?} {wanted:?}");
    }
}

#[test]
fn image_locality_should_prefer_the_node_that_has_the_image() {
    let with_image = |name: &str, image: &str, mebibytes: i64| {
        let mut node = node(name, json!({}), json!({}));
        let image = json!({ "names": [image], "sizeBytes": mebibytes * 1024 * 1024 });
        node.status.as_mut().unwrap().images = Some(vec![serde_json::from_value(image).unwrap()]);
        Object::of(node)
    };
    let objects = vec![
        with_image("a", "nginx:latest", 1000),
        with_image("b", "nginx:latest", 4000),
        with_image("c", "nginx:1.29", 1000),
        with_image("d", "busybox:latest", 10),
    ];
    let decision = decide(objects, json!({}), json!({}));
    assert_eq!(scores(&decision, "ImageLocality"), [48, 100, 0, 0]);
}
