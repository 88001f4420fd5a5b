//! From a message's bytes to the value that the object's JSON would give.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::DecodeError;
use super::schema::{self, FieldSchema, Fields, Shape};
use super::wire::{self, Field, Reader};

type Result<T> = std::result::Result<T, DecodeError>;

/// Reads a message's fields into an object.
pub(super) fn read(fields: &Fields, message: &[u8], into: &mut Map<String, Value>) -> Result<()> {
    for field in Reader::new(message) {
        let (number, content) = field?;
        if let Some(schema) = fields.get(&number) {
            add(schema, content, into)?;
        }
    }
    Ok(())
}

fn add(schema: &FieldSchema, content: Field<'_>, into: &mut Map<String, Value>) -> Result<()> {
    let Some(name) = schema.name else { return read_inline(schema, content, into) };
    match schema.shape {
        Shape::List => {
            let item = value(schema.type_, content)?;
            let list = into.entry(name).or_insert_with(|| json!([]));
            list.as_array_mut().ok_or(DecodeError::Malformed)?.push(item);
        }
        Shape::Map => {
            let (key, item) = entry(schema.type_, content)?;
            let map = into.entry(name).or_insert_with(|| json!({}));
            map.as_object_mut().ok_or(DecodeError::Malformed)?.insert(key, item);
        }
        Shape::One => {
            let one = value(schema.type_, content)?;
            if schema.keeps_zero || !is_zero(&one) {
                into.insert(name.to_owned(), one);
            }
        }
    }
    Ok(())
}

/// Reads a message whose fields belong to the outer one.
fn read_inline(schema: &FieldSchema, content: Field<'_>, into: &mut Map<String, Value>) -> Result<()> {
    match (schema::fields(schema.type_), content) {
        (Some(fields), Field::Bytes(message)) => read(fields, message, into),
        _ => Err(DecodeError::Malformed),
    }
}

fn is_zero(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Number(number) => number.as_f64() == Some(0.0),
        _ => false,
    }
}

/// An entry of a map: its key is field 1, its value field 2.
fn entry(type_: &str, content: Field<'_>) -> Result<(String, Value)> {
    let Field::Bytes(message) = content else { return Err(DecodeError::Malformed) };
    let (mut key, mut item) = (String::new(), value(type_, Field::Bytes(&[])).unwrap_or_default());
    for field in Reader::new(message) {
        match field? {
            (1, Field::Bytes(text)) => key = wire::text(text)?,
            (2, content) => item = value(type_, content)?,
            _ => {}
        }
    }
    Ok((key, item))
}

fn value(type_: &str, content: Field<'_>) -> Result<Value> {
    match (type_, content) {
        ("bool", Field::Varint(number)) => Ok((number != 0).into()),
        // Negative numbers are written as the 64 bits of their two's complement.
        ("int32" | "int64", Field::Varint(number)) => Ok(number.cast_signed().into()),
        ("double", Field::Fixed64(bits)) => Ok(f64::from_bits(bits).into()),
        ("string", Field::Bytes(bytes)) => wire::text(bytes).map(Value::from),
        ("bytes", Field::Bytes(bytes)) => Ok(STANDARD.encode(bytes).into()),
        (_, Field::Bytes(bytes)) => message(type_, bytes),
        _ => Err(DecodeError::Malformed),
    }
}

/// A message; some have a form of their own in JSON.
fn message(type_: &str, bytes: &[u8]) -> Result<Value> {
    match type_ {
        "Quantity" => first_text(bytes),
        "IntOrString" => int_or_string(bytes),
        "Time" => time(bytes, 0),
        "MicroTime" => time(bytes, 6),
        "FieldsV1" | "RawExtension" => raw_json(bytes),
        _ => {
            let fields = schema::fields(type_).ok_or(DecodeError::Malformed)?;
            let mut object = Map::new();
            read(fields, bytes, &mut object)?;
            Ok(Value::Object(object))
        }
    }
}

fn first_text(bytes: &[u8]) -> Result<Value> {
    for field in Reader::new(bytes) {
        if let (1, Field::Bytes(text)) = field? {
            return wire::text(text).map(Value::from);
        }
    }
    Ok("0".into())
}

/// `IntOrString`: which of the two, the number, the text.
fn int_or_string(bytes: &[u8]) -> Result<Value> {
    let (mut is_text, mut number, mut text) = (false, 0, String::new());
    for field in Reader::new(bytes) {
        match field? {
            (1, Field::Varint(which)) => is_text = which == 1,
            (2, Field::Varint(found)) => number = found.cast_signed(),
            (3, Field::Bytes(found)) => text = wire::text(found)?,
            _ => {}
        }
    }
    Ok(if is_text { text.into() } else { number.into() })
}

/// A time with that many digits of a second's fraction; none where the message is empty.
fn time(bytes: &[u8], digits: usize) -> Result<Value> {
    if bytes.is_empty() {
        return Ok(Value::Null);
    }
    let (mut seconds, mut nanoseconds) = (0, 0);
    for field in Reader::new(bytes) {
        match field? {
            (1, Field::Varint(number)) => seconds = number.cast_signed(),
            (2, Field::Varint(number)) => nanoseconds = i32::try_from(number).unwrap_or(0),
            _ => {}
        }
    }
    let time = Timestamp::new(seconds, nanoseconds).map_err(|_| DecodeError::BadValue("time"))?;
    Ok(format!("{time:.digits$}").into())
}

fn raw_json(bytes: &[u8]) -> Result<Value> {
    for field in Reader::new(bytes) {
        if let (1, Field::Bytes(text)) = field? {
            return serde_json::from_slice(text).map_err(|_| DecodeError::BadValue("JSON"));
        }
    }
    Ok(Value::Null)
}
