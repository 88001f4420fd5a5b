//! What `kubectl apply` decides on the client: the last applied configuration, create or patch,
//! and the three-way patch.
//!
//! Kinds that `shared`'s schema knows get a strategic merge patch ([`strategic`]); others a JSON
//! merge patch (RFC 7386), in which maps are merged and lists replaced whole. Unlike kubectl, the
//! page does not ask the server's OpenAPI which is which. See `pkg/cmd/apply/patcher.go` of
//! kubernetes/kubectl and `pkg/util/jsonmergepatch/patch.go` of kubernetes/apimachinery.

mod strategic;

use serde_json::{Map, Value};
use shared::api::patch::PatchType;
use shared::api::schema::Schema;

use super::object::{ObjectKey, text};

/// The annotation in which a client keeps what it applied last.
pub const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// What to send.
#[derive(Clone, Debug, PartialEq)]
pub enum Plan {
    /// The object does not exist: POST this.
    Create(Value),
    /// It exists and differs: PATCH it with this, of this type.
    Patch(PatchType, Value),
    /// It is already so.
    Unchanged,
}

/// Decides what to send so that the live object becomes as `document` says.
pub fn plan(document: &Value, live: Option<&Value>) -> Plan {
    let modified = with_last_applied(document);
    let Some(live) = live else { return Plan::Create(modified) };
    let original = last_applied(live);
    let (patch_type, patch) = match Schema::for_kind(text(document, "/apiVersion"), text(document, "/kind")) {
        Some(ty) => (PatchType::Strategic, strategic::three_way_patch(&original, &modified, live, ty)),
        None => (PatchType::Merge, three_way_merge_patch(&original, &modified, live)),
    };
    if is_empty(&patch) { Plan::Unchanged } else { Plan::Patch(patch_type, patch) }
}

/// The document with the namespace it belongs to, as kubectl sends and remembers it.
pub fn named(document: &Value, key: &ObjectKey) -> Value {
    let mut named = document.clone();
    if !key.namespace.is_empty() {
        map_at(map_of(&mut named), "metadata").insert("namespace".to_owned(), key.namespace.as_str().into());
    }
    named
}

/// The document with itself in the annotation.
fn with_last_applied(document: &Value) -> Value {
    let mut bare = document.clone();
    let metadata = map_at(map_of(&mut bare), "metadata");
    map_at(metadata, "annotations").remove(LAST_APPLIED);
    let mut modified = bare.clone();
    let applied = in_go(bare);
    let annotations = map_at(map_at(map_of(&mut modified), "metadata"), "annotations");
    annotations.insert(LAST_APPLIED.to_owned(), applied.into());
    modified
}

/// The text of a value as Go's encoder writes it for kubectl: sorted keys, three characters and two
/// line ends escaped, a line feed behind it all (`Encoder.SetEscapeHTML` of Go's `encoding/json`).
fn in_go(mut value: Value) -> String {
    value.sort_all_objects();
    let mut text = value.to_string();
    for (plain, escaped) in [
        ("<", "\\u003c"),
        (">", "\\u003e"),
        ("&", "\\u0026"),
        ("\u{2028}", "\\u2028"),
        ("\u{2029}", "\\u2029"),
    ] {
        // Such a character can stand only inside a string.
        text = text.replace(plain, escaped);
    }
    text.push('\n');
    text
}

fn last_applied(live: &Value) -> Value {
    let annotation = live.pointer("/metadata/annotations").and_then(|all| all.get(LAST_APPLIED));
    annotation.and_then(Value::as_str).and_then(|json| serde_json::from_str(json).ok()).unwrap_or(Value::Null)
}

/// The merge patch that brings additions and changes from `current` to `modified`, and removes what
/// `original` had and `modified` has no more.
pub fn three_way_merge_patch(original: &Value, modified: &Value, current: &Value) -> Value {
    let mut patch = differences(current, modified);
    merge_removals(&mut patch, original, modified, current);
    patch
}

/// What `to` adds and changes; what it lacks stays.
fn differences(from: &Value, to: &Value) -> Value {
    let (Value::Object(from), Value::Object(to)) = (from, to) else { return to.clone() };
    let mut patch = Map::new();
    for (key, value) in to {
        match from.get(key) {
            Some(same) if same == value => {}
            Some(old) if old.is_object() && value.is_object() => {
                let inner = differences(old, value);
                if !is_empty(&inner) {
                    patch.insert(key.clone(), inner);
                }
            }
            _ => {
                patch.insert(key.clone(), value.clone());
            }
        }
    }
    Value::Object(patch)
}

