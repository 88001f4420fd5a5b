//! The three-way strategic merge patch: lists with a merge key are merged element by element, so
//! that what the server added (defaults, injected volumes and tolerations) stays.
//!
//! Follows `CreateThreeWayMergePatch` in `pkg/util/strategicpatch/patch.go` of
//! kubernetes/apimachinery; the merge keys are those of `shared`'s schema.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use shared::api::schema::{Field, Kind, Shape, Type};

type Object = Map<String, Value>;

/// What is known of a map's fields.
#[derive(Clone, Copy)]
enum Fields<'a> {
    /// Those of a structure.
    Of(&'a Type),
    /// None: keys are free.
    Free,
}

impl<'a> Fields<'a> {
    fn field(self, name: &str) -> Option<&'a Field> {
        match self {
            Fields::Of(ty) => ty.field(name),
            Fields::Free => None,
        }
    }

    fn within(shape: Option<&'a Shape>) -> Fields<'a> {
        match shape.map(|shape| &shape.kind) {
            Some(Kind::Object(ty)) => Fields::Of(ty.get()),
            _ => Fields::Free,
        }
    }
}

/// The patch that brings additions and changes from `current` to `modified`, and removes what
/// `original` had and `modified` has no more.
pub(super) fn three_way_patch(original: &Value, modified: &Value, current: &Value, ty: &Type) -> Value {
    let (Some(modified), Some(current)) = (modified.as_object(), current.as_object()) else {
        return modified.clone();
    };
    Value::Object(maps(original.as_object(), modified, current, Fields::Of(ty)))
}

fn maps(original: Option<&Object>, modified: &Object, current: &Object, fields: Fields) -> Object {
    let mut patch = Object::new();
    for (key, new) in modified {
        let old = original.and_then(|original| original.get(key));
        match current.get(key) {
            Some(live) if live == new => {}
            Some(live) => values(&mut patch, key, Versions { old, new, live }, fields.field(key)),
            None => {
                patch.insert(key.clone(), new.clone());
            }
        }
    }
    let is_gone = |key: &&String| !modified.contains_key(*key) && current.contains_key(*key);
    for key in original.into_iter().flat_map(Object::keys).filter(is_gone) {
        patch.insert(key.clone(), Value::Null);
    }
    patch
}

/// A value as it was applied last, as it is to be, and as it is.
#[derive(Clone, Copy)]
struct Versions<'a> {
    old: Option<&'a Value>,
    new: &'a Value,
    live: &'a Value,
}

fn values(patch: &mut Object, key: &str, versions: Versions, field: Option<&Field>) {
    let shape = field.map(|field| &field.shape);
    let strategy = field.map(Field::strategy).unwrap_or_default();
    match (versions.new, versions.live) {
        (Value::Object(new), Value::Object(live)) if strategy != "replace" => {
            let old = versions.old.and_then(Value::as_object);
            let retains = field.is_some_and(Field::retains_keys);
            let inner = retaining(maps(old, new, live, Fields::within(shape)), new, retains);
            insert_unless_empty(patch, key, inner);
        }
        (Value::Array(new), Value::Array(live)) if strategy == "merge" => {
            let old = versions.old.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            match field.and_then(|field| field.patch_merge_key.map(|merge_key| (field, merge_key))) {
                Some((field, merge_key)) => keyed_lists(patch, key, old, new, live, field, merge_key),
                None => plain_lists(patch, key, old, new, live),
            }
        }
        (new, _) => {
            patch.insert(key.to_owned(), new.clone());
        }
    }
}

/// Where one of several keys may stand (`emptyDir`, `configMap`, …), the others are told to go.
fn retaining(mut patch: Object, new: &Object, retains: bool) -> Object {
    if retains && !patch.is_empty() {
        let keys: BTreeSet<&String> = new.keys().collect();
        patch.insert("$retainKeys".to_owned(), json!(keys));
    }
    patch
}

fn insert_unless_empty(patch: &mut Object, key: &str, inner: Object) {
    if !inner.is_empty() {
        patch.insert(key.to_owned(), Value::Object(inner));
    }
}

