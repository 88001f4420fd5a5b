//! Volumes, claims and classes through the chain.

use super::*;

fn claim(name: &str, spec: Value) -> Value {
    let mut whole = json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": { "name": name },
        "spec": { "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": "1Gi" } } },
        "status": { "phase": "Bound" },
    });
    for (field, value) in spec.as_object().cloned().unwrap_or_default() {
        whole["spec"][field] = value;
    }
    whole
}

#[test]
fn claim_should_get_the_default_class_unless_it_says_otherwise() {
    let api = api();
    for (name, spec, class) in [
        ("a", json!({}), json!("standard")),
        ("b", json!({ "storageClassName": "" }), json!("")),
        ("c", json!({ "storageClassName": "fast" }), json!("fast")),
    ] {
        let created = api.create("persistentvolumeclaims/default", &claim(name, spec)).unwrap();
        assert_eq!(created["spec"]["storageClassName"], class);
        assert_eq!(created["status"], json!({ "phase": "Pending" }));
        assert_eq!(created["metadata"]["finalizers"], json!(["kubernetes.io/pvc-protection"]));
    }
}

#[test]
fn claim_that_is_not_bound_should_not_grow() {
    let api = api();
    let path = "persistentvolumeclaims/default/a";
    let mut object = api.create("persistentvolumeclaims/default", &claim("a", json!({}))).unwrap();
    object["spec"]["resources"]["requests"]["storage"] = "2Gi".into();
    let grow = |object: &Value| {
        api.send(path, Operation::Update(text(object), WriteOptions::default())).map_err(|refusal| refusal.1)
    };
    let expected =
        "persistentvolumeclaims \"a\" is forbidden: Only bound persistent volume claims can be expanded";
    assert_eq!(grow(&object).unwrap_err(), expected);
}
