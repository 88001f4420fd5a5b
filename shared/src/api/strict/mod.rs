//! Strict decoding: unknown and duplicate fields, and values of the wrong type, in upstream's words.
//!
//! Follows `sigs.k8s.io/json` and `k8s.io/apiserver/pkg/endpoints/handlers` (`fieldValidation`).

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;

use super::schema::{Kind, Schema, Shape, Type};

mod json;
mod mismatch;
mod normal;
#[cfg(test)]
mod tests;
mod time;

pub use json::{JsonError, parse_json_strict};
pub use mismatch::{TypeError, type_error};
pub use normal::{level_quantities, normalize};

/// The most strict errors that are reported of one object.
pub const MAX_ERRORS: usize = 100;

/// What to do about unknown and duplicate fields: the parameter `fieldValidation`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum FieldValidation {
    /// Drop them.
    Ignore,
    /// Drop them with a warning: the server's default.
    #[default]
    Warn,
    /// Refuse the object.
    Strict,
}

impl FieldValidation {
    /// Reads the parameter; empty is the default, `None` an unknown word.
    pub fn from_parameter(text: &str) -> Option<FieldValidation> {
        Some(match text {
            "Ignore" => FieldValidation::Ignore,
            "" | "Warn" => FieldValidation::Warn,
            "Strict" => FieldValidation::Strict,
            _ => return None,
        })
    }
}

/// A field that a strict decoder objects to, by its path (`spec.containers[0].imagee`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StrictError {
    /// The type has no such field.
    UnknownField(String),
    /// The field is there twice; the last one counts.
    DuplicateField(String),
}

impl fmt::Display for StrictError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StrictError::UnknownField(path) => write!(f, "unknown field {path:?}"),
            StrictError::DuplicateField(path) => write!(f, "duplicate field {path:?}"),
        }
    }
}

/// Checks an object against its kind's type, as the API server does when it decodes a request.
///
/// `duplicates` are the paths that the reader found twice. The answer is the warnings to send; kinds
/// that the schema does not know pass.
///
/// # Errors
/// The message of a 400 BadRequest: a value of the wrong type, or a strict error where
/// `validation` is [`FieldValidation::Strict`].
pub fn check(
    value: &Value,
    duplicates: &[String],
    (api_version, kind): (&str, &str),
    validation: FieldValidation,
) -> Result<Vec<String>, String> {
    let Some(ty) = Schema::for_kind(api_version, kind) else { return Ok(Vec::new()) };
    if let Some(error) = type_error(value, ty) {
        return Err(cannot_be_handled(api_version, kind, &error.message));
    }
    if validation == FieldValidation::Ignore {
        return Ok(Vec::new());
    }
    let errors = strict_errors(value, duplicates, ty);
    match strict_decoding_error(&errors) {
        Some(error) if validation == FieldValidation::Strict => {
            Err(cannot_be_handled(api_version, kind, &error))
        }
        _ => Ok(errors.iter().map(StrictError::to_string).collect()),
    }
}

/// The sentence in which the API server wraps a decoding error.
pub fn cannot_be_handled(api_version: &str, kind: &str, error: &str) -> String {
    let version = api_version.rsplit('/').next().unwrap_or(api_version);
    format!("{kind} in version {version:?} cannot be handled as a {kind}: {error}")
}

/// The text of all strict errors together; `None` where there are none.
pub fn strict_decoding_error(errors: &[StrictError]) -> Option<String> {
    let texts: Vec<String> = errors.iter().map(StrictError::to_string).collect();
    (!texts.is_empty()).then(|| format!("strict decoding error: {}", texts.join(", ")))
}

/// The fields of `value` that the type does not have, in the order of the document, then the
/// duplicates; at most [`MAX_ERRORS`], each once.
pub fn strict_errors(value: &Value, duplicates: &[String], ty: &Type) -> Vec<StrictError> {
    let mut errors = unknown_fields(value, ty);
    let unknown: Vec<&str> = errors.iter().filter_map(StrictError::unknown_path).collect();
    // A decoder skips what is in an unknown field, and so its duplicates.
    let reported = |path: &&String| !unknown.iter().any(|unknown| is_within(path, unknown));
    let duplicates: Vec<_> = duplicates.iter().filter(reported).cloned().collect();
    errors.extend(duplicates.into_iter().map(StrictError::DuplicateField));
    let mut seen = BTreeSet::new();
    errors.retain(|error| seen.insert(error.clone()));
    errors.truncate(MAX_ERRORS);
    errors
}

/// The fields of `value` that the type does not have, in the order of the document.
pub fn unknown_fields(value: &Value, ty: &Type) -> Vec<StrictError> {
    let mut errors = Vec::new();
    walk_fields(value, ty, "", &mut errors);
    errors
}

impl StrictError {
    fn unknown_path(&self) -> Option<&str> {
        match self {
            StrictError::UnknownField(path) => Some(path),
            StrictError::DuplicateField(_) => None,
        }
    }
}

fn walk_fields(value: &Value, ty: &Type, path: &str, errors: &mut Vec<StrictError>) {
    for (key, value) in value.as_object().into_iter().flatten() {
        let path = join(path, key);
        match ty.field(key) {
            Some(field) => walk(value, &field.shape, &path, errors),
            None => errors.push(StrictError::UnknownField(path)),
        }
    }
}

fn walk(value: &Value, shape: &Shape, path: &str, errors: &mut Vec<StrictError>) {
    match &shape.kind {
        Kind::Scalar(_) => {}
        Kind::Object(ty) => walk_fields(value, ty.get(), path, errors),
        Kind::List(element) => {
            for (at, value) in value.as_array().into_iter().flatten().enumerate() {
                walk(value, element, &format!("{path}[{at}]"), errors);
            }
        }
        Kind::Map(element) => {
            for (key, value) in value.as_object().into_iter().flatten() {
                walk(value, element, &join(path, key), errors);
            }
        }
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// Whether a path is another or leads into it.
fn is_within(path: &str, outer: &str) -> bool {
    path.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}
