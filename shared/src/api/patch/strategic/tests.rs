use serde_json::json;

use super::*;
use crate::api::schema::Schema;

/// The structure with which upstream's own test of the algorithm works.
static MERGE_ITEM: Schema = Schema::new(
    "
test.v1.MergeItem
 name string
 value string
 other string
 mergingList []MergeItem @merge:name
 nonMergingList []MergeItem
 mergingIntList []int64 @merge
 nonMergingIntList []int64
 mergeItemPtr []MergeItem @merge:name
 simpleMap {}string
 replacingItem raw @replace
 retainKeysMap RetainKeysMergeItem @retainKeys
 retainKeysMergingList []MergeItem @merge,retainKeys:name
test.v1.RetainKeysMergeItem
 name string
 value string
 other string
 simpleMap {}string
 mergingIntList []int64 @merge
 mergingList []MergeItem @merge:name
 nonMergingList []MergeItem
",
);

fn patch_item(original: Value, patch: Value) -> Result<Value, PatchError> {
    apply(original, patch, MERGE_ITEM.type_named("test.v1.MergeItem").expect("the type of the table above"))
}

/// `mergingList` of the names given, each with its name as `value`.
fn named(names: &[i64]) -> Value {
    let items: Vec<Value> = names.iter().map(|name| json!({"name": name, "value": name})).collect();
    json!({ "mergingList": items })
}

fn order(names: &[i64]) -> Value {
    names.iter().map(|name| json!({ "name": name })).collect()
}

#[test]
fn maps_should_merge_field_by_field() {
    for (original, patch, expected) in [
        (json!({}), json!({"name": "a"}), json!({"name": "a"})),
        (json!({"name": "a"}), json!({"value": "b"}), json!({"name": "a", "value": "b"})),
        (json!({"name": "a", "value": "b"}), json!({"value": null}), json!({"name": "a"})),
        (
            json!({"name": "a"}),
            json!({"other": null, "simpleMap": {"x": null, "y": "1"}}),
            json!({"name": "a", "simpleMap": {"y": "1"}}),
        ),
        (
            json!({"simpleMap": {"a": "1", "b": "2"}}),
            json!({"simpleMap": {"$patch": "delete"}}),
            json!({"simpleMap": {}}),
        ),
        (
            json!({"simpleMap": {"a": "1"}}),
            json!({"simpleMap": {"$patch": "replace", "b": "2"}}),
            json!({"simpleMap": {"b": "2"}}),
        ),
        (
            json!({"replacingItem": {"a": 1}}),
            json!({"replacingItem": {"b": 2}}),
            json!({"replacingItem": {"b": 2}}),
        ),
        (json!({"name": "a"}), json!({"$patch": "replace"}), json!({})),
    ] {
        assert_eq!(patch_item(original.clone(), patch.clone()), Ok(expected), "{original} + {patch}");
    }
}

#[test]
fn lists_should_merge_by_their_key_or_be_replaced() {
    for (original, patch, expected) in [
        (
            json!({"nonMergingIntList": [1, 2]}),
            json!({"nonMergingIntList": [3]}),
            json!({"nonMergingIntList": [3]}),
        ),
        (
            json!({"mergingIntList": [1, 2]}),
            json!({"mergingIntList": [2, 3]}),
            json!({"mergingIntList": [1, 2, 3]}),
        ),
        (
            json!({"mergingIntList": [1, 2, 3, 2]}),
            json!({"$deleteFromPrimitiveList/mergingIntList": [2, 9]}),
            json!({"mergingIntList": [1, 3]}),
        ),
        (json!({}), json!({"$deleteFromPrimitiveList/mergingIntList": [2]}), json!({})),
        (
            json!({"nonMergingList": [{"name": 1}]}),
            json!({"nonMergingList": [{"name": 2}]}),
            json!({"nonMergingList": [{"name": 2}]}),
        ),
        (named(&[1]), named(&[2]), named(&[2, 1])),
        (
            json!({"mergingList": [{"name": 1, "value": 1, "other": "x"}, {"name": 2}]}),
            json!({"mergingList": [{"name": 1, "value": 9}]}),
            json!({"mergingList": [{"name": 1, "value": 9, "other": "x"}, {"name": 2}]}),
        ),
        (named(&[1, 2, 1]), json!({"mergingList": [{"$patch": "delete", "name": 1}]}), named(&[2])),
        (named(&[1, 2]), json!({"mergingList": [{"$patch": "replace"}]}), json!({"mergingList": []})),
        (
            named(&[1, 2]),
            json!({"mergingList": [{"name": 3, "value": 3}, {"$patch": "replace"}]}),
            named(&[3]),
        ),
        (
            json!({}),
            json!({"mergingList": [{"$patch": "delete", "name": 1}, {"name": 2, "other": null}]}),
            json!({"mergingList": [{"name": 2}]}),
        ),
        (
            json!({"mergingList": [{"name": 1, "mergingList": [{"name": 1}, {"name": 2}]}]}),
            json!({"mergingList": [{"name": 1, "mergingList": [{"name": 1, "$patch": "delete"}, {"name": 2, "value": "b"}]}]}),
            json!({"mergingList": [{"name": 1, "mergingList": [{"name": 2, "value": "b"}]}]}),
        ),
    ] {
        assert_eq!(patch_item(original.clone(), patch.clone()), Ok(expected), "{original} + {patch}");
    }
}

