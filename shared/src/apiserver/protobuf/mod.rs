//! Objects in Kubernetes' protobuf form, which Go clients and `kubectl create` send: read into the
//! value that the same object's JSON would give.
//!
//! Follows `pkg/runtime/serializer/protobuf/protobuf.go` of kubernetes/apimachinery: four bytes `k8s\0`,
//! then `runtime.Unknown` with the kind and the object's own bytes. What the messages hold is listed in
//! `fields.txt`.

use std::fmt;

use serde_json::{Map, Value};

mod message;
mod schema;
#[cfg(test)]
mod tests;
mod wire;

use wire::{Field, Reader};

/// The content type of this form.
pub const CONTENT_TYPE: &str = "application/vnd.kubernetes.protobuf";

/// What every such body begins with.
const MAGIC: &[u8] = b"k8s\0";

/// Why a body is no object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// The bytes end within a field, or are none of protobuf's.
    Malformed,
    /// A text is not UTF-8, or a time none of this world.
    BadValue(&'static str),
    /// A kind that is not served.
    UnknownKind(String),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DecodeError::Malformed => out.write_str("proto: illegal wireType or unexpected EOF"),
            DecodeError::BadValue(what) => write!(out, "proto: invalid {what}"),
            DecodeError::UnknownKind(kind) => write!(out, "no kind {kind:?} is registered"),
        }
    }
}

impl std::error::Error for DecodeError {}

/// Whether the body is in this form.
pub fn is_protobuf(body: &[u8]) -> bool {
    body.starts_with(MAGIC)
}

/// `runtime.Unknown`: an object's kind and its bytes.
#[derive(Default)]
struct Unknown<'a> {
    api_version: String,
    kind: String,
    raw: &'a [u8],
}

/// The object that a body holds, as its JSON would be.
///
/// Kind and version are in the value where the body names them; fields that are not known are left
/// out, as upstream leaves them.
pub fn decode(body: &[u8]) -> Result<Value, DecodeError> {
    let unknown = unwrap(body.strip_prefix(MAGIC).ok_or(DecodeError::Malformed)?)?;
    let mut object = Map::new();
    object.insert("apiVersion".into(), unknown.api_version.clone().into());
    object.insert("kind".into(), unknown.kind.clone().into());
    let name = schema::message_of(&unknown.api_version, &unknown.kind);
    let Some(fields) = schema::fields(&name) else { return Err(DecodeError::UnknownKind(unknown.kind)) };
    message::read(fields, unknown.raw, &mut object)?;
    Ok(Value::Object(object))
}

fn unwrap(body: &[u8]) -> Result<Unknown<'_>, DecodeError> {
    let mut unknown = Unknown::default();
    for field in Reader::new(body) {
        match field? {
            (1, Field::Bytes(types)) => read_types(types, &mut unknown)?,
            (2, Field::Bytes(raw)) => unknown.raw = raw,
            _ => {}
        }
    }
    Ok(unknown)
}

fn read_types(types: &[u8], unknown: &mut Unknown<'_>) -> Result<(), DecodeError> {
    for field in Reader::new(types) {
        match field? {
            (1, Field::Bytes(text)) => unknown.api_version = wire::text(text)?,
            (2, Field::Bytes(text)) => unknown.kind = wire::text(text)?,
            _ => {}
        }
    }
    Ok(())
}
