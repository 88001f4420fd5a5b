use k8s_openapi::api::core::v1::Event;
use serde_json::{Value, json};

use super::*;
use crate::api::object::ApiObject;
use crate::controllers::test_pump::{Pump, pod};

pub(in crate::controllers) fn set(name: &str, replicas: i32, more: Value) -> ReplicaSet {
    let mut set = json!({
        "metadata": { "name": name, "namespace": "default" },
        "spec": {
            "replicas": replicas,
            "selector": { "matchLabels": { "app": name } },
            "template": {
                "metadata": { "labels": { "app": name } },
                "spec": { "containers": [{ "name": "main", "image": "nginx" }] },
            },
        },
    });
    for (field, value) in more.as_object().into_iter().flatten() {
        set["spec"][field] = value.clone();
    }
    serde_json::from_value(set).unwrap()
}

fn pump() -> Pump<ReplicaSetController> {
    Pump::new(ReplicaSetController::default())
}

fn pods<C: Controller>(pump: &Pump<C>) -> Vec<Pod> {
    pump.list::<Pod>("default")
}

fn status(pump: &Pump<ReplicaSetController>, name: &str) -> Value {
    let set: ReplicaSet = pump.get("default", name).unwrap();
    serde_json::to_value(set.status).unwrap()
}

fn ready(since: &str) -> Value {
    json!({ "phase": "Running", "conditions": [
        { "type": "Ready", "status": "True", "lastTransitionTime": since },
    ]})
}

fn labelled(name: &str, app: &str) -> Pod {
    let mut pod = pod("default", name, None);
    pod.metadata.labels = Some([("app".to_owned(), app.to_owned())].into());
    pod
}

#[test]
fn set_should_have_the_pods_that_it_wants() {
    let mut pump = pump();
    pump.create(set("web", 3, json!({})));
    pump.run();
    let made = pods(&pump);
    assert_eq!(made.len(), 3);
    for pod in &made {
        let name = pod.metadata.name.as_deref().unwrap();
        assert!(name.starts_with("web-") && name.len() == "web-".len() + 5, "{name}");
        let owner = controller_of(&pod.metadata).unwrap();
        assert_eq!((owner.kind.as_str(), owner.api_version.as_str()), ("ReplicaSet", "apps/v1"));
    }
    assert_eq!(
        status(&pump, "web"),
        json!({ "replicas": 3, "fullyLabeledReplicas": 3, "terminatingReplicas": 0, "observedGeneration": 1 })
    );
    let mut told: Vec<_> =
        pump.list::<Event>("default").into_iter().filter_map(|event| event.message).collect();
    let mut expected: Vec<_> =
        made.iter().map(|pod| format!("Created pod: {}", pod.metadata.name.clone().unwrap())).collect();
    told.sort();
    expected.sort();
    assert_eq!(told, expected);
}

#[test]
fn deleted_pod_should_be_replaced_and_surplus_ones_go() {
    let mut pump = pump();
    pump.create(set("web", 3, json!({})));
    pump.run();
    let first = pods(&pump)[0].metadata.name.clone().unwrap();
    pump.delete_now::<Pod>("default", &first);
    pump.run();
    assert_eq!(pods(&pump).len(), 3);
    pump.merge::<ReplicaSet>("default", "web", json!({ "spec": { "replicas": 1 } }));
    pump.run();
    assert_eq!(pods(&pump).len(), 1);
    pump.merge::<ReplicaSet>("default", "web", json!({ "spec": { "replicas": 0 } }));
    pump.run();
    assert_eq!((pods(&pump).len(), status(&pump, "web")["replicas"].clone()), (0, json!(0)));
}

#[test]
fn slow_watch_should_not_make_a_set_create_twice() {
    let mut pump = pump();
    pump.create(set("web", 4, json!({})));
    pump.look_at(0);
    loop {
        let answers = pump.send();
        if answers.is_empty() {
            break;
        }
        answers.into_iter().for_each(|(token, answer)| pump.answer(token, answer));
    }
    // The pods' watch told nothing yet, and the set changed.
    pump.merge::<ReplicaSet>("default", "web", json!({ "metadata": { "labels": { "a": "b" } } }));
    pump.look_at(0);
    assert!(pump.send().into_iter().all(|(_, answer)| answer.is_ok()));
    assert_eq!(pods(&pump).len(), 4);
    pump.run();
    assert_eq!(pods(&pump).len(), 4);
}

