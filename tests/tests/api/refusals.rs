//! What the server does not take, and in which words it says so.

use http::Request;
use kube::Client;
use serde_json::{Value, json};

use crate::{refusal, world};

async fn post(client: &Client, namespace: &str, pod: &Value) -> (u16, String, String) {
    let path = format!("/api/v1/namespaces/{namespace}/pods");
    let request = Request::post(path).header("content-type", "application/json");
    refusal(client.request::<Value>(request.body(pod.to_string().into_bytes()).unwrap()).await)
}

#[tokio::test]
async fn a_pod_that_cannot_be_should_be_refused_with_every_reason() {
    let (_server, client) = world("invalid").await;
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "Web"},
        "spec": {"restartPolicy": "Sometimes", "containers": [{"name": "a"}, {"name": "a", "image": "nginx"}]},
    });
    let (code, reason, message) = post(&client, "invalid", &pod).await;
    assert_eq!((code, reason.as_str()), (422, "Invalid"));
    let expected = [
        r#"Pod "Web" is invalid: "#,
        r#"metadata.name: Invalid value: "Web": a lowercase RFC 1123 subdomain must consist of"#,
        "spec.containers[0].image: Required value",
        r#"spec.containers[1].name: Duplicate value: "a""#,
        r#"spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "OnFailure", "Never""#,
    ];
    for part in expected {
        assert!(message.contains(part), "{part:?} is not in {message}");
    }
}

#[tokio::test]
async fn requests_that_mean_nothing_should_be_told_apart() {
    let (_server, client) = world("nonsense").await;
    let table = [
        (
            "GET",
            "/api/v1/namespaces/nonsense/gizmos",
            "",
            404,
            "NotFound",
            "the server could not find the requested resource",
        ),
        (
            "GET",
            "/apis/example.com/v1/gizmos",
            "",
            404,
            "NotFound",
            "the server could not find the requested resource",
        ),
        (
            "POST",
            "/api/v1/namespaces/nonsense/pods/web",
            "{}",
            405,
            "MethodNotAllowed",
            "the server does not allow this method on the requested resource",
        ),
        ("GET", "/api/v1/pods?limit=many", "", 400, "BadRequest", ""),
        ("GET", "/api/v1/pods?labelSelector=a%3D%3D%3Db", "", 400, "BadRequest", ""),
        ("POST", "/api/v1/namespaces/nonsense/configmaps", "{", 400, "BadRequest", ""),
    ];
    for (method, path, body, code, reason, message) in table {
        let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
        let refused = refusal(client.request::<Value>(request.body(body.into()).unwrap()).await);
        assert_eq!((refused.0, refused.1.as_str()), (code, reason), "{method} {path}: {}", refused.2);
        assert!(message.is_empty() || refused.2 == message, "{method} {path}: {}", refused.2);
    }
}

#[tokio::test]
async fn a_pod_of_a_namespace_that_is_not_there_should_be_refused() {
    let (_server, client) = world("there").await;
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"},
        "spec": {"containers": [{"name": "web", "image": "nginx"}]},
    });
    assert_eq!(
        post(&client, "not-there", &pod).await,
        (404, "NotFound".into(), r#"namespaces "not-there" not found"#.into())
    );
    let mut elsewhere = pod;
    elsewhere["metadata"]["namespace"] = json!("elsewhere");
    let (code, reason, message) = post(&client, "there", &elsewhere).await;
    assert_eq!((code, reason.as_str()), (400, "BadRequest"));
    assert_eq!(
        message,
        "the namespace of the provided object does not match the namespace sent on the request"
    );
}
