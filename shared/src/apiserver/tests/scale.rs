use super::*;

fn deployment(replicas: i32) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "web" },
        "spec": {
            "replicas": replicas,
            "selector": { "matchLabels": { "app": "web" } },
            "template": {
                "metadata": { "labels": { "app": "web" } },
                "spec": { "containers": [{ "name": "main", "image": "nginx" }] },
            },
        },
    })
}

const OBJECT: &str = "deployments/default/web";
const SCALE: &str = "deployments/default/web/scale";

fn api_with_deployment() -> Api {
    let api = api();
    api.create("deployments/default", &deployment(3)).unwrap();
    api
}

#[test]
fn scale_should_be_made_of_the_object() {
    let api = api_with_deployment();
    let (object, scale) = (api.get(OBJECT).unwrap(), api.get(SCALE).unwrap());
    assert_eq!((&scale["kind"], &scale["apiVersion"]), (&json!("Scale"), &json!("autoscaling/v1")));
    for field in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
        assert_eq!(scale["metadata"][field], object["metadata"][field], "{field}");
    }
    assert_eq!(scale["spec"], json!({ "replicas": 3 }));
    assert_eq!(scale["status"], json!({ "replicas": 0, "selector": "app=web" }));
}

#[test]
fn written_scale_should_change_the_object_and_nothing_else() {
    let api = api_with_deployment();
    let mut scale = api.get(SCALE).unwrap();
    scale["spec"]["replicas"] = 5.into();
    let answer = api.update(SCALE, &scale).unwrap();
    assert_eq!((&answer["kind"], &answer["spec"]["replicas"]), (&json!("Scale"), &json!(5)));
    let object = api.get(OBJECT).unwrap();
    assert_eq!((&object["spec"]["replicas"], &object["metadata"]["generation"]), (&json!(5), &json!(2)));
    let patched = api.merge(SCALE, json!({ "spec": { "replicas": 1 } })).unwrap();
    assert_eq!(patched["spec"]["replicas"], 1);
    assert_eq!(api.get(OBJECT).unwrap()["spec"]["replicas"], 1);
}

#[test]
fn scale_that_cannot_be_should_be_refused_and_change_nothing() {
    let api = api_with_deployment();
    let refusal = api.merge(SCALE, json!({ "spec": { "replicas": -1 } })).unwrap_err();
    let expected = "Scale.autoscaling \"web\" is invalid: spec.replicas: Invalid value: -1: must be greater than or \
                    equal to 0";
    assert_eq!(refusal, (422, expected.to_owned()));
    let mut stale = api.get(SCALE).unwrap();
    api.merge(SCALE, json!({ "spec": { "replicas": 4 } })).unwrap();
    stale["spec"]["replicas"] = 9.into();
    assert_eq!(api.update(SCALE, &stale).unwrap_err().0, 409);
    assert_eq!(api.get("deployments/default/none/scale").unwrap_err().0, 404);
    assert_eq!(api.get(OBJECT).unwrap()["spec"]["replicas"], 4);
}

#[test]
fn deletion_should_say_by_finalizers_what_becomes_of_dependents() {
    let with_policy = |policy: &str| DeleteOptions {
        propagation_policy: Some(policy.to_owned()),
        ..DeleteOptions::default()
    };
    for (policy, finalizers) in [("Foreground", "foregroundDeletion"), ("Orphan", "orphan")] {
        let api = api_with_deployment();
        let answer = api.delete(OBJECT, with_policy(policy)).unwrap();
        assert_eq!(answer["metadata"]["finalizers"], json!([finalizers]), "{policy}");
        assert!(answer["metadata"]["deletionTimestamp"].is_string());
        api.delete(OBJECT, with_policy("Background")).unwrap();
        assert_eq!(api.get(OBJECT).unwrap_err().0, 404, "a later word counts");
    }
    let api = api_with_deployment();
    assert_eq!(api.delete(OBJECT, DeleteOptions::default()).unwrap()["status"], "Success");
}
