use serde_json::json;

use super::*;

const POD: (&str, &str) = ("v1", "Pod");

fn pod() -> &'static Type {
    Schema::for_kind("v1", "Pod").expect("a built-in kind")
}

#[test]
fn unknown_fields_should_be_reported_with_their_paths() {
    let object = json!({
        "apiVersion": "v1", "kind": "Pod", "metdata": {"a": {"b": 1}},
        "metadata": {"name": "web", "labels": {"any": "thing"}},
        "spec": {
            "containers": [{"name": "a", "resources": {"limits": {"cpu": "1"}}}, {"imagee": "nginx", "Name": "b"}],
            "nodeSelector": {"x": "y"},
        },
    });
    let found: Vec<String> = unknown_fields(&object, pod()).iter().map(StrictError::to_string).collect();
    assert_eq!(
        found,
        [
            "unknown field \"metdata\"",
            "unknown field \"spec.containers[1].imagee\"",
            "unknown field \"spec.containers[1].Name\"",
        ]
    );
}

#[test]
fn a_value_of_the_wrong_type_should_be_refused_in_gos_words() {
    let container = "into Go struct field Container.spec.containers";
    for (object, message) in [
        (
            json!({"spec": {"containers": "x"}}),
            "json: cannot unmarshal string into Go struct field PodSpec.spec.containers of type []v1.Container".to_owned(),
        ),
        (json!({"spec": {"containers": [{"image": 5}]}}), format!("json: cannot unmarshal number {container}.image of type string")),
        (
            json!({"spec": {"containers": [{"imagePullPolicy": true}]}}),
            format!("json: cannot unmarshal bool {container}.imagePullPolicy of type v1.PullPolicy"),
        ),
        (
            json!({"spec": {"containers": [{"env": [{"name": "A", "value": 1}]}]}}),
            "json: cannot unmarshal number into Go struct field EnvVar.spec.containers.env.value of type string".to_owned(),
        ),
        (
            json!({"spec": {"containers": [{"ports": [{"containerPort": "80"}]}]}}),
            "json: cannot unmarshal string into Go struct field ContainerPort.spec.containers.ports.containerPort of type int32".to_owned(),
        ),
        (
            json!({"spec": {"containers": [{"ports": [{"containerPort": 99999999999i64}]}]}}),
            "json: cannot unmarshal number 99999999999 into Go struct field ContainerPort.spec.containers.ports.containerPort of type int32".to_owned(),
        ),
        (
            json!({"metadata": {"labels": {"app": 1}}}),
            "json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string".to_owned(),
        ),
        (
            json!({"metadata": []}),
            "json: cannot unmarshal array into Go struct field Pod.metadata of type v1.ObjectMeta".to_owned(),
        ),
        (
            json!({"spec": {"containers": [{"resources": {"limits": {"memory": "64MB"}}}]}}),
            "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'".to_owned(),
        ),
        (
            json!({"spec": {"containers": [{"livenessProbe": {"httpGet": {"port": true}}}]}}),
            "json: cannot unmarshal bool into Go value of type int32".to_owned(),
        ),
        (
            json!({"metadata": {"creationTimestamp": "yesterday"}}),
            "parsing time \"yesterday\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"yesterday\" as \"2006\"".to_owned(),
        ),
        (
            json!({"metadata": {"creationTimestamp": "2024-13-01T00:00:00Z"}}),
            "parsing time \"2024-13-01T00:00:00Z\": month out of range".to_owned(),
        ),
        (json!([]), "json: cannot unmarshal array into Go value of type v1.Pod".to_owned()),
    ] {
        assert_eq!(type_error(&object, pod()).map(|error| error.message), Some(message), "{object}");
    }
    let secret = Schema::for_kind("v1", "Secret").expect("a built-in kind");
    let error = type_error(&json!({"data": {"k": "a-b"}}), secret);
    let error = error.expect("an error");
    assert_eq!(
        (error.path.as_str(), error.message.as_str()),
        ("data[k]", "illegal base64 data at input byte 1")
    );
}

#[test]
fn a_wrong_type_should_be_found_where_it_stands() {
    for (object, path) in [
        (
            json!({"spec": {"containers": [{}, {"ports": [{"containerPort": "80"}]}]}}),
            "spec.containers[1].ports[0].containerPort",
        ),
        (json!({"metadata": {"labels": {"a": "b", "app": 1}}}), "metadata.labels[app]"),
        (json!({"spec": {"containers": {}}}), "spec.containers"),
        (json!([]), ""),
    ] {
        assert_eq!(type_error(&object, pod()).map(|error| error.path).as_deref(), Some(path), "{object}");
    }
}

