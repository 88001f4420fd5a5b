//! Values of the wrong type, in the words of Go's `encoding/json` and of the API's own readers.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::time;
use crate::api::quantity::{ParseQuantityError, Quantity};
use crate::api::schema::{Kind, Scalar, Shape, Type};

/// A value of the wrong type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeError {
    /// Where it stands, as `spec.containers[0].ports[1].containerPort`.
    pub path: String,
    /// What a decoder says of it, for example `json: cannot unmarshal string into Go struct field
    /// PodSpec.spec.containers of type []v1.Container`.
    pub message: String,
}

/// The first value of the wrong type; `None` where all are right.
pub fn type_error(value: &Value, ty: &Type) -> Option<TypeError> {
    let mut place = Place { owner: None, stack: Vec::new(), path: Vec::new() };
    let message = place.object(value, ty).err()?;
    Some(TypeError { path: place.path.concat(), message })
}

/// Where the decoder is: as Go counts it, the structure it is in and the fields on the way; and with
/// the indices and keys that Go leaves out. At an error it stays where it is.
struct Place {
    owner: Option<&'static str>,
    stack: Vec<&'static str>,
    path: Vec<String>,
}

impl Place {
    fn value(&mut self, value: &Value, shape: &Shape) -> Result<(), String> {
        if value.is_null() {
            return Ok(());
        }
        match (&shape.kind, value) {
            (Kind::Scalar(scalar), value) => self.scalar(value, *scalar, shape),
            (Kind::Object(ty), value) => self.object(value, ty.get()),
            (Kind::List(element), Value::Array(list)) => {
                list.iter().enumerate().try_for_each(|(index, value)| self.element(index, value, element))
            }
            (Kind::Map(element), Value::Object(map)) => {
                map.iter().try_for_each(|(key, value)| self.element(key, value, element))
            }
            _ => Err(self.mismatch(word(value), &shape.go_type())),
        }
    }

    fn element(&mut self, at: impl std::fmt::Display, value: &Value, shape: &Shape) -> Result<(), String> {
        self.path.push(format!("[{at}]"));
        self.value(value, shape)?;
        self.path.pop();
        Ok(())
    }

    fn object(&mut self, value: &Value, ty: &Type) -> Result<(), String> {
        let Value::Object(map) = value else {
            return Err(self.mismatch(word(value), ty.go_name()));
        };
        let owner = self.owner.replace(ty.short_name());
        for (key, value) in map {
            let Some(field) = ty.field(key) else { continue };
            self.stack.push(field.name);
            let dot = if self.path.is_empty() { "" } else { "." };
            self.path.push(format!("{dot}{}", field.name));
            self.value(value, &field.shape)?;
            self.path.pop();
            self.stack.pop();
        }
        self.owner = owner;
        Ok(())
    }

    fn scalar(&self, value: &Value, scalar: Scalar, shape: &Shape) -> Result<(), String> {
        let wrong = |word: &str| Err(self.mismatch(word, &shape.go_type()));
        match (scalar, value) {
            (Scalar::Raw | Scalar::Fields, _)
            | (Scalar::String | Scalar::IntOrString | Scalar::Duration, Value::String(_))
            | (Scalar::Bool, Value::Bool(_))
            | (Scalar::Bytes, Value::Array(_)) => Ok(()),
            (Scalar::Int32, Value::Number(number)) if !fits_int32(value) => {
                wrong(&format!("number {number}"))
            }
            (Scalar::Int64, Value::Number(number)) if !number.is_i64() => wrong(&format!("number {number}")),
            (Scalar::Int32 | Scalar::Int64, Value::Number(_)) => Ok(()),
            (Scalar::Quantity, value) => quantity(value).map_err(|error| error.to_string()),
            (Scalar::IntOrString, value) => int_or_string(value),
            (Scalar::Time, value) => timestamp(value, "2006-01-02T15:04:05Z07:00"),
            (Scalar::MicroTime, value) => timestamp(value, "2006-01-02T15:04:05.000000Z07:00"),
            (Scalar::Duration, value) => Err(into_go_value(word(value), "string")),
            (Scalar::Bytes, Value::String(text)) => bytes(text),
            (_, value) => wrong(word(value)),
        }
    }

    fn mismatch(&self, value: &str, go_type: &str) -> String {
        match self.owner {
            Some(owner) => format!(
                "json: cannot unmarshal {value} into Go struct field {owner}.{} of type {go_type}",
                self.stack.join(".")
            ),
            None => into_go_value(value, go_type),
        }
    }
}

fn into_go_value(value: &str, go_type: &str) -> String {
    format!("json: cannot unmarshal {value} into Go value of type {go_type}")
}

fn fits_int32(value: &Value) -> bool {
    value.as_i64().is_some_and(|number| i32::try_from(number).is_ok())
}

fn quantity(value: &Value) -> Result<(), ParseQuantityError> {
    let parsed = match value {
        Value::String(text) => text.trim().parse::<Quantity>(),
        other => other.to_string().parse(),
    };
    parsed.map(|_| ())
}

fn int_or_string(value: &Value) -> Result<(), String> {
    match value {
        Value::Number(_) if fits_int32(value) => Ok(()),
        Value::Number(number) => Err(into_go_value(&format!("number {number}"), "int32")),
        other => Err(into_go_value(word(other), "int32")),
    }
}

fn timestamp(value: &Value, layout: &str) -> Result<(), String> {
    match value {
        Value::String(text) => time::error(text, layout).map_or(Ok(()), Err),
        other => Err(into_go_value(word(other), "string")),
    }
}

fn bytes(text: &str) -> Result<(), String> {
    let text: String = text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    let at = match STANDARD.decode(&text) {
        Ok(_) => return Ok(()),
        Err(base64::DecodeError::InvalidByte(at, _) | base64::DecodeError::InvalidLastSymbol(at, _)) => at,
        // Go counts whole groups of four.
        Err(_) => text.len() / 4 * 4,
    };
    Err(format!("illegal base64 data at input byte {at}"))
}

fn word(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
