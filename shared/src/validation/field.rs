//! Field errors: what is wrong with which field, in upstream's words.
//!
//! Follows apimachinery `pkg/util/validation/field/errors.go`; the sentences are wire format.

use std::fmt;

use serde_json::Value;

pub use super::error_list::ErrorList;
pub use super::path::Path;

/// The kind of a field error, and so the `reason` of its cause in a `Status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// A value that was referred to does not exist.
    NotFound,
    /// A value that must be given is missing.
    Required,
    /// Two values collide that must be unique.
    Duplicate,
    /// A value is malformed.
    Invalid,
    /// A value is not one of those allowed.
    NotSupported,
    /// A value is well formed and not allowed here.
    Forbidden,
    /// A value has too many bytes or characters.
    TooLong,
    /// A list has too many items.
    TooMany,
    /// The error is not the user's.
    Internal,
    /// A value has another type than the schema says.
    TypeInvalid,
    /// A value has too few characters.
    TooShort,
}

impl ErrorKind {
    /// The machine-readable reason, as it stands in `Status.details.causes[].reason`.
    pub fn reason(self) -> &'static str {
        match self {
            ErrorKind::NotFound => "FieldValueNotFound",
            ErrorKind::Required => "FieldValueRequired",
            ErrorKind::Duplicate => "FieldValueDuplicate",
            ErrorKind::Invalid => "FieldValueInvalid",
            ErrorKind::NotSupported => "FieldValueNotSupported",
            ErrorKind::Forbidden => "FieldValueForbidden",
            ErrorKind::TooLong => "FieldValueTooLong",
            ErrorKind::TooMany => "FieldValueTooMany",
            ErrorKind::Internal => "InternalError",
            ErrorKind::TypeInvalid => "FieldValueTypeInvalid",
            ErrorKind::TooShort => "FieldValueTooShort",
        }
    }

    /// The words that begin the error's text.
    fn title(self) -> &'static str {
        match self {
            ErrorKind::NotFound => "Not found",
            ErrorKind::Required => "Required value",
            ErrorKind::Duplicate => "Duplicate value",
            ErrorKind::Invalid | ErrorKind::TypeInvalid => "Invalid value",
            ErrorKind::NotSupported => "Unsupported value",
            ErrorKind::Forbidden => "Forbidden",
            ErrorKind::TooLong => "Too long",
            ErrorKind::TooMany => "Too many",
            ErrorKind::Internal => "Internal error",
            ErrorKind::TooShort => "Too short",
        }
    }

    /// Whether the error's text shows the value.
    fn shows_value(self) -> bool {
        !matches!(
            self,
            ErrorKind::Required
                | ErrorKind::Forbidden
                | ErrorKind::TooLong
                | ErrorKind::TooShort
                | ErrorKind::Internal
        )
    }
}

/// One thing that is wrong with one field; displayed, it is upstream's sentence.
#[derive(Clone, Debug, PartialEq)]
pub struct Error {
    /// What kind of error it is.
    pub kind: ErrorKind,
    /// The field's path, for example `spec.containers[0].image`.
    pub field: String,
    /// The value found there; empty text where the kind does not show it.
    pub bad_value: Value,
    /// More about what is wrong, possibly empty.
    pub detail: String,
}

impl Error {
    fn new(kind: ErrorKind, path: &Path, bad_value: Value, detail: impl Into<String>) -> Error {
        Error { kind, field: path.to_string(), bad_value, detail: detail.into() }
    }

    /// A value that must be given is missing.
    pub fn required(path: &Path, detail: impl Into<String>) -> Error {
        Error::new(ErrorKind::Required, path, "".into(), detail)
    }

    /// A value is malformed.
    pub fn invalid(path: &Path, value: impl Into<Value>, detail: impl Into<String>) -> Error {
        Error::new(ErrorKind::Invalid, path, value.into(), detail)
    }

    /// A value has another type than the schema says.
    pub fn type_invalid(path: &Path, value: impl Into<Value>, detail: impl Into<String>) -> Error {
        Error::new(ErrorKind::TypeInvalid, path, value.into(), detail)
    }

    /// A value is not one of `supported`, which are listed in the order given.
    pub fn not_supported(path: &Path, value: impl Into<Value>, supported: &[&str]) -> Error {
        let quoted: Vec<String> = supported.iter().map(|value| quote(value)).collect();
        let detail = match quoted.is_empty() {
            true => String::new(),
            false => format!("supported values: {}", quoted.join(", ")),
        };
        Error::new(ErrorKind::NotSupported, path, value.into(), detail)
    }

    /// A value is well formed and not allowed here.
    pub fn forbidden(path: &Path, detail: impl Into<String>) -> Error {
        Error::new(ErrorKind::Forbidden, path, "".into(), detail)
    }

    /// A value must be unique and is not.
    pub fn duplicate(path: &Path, value: impl Into<Value>) -> Error {
        Error::new(ErrorKind::Duplicate, path, value.into(), "")
    }

    /// A value refers to something that does not exist.
    pub fn not_found(path: &Path, value: impl Into<Value>) -> Error {
        Error::new(ErrorKind::NotFound, path, value.into(), "")
    }

