//! Lists: merged element by element, and brought into the order that the patch asks for.

use serde_json::Value;

use super::order::{Identity, Positions, arrange};
use super::{
    DIRECTIVE, Level, Object, PatchError, SET_ELEMENT_ORDER, bad_format, directed_field, go, merge_map,
    missing_merge_key, unknown_directive, without_directives, wrong_type,
};

/// What the elements of a list are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Elements {
    Maps,
    Scalars,
}

/// Merges the lists that have a `$setElementOrder/FIELD` beside them, and drops both from the patch.
pub(super) fn apply_element_orders(
    original: &mut Object,
    patch: &mut Object,
    level: Level<'_>,
) -> Result<(), PatchError> {
    let directives: Vec<String> =
        patch.keys().filter(|key| key.starts_with(SET_ELEMENT_ORDER)).cloned().collect();
    for directive in directives {
        let order = patch.shift_remove(&directive).unwrap_or_default();
        let Value::Array(order) = order else { return Err(not_a_list(&order)) };
        let Some(field) = directed_field(&directive, SET_ELEMENT_ORDER) else {
            return Err(bad_format("setElementOrder list"));
        };
        apply_element_order(original, patch, field, &order, level)?;
    }
    Ok(())
}

fn apply_element_order(
    original: &mut Object,
    patch: &mut Object,
    name: &str,
    order: &[Value],
    level: Level<'_>,
) -> Result<(), PatchError> {
    let old = list_of(original.get(name))?;
    let new = list_of(patch.get(name))?;
    let (element_level, field) = level.list(name)?;
    let identity = field.patch_merge_key.map_or(Identity::Value, Identity::Key);
    check_order(new.as_deref().unwrap_or_default(), order, identity)?;
    let server_order = old.clone().unwrap_or_default();
    let elements = elements_of(&[&server_order, new.as_deref().unwrap_or_default()]);
    let merged = match (old, new) {
        (None, None) => return Ok(()),
        (Some(old), None) => old,
        (None, Some(new)) => new.into_iter().filter_map(without_directives).collect(),
        (Some(old), Some(new)) if field.strategy() == "merge" => {
            merge(old, new, field.patch_merge_key, element_level)?
        }
        (Some(_), Some(new)) => new,
    };
    elements?;
    original.insert(name.to_owned(), Value::Array(arrange(merged, order, &server_order, identity)?));
    patch.shift_remove(name);
    Ok(())
}

fn list_of(value: Option<&Value>) -> Result<Option<Vec<Value>>, PatchError> {
    match value {
        None => Ok(None),
        Some(Value::Array(list)) => Ok(Some(list.clone())),
        Some(other) => Err(not_a_list(other)),
    }
}

fn not_a_list(value: &Value) -> PatchError {
    wrong_type(&Value::Array(Vec::new()), value)
}

/// The patch's elements must stand in the order list, and in its order.
fn check_order(patch: &[Value], order: &[Value], identity: Identity<'_>) -> Result<(), PatchError> {
    if patch.is_empty() || order.is_empty() {
        return Ok(());
    }
    let named: Vec<&Value> = patch.iter().filter(|element| element.get(DIRECTIVE).is_none()).collect();
    let mut wanted = named.iter().peekable();
    for element in order {
        let Some(next) = wanted.peek() else { break };
        identity.check(std::slice::from_ref(**next))?;
        identity.check(std::slice::from_ref(element))?;
        if identity.of(next) == identity.of(element) {
            wanted.next();
        }
    }
    match wanted.next() {
        None => Ok(()),
        Some(_) => Err(PatchError::Internal(format!(
            "The order in patch list:\n{}\n doesn't match {SET_ELEMENT_ORDER} list:\n{}\n",
            go::print(&Value::from(patch)),
            go::print(&Value::from(order))
        ))),
    }
}