/// Adds a null for everything that `original` had, `modified` lacks and `current` still has.
fn merge_removals(patch: &mut Value, original: &Value, modified: &Value, current: &Value) {
    let (Some(original), Some(modified), Some(current)) =
        (original.as_object(), modified.as_object(), current.as_object())
    else {
        return;
    };
    for (key, old) in original {
        match (modified.get(key), current.get(key)) {
            (None, Some(_)) => {
                map_of(patch).insert(key.clone(), Value::Null);
            }
            (Some(new), Some(live)) if old.is_object() && new.is_object() && live.is_object() => {
                let mut inner = patch.get(key).cloned().unwrap_or_else(|| Value::Object(Map::new()));
                merge_removals(&mut inner, old, new, live);
                if !is_empty(&inner) {
                    map_of(patch).insert(key.clone(), inner);
                }
            }
            _ => {}
        }
    }
}

fn is_empty(patch: &Value) -> bool {
    patch.as_object().is_some_and(Map::is_empty)
}

/// The value as a map; whatever else it was is replaced by an empty one.
fn map_of(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    match value {
        Value::Object(map) => map,
        _ => unreachable!("made an object above"),
    }
}

fn map_at<'a>(map: &'a mut Map<String, Value>, key: &str) -> &'a mut Map<String, Value> {
    map_of(map.entry(key).or_insert(Value::Null))
}

/// What kubectl prints for an object: `pod/web created`.
pub fn outcome(document: &Value, verb: &str) -> String {
    let (group, _) = text(document, "/apiVersion").rsplit_once('/').unwrap_or_default();
    let kind = text(document, "/kind").to_lowercase();
    let name = text(document, "/metadata/name");
    if group.is_empty() { format!("{kind}/{name} {verb}") } else { format!("{kind}.{group}/{name} {verb}") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_object_that_does_not_exist_should_be_created_with_what_was_applied() {
        let document = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}});
        let Plan::Create(created) = plan(&document, None) else { panic!("not a create") };
        let annotation = created["metadata"]["annotations"][LAST_APPLIED].as_str().unwrap();
        assert!(annotation.ends_with("}\n"));
        assert_eq!(serde_json::from_str::<Value>(annotation).unwrap()["metadata"]["name"], "web");
    }

    #[test]
    fn an_object_that_is_already_so_should_not_be_patched() {
        let document =
            json!({"kind": "Pod", "metadata": {"name": "web"}, "spec": {"containers": [{"name": "a"}]}});
        let Plan::Create(mut live) = plan(&document, None) else { panic!("not a create") };
        live["status"] = json!({"phase": "Running"});
        live["spec"]["nodeName"] = json!("node-1");
        assert_eq!(plan(&document, Some(&live)), Plan::Unchanged);
    }

    #[test]
    fn the_three_way_patch_should_change_remove_and_leave() {
        let table = [
            ("a changed field", json!({"a": 1}), json!({"a": 2}), json!({"a": 1}), json!({"a": 2})),
            (
                "a field that others set stays",
                json!({"a": 1}),
                json!({"a": 1}),
                json!({"a": 1, "b": 2}),
                json!({}),
            ),
            (
                "a field no longer applied goes",
                json!({"a": 1, "b": 2}),
                json!({"a": 1}),
                json!({"a": 1, "b": 2}),
                json!({"b": null}),
            ),
            ("a field already gone is not removed again", json!({"b": 2}), json!({}), json!({}), json!({})),
            ("drift is mended", json!({"a": 1}), json!({"a": 1}), json!({"a": 5}), json!({"a": 1})),
            (
                "maps are merged",
                json!({"m": {"a": 1, "b": 2}}),
                json!({"m": {"a": 3}}),
                json!({"m": {"a": 1, "b": 2, "c": 4}}),
                json!({"m": {"a": 3, "b": null}}),
            ),
            (
                "lists are replaced",
                json!({"l": [1]}),
                json!({"l": [1, 2]}),
                json!({"l": [1]}),
                json!({"l": [1, 2]}),
            ),
            ("a first apply removes nothing", Value::Null, json!({"a": 1}), json!({"b": 1}), json!({"a": 1})),
        ];
        for (what, original, modified, current, patch) in table {
            assert_eq!(three_way_merge_patch(&original, &modified, &current), patch, "{what}");
        }
    }

    #[test]
    fn the_outcome_should_name_the_object_as_kubectl_does() {
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}});
        let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}});
        assert_eq!(outcome(&pod, "created"), "pod/web created");
        assert_eq!(outcome(&deployment, "configured"), "deployment.apps/web configured");
    }
}
