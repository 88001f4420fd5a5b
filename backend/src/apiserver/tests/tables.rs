//! Tables on the wire.

use futures::StreamExt as _;

use super::*;

const MAPS: &str = "/api/v1/namespaces/default/configmaps";
const TABLE: (&str, &str) = ("accept", "application/json;as=Table;v=v1;g=meta.k8s.io");
const JSON: (&str, &str) = ("content-type", "application/json");

#[tokio::test]
async fn a_watch_should_tell_its_columns_once() {
    let front = front().await;
    for name in ["a", "b", "c"] {
        let body = format!(r#"{{"metadata": {{"name": "{name}"}}}}"#);
        front.send(request(&format!("POST {MAPS}"), &[JSON], body)).await;
    }
    let response = front.send(request(&format!("GET {MAPS}?watch=1"), &[TABLE], "")).await;
    let events: Vec<_> = response.into_body().into_data_stream().take(3).collect().await;
    let tables: Vec<Value> = events
        .into_iter()
        .map(|line| serde_json::from_slice::<Value>(&line.unwrap()).unwrap()["object"].take())
        .collect();
    assert_eq!(tables[0]["columnDefinitions"][0]["name"], "Name");
    for table in &tables {
        assert_eq!((&table["kind"], table["rows"].as_array().unwrap().len()), (&"Table".into(), 1));
    }
    assert_eq!(tables[1]["columnDefinitions"], Value::Null);
    assert_eq!(tables[2]["columnDefinitions"], Value::Null);
}

#[tokio::test]
async fn a_table_of_unknown_objects_should_be_refused() {
    let front = front().await;
    for line in [format!("GET {MAPS}?includeObject=junk"), format!("GET {MAPS}?watch=1&includeObject=junk")] {
        let (code, status) = front.answer(request(&line, &[TABLE], "")).await;
        assert_eq!(code, StatusCode::BAD_REQUEST);
        let message = "Unable to convert to Table as requested: includeObject: Invalid value: \"junk\": must be \
                       'Metadata', 'Object', 'None', or empty";
        assert_eq!(status["message"], message);
    }
    let (code, _) = front.answer(request(&format!("GET {MAPS}?includeObject=junk"), &[], "")).await;
    assert_eq!(code, StatusCode::OK, "who asks for no table is not asked what goes into it");
}
