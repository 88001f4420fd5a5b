//! `delete` and `deletecollection`: grace, preconditions and what is answered.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Preconditions;

use super::*;

fn grace(seconds: i64) -> DeleteOptions {
    DeleteOptions { grace_period_seconds: Some(seconds), ..DeleteOptions::default() }
}

/// Deletion time in seconds from the start, and grace period; `None` for a pod that is gone.
fn ending(api: &Api) -> Option<(i64, i64)> {
    let pod = api.get("pods/default/web").ok()?;
    let metadata = &pod["metadata"];
    let end: jiff::Timestamp = metadata["deletionTimestamp"].as_str()?.parse().unwrap();
    Some((end.as_second() - SteppedClock::START, metadata["deletionGracePeriodSeconds"].as_i64()?))
}

#[test]
fn grace_of_a_pod_should_follow_upstreams_rules() {
    // The pod, its phase, deletions at a second with a grace, and when it ends after all of them.
    type Deletions = &'static [(i64, Option<i64>)];
    type Case = (&'static str, &'static str, Deletions, Option<(i64, i64)>);
    let cases: [Case; 11] = [
        ("node-1", "Running", &[(0, None)], Some((30, 30))),
        ("node-1", "Running", &[(0, Some(5))], Some((5, 5))),
        ("node-1", "Running", &[(0, Some(-3))], Some((1, 1))),
        ("node-1", "Running", &[(0, Some(0))], None),
        ("node-1", "Running", &[(0, None), (10, None)], Some((30, 30))),
        ("node-1", "Running", &[(0, None), (10, Some(60))], Some((30, 30))),
        ("node-1", "Running", &[(0, None), (10, Some(20))], Some((20, 20))),
        ("node-1", "Running", &[(0, None), (10, Some(5))], Some((10, 1))),
        ("node-1", "Running", &[(0, None), (10, Some(0))], None),
        ("node-1", "Succeeded", &[(0, None)], None),
        ("", "Pending", &[(0, None)], None),
    ];
    for (node, phase, deletions, expected) in cases {
        let api = api();
        api.create("pods/default", &pod_on("web", node)).unwrap();
        api.merge("pods/default/web/status", json!({ "status": { "phase": phase } })).unwrap();
        let mut passed = 0;
        for (second, seconds) in deletions {
            api.clock.advance(second - passed);
            passed = *second;
            let options = DeleteOptions { grace_period_seconds: *seconds, ..DeleteOptions::default() };
            api.delete("pods/default/web", options).unwrap();
        }
        assert_eq!(ending(&api), expected, "{node} {phase} {deletions:?}");
    }
}

#[test]
fn ending_pod_should_stay_until_its_kubelet_says_so() {
    let api = api();
    api.create("pods/default", &pod_on("web", "node-1")).unwrap();
    api.delete("pods/default/web", DeleteOptions::default()).unwrap();
    api.merge("pods/default/web/status", json!({ "status": { "phase": "Succeeded" } })).unwrap();
    api.delete("pods/default/web", DeleteOptions::default()).unwrap();
    assert_eq!(ending(&api), Some((30, 30)));
    api.delete("pods/default/web", grace(0)).unwrap();
    assert_eq!(ending(&api), None);
}

#[test]
fn preconditions_should_name_what_they_found() {
    let api = api();
    let made = api.create("configmaps/default", &config_map("a")).unwrap();
    let (uid, version) =
        (made["metadata"]["uid"].as_str().unwrap(), made["metadata"]["resourceVersion"].as_str().unwrap());
    let options = |uid: Option<&str>, version: Option<&str>| DeleteOptions {
        preconditions: Some(Preconditions {
            uid: uid.map(str::to_owned),
            resource_version: version.map(str::to_owned),
        }),
        ..DeleteOptions::default()
    };
    let other_uid = format!(
        "Operation cannot be fulfilled on ConfigMap \"a\": the UID in the precondition (x) does not match the UID \
         in record ({uid}). The object might have been deleted and then recreated"
    );
    assert_eq!(api.delete("configmaps/default/a", options(Some("x"), None)), Err((409, other_uid)));
    let other_version = format!(
        "Operation cannot be fulfilled on ConfigMap \"a\": the ResourceVersion in the precondition (1) does not match \
         the ResourceVersion in record ({version}). The object might have been modified"
    );
    assert_eq!(api.delete("configmaps/default/a", options(Some(uid), Some("1"))), Err((409, other_version)));
    assert!(api.delete("configmaps/default/a", options(Some(uid), Some(version))).is_ok());
}

