//! Patches in which something stands twice.

use super::*;

const MAP: &str = "/api/v1/namespaces/default/configmaps/one";
const JSON: (&str, &str) = ("content-type", "application/json");

#[tokio::test]
async fn what_stands_twice_in_a_patch_should_be_said() {
    let front = front().await;
    let map = r#"{"metadata": {"name": "one"}}"#;
    front.send(request("POST /api/v1/namespaces/default/configmaps", &[JSON], map)).await;
    let twice = r#"{"data": {"a": "1", "a": "2"}}"#;
    let merged = r#"duplicate field "data.a""#;
    let operations = r#"[{"op": "add", "path": "/data", "value": {"a": "1", "a": "2"}, "why": 1}]"#;
    let cases = [
        ("merge-patch+json", twice, vec![merged]),
        ("strategic-merge-patch+json", twice, vec![merged]),
        (
            "json-patch+json",
            operations,
            vec![r#"json patch unknown field "[0].why""#, r#"json patch duplicate field "[0].value.a""#],
        ),
        ("merge-patch+json", r#"{"date": 1}"#, vec![r#"unknown field "date""#]),
    ];
    for (form, body, expected) in cases {
        let form = format!("application/{form}");
        let patch = |query: &str| request(&format!("PATCH {MAP}{query}"), &[("content-type", &form)], body);
        let response = front.send(patch("")).await;
        assert_eq!(response.status(), StatusCode::OK, "{form}");
        let warnings: Vec<String> = response
            .headers()
            .get_all("warning")
            .into_iter()
            .map(|value| value.to_str().unwrap().trim_start_matches("299 - ").replace(r#"\""#, r#"""#))
            .collect();
        let quoted: Vec<String> = expected.iter().map(|text| format!("\"{text}\"")).collect();
        assert_eq!(warnings, quoted, "{form}");
        let ignored = front.send(patch("?fieldValidation=Ignore")).await;
        assert!(!ignored.headers().contains_key("warning"), "{form}");
        let (code, status) = front.answer(patch("?fieldValidation=Strict")).await;
        assert_eq!((code, status["reason"].as_str()), (StatusCode::UNPROCESSABLE_ENTITY, Some("Invalid")));
        let message = status["message"].as_str().unwrap();
        assert!(message.starts_with(r#" "" is invalid: patch: Invalid value: ""#), "{message}");
        assert!(message.ends_with(&format!(": strict decoding error: {}", expected.join(", "))), "{message}");
    }
}
