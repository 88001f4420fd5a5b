//! Which methods a path has.

use super::*;

#[tokio::test]
async fn a_path_should_have_its_methods_and_no_others() {
    let front = front().await;
    let map = "/api/v1/namespaces/default/configmaps/one";
    let json = ("content-type", "application/json");
    let body = r#"{"metadata": {"name": "one"}}"#;
    front.send(request("POST /api/v1/namespaces/default/configmaps", &[json], body)).await;
    let cases = [
        ("GET /api/v1".to_owned(), 200),
        ("POST /api/v1".to_owned(), 405),
        ("DELETE /apis/coordination.k8s.io/v1".to_owned(), 405),
        ("POST /apis/none".to_owned(), 404),
        ("POST /api".to_owned(), 405),
        ("PUT /openapi/v3".to_owned(), 405),
        ("DELETE /api/v1/watch/namespaces/default/configmaps/one".to_owned(), 405),
        (format!("GET {map}/extra"), 404),
        (format!("POST {map}"), 405),
    ];
    for (line, code) in cases {
        let (found, answer) = front.answer(request(&line, &[json], "{}")).await;
        assert_eq!(found.as_u16(), code, "{line}: {answer}");
        assert_eq!(answer["kind"] == "Status", code >= 400, "{line}: {answer}");
        assert_eq!(front.last_event().response_status.code, code, "{line}");
    }
    let (code, _) = front.answer(request(&format!("GET {map}"), &[], "")).await;
    assert_eq!(code, StatusCode::OK, "nothing was deleted");
}

#[tokio::test]
async fn an_object_should_be_read_although_its_path_asks_for_a_watch() {
    let front = front().await;
    let (code, object) = front.answer(request("GET /api/v1/namespaces/default?watch=true", &[], "")).await;
    assert_eq!((code, object["kind"].as_str()), (StatusCode::OK, Some("Namespace")));
}
