//! What the facts table adds to the schema of one property: extensions, defaults, closed sets of values
//! (`pkg/generators/openapi.go` of kube-openapi).

use serde_json::{Map, Value, json};

use crate::api::schema::{Field, Kind, Scalar, Shape, Type};

/// Adds what is known of a field to its schema.
pub(super) fn apply(field: &Field, schema: &mut Map<String, Value>) {
    schema.extend(field.openapi_extensions());
    if let Some(default) = field.default().or_else(|| zero(field)) {
        schema.insert("default".to_owned(), default);
    }
    enumerate(&field.shape, schema);
    let Some(element) = field.shape.element() else { return };
    for name in ["items", "additionalProperties"] {
        if let Some(Value::Object(inner)) = schema.get_mut(name) {
            apply_element(element, inner);
        }
    }
}

fn apply_element(shape: &Shape, schema: &mut Map<String, Value>) {
    if let Some(default) = element_default(&shape.kind) {
        schema.insert("default".to_owned(), default);
    }
    if let Some(values) = shape.enum_values() {
        schema.insert("enum".to_owned(), sorted(values));
    }
}

/// The zero value that a field has where it is left out, if Go's structure holds the value itself.
fn zero(field: &Field) -> Option<Value> {
    match &field.shape.kind {
        Kind::Scalar(scalar) if field.required => scalar_zero(*scalar),
        Kind::Object(ty) if is_metadata(ty) => Some(json!({})),
        _ => None,
    }
}

fn is_metadata(ty: &Type) -> bool {
    matches!(ty.name, "meta.v1.ObjectMeta" | "meta.v1.ListMeta")
}

fn scalar_zero(scalar: Scalar) -> Option<Value> {
    match scalar {
        Scalar::String => Some(json!("")),
        Scalar::Bool => Some(json!(false)),
        Scalar::Int32 | Scalar::Int64 => Some(json!(0)),
        _ => None,
    }
}

fn element_default(kind: &Kind) -> Option<Value> {
    match kind {
        Kind::Scalar(scalar) => scalar_zero(*scalar),
        Kind::Object(_) => Some(json!({})),
        Kind::List(_) | Kind::Map(_) => None,
    }
}

/// Upstream lists the values in the description too, for readers of `kubectl explain`.
fn enumerate(shape: &Shape, schema: &mut Map<String, Value>) {
    let Some(values) = shape.enum_values() else { return };
    let values = sorted(values);
    let lines: String =
        values.as_array().into_iter().flatten().map(|value| format!("\n - `{value}`")).collect();
    let description = schema.get("description").and_then(Value::as_str).unwrap_or_default();
    schema.insert("description".to_owned(), format!("{description}\n\nPossible enum values:{lines}").into());
    schema.insert("enum".to_owned(), values);
}

fn sorted(values: &[&str]) -> Value {
    let mut values = values.to_vec();
    values.sort_unstable();
    json!(values)
}
