//! Pods with claims: which nodes they may have, and in which order things are written.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim, Pod};
use k8s_openapi::api::storage::v1::StorageClass;
use serde_json::{Value, json};

use super::fixtures::{bound, node, pod};
use super::{Action, Change, ClaimWrite, Outcome, Scheduler, schedule};
use crate::api::object::{ApiObject, Object};
use crate::persistent_volume::provisioning::standard_class;

fn at(seconds: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds)
}

fn user(name: &str, claim: &str) -> Pod {
    pod(
        name,
        json!({}),
        json!({ "volumes": [{ "name": "v", "persistentVolumeClaim": { "claimName": claim } }] }),
    )
}

/// A claim, and what more there is of it.
fn claim(name: &str, class: &str, more: &Value) -> PersistentVolumeClaim {
    let mut whole = json!({
        "metadata": { "namespace": "default", "name": name, "uid": name },
        "spec": {
            "accessModes": ["ReadWriteOnce"], "storageClassName": class,
            "resources": { "requests": { "storage": "1Gi" } },
        },
        "status": { "phase": "Pending" },
    });
    merge(&mut whole, more);
    serde_json::from_value(whole).unwrap()
}

fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            from.iter().for_each(|(name, value)| merge(into.entry(name).or_insert(Value::Null), value));
        }
        (into, from) => *into = from.clone(),
    }
}

/// What makes a claim a bound one.
fn on(volume: &str) -> Value {
    json!({
        "metadata": { "annotations": { "pv.kubernetes.io/bind-completed": "yes" } },
        "spec": { "volumeName": volume },
        "status": { "phase": "Bound" },
    })
}

fn local(name: &str, node: &str, class: &str) -> PersistentVolume {
    serde_json::from_value(json!({
        "metadata": { "name": name },
        "spec": {
            "accessModes": ["ReadWriteOnce"], "capacity": { "storage": "1Gi" }, "storageClassName": class,
            "local": { "path": "/v" },
            "nodeAffinity": { "required": { "nodeSelectorTerms": [{ "matchFields": [
                { "key": "metadata.name", "operator": "In", "values": [node] },
            ]}]}},
        },
        "status": { "phase": "Available" },
    }))
    .unwrap()
}

fn class(name: &str, provisioner: &str) -> StorageClass {
    StorageClass {
        provisioner: provisioner.to_owned(),
        metadata: k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta {
            name: Some(name.to_owned()),
            ..Default::default()
        },
        ..standard_class()
    }
}

fn tell(scheduler: &mut Scheduler, object: impl ApiObject) {
    scheduler.on_storage(Change::Added, &Object::of(object), at(0));
}

fn world() -> Scheduler {
    let mut scheduler = Scheduler::new();
    for name in ["node-1", "node-2"] {
        scheduler.on_node(Change::Added, Object::of(node(name, json!({}), json!({}))), at(0));
    }
    tell(&mut scheduler, standard_class());
    tell(&mut scheduler, class("static", "kubernetes.io/no-provisioner"));
    scheduler
}

/// The node, or the reason why there is none.
fn decided(scheduler: &Scheduler, pod: &Pod) -> String {
    match schedule(scheduler.snapshot(), pod, 0).outcome {
        Outcome::Bound { node } => node,
        Outcome::Unschedulable { message, .. } => {
            let reasons = message.split(" no new").next().unwrap_or_default();
            reasons.trim_start_matches("0/2 nodes are available: ").to_owned()
        }
    }
}

#[test]
fn pod_should_go_where_its_claims_can_be_mounted() {
    let bind = "2 node(s) didn't find available persistent volumes to bind.";
    let table = [
        ("absent", None, "persistentvolumeclaim \"absent\" not found."),
        ("c", Some(claim("c", "", &json!({}))), "pod has unbound immediate PersistentVolumeClaims."),
        ("c", Some(claim("c", "static", &json!({ "metadata": { "name": "c" } }))), "node-2"),
        (
            "c",
            Some(claim(
                "c",
                "static",
                &json!({ "spec": { "resources": { "requests": { "storage": "2Gi" } } } }),
            )),
            bind,
        ),
        ("c", Some(claim("c", "standard", &json!({}))), "node-1"),
        (
            "c",
            Some(claim(
                "c",
                "standard",
                &json!({ "metadata": { "annotations": { "volume.kubernetes.io/selected-node": "node-2" } } }),
            )),
            "node-2",
        ),
        ("c", Some(claim("c", "x", &on("bound"))), "node-2"),
        ("c", Some(claim("c", "x", &on("far"))), "2 node(s) didn't match PersistentVolume's node affinity."),
        (
            "c",
            Some(claim("c", "x", &on("gone"))),
            "2 node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s).",
        ),
        (
            "c",
            Some(claim("c", "x", &json!({ "spec": { "volumeName": "v" }, "status": { "phase": "Lost" } }))),
            "persistentvolumeclaim \"c\" bound to non-existent persistentvolume \"v\".",
        ),
        (
            "c",
            Some(claim(
                "c",
                "standard",
                &json!({ "metadata": { "deletionTimestamp": "2026-01-01T00:00:00Z" } }),
            )),
            "persistentvolumeclaim \"c\" is being deleted.",
        ),
    ];
    for (name, found, expected) in table {
        let mut scheduler = world();
        tell(&mut scheduler, local("free", "node-2", "static"));
        tell(&mut scheduler, local("bound", "node-2", "x"));
        tell(&mut scheduler, local("far", "elsewhere", "x"));
        let shown = format!("{found:?}");
        found.into_iter().for_each(|claim| tell(&mut scheduler, claim));
        assert_eq!(decided(&scheduler, &user("p", name)), expected, "{shown}");
    }
}