#[test]
fn set_element_order_should_win_over_the_server() {
    for (original, wanted, patch, expected) in [
        (&[1, 2][..], &[2, 1][..], &[][..], &[2, 1][..]),
        (&[1, 2, 3], &[3, 1], &[], &[2, 3, 1]),
        (&[1, 3], &[1, 2, 3], &[2], &[1, 2, 3]),
        (&[1, 4, 2], &[2, 3, 1], &[3], &[4, 2, 3, 1]),
    ] {
        let mut body = json!({ "$setElementOrder/mergingList": order(wanted) });
        if !patch.is_empty() {
            body["mergingList"] = named(patch)["mergingList"].clone();
        }
        assert_eq!(patch_item(named(original), body.clone()), Ok(named(expected)), "{original:?} + {body}");
    }
    let patched = patch_item(
        json!({"mergingIntList": [1, 2, 3]}),
        json!({
            "$setElementOrder/mergingIntList": [3, 4, 1],
            "mergingIntList": [4],
            "$deleteFromPrimitiveList/mergingIntList": [2],
        }),
    );
    assert_eq!(patched, Ok(json!({"mergingIntList": [3, 4, 1]})));
}

#[test]
fn retain_keys_should_clear_what_it_does_not_name() {
    let original = json!({"retainKeysMap": {"name": "foo", "value": "bar", "other": "baz"}});
    for (patch, expected) in [
        (json!({"$retainKeys": ["name", "other"], "other": "a"}), json!({"name": "foo", "other": "a"})),
        (json!({"$retainKeys": ["name"], "value": null}), json!({"name": "foo"})),
        (json!({"other": "a"}), json!({"name": "foo", "value": "bar", "other": "a"})),
    ] {
        let patched = patch_item(original.clone(), json!({ "retainKeysMap": patch }));
        assert_eq!(patched, Ok(json!({ "retainKeysMap": expected })));
    }
    let error =
        patch_item(original, json!({"retainKeysMap": {"$retainKeys": ["name"], "value": "x"}})).unwrap_err();
    assert_eq!(error, PatchError::BadRequest("invalid patch format of retainKeys".to_owned()));
}

