//! Values as Go's decoders leave them, where they read more than one spelling.
//!
//! An element that is null is its type's zero value (`sigs.k8s.io/json`), line breaks in base64 do not
//! count (`encoding/base64`), and quantities are in canonical form
//! (`k8s.io/apimachinery/pkg/api/resource/quantity.go`).

use serde_json::{Value, json};

use crate::api::quantity::Quantity;
use crate::api::schema::{Kind, Scalar, Schema, Shape, Type};

/// Rewrites an object of a kind as upstream's decoder reads it; kinds that the schema does not know
/// stay as they are, and so does what is of the wrong type.
pub fn normalize(value: &mut Value, (api_version, kind): (&str, &str)) {
    if let Some(ty) = Schema::for_kind(api_version, kind) {
        Normal { write: Quantity::to_string }.object(value, ty);
    }
}

/// Rewrites the quantities in a value of a type so that equal ones have equal texts, for comparisons.
pub fn level_quantities(value: &mut Value, ty: &Type) {
    Normal { write: |quantity| format!("{}n", quantity.nanos()) }.object(value, ty);
}

struct Normal {
    /// How a quantity is written.
    write: fn(&Quantity) -> String,
}

impl Normal {
    fn object(&self, value: &mut Value, ty: &Type) {
        for (key, value) in value.as_object_mut().into_iter().flatten() {
            // A field that is null is absent.
            if let Some(field) = ty.field(key).filter(|_| !value.is_null()) {
                self.value(value, &field.shape);
            }
        }
    }

    fn value(&self, value: &mut Value, shape: &Shape) {
        match &shape.kind {
            Kind::Scalar(Scalar::Quantity) => self.quantity(value),
            Kind::Scalar(Scalar::Bytes) => join_lines(value),
            Kind::Scalar(_) => {}
            Kind::Object(ty) => self.object(value, ty.get()),
            Kind::List(element) => {
                value.as_array_mut().into_iter().flatten().for_each(|value| self.element(value, element));
            }
            Kind::Map(element) => {
                value
                    .as_object_mut()
                    .into_iter()
                    .flatten()
                    .for_each(|(_, value)| self.element(value, element));
            }
        }
    }

    fn element(&self, value: &mut Value, shape: &Shape) {
        match value {
            Value::Null => *value = zero(shape),
            value => self.value(value, shape),
        }
    }

    fn quantity(&self, value: &mut Value) {
        let text = match &*value {
            Value::String(text) => text.trim().to_owned(),
            other => other.to_string(),
        };
        if let Ok(quantity) = text.parse() {
            *value = Value::String((self.write)(&quantity));
        }
    }
}

fn join_lines(value: &mut Value) {
    if let Value::String(text) = value {
        text.retain(|c| !matches!(c, '\r' | '\n'));
    }
}

/// What Go has where nothing was given.
fn zero(shape: &Shape) -> Value {
    match &shape.kind {
        Kind::Object(_) | Kind::Map(_) | Kind::Scalar(Scalar::Fields) => json!({}),
        Kind::List(_) => json!([]),
        Kind::Scalar(Scalar::String | Scalar::Bytes) => json!(""),
        Kind::Scalar(Scalar::Bool) => json!(false),
        Kind::Scalar(Scalar::Int32 | Scalar::Int64 | Scalar::IntOrString) => json!(0),
        Kind::Scalar(Scalar::Quantity) => json!("0"),
        Kind::Scalar(Scalar::Duration) => json!("0s"),
        Kind::Scalar(Scalar::Time | Scalar::MicroTime | Scalar::Raw) => Value::Null,
    }
}
