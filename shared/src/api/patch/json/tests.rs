use serde_json::json;

use super::*;

#[test]
fn json_patch_should_give_the_results_of_the_rfc() {
    for (original, patch, expected) in [
        (
            json!({"foo": "bar"}),
            json!([{"op": "add", "path": "/baz", "value": 1}]),
            json!({"foo": "bar", "baz": 1}),
        ),
        (json!({"a": [1, 3]}), json!([{"op": "add", "path": "/a/1", "value": 2}]), json!({"a": [1, 2, 3]})),
        (json!({"a": [1]}), json!([{"op": "add", "path": "/a/-", "value": 2}]), json!({"a": [1, 2]})),
        (json!({"a": 1, "b": 2}), json!([{"op": "remove", "path": "/a"}]), json!({"b": 2})),
        (json!({"a": [1, 2]}), json!([{"op": "remove", "path": "/a/0"}]), json!({"a": [2]})),
        (json!({"a": [1, 2]}), json!([{"op": "remove", "path": "/a/-1"}]), json!({"a": [1]})),
        (json!({"a": 1}), json!([{"op": "replace", "path": "/a", "value": 2}]), json!({"a": 2})),
        (json!({"a": {}}), json!([{"op": "replace", "path": "/a/b", "value": 2}]), json!({"a": {"b": 2}})),
        (
            json!({"a": {"x": 1}, "b": {}}),
            json!([{"op": "move", "from": "/a/x", "path": "/b/y"}]),
            json!({"a": {}, "b": {"y": 1}}),
        ),
        (
            json!({"a": {"x": 1}}),
            json!([{"op": "copy", "from": "/a", "path": "/b"}]),
            json!({"a": {"x": 1}, "b": {"x": 1}}),
        ),
        (
            json!({"metadata": {"labels": {"a/b~c": "1"}}}),
            json!([
                {"op": "test", "path": "/metadata/labels/a~1b~0c", "value": "1"},
                {"op": "remove", "path": "/metadata/labels/a~1b~0c"},
            ]),
            json!({"metadata": {"labels": {}}}),
        ),
        (json!({"a": 1}), json!([{"op": "test", "path": "/b", "value": null}]), json!({"a": 1})),
    ] {
        assert_eq!(apply(original.clone(), patch.clone()), Ok(expected), "{original} {patch}");
    }
}

#[test]
fn an_operation_that_does_not_apply_should_fail_in_upstreams_words() {
    let document = json!({"a": [1], "b": {"c": 1}});
    for (operation, message) in [
        (
            json!({"op": "add", "path": "/x/y", "value": 1}),
            "add operation does not apply: doc is missing path: \"/x/y\": missing value",
        ),
        (
            json!({"op": "remove", "path": "/x"}),
            "error in remove for path: '/x': Unable to remove nonexistent key: x: missing value",
        ),
        (
            json!({"op": "remove", "path": "/a/1"}),
            "error in remove for path: '/a/1': Unable to access invalid index: 1: invalid index referenced",
        ),
        (
            json!({"op": "replace", "path": "/a/5", "value": 1}),
            "replace operation does not apply: doc is missing key: /a/5: missing value",
        ),
        (
            json!({"op": "replace", "path": "/x/y", "value": 1}),
            "replace operation does not apply: doc is missing path: /x/y: missing value",
        ),
        (json!({"op": "test", "path": "/b/c", "value": 2}), "testing value /b/c failed: test failed"),
        (
            json!({"op": "add", "path": "/a/x", "value": 2}),
            "error in add for path: '/a/x': value was not a proper array index: 'x': strconv.Atoi: parsing \"x\": invalid syntax",
        ),
        (json!({"op": "frob", "path": "/a"}), "Unexpected kind: frob"),
        (json!({"path": "/a"}), "Unexpected kind: unknown"),
    ] {
        let error = apply(document.clone(), json!([operation])).unwrap_err();
        assert_eq!(error, PatchError::Unprocessable(message.to_owned()), "{operation}");
        assert_eq!(error.code(), 422);
    }
}

#[test]
fn a_patch_that_is_no_list_of_operations_should_be_refused() {
    let error = apply(json!({}), json!({"op": "add"})).unwrap_err();
    let message =
        "error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp";
    assert_eq!(error, PatchError::BadRequest(message.to_owned()));
    let many = Value::from(vec![json!({"op": "test", "path": "", "value": {}}); MAX_OPERATIONS + 1]);
    let error = apply(json!({}), many).unwrap_err();
    assert_eq!(error.code(), 413);
    assert_eq!(error.to_string(), "The allowed maximum operations in a JSON patch is 10000, got 10001");
}