#[test]
fn dry_run_should_delete_nothing() {
    let api = api();
    api.create("pods/default", &pod_on("web", "node-1")).unwrap();
    let before = api.revision();
    let dry = DeleteOptions { dry_run: Some(vec!["All".into()]), ..DeleteOptions::default() };
    let shown = api.delete("pods/default/web", dry.clone()).unwrap();
    assert_eq!(shown["metadata"]["deletionGracePeriodSeconds"], 30);
    api.delete("pods/default/web", DeleteOptions { grace_period_seconds: Some(0), ..dry }).unwrap();
    assert_eq!(api.revision(), before);
}

#[test]
fn options_that_mean_nothing_should_be_refused() {
    let api = api();
    let options = DeleteOptions { propagation_policy: Some("Sideways".into()), ..DeleteOptions::default() };
    let message = "DeleteOptions.meta.k8s.io \"\" is invalid: propagationPolicy: Unsupported value: \"Sideways\": \
                   supported values: \"Foreground\", \"Background\", \"Orphan\", \"nil\"";
    assert_eq!(api.delete("pods/default/web", options), Err((422, message.into())));
}

#[test]
fn namespace_should_terminate_without_a_grace_period() {
    let api = api();
    let team = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "team" } });
    api.create("namespaces", &team).unwrap();
    let marked = api.delete("namespaces//team", DeleteOptions::default()).unwrap();
    assert_eq!(marked["status"]["phase"], "Terminating");
    assert!(marked["metadata"].get("deletionGracePeriodSeconds").is_none());
    let mut finalized = marked;
    finalized["spec"]["finalizers"] = json!([]);
    api.update("namespaces//team/finalize", &finalized).unwrap();
    assert_eq!(api.get("namespaces//team").unwrap_err().0, 404);
    let kept = api.delete("namespaces//default", DeleteOptions::default());
    assert_eq!(
        kept,
        Err((403, "namespaces \"default\" is forbidden: this namespace may not be deleted".into()))
    );
}

#[test]
fn answer_should_show_the_object_only_of_kinds_that_do() {
    let api = api();
    api.create("configmaps/default", &config_map("a")).unwrap();
    let gone = api.delete("configmaps/default/a", DeleteOptions::default()).unwrap();
    assert_eq!((&gone["status"], &gone["details"]["kind"]), (&json!("Success"), &json!("configmaps")));
    api.create("pods/default", &pod("web")).unwrap();
    let gone = api.delete("pods/default/web", DeleteOptions::default()).unwrap();
    assert_eq!(gone["kind"], "Pod");
}

#[test]
fn collection_should_go_as_far_as_it_is_selected() {
    let api = api();
    for name in ["a", "b", "c"] {
        let labels = json!({ "tier": if name == "b" { "back" } else { "front" } });
        api.create("configmaps/default", &with(config_map(name), "/metadata/labels", labels)).unwrap();
    }
    let selection = ListOptions { label_selector: "tier=front".into(), ..ListOptions::default() };
    let gone =
        api.send("configmaps/default", Operation::DeleteCollection(selection, DeleteOptions::default()));
    assert_eq!(gone, Ok(json!(["a", "c"])));
    assert_eq!(api.list("configmaps/default", ListOptions::default()), Ok(json!(["b"])));
}