/// Merges a list of the patch into the object's: maps by `merge_key`, scalars by value.
pub(super) fn merge(
    original: Vec<Value>,
    patch: Vec<Value>,
    merge_key: Option<&str>,
    level: Level<'_>,
) -> Result<Vec<Value>, PatchError> {
    if original.is_empty() && patch.is_empty() {
        return Ok(original);
    }
    let identity = merge_key.map_or(Identity::Value, Identity::Key);
    if elements_of(&[&original, &patch])? == Elements::Scalars {
        let merged = united(&original, &patch);
        return arrange(merged, &patch, &original, identity);
    }
    let Some(key) = merge_key else {
        return Err(PatchError::Internal(format!(
            "cannot merge lists without merge key for {}",
            level.go_kind()
        )));
    };
    let (original, patch) = apply_directives(original, patch, key)?;
    let server_order = original.clone();
    let merged = merge_maps(original, patch.clone(), key, level)?;
    arrange(merged, &patch, &server_order, identity)
}

fn united(original: &[Value], patch: &[Value]) -> Vec<Value> {
    let mut seen = Positions::of(&[], Identity::Value);
    let mut fresh = |element: &Value| {
        let fresh = seen.find(element).is_none();
        seen.add(element, 0);
        fresh
    };
    original.iter().chain(patch).filter(|element| fresh(element)).cloned().collect()
}

/// Carries out the elements that bear `$patch`; the second list is what is left to merge.
fn apply_directives(
    mut original: Vec<Value>,
    patch: Vec<Value>,
    key: &str,
) -> Result<(Vec<Value>, Vec<Value>), PatchError> {
    let mut rest = Vec::new();
    let mut replace = false;
    for element in patch {
        let Some(directive) = element.get(DIRECTIVE) else {
            rest.push(element);
            continue;
        };
        match directive.as_str() {
            Some("delete") => {
                let value = element.get(key).ok_or_else(|| missing_merge_key(&element, key))?;
                original.retain(|old| old.get(key) != Some(value));
            }
            Some("replace") => replace = true,
            Some("merge") => {
                return Err(PatchError::Internal(
                    "merging lists cannot yet be specified in the patch".to_owned(),
                ));
            }
            _ => return Err(unknown_directive(directive, element.as_object().unwrap_or(&Object::new()))),
        }
    }
    Ok(if replace { (rest, Vec::new()) } else { (original, rest) })
}

fn merge_maps(
    mut original: Vec<Value>,
    patch: Vec<Value>,
    key: &str,
    level: Level<'_>,
) -> Result<Vec<Value>, PatchError> {
    let mut positions = Positions::of(&original, Identity::Key(key));
    for element in patch {
        if element.get(key).is_none() {
            return Err(missing_merge_key(&element, key));
        }
        match (positions.find(&element), element) {
            (Some(at), Value::Object(new)) => {
                let Value::Object(old) = original[at].take() else { continue };
                original[at] = Value::Object(merge_map(old, new, level)?);
            }
            (_, element) => {
                positions.add(&element, original.len());
                original.push(element);
            }
        }
    }
    Ok(original)
}

/// Drops `values` from a list of scalars.
pub(super) fn delete_values(list: &mut Vec<Value>, values: &[Value]) -> Result<(), PatchError> {
    if list.is_empty() && values.is_empty() {
        return Ok(());
    }
    if elements_of(&[list, values])? == Elements::Maps {
        return Err(PatchError::Internal("cannot merge lists without merge key for struct".to_owned()));
    }
    let doomed = Positions::of(values, Identity::Value);
    list.retain(|value| doomed.find(value).is_none());
    Ok(())
}

/// All elements must be of one type, and not lists.
fn elements_of(lists: &[&[Value]]) -> Result<Elements, PatchError> {
    let mut all = lists.iter().copied().flatten();
    let Some(first) = all.next() else {
        return Err(PatchError::Internal("no elements in any of the given slices".to_owned()));
    };
    if first.is_array() {
        return Err(PatchError::Unprocessable("lists of lists are not supported".to_owned()));
    }
    if all.any(|element| go::type_name(element) != go::type_name(first)) {
        let lists: Vec<String> = lists.iter().map(|list| go::print(&Value::from(*list))).collect();
        return Err(PatchError::Internal(format!(
            "list element types are not identical: [{}]",
            lists.join(" ")
        )));
    }
    Ok(if first.is_object() { Elements::Maps } else { Elements::Scalars })
}
