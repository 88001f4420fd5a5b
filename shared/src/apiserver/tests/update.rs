//! `update` and `patch`: what may change, and who wins.

use super::*;
use crate::api::strict::FieldValidation;

fn settings() -> Api {
    let api = api();
    api.create("configmaps/default", &with(config_map("a"), "/data", json!({ "k": "1" }))).unwrap();
    api
}

#[test]
fn unchanged_object_should_not_be_written() {
    let api = settings();
    let before = api.get("configmaps/default/a").unwrap();
    let revision = api.revision();
    assert_eq!(api.update("configmaps/default/a", &before).unwrap(), before);
    assert_eq!(api.merge("configmaps/default/a", json!({ "data": { "k": "1" } })).unwrap(), before);
    assert_eq!(api.revision(), revision);
}

#[test]
fn refusals_should_bear_upstreams_sentences() {
    let api = settings();
    let stale = api.get("configmaps/default/a").unwrap();
    let uid = stale["metadata"]["uid"].as_str().unwrap().to_owned();
    let current = api.merge("configmaps/default/a", json!({ "data": { "k": "2" } })).unwrap();
    let modified = "Operation cannot be fulfilled on configmaps \"a\": the object has been modified; please apply \
                    your changes to the latest version and try again";
    let other_uid = format!(
        "Operation cannot be fulfilled on configmaps \"a\": StorageError: invalid object, Code: 4, Key: \
         /registry/configmaps/default/a, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in \
         precondition: other, UID in object meta: {uid}"
    );
    let cases = [
        (stale.clone(), 409, modified.to_owned()),
        (with(current.clone(), "/metadata/uid", "other".into()), 409, other_uid),
        (
            with(current.clone(), "/metadata/name", "b".into()),
            400,
            "the name of the object (b) does not match the name on the URL (a)".into(),
        ),
        (
            with(current.clone(), "/metadata/name", "".into()),
            400,
            "the name of the object (a based on URL) was undeterminable: name must be provided".into(),
        ),
        (
            with(current, "/metadata/namespace", "kube-system".into()),
            400,
            "the namespace of the object (kube-system) does not match the namespace on the request (default)"
                .into(),
        ),
    ];
    for (body, code, message) in cases {
        assert_eq!(api.update("configmaps/default/a", &body), Err((code, message)), "{body}");
    }
    let stale_version = json!({ "metadata": { "resourceVersion": stale["metadata"]["resourceVersion"] } });
    assert_eq!(api.merge("configmaps/default/a", stale_version), Err((409, modified.to_owned())));
    let renamed = api.merge("configmaps/default/a", json!({ "metadata": { "name": "b" } }));
    assert_eq!(renamed.unwrap_err().0, 400);
    let (code, message) =
        api.merge("configmaps/default/a", json!({ "metadata": { "uid": "other" } })).unwrap_err();
    assert_eq!(code, 422);
    assert!(message.contains("metadata.uid: Invalid value: \"other\": field is immutable"), "{message}");
}

#[test]
fn missing_object_should_be_created_only_where_its_kind_allows_that() {
    let api = api();
    let service = json!({ "apiVersion": "v1", "kind": "Service", "metadata": { "name": "a" }, "spec": { "ports": [{ "port": 80 }] } });
    assert!(api.update("services/default/a", &service).is_ok());
    let missing = api.update("configmaps/default/a", &config_map("a"));
    assert_eq!(missing, Err((404, "configmaps \"a\" not found".into())));
}

#[test]
fn object_that_went_should_be_made_anew_unless_its_uid_is_insisted_on() {
    let api = api();
    let service = json!({ "apiVersion": "v1", "kind": "Service", "metadata": { "name": "a" }, "spec": { "ports": [{ "port": 80 }] } });
    let lease = json!({ "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": { "name": "a" }, "spec": {} });
    for (plural, body) in [("services", service), ("leases", lease)] {
        let (collection, path) = (format!("{plural}/default"), format!("{plural}/default/a"));
        let gone = api.create(&collection, &body).unwrap();
        api.delete(&path, DeleteOptions::default()).unwrap();
        let (code, message) = api.update(&path, &gone).unwrap_err();
        let uid = gone["metadata"]["uid"].as_str().unwrap();
        assert_eq!(code, 409);
        assert!(message.ends_with(&format!("UID in precondition: {uid}, UID in object meta: ")), "{message}");
        let made = api.update(&path, &with(gone.clone(), "/metadata/uid", Value::Null)).unwrap();
        assert_ne!(made["metadata"]["uid"], gone["metadata"]["uid"]);
    }
}