#[test]
fn malformed_patches_should_fail_in_upstreams_words() {
    for (patch, code, message) in [
        (
            json!({"mergingList": [{"value": 1}]}),
            500,
            "map: map[value:1] does not contain declared merge key: name",
        ),
        (
            json!({"mergingList": [{"name": 1, "$patch": "merge"}]}),
            500,
            "merging lists cannot yet be specified in the patch",
        ),
        (
            json!({"mergingList": [{"name": 1, "$patch": "x"}]}),
            500,
            "unknown patch type: x in map: map[$patch:x name:1]",
        ),
        (json!({"$patch": "x"}), 500, "unknown patch type: x in map: map[$patch:x]"),
        (
            json!({"mergingList": [[1]]}),
            500,
            "list element types are not identical: [[map[name:1 value:1]] [[1]]]",
        ),
        (json!({"$setElementOrder": []}), 400, "invalid patch format of setElementOrder list"),
        (json!({"$setElementOrder/mergingList": 1}), 500, "expected a []interface {}, but received a int64"),
        (json!({"$deleteFromPrimitiveListX": [1]}), 400, "invalid patch format of primitive list"),
        (
            json!({"$setElementOrder/mergingList": [{"name": 1}], "mergingList": [{"name": 3}]}),
            500,
            "The order in patch list:\n[map[name:3]]\n doesn't match $setElementOrder list:\n[map[name:1]]\n",
        ),
        (
            json!({"unknown": [1]}),
            500,
            "unable to find api field in struct MergeItem for the json field \"unknown\"",
        ),
        (json!([]), 400, "invalid JSON document"),
    ] {
        let mut original = named(&[1]);
        original["unknown"] = json!([2]);
        let error = patch_item(original, patch.clone()).expect_err("the patch is malformed");
        assert_eq!((error.code(), error.to_string().as_str()), (code, message), "{patch}");
    }
}

fn patch_pod(original: Value, patch: Value) -> Value {
    let pod = Schema::for_kind("v1", "Pod").expect("a built-in kind");
    apply(original, patch, pod).expect("a patch that applies")
}

/// What `kubectl apply` sends when the image of one container changed and another has defaults.
#[test]
fn kubectl_apply_of_a_new_image_should_keep_what_the_server_added() {
    let live = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": "web", "uid": "u", "resourceVersion": "7",
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "old", "other": "kept"},
        },
        "spec": {
            "containers": [
                {"name": "injected", "image": "proxy:1"},
                {"name": "nginx-container", "image": "nginx", "imagePullPolicy": "Always",
                 "volumeMounts": [{"name": "token", "mountPath": "/var/run/secrets"}]},
            ],
            "restartPolicy": "Always", "nodeName": "node-1",
        },
    });
    let patch = json!({
        "metadata": {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": "new"}},
        "spec": {
            "$setElementOrder/containers": [{"name": "nginx-container"}],
            "containers": [{"name": "nginx-container", "image": "nginx:1.27"}],
        },
    });
    let mut expected = live.clone();
    expected["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"] = json!("new");
    expected["spec"]["containers"][1]["image"] = json!("nginx:1.27");
    assert_eq!(patch_pod(live, patch), expected);
}

#[test]
fn the_kinds_patches_should_follow_their_merge_keys() {
    for (original, patch, expected) in [
        (
            json!({"metadata": {"finalizers": ["a", "b"]}}),
            json!({"metadata": {"$deleteFromPrimitiveList/finalizers": ["a"]}}),
            json!({"metadata": {"finalizers": ["b"]}}),
        ),
        (
            json!({"spec": {"tolerations": [{"key": "a"}]}}),
            json!({"spec": {"tolerations": [{"key": "b"}]}}),
            json!({"spec": {"tolerations": [{"key": "b"}]}}),
        ),
        (
            json!({"status": {"conditions": [{"type": "Ready", "status": "False"}, {"type": "X", "status": "True"}]}}),
            json!({"status": {"$setElementOrder/conditions": [{"type": "Ready"}, {"type": "X"}],
                              "conditions": [{"type": "Ready", "status": "True"}]}}),
            json!({"status": {"conditions": [{"type": "Ready", "status": "True"}, {"type": "X", "status": "True"}]}}),
        ),
        (
            json!({"spec": {"volumes": [{"name": "v", "emptyDir": {}}]}}),
            json!({"spec": {"volumes": [{"name": "v", "$retainKeys": ["name", "configMap"], "configMap": {"name": "c"}}]}}),
            json!({"spec": {"volumes": [{"name": "v", "configMap": {"name": "c"}}]}}),
        ),
        (
            json!({"spec": {"containers": [{"name": "a", "resources": {"limits": {"cpu": "1", "memory": "1Gi"}}}]}}),
            json!({"spec": {"containers": [{"name": "a", "resources": {"limits": {"cpu": "2", "memory": null}}}]}}),
            json!({"spec": {"containers": [{"name": "a", "resources": {"limits": {"cpu": "2"}}}]}}),
        ),
    ] {
        assert_eq!(patch_pod(original, patch), expected);
    }
}
