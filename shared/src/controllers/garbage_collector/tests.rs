use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::*;
use crate::controllers::deployment::DeploymentController;
use crate::controllers::replica_set::ReplicaSetController;
use crate::controllers::test_pump::{Pump, Together};

fn pump() -> Pump<GarbageCollector> {
    Pump::new(GarbageCollector::default())
}

fn owner(name: &str, uid: &str, blocks: bool) -> OwnerReference {
    OwnerReference {
        api_version: "v1".into(),
        kind: "ConfigMap".into(),
        name: name.into(),
        uid: uid.into(),
        block_owner_deletion: Some(blocks),
        controller: None,
    }
}

fn uid(pump: &Pump<GarbageCollector>, name: &str) -> String {
    pump.get::<ConfigMap>("default", name).unwrap().metadata.uid.unwrap()
}

fn create(pump: &Pump<GarbageCollector>, name: &str, owners: &[(&str, bool)]) {
    let owners: Vec<_> = owners.iter().map(|(name, blocks)| owner(name, &uid(pump, name), *blocks)).collect();
    let metadata = ObjectMeta {
        name: Some(name.into()),
        namespace: Some("default".into()),
        owner_references: Some(owners).filter(|owners| !owners.is_empty()),
        ..ObjectMeta::default()
    };
    pump.create(ConfigMap { metadata, ..ConfigMap::default() });
}

fn names(pump: &Pump<GarbageCollector>) -> Vec<String> {
    let all = pump.list::<ConfigMap>("default").into_iter();
    all.filter_map(|map| map.metadata.name).filter(|name| name != "kube-root-ca.crt").collect()
}

#[test]
fn dependents_should_go_after_their_last_owner() {
    let mut pump = pump();
    create(&pump, "a", &[]);
    create(&pump, "b", &[]);
    create(&pump, "child", &[("a", true), ("b", true)]);
    create(&pump, "grandchild", &[("child", true)]);
    pump.run();
    pump.delete::<ConfigMap>("default", "a");
    pump.run();
    assert_eq!(names(&pump), ["b", "child", "grandchild"]);
    let child: ConfigMap = pump.get("default", "child").unwrap();
    assert_eq!(child.metadata.owner_references.unwrap().len(), 1, "the reference to a is gone");
    pump.delete::<ConfigMap>("default", "b");
    pump.run();
    assert!(names(&pump).is_empty());
}

#[test]
fn owner_should_wait_for_what_blocks_its_deletion_in_the_foreground() {
    let mut pump = pump();
    create(&pump, "parent", &[]);
    create(&pump, "child", &[("parent", true)]);
    create(&pump, "loose", &[("parent", false)]);
    pump.merge::<ConfigMap>(
        "default",
        "child",
        json!({ "metadata": { "finalizers": ["example.com/held"] } }),
    );
    pump.run();
    pump.delete_with::<ConfigMap>("default", "parent", "Foreground");
    pump.run();
    assert_eq!(names(&pump), ["child", "parent"]);
    pump.merge::<ConfigMap>("default", "child", json!({ "metadata": { "finalizers": null } }));
    pump.run();
    assert!(names(&pump).is_empty());
}

#[test]
fn orphans_should_stay_and_name_no_owner() {
    let mut pump = pump();
    create(&pump, "parent", &[]);
    create(&pump, "one", &[("parent", true)]);
    create(&pump, "two", &[("parent", true)]);
    pump.run();
    pump.delete_with::<ConfigMap>("default", "parent", "Orphan");
    pump.run();
    assert_eq!(names(&pump), ["one", "two"]);
    let one: ConfigMap = pump.get("default", "one").unwrap();
    assert_eq!(one.metadata.owner_references.unwrap_or_default(), []);
}

#[test]
fn owner_that_never_was_should_count_as_gone_and_one_that_bears_its_name_as_another() {
    let mut pump = pump();
    create(&pump, "real", &[]);
    for (name, of, uid) in [("stray", "nothing", "no-such"), ("mistaken", "real", "another")] {
        let metadata = ObjectMeta {
            name: Some(name.into()),
            namespace: Some("default".into()),
            owner_references: Some(vec![owner(of, uid, true)]),
            ..ObjectMeta::default()
        };
        pump.create(ConfigMap { metadata, ..ConfigMap::default() });
    }
    pump.run();
    assert_eq!(names(&pump), ["real"]);
}

#[test]
fn owner_of_a_kind_that_is_not_served_should_count_as_there() {
    let mut pump = pump();
    let foreign = OwnerReference { kind: "Unicorn".into(), ..owner("u", "u", true) };
    let metadata = ObjectMeta {
        name: Some("kept".into()),
        namespace: Some("default".into()),
        owner_references: Some(vec![foreign]),
        ..ObjectMeta::default()
    };
    pump.create(ConfigMap { metadata, ..ConfigMap::default() });
    pump.run();
    assert_eq!(names(&pump), ["kept"]);
}

#[test]
fn owner_that_the_watch_has_not_told_of_should_be_asked_for() {
    let mut pump = pump();
    let index = WATCHED.iter().position(|(_, kind)| *kind == "Pod").unwrap();
    create(&pump, "parent", &[]);
    let mut pod = crate::controllers::test_pump::pod("default", "web", None);
    pod.metadata.owner_references = Some(vec![owner("parent", &uid(&pump, "parent"), true)]);
    pump.create(pod);
    pump.look_at(index);
    for _ in 0..3 {
        for (token, answer) in pump.send() {
            pump.answer(token, answer);
        }
    }
    assert!(pump.exists::<Pod>("default", "web"));
}

#[test]
fn cycle_should_go_as_a_whole_when_it_is_deleted_in_the_foreground() {
    let mut pump = pump();
    create(&pump, "a", &[]);
    create(&pump, "b", &[("a", true)]);
    let back = owner("b", &uid(&pump, "b"), true);
    pump.merge::<ConfigMap>("default", "a", json!({ "metadata": { "ownerReferences": [back] } }));
    pump.run();
    assert_eq!(names(&pump), ["a", "b"]);
    pump.delete_with::<ConfigMap>("default", "a", "Foreground");
    pump.run();
    assert!(names(&pump).is_empty(), "{:?}", names(&pump));
}

#[test]
fn deployment_should_go_with_its_sets_and_pods_whatever_the_policy() {
    for (policy, left) in [("Background", (0, 0)), ("Foreground", (0, 0)), ("Orphan", (1, 2))] {
        let mut pump = Pump::new(Together::new(vec![
            Box::new(DeploymentController::default()),
            Box::new(ReplicaSetController::default()),
            Box::new(GarbageCollector::default()),
        ]));
        let deployment = json!({
            "metadata": { "name": "web", "namespace": "default" },
            "spec": { "replicas": 2, "selector": { "matchLabels": { "app": "web" } }, "template": {
                "metadata": { "labels": { "app": "web" } },
                "spec": { "containers": [{ "name": "main", "image": "nginx" }] },
            }},
        });
        pump.create(serde_json::from_value::<Deployment>(deployment).unwrap());
        pump.run();
        assert_eq!(pump.list::<Pod>("default").len(), 2);
        pump.delete_with::<Deployment>("default", "web", policy);
        pump.run();
        let found = (pump.list::<ReplicaSet>("default").len(), pump.list::<Pod>("default").len());
        assert_eq!((found, pump.exists::<Deployment>("default", "web")), (left, false), "{policy}");
    }
}
