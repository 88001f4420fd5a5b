//! From the body of a request to a typed object: read, check against the schema, decode.
//!
//! Follows `pkg/endpoints/handlers/create.go` of kubernetes/apiserver.

use bytes::Bytes;
use k8s_openapi::Resource;
use k8s_openapi::api::authentication::v1::TokenRequest;
use k8s_openapi::api::core::v1::Binding;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::api::object::ApiObject;
use crate::api::schema::Schema;
use crate::api::scheme::Kind;
use crate::api::status;
use crate::api::strict::{self, FieldValidation};

use super::request::Input;
use super::{Result, protobuf};

/// How upstream's server names the table of its types.
const SCHEME: &str = "pkg/api/legacyscheme/scheme.go:30";

/// What a body must be.
#[derive(Clone, Copy)]
struct Expected {
    api_version: &'static str,
    kind: &'static str,
}

impl Expected {
    fn of(kind: &Kind) -> Expected {
        Expected { api_version: kind.api_version, kind: kind.kind }
    }

    /// 400 with upstream's sentence for a body that cannot be read as this.
    fn unreadable(self, why: impl std::fmt::Display) -> Box<Status> {
        let message = strict::cannot_be_handled(self.api_version, self.kind, &why.to_string());
        Box::new(status::bad_request(message))
    }

    /// What upstream says of a body of another kind (`transformDecodeError` in
    /// `pkg/endpoints/handlers/rest.go`), which speaks of the body's kind first.
    fn refusal(self, api_version: &str, kind: &str) -> String {
        let wanted = internal_type(self.api_version, self.kind);
        let why = match Schema::for_kind(api_version, kind) {
            None => {
                format!("no kind {kind:?} is registered for version {api_version:?} in scheme {SCHEME:?}")
            }
            Some(_) if internal_type(api_version, kind) == wanted => {
                return format!(
                    "the API version in the data ({api_version}) does not match the expected API version ({})",
                    self.api_version
                );
            }
            Some(found) => format!("converting ({}) to ({wanted}): unknown conversion", found.go_name()),
        };
        let version = api_version.rsplit('/').next().unwrap_or_default();
        format!("{kind} in version {version:?} cannot be handled as a {}: {why}", self.kind)
    }
}

/// The typed object of a body, and the warnings that reading it gave.
pub(crate) fn object(
    kind: &Kind,
    input: Input,
    validation: FieldValidation,
    warnings: &mut Vec<String>,
) -> Result<Box<dyn ApiObject>> {
    match input {
        Input::Typed(object) => Ok(object),
        Input::Text(text) => {
            let (value, duplicates) = parse(Expected::of(kind), &text)?;
            typed(kind, value, &duplicates, validation, warnings)
        }
    }
}

/// The same for a binding, which is no kind of its own.
pub(crate) fn binding(
    input: Input,
    validation: FieldValidation,
    warnings: &mut Vec<String>,
) -> Result<Binding> {
    let expected = Expected { api_version: Binding::API_VERSION, kind: Binding::KIND };
    match input {
        Input::Typed(object) => {
            let binding = object.downcast_ref::<Binding>().cloned();
            binding.ok_or_else(|| expected.unreadable("it is not a Binding"))
        }
        Input::Text(text) => {
            let (value, duplicates) = parse(expected, &text)?;
            let value = checked(expected, value, &duplicates, validation, warnings)?;
            Binding::deserialize(&value).map_err(|error| expected.unreadable(error))
        }
    }
}

/// The same for a request for a token.
pub(crate) fn token_request(
    input: Input,
    validation: FieldValidation,
    warnings: &mut Vec<String>,
) -> Result<TokenRequest> {
    let expected = Expected { api_version: TokenRequest::API_VERSION, kind: TokenRequest::KIND };
    match input {
        Input::Typed(object) => {
            let request = object.downcast_ref::<TokenRequest>().cloned();
            request.ok_or_else(|| expected.unreadable("it is not a TokenRequest"))
        }
        Input::Text(text) => {
            let (value, duplicates) = parse(expected, &text)?;
            let value = checked(expected, value, &duplicates, validation, warnings)?;
            TokenRequest::deserialize(&value).map_err(|error| expected.unreadable(error))
        }
    }
}

