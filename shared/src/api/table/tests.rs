use k8s_openapi::api::core::v1::Pod;

use super::*;

const NOW: &str = "2026-01-01T01:00:00Z";

fn pod(name: &str, phase: &str) -> Pod {
    serde_json::from_value(json!({
        "metadata": {"name": name, "creationTimestamp": "2026-01-01T00:59:00Z"},
        "spec": {"containers": [{"name": "web"}], "nodeName": "node-1"},
        "status": {"phase": phase, "podIPs": [{"ip": "10.244.1.2"}]},
    }))
    .unwrap()
}

fn table(pods: &[Pod], metadata: &ListMetadata, options: &TableOptions) -> Value {
    let objects: Vec<_> = pods.iter().map(|pod| pod as &dyn ApiObject).collect();
    render("v1", "Pod", &objects, metadata, options, NOW.parse().unwrap())
}

#[test]
fn tables_should_carry_cells_and_partial_metadata() {
    let metadata = ListMetadata {
        resource_version: "42".to_owned(),
        continue_token: "next".to_owned(),
        remaining_item_count: Some(7),
    };
    let table = table(&[pod("web", "Running")], &metadata, &TableOptions::default());
    assert_eq!(table["kind"], "Table");
    assert_eq!(table["apiVersion"], "meta.k8s.io/v1");
    assert_eq!(
        table["metadata"],
        json!({"resourceVersion": "42", "continue": "next", "remainingItemCount": 7})
    );
    let first = &table["columnDefinitions"][0];
    assert_eq!(
        (&first["name"], &first["type"], &first["format"]),
        (&json!("Name"), &json!("string"), &json!("name"))
    );
    assert_eq!(table["columnDefinitions"][5]["priority"], 1);
    assert_eq!(
        table["rows"],
        json!([{
            "cells": ["web", "0/1", "Running", "0", "60s", "10.244.1.2", "node-1", "<none>", "<none>"],
            "object": {
                "kind": "PartialObjectMetadata",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": {"name": "web", "creationTimestamp": "2026-01-01T00:59:00Z"},
            },
        }])
    );
}

#[test]
fn rows_should_include_what_was_asked_for() {
    let included = |include_object| {
        let options = TableOptions { include_object, ..TableOptions::default() };
        table(&[pod("web", "Running")], &ListMetadata::default(), &options)["rows"][0]["object"].clone()
    };
    assert_eq!(included(IncludeObject::None), Value::Null);
    assert_eq!(included(IncludeObject::Object)["spec"]["nodeName"], "node-1");
    for (text, expected) in [
        ("", Ok(IncludeObject::Metadata)),
        ("None", Ok(IncludeObject::None)),
        ("Object", Ok(IncludeObject::Object)),
        ("Metadata", Ok(IncludeObject::Metadata)),
    ] {
        assert_eq!(IncludeObject::parse(text), expected);
    }
    let refused = IncludeObject::parse("all").unwrap_err();
    assert!(refused.contains("includeObject: Invalid value: \"all\""), "{refused}");
}

#[test]
fn rows_of_ended_pods_should_say_so() {
    let pods = [pod("a", "Succeeded"), pod("b", "Failed"), pod("c", "Running")];
    let table = table(&pods, &ListMetadata::default(), &TableOptions::default());
    assert_eq!(
        table["rows"][0]["conditions"],
        json!([{
            "type": "Completed", "status": "True", "reason": "Succeeded",
            "message": "The pod has completed successfully.",
        }])
    );
    assert_eq!(table["rows"][1]["conditions"][0]["reason"], "Failed");
    assert_eq!(table["rows"][2].get("conditions"), None);
}

#[test]
fn tables_should_do_without_columns_where_asked_to() {
    let options = TableOptions { no_headers: true, ..TableOptions::default() };
    let table = table(&[pod("web", "Running")], &ListMetadata::default(), &options);
    assert_eq!(table["rows"][0]["object"]["apiVersion"], "meta.k8s.io/v1");
    assert_eq!(table["columnDefinitions"], Value::Null);
}

#[test]
fn partial_lists_should_carry_metadata_only() {
    let pod = pod("web", "Running");
    let list = partial_object_list(&[&pod], &ListMetadata::default());
    assert_eq!(list["kind"], "PartialObjectMetadataList");
    assert_eq!(list["items"][0]["metadata"]["name"], "web");
    assert_eq!(list["items"][0].get("spec"), None);
}

#[test]
fn text_should_equal_what_kubectl_prints() {
    let now = NOW.parse().unwrap();
    let rows =
        [pod("web", "Running"), pod("a-much-longer-name", "Pending")].map(|pod| printers::row(&pod, now));
    let columns = printers::columns("v1", "Pod");
    assert_eq!(
        text(columns, &rows, false),
        "NAME                 READY   STATUS    RESTARTS   AGE\n\
         web                  0/1     Running   0          60s\n\
         a-much-longer-name   0/1     Pending   0          60s\n"
    );
    assert_eq!(
        text(columns, &rows[..1], true),
        "NAME   READY   STATUS    RESTARTS   AGE   IP           NODE     NOMINATED NODE   READINESS GATES\n\
         web    0/1     Running   0          60s   10.244.1.2   node-1   <none>           <none>\n"
    );
}

#[test]
fn text_should_keep_each_row_on_a_line_and_narrow_columns_wide_enough() {
    let columns = &printers::columns("v1", "Service")[..2];
    let rows = [vec![json!("a\nb"), Value::Null], vec![json!("한글"), json!(3)]];
    assert_eq!(text(columns, &rows, false), "NAME   TYPE\na...   \n한글     3\n");
}
