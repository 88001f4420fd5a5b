//! JSON Merge Patch, <https://www.rfc-editor.org/rfc/rfc7386>, with what `evanphx/json-patch` adds:
//! nulls inside of lists of objects are dropped too where the list is new.

use serde_json::{Map, Value};

use super::PatchError;

/// Applies a merge patch.
///
/// # Errors
/// [`PatchError::BadRequest`] where the patch is no object.
pub fn apply(original: Value, patch: Value) -> Result<Value, PatchError> {
    match patch {
        Value::Object(patch) => match original {
            Value::Object(mut document) => {
                merge_objects(&mut document, patch);
                Ok(Value::Object(document))
            }
            _ => Ok(without_nulls(Value::Object(patch))),
        },
        Value::Null => Err(PatchError::BadRequest("Invalid JSON Patch".to_owned())),
        other => Err(PatchError::BadRequest(format!(
            "error decoding patch: json: cannot unmarshal {} into Go value of type map[string]interface {{}}",
            json_word(&other)
        ))),
    }
}

/// The patch that makes `target` of `original`, neither of which may hold nulls: what a client sends.
pub fn diff(original: &Map<String, Value>, target: &Map<String, Value>) -> Map<String, Value> {
    let mut patch = Map::new();
    for (key, wanted) in target {
        match (original.get(key), wanted) {
            (Some(old), new) if old == new => {}
            (Some(Value::Object(old)), Value::Object(new)) => {
                patch.insert(key.clone(), Value::Object(diff(old, new)));
            }
            _ => _ = patch.insert(key.clone(), wanted.clone()),
        }
    }
    for key in original.keys().filter(|key| !target.contains_key(*key)) {
        patch.insert(key.clone(), Value::Null);
    }
    patch
}

fn merge_objects(document: &mut Map<String, Value>, patch: Map<String, Value>) {
    for (key, new) in patch {
        if new.is_null() {
            document.shift_remove(&key);
            continue;
        }
        let merged = match document.get_mut(&key).map(Value::take) {
            None | Some(Value::Null) => without_nulls(new),
            Some(old) => merge(old, new),
        };
        document.insert(key, merged);
    }
}

fn merge(old: Value, new: Value) -> Value {
    match (old, new) {
        (Value::Object(mut document), Value::Object(patch)) => {
            merge_objects(&mut document, patch);
            Value::Object(document)
        }
        (Value::Object(_), new) => new,
        (_, new) => without_nulls(new),
    }
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(map) => Value::Object(
            map.into_iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(key, value)| (key, without_nulls(value)))
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.into_iter().map(without_nulls).collect()),
        scalar => scalar,
    }
}

fn json_word(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn merge_patch_should_give_the_results_of_the_rfc() {
        for (original, patch, expected) in [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
            (json!({"a": "b"}), json!({"a": null}), json!({})),
            (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
            (json!({"a": {"b": "c"}}), json!({"a": {"b": "d", "c": null}}), json!({"a": {"b": "d"}})),
            (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
            (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
            (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
        ] {
            assert_eq!(apply(original.clone(), patch.clone()), Ok(expected), "{original} + {patch}");
        }
    }

    #[test]
    fn merge_patch_should_refuse_what_is_no_object() {
        for (patch, message) in [
            (json!(null), "Invalid JSON Patch"),
            (
                json!([]),
                "error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}",
            ),
        ] {
            assert_eq!(apply(json!({}), patch), Err(PatchError::BadRequest(message.to_owned())));
        }
    }

    fn document() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![any::<bool>().prop_map(Value::from), (0..9i64).prop_map(Value::from)];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::btree_map("[a-d]", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    fn object() -> impl Strategy<Value = Map<String, Value>> {
        prop::collection::btree_map("[a-d]", document(), 0..4).prop_map(|map| map.into_iter().collect())
    }

    proptest! {
        #[test]
        fn a_patch_applied_to_its_base_should_give_the_target(base in object(), target in object()) {
            let patch = diff(&base, &target);
            prop_assert_eq!(apply(Value::Object(base), Value::Object(patch)), Ok(Value::Object(target)));
        }

        #[test]
        fn applying_a_patch_twice_should_change_nothing_more(base in object(), target in object()) {
            let patch = Value::Object(diff(&base, &target));
            let once = apply(Value::Object(base), patch.clone()).unwrap();
            prop_assert_eq!(apply(once.clone(), patch), Ok(once));
        }
    }
}
