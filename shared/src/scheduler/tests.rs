//! Whole decisions.

use serde_json::json;

use super::decision::{Detail, Verdict};
use super::fixtures::{book_cluster, bound, pod};
use super::{Decision, Outcome, Snapshot, schedule};
use crate::api::object::Object;

fn message(decision: &Decision) -> &str {
    match &decision.outcome {
        Outcome::Unschedulable { message, .. } => message,
        Outcome::Bound { node } => panic!("bound to {node}"),
    }
}

#[test]
fn decision_should_say_upstreams_sentence_for_the_books_cluster() {
    let mut objects = book_cluster("2");
    for node in ["node-1", "node-2"] {
        objects
            .push(Object::of(bound(pod(&format!("old-{node}"), json!({ "cpu": "1500m" }), json!({})), node)));
    }
    let decision = schedule(&Snapshot::of(objects), &pod("web", json!({ "cpu": "1" }), json!({})), 0);
    assert_eq!(
        message(&decision),
        "0/3 nodes are available: 1 node(s) had untolerated taint(s), 2 Insufficient cpu. no new claims to \
         deallocate, preemption: 0/3 nodes are available: 1 Preemption is not helpful for scheduling, 2 No \
         preemption victims found for incoming pod."
    );
    let Verdict::Filtered { plugin, rejections } = &decision.nodes[1].verdict else { panic!("{decision:?}") };
    assert_eq!(plugin, "NodeResourcesFit");
    let expected = Detail::Resource {
        resource: "cpu".into(),
        requested: "1".into(),
        free: "500m".into(),
        used: "1500m".into(),
        allocatable: "2".into(),
    };
    assert_eq!(rejections[0].details, [expected]);
}

#[test]
fn preemption_should_not_help_a_pod_that_is_larger_than_any_node() {
    let snapshot = Snapshot::of(book_cluster("2"));
    let decision = schedule(&snapshot, &pod("web", json!({ "cpu": "64" }), json!({})), 0);
    assert!(
        message(&decision)
            .ends_with("preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.")
    );
}

#[test]
fn pod_should_be_unschedulable_in_a_cluster_without_nodes() {
    let decision = schedule(&Snapshot::default(), &pod("web", json!({}), json!({})), 0);
    assert_eq!(message(&decision), "no nodes available to schedule pods");
}

#[test]
fn ties_should_be_broken_by_the_given_entropy_in_order_of_name() {
    let snapshot = Snapshot::of(book_cluster("2"));
    for (entropy, expected) in [(0, "node-1"), (1, "node-2"), (2, "node-1"), (u64::MAX, "node-2")] {
        let decision = schedule(&snapshot, &pod("web", json!({}), json!({})), entropy);
        assert_eq!(decision.tied, ["node-1", "node-2"]);
        assert_eq!(decision.outcome, Outcome::Bound { node: expected.into() });
    }
}

#[test]
fn decision_should_survive_its_own_json() {
    let snapshot = Snapshot::of(book_cluster("2"));
    for requests in [json!({}), json!({ "cpu": "3" })] {
        let decision = schedule(&snapshot, &pod("web", requests, json!({})), 7);
        let text = serde_json::to_string(&decision).unwrap();
        assert_eq!(serde_json::from_str::<Decision>(&text).unwrap(), decision);
    }
}