/// Lists of structures, told apart by a key: `containers` by `name`.
fn keyed_lists(
    patch: &mut Object,
    key: &str,
    old: &[Value],
    new: &[Value],
    live: &[Value],
    field: &Field,
    merge_key: &str,
) {
    let find =
        |list: &'_ [Value], id: &Value| list.iter().find(|item| item.get(merge_key) == Some(id)).cloned();
    let fields = Fields::within(field.shape.element());
    let mut changes = Vec::new();
    let mut order = Vec::new();
    for item in new {
        // An element without its key cannot be found again; the server will say so.
        let Some(id) = item.get(merge_key) else {
            patch.insert(key.to_owned(), Value::Array(new.to_vec()));
            return;
        };
        order.push(json!({ merge_key: id }));
        let (Some(now), Some(wanted)) = (find(live, id), item.as_object()) else {
            changes.push(item.clone());
            continue;
        };
        let before = find(old, id);
        let now = now.as_object().cloned().unwrap_or_default();
        let change = maps(before.as_ref().and_then(Value::as_object), wanted, &now, fields);
        let mut change = retaining(change, wanted, field.retains_keys());
        if !change.is_empty() {
            change.insert(merge_key.to_owned(), id.clone());
            changes.push(Value::Object(change));
        }
    }
    let ids = old.iter().filter_map(|item| item.get(merge_key));
    let is_gone = |id: &&Value| find(new, id).is_none() && find(live, id).is_some();
    changes.extend(ids.filter(is_gone).map(|id| json!({ merge_key: id, "$patch": "delete" })));
    if !changes.is_empty() {
        patch.insert(format!("$setElementOrder/{key}"), Value::Array(order));
        patch.insert(key.to_owned(), Value::Array(changes));
    }
}

/// Lists of plain values that are merged as sets: `finalizers`.
fn plain_lists(patch: &mut Object, key: &str, old: &[Value], new: &[Value], live: &[Value]) {
    let added: Vec<_> = new.iter().filter(|value| !live.contains(value)).cloned().collect();
    let gone: Vec<_> =
        old.iter().filter(|value| !new.contains(value) && live.contains(value)).cloned().collect();
    if !added.is_empty() {
        patch.insert(format!("$setElementOrder/{key}"), Value::Array(new.to_vec()));
        patch.insert(key.to_owned(), Value::Array(added));
    }
    if !gone.is_empty() {
        patch.insert(format!("$deleteFromPrimitiveList/{key}"), Value::Array(gone));
    }
}

#[cfg(test)]
mod tests {
    use shared::api::patch::strategic;
    use shared::api::schema::Schema;

    use super::*;

    fn pod(spec: Value) -> Value {
        json!({"metadata": {"name": "web"}, "spec": spec})
    }

    /// The patch, and what the server makes of it.
    fn patched(original: Value, modified: Value, current: Value) -> (Value, Value) {
        let ty = Schema::for_kind("v1", "Pod").unwrap();
        let patch = three_way_patch(&pod(original), &pod(modified), &pod(current.clone()), ty);
        let result = strategic::apply(pod(current), patch.clone(), ty).unwrap();
        (patch["spec"].clone(), result["spec"].clone())
    }

    #[test]
    fn a_changed_image_should_leave_the_defaults_of_its_container() {
        let applied = |image: &str| json!({"containers": [{"name": "c", "image": image}]});
        let live = json!({"containers": [{"name": "c", "image": "nginx", "imagePullPolicy": "Always"}], "restartPolicy": "Always"});
        let (patch, result) = patched(applied("nginx"), applied("httpd"), live);
        assert_eq!(patch["containers"], json!([{"image": "httpd", "name": "c"}]));
        assert_eq!(
            result,
            json!({"containers": [{"name": "c", "image": "httpd", "imagePullPolicy": "Always"}], "restartPolicy": "Always"})
        );
    }

    #[test]
    fn elements_that_others_added_should_stay_and_ours_should_go() {
        let original = json!({"containers": [{"name": "a"}, {"name": "b"}]});
        let modified = json!({"containers": [{"name": "a"}]});
        let live = json!({"containers": [{"name": "a"}, {"name": "b"}, {"name": "injected"}]});
        let (_, result) = patched(original, modified, live);
        assert_eq!(result["containers"], json!([{"name": "a"}, {"name": "injected"}]));
    }

    #[test]
    fn another_source_of_a_volume_should_replace_the_one_before() {
        let volume = |source: &str| json!({"volumes": [{"name": "v", source: {}}]});
        let (_, result) = patched(volume("emptyDir"), volume("configMap"), volume("emptyDir"));
        assert_eq!(result["volumes"], json!([{"name": "v", "configMap": {}}]));
    }

    #[test]
    fn what_is_already_so_should_need_no_patch() {
        let spec = json!({"containers": [{"name": "c", "env": [{"name": "A", "value": "1"}]}], "nodeSelector": {"a": "b"}});
        let mut live = spec.clone();
        live["containers"][0]["terminationMessagePath"] = json!("/dev/termination-log");
        live["nodeName"] = json!("node-1");
        let (patch, _) = patched(spec.clone(), spec, live);
        assert_eq!(patch, Value::Null);
    }

    #[test]
    fn a_field_no_longer_applied_should_go() {
        let (_, result) = patched(
            json!({"nodeSelector": {"a": "b"}, "hostname": "x"}),
            json!({}),
            json!({"nodeSelector": {"a": "b"}, "hostname": "x", "nodeName": "n"}),
        );
        assert_eq!(result, json!({"nodeName": "n"}));
    }
}