#[test]
fn claim_for_one_pod_should_not_be_shared() {
    let mut scheduler = world();
    tell(&mut scheduler, local("bound", "node-1", "x"));
    let modes = json!({ "spec": { "accessModes": ["ReadWriteOncePod"] } });
    let mut alone = on("bound");
    merge(&mut alone, &modes);
    tell(&mut scheduler, claim("c", "x", &alone));
    assert_eq!(decided(&scheduler, &user("b", "c")), "node-1");
    scheduler.on_pod(Change::Added, Object::of(bound(user("a", "c"), "node-1")), at(0));
    assert_eq!(
        decided(&scheduler, &user("b", "c")),
        "2 node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode."
    );
}

fn writes(actions: &[Action]) -> Vec<ClaimWrite> {
    let of = |action: &Action| match action {
        Action::BindVolumes { writes, .. } => writes.clone(),
        _ => Vec::new(),
    };
    actions.iter().flat_map(of).collect()
}

fn binds(actions: &[Action]) -> Vec<&str> {
    let of = |action: &'_ Action| matches!(action, Action::Bind { .. });
    actions
        .iter()
        .filter(|action| of(action))
        .filter_map(|action| match action {
            Action::Bind { node, .. } => Some(node.as_str()),
            _ => None,
        })
        .collect()
}

#[test]
fn pod_should_be_bound_once_its_claim_is() {
    let mut scheduler = world();
    tell(&mut scheduler, claim("c", "standard", &json!({})));
    scheduler.on_pod(Change::Added, Object::of(user("p", "c")), at(0));
    let actions = scheduler.step(at(0), 0);
    let found = writes(&actions);
    let [ClaimWrite::Provision { claim: name, node }] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(name, "c");
    assert!(binds(&actions).is_empty());
    let chosen = json!({ "metadata": { "annotations": { "volume.kubernetes.io/selected-node": node } } });
    tell(&mut scheduler, claim("c", "standard", &chosen));
    assert!(scheduler.step(at(1), 0).is_empty());
    tell(&mut scheduler, claim("c", "standard", &on("made")));
    assert_eq!(binds(&scheduler.step(at(2), 0)), [node]);
}

#[test]
fn pod_should_look_for_another_node_when_the_volume_cannot_be_made() {
    let mut scheduler = world();
    tell(&mut scheduler, claim("c", "standard", &json!({})));
    scheduler.on_pod(Change::Added, Object::of(user("p", "c")), at(0));
    scheduler.step(at(0), 0);
    let chosen = json!({ "metadata": { "annotations": { "volume.kubernetes.io/selected-node": "node-1" } } });
    tell(&mut scheduler, claim("c", "standard", &chosen));
    tell(&mut scheduler, claim("c", "standard", &json!({})));
    let failed = scheduler.step(at(0), 0).into_iter().find_map(|action| match action {
        Action::Event { message, .. } => Some(message),
        _ => None,
    });
    let expected = "running PreBind plugin \"VolumeBinding\": provisioning failed for PVC";
    assert_eq!(failed.as_deref(), Some(expected));
    assert_eq!(writes(&scheduler.step(at(5), 1)).len(), 1, "it is tried again");
}

#[test]
fn volume_that_is_chosen_should_not_be_chosen_twice() {
    let mut scheduler = world();
    tell(&mut scheduler, local("one", "node-1", "static"));
    for name in ["a", "b"] {
        tell(&mut scheduler, claim(name, "static", &json!({})));
        scheduler.on_pod(Change::Added, Object::of(user(name, name)), at(0));
    }
    let actions = scheduler.step(at(0), 0);
    assert_eq!(writes(&actions), [ClaimWrite::Keep { claim: "a".into(), volume: "one".into() }]);
    tell(&mut scheduler, local("two", "node-2", "static"));
    assert_eq!(
        writes(&scheduler.step(at(2), 0)),
        [ClaimWrite::Keep { claim: "b".into(), volume: "two".into() }],
        "a new volume brings the pod back"
    );
}