#[test]
fn a_right_object_should_pass() {
    let object = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "web", "creationTimestamp": null, "deletionTimestamp": "2024-05-01T12:00:00+09:00"},
        "spec": {"containers": [{
            "name": "a", "image": "nginx", "ports": [{"containerPort": 80}],
            "resources": {"limits": {"cpu": 1, "memory": "64Mi"}, "requests": {"cpu": 0.5}},
            "livenessProbe": {"httpGet": {"port": "http"}},
        }]},
    });
    assert_eq!(check(&object, &[], POD, FieldValidation::Strict), Ok(vec![]));
}

#[test]
fn field_validation_should_decide_between_silence_warning_and_refusal() {
    let object = json!({"spec": {"containers": [{"imagee": "x"}], "extra": {"a": 1}}});
    let duplicates = ["spec.nodeName".to_owned(), "spec.extra.a".to_owned()];
    assert_eq!(check(&object, &duplicates, POD, FieldValidation::Ignore), Ok(vec![]));
    assert_eq!(
        check(&object, &duplicates, POD, FieldValidation::Warn),
        Ok(vec![
            "unknown field \"spec.containers[0].imagee\"".to_owned(),
            "unknown field \"spec.extra\"".to_owned(),
            "duplicate field \"spec.nodeName\"".to_owned(),
        ])
    );
    let refusal = check(&object, &duplicates[..1], POD, FieldValidation::Strict).unwrap_err();
    assert_eq!(
        refusal,
        "Pod in version \"v1\" cannot be handled as a Pod: strict decoding error: unknown field \"spec.containers[0].imagee\", unknown field \"spec.extra\", duplicate field \"spec.nodeName\""
    );
    let wrong = check(&json!({"spec": 1}), &[], ("apps/v1", "Deployment"), FieldValidation::Ignore);
    assert_eq!(
        wrong.unwrap_err(),
        "Deployment in version \"v1\" cannot be handled as a Deployment: json: cannot unmarshal number into Go struct field Deployment.spec of type v1.DeploymentSpec"
    );
}

#[test]
fn values_should_be_left_as_gos_decoders_leave_them() {
    let mut object = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": null, "annotations": {"a": null, "b": "c"}, "finalizers": [null]},
        "spec": {
            "nodeSelector": {"disk": null}, "unknown": {"left": null},
            "containers": [null, {"args": [null, "x"], "resources": {
                "limits": {"cpu": 0.5, "memory": "1024Mi", "example.com/a": " 1000m "},
                "requests": {"cpu": 1, "memory": "1.5Gi", "example.com/a": null, "example.com/b": "1.500"},
            }}],
            "volumes": [{"emptyDir": {"sizeLimit": "2048Ki"}}],
        },
    });
    normalize(&mut object, POD);
    let expected = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": null, "annotations": {"a": "", "b": "c"}, "finalizers": [""]},
        "spec": {
            "nodeSelector": {"disk": ""}, "unknown": {"left": null},
            "containers": [{}, {"args": ["", "x"], "resources": {
                "limits": {"cpu": "500m", "memory": "1Gi", "example.com/a": "1"},
                "requests": {"cpu": "1", "memory": "1536Mi", "example.com/a": "0", "example.com/b": "1.500"},
            }}],
            "volumes": [{"emptyDir": {"sizeLimit": "2Mi"}}],
        },
    });
    assert_eq!(object, expected);
    normalize(&mut object, POD);
    assert_eq!(object, expected);

    let mut secret = json!({"data": {"a": "aGVs\r\nbG8=\n", "b": null, "c": "aGVsbG8="}});
    normalize(&mut secret, ("v1", "Secret"));
    assert_eq!(secret, json!({"data": {"a": "aGVsbG8=", "b": "", "c": "aGVsbG8="}}));
}

#[test]
fn of_equal_keys_the_last_should_win_and_the_path_be_reported() {
    let text = br#"{"a": 1, "b": [{"x": 1, "y": 2, "x": 3}], "a": 2, "A": 5}"#;
    let (value, duplicates) = parse_json_strict(text).unwrap();
    assert_eq!(value, json!({"a": 2, "b": [{"x": 3, "y": 2}], "A": 5}));
    assert_eq!(duplicates, ["b[0].x", "a"]);
}

#[test]
fn what_is_no_json_should_be_refused_in_gos_words() {
    for (text, message) in [
        ("", "unexpected end of JSON input"),
        ("{", "unexpected end of JSON input"),
        ("x", "invalid character 'x' looking for beginning of value"),
        ("{x", "invalid character 'x' looking for beginning of object key string"),
        (r#"{"a" 1}"#, "invalid character '1' after object key"),
        (r#"{"a":1 "b"}"#, "invalid character '\"' after object key:value pair"),
        ("[1 2]", "invalid character '2' after array element"),
        ("{} x", "invalid character 'x' after top-level value"),
    ] {
        assert_eq!(parse_json_strict(text.as_bytes()), Err(JsonError(message.to_owned())), "{text}");
    }
}
