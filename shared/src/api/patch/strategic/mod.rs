//! Strategic merge patch: a merge patch that knows by which key the elements of a list are told apart.
//!
//! Follows `k8s.io/apimachinery/pkg/util/strategicpatch/patch.go` as the API server calls it
//! (parallel lists are merged, unmatched nulls are dropped). The directives are `$patch`,
//! `$retainKeys`, `$setElementOrder/FIELD` and `$deleteFromPrimitiveList/FIELD`, see
//! <https://github.com/kubernetes/community/blob/master/contributors/devel/sig-api-machinery/strategic-merge-patch.md>.

use serde_json::{Map, Value};

use super::{PatchError, go};
use crate::api::schema::Type;

mod list;
mod lookup;
mod order;
#[cfg(test)]
mod tests;

use lookup::Level;

const DIRECTIVE: &str = "$patch";
const RETAIN_KEYS: &str = "$retainKeys";
const SET_ELEMENT_ORDER: &str = "$setElementOrder";
const DELETE_FROM_PRIMITIVE_LIST: &str = "$deleteFromPrimitiveList";

type Object = Map<String, Value>;

/// Applies a strategic merge patch to `original`, an object of type `ty`.
///
/// # Errors
/// Upstream's: [`PatchError::BadRequest`] for malformed directives, [`PatchError::Unprocessable`] for
/// lists of lists, [`PatchError::Internal`] for all others (a missing merge key, an unknown field
/// beside a list or map, an unknown directive, …).
pub fn apply(original: Value, patch: Value, ty: &Type) -> Result<Value, PatchError> {
    let (Value::Object(original), Value::Object(patch)) = (original, patch) else {
        return Err(PatchError::BadRequest("invalid JSON document".to_owned()));
    };
    merge_map(original, patch, Level::Struct(ty)).map(Value::Object)
}

fn merge_map(mut original: Object, mut patch: Object, level: Level<'_>) -> Result<Object, PatchError> {
    if let Some(directive) = patch.shift_remove(DIRECTIVE) {
        return directed_map(directive, patch);
    }
    apply_retain_keys(&mut original, &mut patch)?;
    list::apply_element_orders(&mut original, &mut patch, level)?;
    for (key, value) in patch {
        if key.starts_with(DELETE_FROM_PRIMITIVE_LIST) {
            let field = directed_field(&key, DELETE_FROM_PRIMITIVE_LIST)
                .ok_or_else(|| bad_format("primitive list"))?
                .to_owned();
            delete_from_field(&mut original, &field, value, level)?;
        } else {
            merge_field(&mut original, key, value, level)?;
        }
    }
    Ok(original)
}

/// A map that bears `$patch` as a whole.
fn directed_map(directive: Value, mut patch: Object) -> Result<Object, PatchError> {
    match directive.as_str() {
        Some("replace") => Ok(patch),
        Some("delete") => Ok(Object::new()),
        _ => {
            patch.insert(DIRECTIVE.to_owned(), directive.clone());
            Err(unknown_directive(&directive, &patch))
        }
    }
}

/// Drops the keys that `$retainKeys` does not name.
fn apply_retain_keys(original: &mut Object, patch: &mut Object) -> Result<(), PatchError> {
    let Some(retained) = patch.shift_remove(RETAIN_KEYS) else { return Ok(()) };
    let Value::Array(retained) = retained else { return Err(bad_format("retainKeys")) };
    let retains = |key: &str| retained.iter().any(|name| name.as_str() == Some(key));
    let parallel =
        |key: &str| key.starts_with(DELETE_FROM_PRIMITIVE_LIST) || key.starts_with(SET_ELEMENT_ORDER);
    if patch.iter().any(|(key, value)| !value.is_null() && !parallel(key) && !retains(key)) {
        return Err(bad_format("retainKeys"));
    }
    original.retain(|key, _| retains(key));
    Ok(())
}

fn merge_field(original: &mut Object, key: String, new: Value, level: Level<'_>) -> Result<(), PatchError> {
    if new.is_null() {
        original.shift_remove(&key);
        return Ok(());
    }
    let Some(old) = original.get_mut(&key) else {
        if let Some(new) = without_directives(without_nulls(new)) {
            original.insert(key, new);
        }
        return Ok(());
    };
    let merged = match (old.take(), new) {
        (Value::Object(old), Value::Object(new)) => {
            let (level, field) = level.field(&key)?;
            let replace = field.strategy() == "replace";
            Some(Value::Object(if replace { new } else { merge_map(old, new, level)? }))
        }
        (Value::Array(old), Value::Array(new)) => {
            let (level, field) = level.list(&key)?;
            let merge = field.strategy() == "merge";
            Some(Value::Array(if merge { list::merge(old, new, field.patch_merge_key, level)? } else { new }))
        }
        (_, new) => without_directives(without_nulls(new)),
    };
    match merged {
        Some(merged) => *old = merged,
        None => _ = original.shift_remove(&key),
    }
    Ok(())
}

/// `$deleteFromPrimitiveList/FIELD`: the values to drop from a list of scalars.
fn delete_from_field(
    original: &mut Object,
    field: &str,
    values: Value,
    level: Level<'_>,
) -> Result<(), PatchError> {
    match (original.get_mut(field), values) {
        (_, Value::Null) => _ = original.shift_remove(field),
        (Some(Value::Array(list)), Value::Array(values)) => {
            level.list(field)?;
            list::delete_values(list, &values)?;
        }
        _ => {}
    }
    Ok(())
}

/// `$setElementOrder/containers` → `containers`.
fn directed_field<'a>(key: &'a str, directive: &str) -> Option<&'a str> {
    key.split_once('/').filter(|(prefix, _)| *prefix == directive).map(|(_, field)| field)
}

/// The value as it is stored where nothing was before; `None` where it is itself a directive.
fn without_directives(value: Value) -> Option<Value> {
    match value {
        Value::Object(map) if map.contains_key(DIRECTIVE) => None,
        Value::Object(map) => {
            let kept = map.into_iter().filter_map(|(key, value)| Some((key, without_directives(value)?)));
            Some(Value::Object(kept.collect()))
        }
        Value::Array(items) => Some(Value::Array(items.into_iter().filter_map(without_directives).collect())),
        scalar => Some(scalar),
    }
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(kept.map(|(key, value)| (key, without_nulls(value))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(without_nulls).collect()),
        scalar => scalar,
    }
}

fn bad_format(what: &str) -> PatchError {
    PatchError::BadRequest(format!("invalid patch format of {what}"))
}

fn unknown_directive(directive: &Value, map: &Object) -> PatchError {
    let map = go::print(&Value::Object(map.clone()));
    PatchError::Internal(format!("unknown patch type: {} in map: {map}", go::print(directive)))
}

fn missing_merge_key(map: &Value, key: &str) -> PatchError {
    PatchError::Internal(format!("map: {} does not contain declared merge key: {key}", go::print(map)))
}

fn wrong_type(expected: &Value, actual: &Value) -> PatchError {
    let (expected, actual) = (go::type_name(expected), go::type_name(actual));
    PatchError::Internal(format!("expected a {expected}, but received a {actual}"))
}
