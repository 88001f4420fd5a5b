use k8s_openapi::api::core::v1::Event;
use serde_json::Value;

use super::*;
use crate::controllers::test_pump::{Pump, pod};

type Cluster = Pump<NodeLifecycleController>;

fn node(name: &str, zone: &str) -> Node {
    let condition = |type_: &str, status: &str| json!({ "type": type_, "status": status, "lastHeartbeatTime": "2023-11-14T22:13:20Z" });
    serde_json::from_value(json!({
        "metadata": { "name": name, "labels": { "topology.kubernetes.io/zone": zone } },
        "status": { "conditions": [condition("Ready", "True"), condition("DiskPressure", "False")] },
    }))
    .unwrap()
}

fn lease(name: &str) -> Lease {
    let metadata = json!({ "name": name, "namespace": LEASES });
    serde_json::from_value(
        json!({ "metadata": metadata, "spec": { "renewTime": "2023-11-14T22:13:20.000000Z" } }),
    )
    .unwrap()
}

fn cluster(nodes: &[(&str, &str)]) -> Cluster {
    let mut cluster = Pump::new(NodeLifecycleController::default());
    for (name, zone) in nodes {
        let node = node(name, zone);
        let status = serde_json::to_value(&node.status).unwrap();
        cluster.create(node);
        cluster.patch_status::<Node>("", name, status);
        cluster.create(lease(name));
    }
    cluster.run();
    cluster
}

/// Lets time go by in steps of the monitor's period, in which these nodes renew their leases.
fn pass(cluster: &mut Cluster, seconds: i64, alive: &[&str]) {
    for step in 0..seconds / 5 {
        cluster.advance(5);
        for name in alive {
            let before: Lease = cluster.get(LEASES, name).unwrap();
            let renewed = before.spec.unwrap().renew_time.unwrap().0 + SignedDuration::from_secs(5 + step);
            let renewed = k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime(renewed);
            cluster.merge::<Lease>(LEASES, name, json!({ "spec": { "renewTime": renewed } }));
        }
        cluster.run();
    }
}

fn ready(cluster: &Cluster, name: &str) -> (String, Option<String>) {
    let node: Node = cluster.get("", name).unwrap();
    let ready = health::condition(&node, "Ready").unwrap().clone();
    (ready.status, ready.reason)
}

fn taints(cluster: &Cluster, name: &str) -> Vec<String> {
    let node: Node = cluster.get("", name).unwrap();
    let taints = node.spec.and_then(|spec| spec.taints).unwrap_or_default();
    taints
        .iter()
        .map(|taint| format!("{}:{}", taint.key.trim_start_matches("node.kubernetes.io/"), taint.effect))
        .collect()
}

#[test]
fn silent_node_should_become_unknown_after_the_grace_period_and_not_before() {
    let mut cluster = cluster(&[("a", ""), ("b", "")]);
    let mut web = pod("default", "web", Some("a"));
    web.metadata.name = Some("web".into());
    cluster.create(web);
    let status: Value = json!({ "conditions": [{ "type": "Ready", "status": "True" }] });
    cluster.patch_status::<Pod>("default", "web", status);
    pass(&mut cluster, 40, &["b"]);
    assert_eq!(ready(&cluster, "a").0, "True");
    pass(&mut cluster, 5, &["b"]);
    assert_eq!(ready(&cluster, "a"), ("Unknown".to_owned(), Some("NodeStatusUnknown".to_owned())));
    assert_eq!(ready(&cluster, "b").0, "True");
    assert_eq!(taints(&cluster, "a"), ["unreachable:NoSchedule", "unreachable:NoExecute"]);
    let web: Pod = cluster.get("default", "web").unwrap();
    assert_eq!(web.status.unwrap().conditions.unwrap()[0].status, "False");
    let events = cluster.list::<Event>("default").into_iter().filter_map(|event| event.message);
    assert!(events.into_iter().any(|message| message == "Node a status is now: NodeNotReady"));
}