    /// A value has more than `max_bytes` bytes; the value itself is left out.
    pub fn too_long(path: &Path, max_bytes: usize) -> Error {
        let unit = if max_bytes == 1 { "byte" } else { "bytes" };
        let detail = format!("may not be more than {max_bytes} {unit}");
        Error::new(ErrorKind::TooLong, path, "<value omitted>".into(), detail)
    }

    /// A list has `actual` items where `max` are allowed.
    pub fn too_many(path: &Path, actual: usize, max: usize) -> Error {
        let unit = if max == 1 { "item" } else { "items" };
        Error::new(ErrorKind::TooMany, path, actual.into(), format!("must have at most {max} {unit}"))
    }

    /// A field changed that may not change.
    pub fn immutable(path: &Path, value: impl Into<Value>) -> Error {
        Error::invalid(path, value, "field is immutable")
    }

    /// An error that is not the user's.
    pub fn internal(path: &Path, detail: impl Into<String>) -> Error {
        Error::new(ErrorKind::Internal, path, "".into(), detail)
    }

    /// The error's text without its field: the `message` of its cause in a `Status`.
    pub fn body(&self) -> String {
        let mut text = self.kind.title().to_owned();
        if self.kind.shows_value() {
            text.push_str(": ");
            text.push_str(&shown(&self.bad_value));
        }
        if !self.detail.is_empty() {
            text.push_str(": ");
            text.push_str(&self.detail);
        }
        text
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.body())
    }
}

impl std::error::Error for Error {}

/// A value as upstream shows it: text quoted as Go quotes it, everything else as Go's JSON.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => quote(text),
        Value::Array(_) | Value::Object(_) => go_json(value),
        simple => simple.to_string(),
    }
}

/// JSON as Go's encoder writes it, with the characters that HTML knows escaped.
fn go_json(value: &Value) -> String {
    value.to_string().replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

/// Text in double quotes, escaped as Go's `strconv.Quote` does.
pub(crate) fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        push_quoted(&mut quoted, c);
    }
    quoted.push('"');
    quoted
}

fn push_quoted(quoted: &mut String, c: char) {
    let code = u32::from(c);
    match c {
        '"' => quoted.push_str("\\\""),
        '\\' => quoted.push_str("\\\\"),
        '\u{07}' => quoted.push_str("\\a"),
        '\u{08}' => quoted.push_str("\\b"),
        '\u{0c}' => quoted.push_str("\\f"),
        '\n' => quoted.push_str("\\n"),
        '\r' => quoted.push_str("\\r"),
        '\t' => quoted.push_str("\\t"),
        '\u{0b}' => quoted.push_str("\\v"),
        _ if code < 0x20 || code == 0x7f => quoted.push_str(&format!("\\x{code:02x}")),
        _ if is_printable(c) => quoted.push(c),
        _ if code < 0x1_0000 => quoted.push_str(&format!("\\u{code:04x}")),
        _ => quoted.push_str(&format!("\\U{code:08x}")),
    }
}

/// Whether Go prints the character as it is: letters, marks, numbers, punctuation, symbols and the ASCII space.
fn is_printable(c: char) -> bool {
    c.is_ascii() || c.is_alphanumeric() || c.escape_debug().len() == 1
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn error_should_read_as_upstream_writes_it() {
        let path = Path::root("spec").child("x");
        let table = [
            (Error::required(&path, ""), "spec.x: Required value"),
            (Error::required(&path, "must be set"), "spec.x: Required value: must be set"),
            (Error::invalid(&path, "a\"b\n", "no"), r#"spec.x: Invalid value: "a\"b\n": no"#),
            (Error::invalid(&path, 0, "no"), "spec.x: Invalid value: 0: no"),
            (Error::invalid(&path, true, "no"), "spec.x: Invalid value: true: no"),
            (Error::invalid(&path, Value::Null, "no"), "spec.x: Invalid value: null: no"),
            (Error::invalid(&path, json!(["a", "<"]), "no"), r#"spec.x: Invalid value: ["a","\u003c"]: no"#),
            (Error::duplicate(&path, json!({"Port": 80})), r#"spec.x: Duplicate value: {"Port":80}"#),
            (
                Error::not_supported(&path, "c", &["a", "b"]),
                r#"spec.x: Unsupported value: "c": supported values: "a", "b""#,
            ),
            (Error::forbidden(&path, "no"), "spec.x: Forbidden: no"),
            (Error::not_found(&path, "v"), r#"spec.x: Not found: "v""#),
            (Error::too_long(&path, 1), "spec.x: Too long: may not be more than 1 byte"),
            (Error::too_many(&path, 3, 2), "spec.x: Too many: 3: must have at most 2 items"),
            (Error::immutable(&path, "v"), r#"spec.x: Invalid value: "v": field is immutable"#),
            (Error::internal(&path, "oops"), "spec.x: Internal error: oops"),
        ];
        for (error, expected) in table {
            assert_eq!(error.to_string(), expected);
        }
    }

    #[test]
    fn quote_should_escape_what_go_escapes() {
        for (text, expected) in [
            ("한글 é", "\"한글 é\""),
            ("\u{1}\u{7f}", r#""\x01\x7f""#),
            ("\u{a0}\u{200b}", r#""\u00a0\u200b""#),
            ("a\\b", r#""a\\b""#),
        ] {
            assert_eq!(quote(text), expected);
        }
    }
}