#[test]
fn first_failure_should_end_the_batches_and_be_told() {
    let mut pump = pump();
    let template = json!({
        "metadata": { "labels": { "app": "web" } },
        "spec": { "serviceAccountName": "nobody", "containers": [{ "name": "main", "image": "nginx" }] },
    });
    pump.create(set("web", 100, json!({ "template": template })));
    pump.look_at(0);
    let attempts = pump.send();
    assert_eq!(attempts.len(), 1, "the first batch is one pod");
    attempts.into_iter().for_each(|(token, answer)| pump.answer(token, answer));
    while let rest = pump.send()
        && !rest.is_empty()
    {
        rest.into_iter().for_each(|(token, answer)| pump.answer(token, answer));
    }
    let condition = status(&pump, "web")["conditions"][0].clone();
    assert_eq!(
        (&condition["type"], &condition["reason"]),
        (&json!("ReplicaFailure"), &json!("FailedCreate"))
    );
    let events = pump.list::<Event>("default");
    assert_eq!(events.len(), 1);
    assert!(
        events[0].message.as_deref().unwrap().starts_with("Error creating: pods \"web-\" is forbidden: ")
    );
}

#[test]
fn pods_that_match_should_be_adopted_and_others_released() {
    let mut pump = pump();
    pump.create(labelled("stray", "web"));
    pump.create(labelled("foreign", "db"));
    pump.create(set("web", 2, json!({})));
    pump.run();
    let stray: Pod = pump.get("default", "stray").unwrap();
    assert_eq!(controller_of(&stray.metadata).unwrap().name, "web");
    assert_eq!(pods(&pump).len(), 3, "one is made, one adopted, one is not its own");
    pump.merge::<Pod>("default", "stray", json!({ "metadata": { "labels": { "app": "other" } } }));
    pump.run();
    let stray: Pod = pump.get("default", "stray").unwrap();
    assert!(controller_of(&stray.metadata).is_none());
    assert_eq!(pods(&pump).len(), 4, "the released pod is replaced");
}

#[test]
fn pod_should_be_available_after_it_was_ready_for_long_enough() {
    let mut pump = pump();
    pump.create(set("web", 1, json!({ "minReadySeconds": 10 })));
    pump.run();
    let name = pods(&pump)[0].metadata.name.clone().unwrap();
    let created = pods(&pump)[0].metadata.creation_timestamp.clone().unwrap().0;
    pump.patch_status::<Pod>("default", &name, ready(&created.to_string()));
    pump.run();
    let before = status(&pump, "web");
    assert_eq!((&before["readyReplicas"], &before["availableReplicas"]), (&json!(1), &json!(null)));
    pump.advance(11);
    pump.run();
    assert_eq!(status(&pump, "web")["availableReplicas"], 1);
}

#[test]
fn pods_that_are_worth_least_should_go_first() {
    let now = Timestamp::from_second(1_700_000_000).unwrap();
    let a_pod = |name: &str, node: &str, status: Value, cost: &str| {
        let pod = json!({
            "metadata": { "name": name, "uid": name, "annotations": { "controller.kubernetes.io/pod-deletion-cost": cost } },
            "spec": { "nodeName": node, "containers": [] }, "status": status,
        });
        serde_json::from_value::<Pod>(pod).unwrap()
    };
    let old = ready("2023-11-14T00:00:00Z");
    let young = ready("2023-11-14T22:13:19Z");
    let all = [
        a_pod("dear", "n1", old.clone(), "5"),
        a_pod("old", "n1", old.clone(), "0"),
        a_pod("young", "n1", young, "0"),
        a_pod("crowded", "n2", old.clone(), "0"),
        a_pod("cheap", "n1", old, "-5"),
        a_pod("unready", "n1", json!({ "phase": "Running" }), "0"),
        a_pod("pending", "n1", json!({ "phase": "Pending" }), "0"),
        a_pod("unassigned", "", json!({ "phase": "Pending" }), "0"),
    ];
    let pods: Vec<&Pod> = all.iter().collect();
    let crowds = [("n1".to_owned(), 1), ("n2".to_owned(), 3)].into();
    let order: Vec<_> = victims::choose(&pods, &crowds, 8, now)
        .into_iter()
        .map(|pod| pod.metadata.name.as_deref().unwrap())
        .collect();
    assert_eq!(order, ["unassigned", "pending", "unready", "cheap", "crowded", "young", "old", "dear"]);
}

#[test]
fn set_that_is_deleted_should_leave_its_pods_alone() {
    let mut pump = pump();
    let mut held = set("web", 1, json!({}));
    held.metadata_mut().finalizers = Some(vec!["example.com/held".into()]);
    pump.create(held);
    pump.run();
    pump.delete::<ReplicaSet>("default", "web");
    let name = pods(&pump)[0].metadata.name.clone().unwrap();
    pump.delete_now::<Pod>("default", &name);
    pump.run();
    assert_eq!(pods(&pump).len(), 0);
}