/// The value of a body in JSON, YAML or protobuf, and the paths of its duplicate fields.
fn parse(expected: Expected, text: &Bytes) -> Result<(Value, Vec<String>)> {
    if protobuf::is_protobuf(text) {
        let value = protobuf::decode(text).map_err(|error| expected.unreadable(error))?;
        return Ok((value, Vec::new()));
    }
    let looks_like_json = text.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    if looks_like_json {
        return strict::parse_json_strict(text).map_err(|error| expected.unreadable(error));
    }
    let text = std::str::from_utf8(text).map_err(|error| Box::new(status::bad_request(error.to_string())))?;
    let documents = crate::yaml::parse(text).map_err(|errors| {
        let message: Vec<String> = errors.iter().map(ToString::to_string).collect();
        expected.unreadable(message.join(", "))
    })?;
    let Some(document) = documents.into_iter().next() else {
        return Err(expected.unreadable("unexpected end of JSON input"));
    };
    let duplicates = document.duplicates.into_iter().map(|duplicate| duplicate.path);
    Ok((document.value, duplicates.collect()))
}

/// Makes a typed object of a value, as the field validation demands.
pub(crate) fn typed(
    kind: &Kind,
    value: Value,
    duplicates: &[String],
    validation: FieldValidation,
    warnings: &mut Vec<String>,
) -> Result<Box<dyn ApiObject>> {
    let expected = Expected::of(kind);
    let value = checked(expected, value, duplicates, validation, warnings)?;
    kind.decode(&value).map_err(|error| expected.unreadable(error))
}

/// The value as upstream's decoder leaves it, if it is what it must be.
fn checked(
    expected: Expected,
    mut value: Value,
    duplicates: &[String],
    validation: FieldValidation,
    warnings: &mut Vec<String>,
) -> Result<Value> {
    check_kind(expected, &mut value)?;
    let kind = (expected.api_version, expected.kind);
    let said = strict::check(&value, duplicates, kind, validation);
    warnings.extend(said.map_err(|message| Box::new(status::bad_request(message)))?);
    strict::normalize(&mut value, kind);
    Ok(value)
}

/// Names the kind where the body leaves it out, and refuses a body of another kind.
fn check_kind(expected: Expected, value: &mut Value) -> Result<()> {
    let Some(fields) = value.as_object_mut() else {
        let message = "json: cannot unmarshal into Go value of type runtime.TypeMeta: not an object";
        return Err(Box::new(status::bad_request(format!(
            "couldn't get version/kind; json parse error: {message}"
        ))));
    };
    let api_version = named(fields, "apiVersion", expected.api_version);
    let kind = named(fields, "kind", expected.kind);
    match api_version == expected.api_version && kind == expected.kind {
        true => Ok(()),
        false => Err(Box::new(status::bad_request(expected.refusal(&api_version, &kind)))),
    }
}

/// The text of a field, which is set where it is missing.
fn named(fields: &mut Map<String, Value>, name: &str, default: &str) -> String {
    let field = fields.entry(name).or_insert(Value::Null);
    if field.is_null() || field == "" {
        *field = default.into();
    }
    field.as_str().unwrap_or_default().to_owned()
}

/// The one type to which upstream converts a kind of every version: `core.ConfigMap`.
fn internal_type(api_version: &str, kind: &str) -> String {
    let group = api_version.split_once('/').map_or("core", |(group, _)| group);
    let package = match group {
        "events.k8s.io" => "core",
        group => group.split('.').next().unwrap_or_default(),
    };
    format!("{package}.{kind}")
}
