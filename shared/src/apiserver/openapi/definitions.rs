//! The schemas of both documents in one neutral form: references may have siblings, as in swagger, and
//! defaults are there, as in OpenAPI 3.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::types::{self, REFERENCE};
use super::{field, kinds, scalars};
use crate::api::schema::{Schema, Type};
use crate::api::scheme::{KINDS, Kind};

/// Schemas by upstream's names.
pub(super) type Definitions = BTreeMap<String, Map<String, Value>>;

/// Every definition, without the kinds: those depend on the document.
pub(super) fn all() -> Definitions {
    let mut definitions = Definitions::new();
    for (name, schema) in types::generated() {
        if let Value::Object(mut schema) = schema {
            refine(&name, &mut schema);
            definitions.insert(name, schema);
        }
    }
    for kind in KINDS {
        let name = kinds::definition(kind);
        if let Some(list) = definitions.get(&name).and_then(|item| list(kind, &name, item)) {
            definitions.insert(format!("{name}List"), list);
        }
    }
    definitions
}

fn refine(name: &str, schema: &mut Map<String, Value>) {
    scalars::publish(name, schema);
    if name.ends_with(".WatchEvent") {
        describe_event(schema);
    }
    if let Some(facts) = Schema::for_openapi_name(name) {
        apply(facts, schema);
    }
}

/// Joins a schema with what the facts table has of its type.
fn apply(facts: &Type, schema: &mut Map<String, Value>) {
    if facts.atomic {
        schema.insert("x-kubernetes-map-type".to_owned(), json!("atomic"));
    }
    let required: Vec<&str> = facts.fields().filter(|field| field.required).map(|field| field.name).collect();
    match required.is_empty() {
        true => schema.remove("required"),
        false => schema.insert("required".to_owned(), json!(required)),
    };
    let Some(Value::Object(properties)) = schema.get_mut("properties") else { return };
    for (name, property) in properties {
        if let (Some(facts), Value::Object(property)) = (facts.field(name), property) {
            field::apply(facts, property);
        }
    }
}

/// Upstream's description of an event is in part one of its `object`.
fn describe_event(schema: &mut Map<String, Value>) {
    let text = schema.get("description").and_then(Value::as_str).unwrap_or_default().to_owned();
    let Some((event, object)) = text.split_once("\n\n") else { return };
    schema.insert("description".to_owned(), event.into());
    if let Some(property) = schema.get_mut("properties").and_then(|properties| properties.get_mut("object")) {
        property["description"] = object.trim_end().into();
    }
}

/// The collection of a kind; its `apiVersion` and `kind` read like the item's.
fn list(kind: &Kind, name: &str, item: &Map<String, Value>) -> Option<Map<String, Value>> {
    let properties = item.get("properties")?;
    let list = json!({
        "description": format!("{} is a list of objects of kind {}.", kind.list_kind, kind.kind),
        "properties": {
            "apiVersion": properties.get("apiVersion")?,
            "items": {
                "description": "The objects.",
                "items": { "$ref": reference(name), "default": {} },
                "type": "array",
            },
            "kind": properties.get("kind")?,
            "metadata": {
                "$ref": reference(&kinds::meta("ListMeta")),
                "default": {},
                "description": "Metadata of the collection: the resourceVersion it was read at, and how to continue.",
            },
        },
        "required": ["items"],
        "type": "object",
    });
    match list {
        Value::Object(list) => Some(list),
        _ => None,
    }
}

/// A reference to a definition in the neutral form.
pub(super) fn reference(name: &str) -> String {
    format!("{REFERENCE}{name}")
}

/// The definitions that those of `roots` contain, and they themselves.
pub(super) fn reachable(definitions: &Definitions, roots: impl IntoIterator<Item = String>) -> Definitions {
    let mut waiting: Vec<String> = roots.into_iter().collect();
    let mut seen = BTreeSet::new();
    while let Some(name) = waiting.pop() {
        if let Some(schema) = definitions.get(&name).filter(|_| !seen.contains(&name)) {
            visit(&mut schema.clone(), &mut |schema| waiting.extend(referred(schema)));
            seen.insert(name);
        }
    }
    definitions
        .iter()
        .filter(|(name, _)| seen.contains(*name))
        .map(|(name, schema)| (name.clone(), schema.clone()))
        .collect()
}

/// The definition that a schema refers to.
pub(super) fn referred(schema: &Map<String, Value>) -> Option<String> {
    schema.get("$ref")?.as_str()?.strip_prefix(REFERENCE).map(str::to_owned)
}

/// Shows a schema and all schemas within it to a function, inner ones first.
pub(super) fn visit(schema: &mut Map<String, Value>, see: &mut dyn FnMut(&mut Map<String, Value>)) {
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        for property in properties.values_mut() {
            visit_value(property, see);
        }
    }
    for name in ["items", "additionalProperties"] {
        if let Some(inner) = schema.get_mut(name) {
            visit_value(inner, see);
        }
    }
    see(schema);
}

fn visit_value(schema: &mut Value, see: &mut dyn FnMut(&mut Map<String, Value>)) {
    if let Value::Object(schema) = schema {
        visit(schema, see);
    }
}