#[test]
fn lease_should_not_be_updated_blindly() {
    let api = api();
    let lease = json!({ "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": { "name": "a" }, "spec": {} });
    api.create("leases/default", &lease).unwrap();
    let (code, message) = api.update("leases/default/a", &lease).unwrap_err();
    assert_eq!(code, 422);
    assert!(
        message.contains("metadata.resourceVersion: Invalid value: 0: must be specified for an update"),
        "{message}"
    );
}

#[test]
fn status_and_the_rest_should_not_reach_each_other() {
    let api = api();
    api.create("pods/default", &pod_on("web", "node-1")).unwrap();
    let change = json!({
        "metadata": { "ownerReferences": [{ "apiVersion": "v1", "kind": "Node", "name": "n", "uid": "u" }] },
        "spec": { "containers": [{ "name": "main", "image": "httpd" }] },
        "status": { "phase": "Running", "qosClass": "Guaranteed" },
    });
    let after = api.merge("pods/default/web/status", change.clone()).unwrap();
    assert_eq!(after["spec"]["containers"][0]["image"], "nginx");
    assert_eq!(after["status"]["phase"], "Running");
    assert_eq!(after["status"]["qosClass"], "BestEffort");
    assert!(after["metadata"].get("ownerReferences").is_none());
    let after = api.merge("pods/default/web", json!({ "status": { "phase": "Failed" } })).unwrap();
    assert_eq!(after["status"]["phase"], "Running");
}

#[test]
fn pods_generation_should_count_changes_of_its_spec() {
    let api = api();
    api.create("pods/default", &pod("web")).unwrap();
    let generation =
        |change| api.merge("pods/default/web", change).unwrap()["metadata"]["generation"].clone();
    assert_eq!(generation(json!({ "metadata": { "labels": { "a": "b" }, "generation": 9 } })), 1);
    let image = json!({ "spec": { "activeDeadlineSeconds": 30 } });
    assert_eq!(generation(image), 2);
}

#[test]
fn ephemeral_containers_should_be_added_by_their_subresource_alone() {
    let api = api();
    api.create("pods/default", &pod_on("web", "node-1")).unwrap();
    let list = |containers: Value| json!({ "spec": { "ephemeralContainers": containers } });
    let look = json!({ "name": "look", "image": "busybox", "targetContainerName": "main" });
    let (code, message) = api.merge("pods/default/web", list(json!([look]))).unwrap_err();
    assert!(code == 422 && message.contains("pod updates may not change fields other than"), "{message}");
    let mut change = list(json!([look]));
    change["metadata"] = json!({ "labels": { "a": "b" } });
    change["status"] = json!({ "phase": "Failed" });
    let after = api.merge("pods/default/web/ephemeralcontainers", change).unwrap();
    assert_eq!(after["spec"]["ephemeralContainers"][0]["imagePullPolicy"], "Always");
    assert_eq!(after["spec"]["containers"].as_array().unwrap().len(), 1);
    assert_eq!((&after["metadata"]["labels"], &after["metadata"]["generation"]), (&Value::Null, &json!(2)));
    assert_eq!(after["status"]["phase"], "Pending");
    assert_eq!(api.get("pods/default/web/ephemeralcontainers").unwrap(), after);
    let refused =
        |containers: Value| api.merge("pods/default/web/ephemeralcontainers", list(containers)).unwrap_err();
    let other = with(look.clone(), "/name", "other".into());
    let cases = [
        (json!([]), "existing ephemeral containers \"look\" may not be removed"),
        (
            json!([with(look.clone(), "/image", "alpine".into())]),
            "existing ephemeral containers \"look\" may not be changed",
        ),
        (
            json!([look, with(other.clone(), "/targetContainerName", "none".into())]),
            "targetContainerName: Not found: \"none\"",
        ),
        (
            json!([look, with(other, "/ports", json!([{ "containerPort": 1 }]))]),
            "ports: Forbidden: cannot be set for an Ephemeral Container",
        ),
    ];
    for (containers, sentence) in cases {
        let (code, message) = refused(containers);
        assert!(code == 422 && message.contains(sentence), "{message}");
    }
}