#[test]
fn node_that_returns_should_lose_its_taints() {
    let mut cluster = cluster(&[("a", ""), ("b", "")]);
    pass(&mut cluster, 60, &["b"]);
    assert_eq!(taints(&cluster, "a").len(), 2);
    let well = json!({ "conditions": [{ "type": "Ready", "status": "True", "lastHeartbeatTime": "2023-11-14T22:20:00Z" }] });
    cluster.patch_status::<Node>("", "a", well);
    pass(&mut cluster, 5, &["a", "b"]);
    assert!(taints(&cluster, "a").is_empty());
    pass(&mut cluster, 60, &["a", "b"]);
    assert_eq!(ready(&cluster, "a").0, "True");
}

#[test]
fn clock_that_is_put_forward_should_make_no_node_silent() {
    let mut cluster = cluster(&[("a", ""), ("b", "")]);
    cluster.advance(3600);
    cluster.run();
    assert_eq!((ready(&cluster, "a").0, ready(&cluster, "b").0), ("True".to_owned(), "True".to_owned()));
    pass(&mut cluster, 5, &["a"]);
    assert_eq!((ready(&cluster, "a").0, ready(&cluster, "b").0), ("True".to_owned(), "Unknown".to_owned()));
}

#[test]
fn nobody_should_be_evicted_where_no_node_is_well() {
    let mut cluster = cluster(&[("a", ""), ("b", "")]);
    pass(&mut cluster, 60, &[]);
    for name in ["a", "b"] {
        assert_eq!(ready(&cluster, name).0, "Unknown");
        assert_eq!(taints(&cluster, name), ["unreachable:NoSchedule"]);
    }
}

#[test]
fn nodes_of_a_zone_should_be_evicted_one_after_the_other() {
    let mut cluster = cluster(&[("a", "x"), ("b", "x"), ("c", "x"), ("d", "x"), ("e", "x")]);
    let evicted = |cluster: &Cluster| {
        let names = ["a", "b", "c", "d", "e"].into_iter();
        names.filter(|name| taints(cluster, name).contains(&"unreachable:NoExecute".to_owned())).count()
    };
    pass(&mut cluster, 45, &["c", "d", "e"]);
    assert_eq!(evicted(&cluster), 1);
    pass(&mut cluster, 5, &["c", "d", "e"]);
    assert_eq!(evicted(&cluster), 1);
    pass(&mut cluster, 10, &["c", "d", "e"]);
    assert_eq!(evicted(&cluster), 2);
}

#[test]
fn small_zone_that_is_mostly_down_should_evict_nobody() {
    let mut cluster = cluster(&[("a", ""), ("b", ""), ("c", ""), ("d", "")]);
    pass(&mut cluster, 60, &["d"]);
    for name in ["a", "b", "c"] {
        assert_eq!(taints(&cluster, name), ["unreachable:NoSchedule"]);
    }
}

#[test]
fn conditions_and_cordons_should_keep_new_pods_away() {
    let mut cluster = cluster(&[("a", ""), ("b", "")]);
    cluster.merge::<Node>(
        "",
        "a",
        json!({ "spec": { "unschedulable": true, "taints": [{ "key": "own", "effect": "NoSchedule" }] } }),
    );
    cluster.patch_status::<Node>(
        "",
        "a",
        json!({ "conditions": [{ "type": "DiskPressure", "status": "True" }] }),
    );
    pass(&mut cluster, 5, &["a", "b"]);
    assert_eq!(
        taints(&cluster, "a"),
        ["own:NoSchedule", "disk-pressure:NoSchedule", "unschedulable:NoSchedule"]
    );
    cluster.merge::<Node>("", "a", json!({ "spec": { "unschedulable": null } }));
    cluster.patch_status::<Node>(
        "",
        "a",
        json!({ "conditions": [{ "type": "DiskPressure", "status": "False" }] }),
    );
    pass(&mut cluster, 5, &["a", "b"]);
    assert_eq!(taints(&cluster, "a"), ["own:NoSchedule"]);
}