#[test]
fn last_finalizer_should_take_a_deleted_object_along() {
    let api = settings();
    let hold = json!({ "metadata": { "finalizers": ["example.com/a", "example.com/b"] } });
    api.merge("configmaps/default/a", hold).unwrap();
    let marked = api.delete("configmaps/default/a", DeleteOptions::default()).unwrap();
    assert_eq!(marked["metadata"]["deletionTimestamp"], "2026-01-01T00:00:00Z");
    api.merge("configmaps/default/a", json!({ "metadata": { "finalizers": ["example.com/b"] } })).unwrap();
    assert!(api.get("configmaps/default/a").is_ok());
    let added = api.merge("configmaps/default/a", json!({ "metadata": { "finalizers": ["example.com/c"] } }));
    assert_eq!(added.unwrap_err().0, 422);
    api.merge("configmaps/default/a", json!({ "metadata": { "finalizers": [] } })).unwrap();
    assert_eq!(api.get("configmaps/default/a"), Err((404, "configmaps \"a\" not found".into())));
}

#[test]
fn pod_should_be_bound_once() {
    let api = api();
    api.create("pods/default", &pod("web")).unwrap();
    let binding = |uid: Option<&str>| json!({ "apiVersion": "v1", "kind": "Binding", "metadata": { "name": "web", "uid": uid }, "target": { "kind": "Node", "name": "node-1" } });
    let (code, message) = api.create("pods/default/web/binding", &binding(Some("other"))).unwrap_err();
    assert_eq!(code, 409);
    assert!(message.contains("UID in precondition: other"), "{message}");
    let bound = api.create("pods/default/web/binding", &binding(None)).unwrap();
    assert_eq!((bound["status"].as_str(), bound["code"].as_i64()), (Some("Success"), Some(201)));
    let pod = api.get("pods/default/web").unwrap();
    assert_eq!(pod["spec"]["nodeName"], "node-1");
    assert_eq!(pod["status"]["conditions"][0]["type"], "PodScheduled");
    let again = "Operation cannot be fulfilled on pods/binding \"web\": pod web is already assigned to node \"node-1\"";
    assert_eq!(api.create("pods/default/web/binding", &binding(None)), Err((409, again.into())));
}

#[test]
fn binding_should_be_read_like_every_body() {
    let api = api();
    let made = api.create("pods/default", &pod("web")).unwrap();
    let bind = |text: &str, field_validation| {
        let input = Input::Text(Bytes::from(text.to_owned()));
        let options = WriteOptions { dry_run: true, field_validation };
        let answer = api.answer(request("pods/default/web/binding", Operation::Create(input, options)));
        answer.map(|answer| answer.warnings).map_err(|status| refusal(&status))
    };
    let body = |more: &str| {
        format!("apiVersion: v1\nkind: Binding\nmetadata: {{name: web}}\ntarget: {{name: node-1{more}}}\n")
    };
    assert_eq!(bind(&body(""), FieldValidation::Strict), Ok(vec![]));
    assert_eq!(
        bind(&body(", nodeName: x"), FieldValidation::Warn),
        Ok(vec!["unknown field \"target.nodeName\"".to_owned()])
    );
    let head = "Binding in version \"v1\" cannot be handled as a Binding:";
    let unknown = format!("{head} strict decoding error: unknown field \"target.nodeName\"");
    assert_eq!(bind(&body(", nodeName: x"), FieldValidation::Strict), Err((400, unknown)));
    let (code, message) = bind(&body(", kind: [1]"), FieldValidation::Warn).unwrap_err();
    assert_eq!(code, 400);
    assert!(message.starts_with(head), "{message}");
    let other = body("").replace("name: web", "name: other");
    let sentence = "name in URL does not match name in Binding object";
    assert_eq!(bind(&other, FieldValidation::Warn), Err((400, sentence.to_owned())));
    let at =
        |version: &str| body("").replace("name: web", &format!("name: web, resourceVersion: '{version}'"));
    let (code, message) = bind(&at("1"), FieldValidation::Warn).unwrap_err();
    assert_eq!(code, 409);
    assert!(message.contains("ResourceVersion in precondition: 1, "), "{message}");
    let current = made["metadata"]["resourceVersion"].as_str().unwrap();
    assert_eq!(bind(&at(current), FieldValidation::Warn), Ok(vec![]));
}

#[test]
fn empty_lists_and_maps_of_metadata_should_not_be_written() {
    let api = api();
    let metadata =
        json!({ "name": "one", "labels": {}, "annotations": {}, "finalizers": [], "ownerReferences": [] });
    let created = api.create("configmaps/default", &with(config_map("one"), "/metadata", metadata)).unwrap();
    api.merge("configmaps/default/one", json!({ "metadata": { "labels": { "a": "b" } } })).unwrap();
    let emptied =
        api.merge("configmaps/default/one", json!({ "metadata": { "labels": { "a": null } } })).unwrap();
    for object in [created, emptied] {
        for field in ["labels", "annotations", "finalizers", "ownerReferences"] {
            assert!(object["metadata"].get(field).is_none(), "{field} of {object}");
        }
    }
}
