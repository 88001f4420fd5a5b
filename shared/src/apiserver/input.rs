//! From the body of a request to a typed object: read, check against the schema, decode.
//!
//! Follows `pkg/endpoints/handlers/create.go` of kubernetes/apiserver.

use bytes::Bytes;
use serde_json::Value;

use crate::api::object::ApiObject;
use crate::api::scheme::Kind;
use crate::api::status;
use crate::api::strict::{self, FieldValidation};

use super::request::Input;
use super::{Result, protobuf};

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
            let (value, duplicates) = parse(kind, &text)?;
            typed(kind, value, &duplicates, validation, warnings)
        }
    }
}

/// The value of a body in JSON, YAML or protobuf, and the paths of its duplicate fields.
fn parse(kind: &Kind, text: &Bytes) -> Result<(Value, Vec<String>)> {
    if protobuf::is_protobuf(text) {
        let value = protobuf::decode(text).map_err(|error| cannot_be_handled(kind, &error.to_string()))?;
        return Ok((value, Vec::new()));
    }
    let looks_like_json = text.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    if looks_like_json {
        return strict::parse_json_strict(text).map_err(|error| cannot_be_handled(kind, &error.to_string()));
    }
    let text = std::str::from_utf8(text).map_err(|error| Box::new(status::bad_request(error.to_string())))?;
    let documents = crate::yaml::parse(text).map_err(|errors| {
        let message: Vec<String> = errors.iter().map(ToString::to_string).collect();
        cannot_be_handled(kind, &message.join(", "))
    })?;
    let Some(document) = documents.into_iter().next() else {
        return Err(cannot_be_handled(kind, "unexpected end of JSON input"));
    };
    let duplicates = document.duplicates.into_iter().map(|duplicate| duplicate.path);
    Ok((document.value, duplicates.collect()))
}

/// Makes a typed object of a value, as the field validation demands.
pub(crate) fn typed(
    kind: &Kind,
    mut value: Value,
    duplicates: &[String],
    validation: FieldValidation,
    warnings: &mut Vec<String>,
) -> Result<Box<dyn ApiObject>> {
    check_kind(kind, &mut value)?;
    let said = strict::check(&value, duplicates, (kind.api_version, kind.kind), validation);
    warnings.extend(said.map_err(|message| Box::new(status::bad_request(message)))?);
    strict::normalize(&mut value, (kind.api_version, kind.kind));
    kind.decode(&value).map_err(|error| cannot_be_handled(kind, &error.to_string()))
}

/// Names the kind where the body leaves it out, and refuses a body of another kind.
fn check_kind(kind: &Kind, value: &mut Value) -> Result<()> {
    let Some(fields) = value.as_object_mut() else {
        let message = "json: cannot unmarshal into Go value of type runtime.TypeMeta: not an object";
        return Err(Box::new(status::bad_request(format!(
            "couldn't get version/kind; json parse error: {message}"
        ))));
    };
    let api_version = fields.entry("apiVersion").or_insert_with(|| kind.api_version.into());
    let same_version = api_version == kind.api_version;
    let found_version = api_version.as_str().unwrap_or_default().to_owned();
    let name = fields.entry("kind").or_insert_with(|| kind.kind.into());
    if same_version && name == kind.kind {
        return Ok(());
    }
    let found = format!("{found_version}, Kind={}", name.as_str().unwrap_or_default());
    let message = format!(
        "the API version in the data ({found_version}) does not match the expected API version ({})",
        kind.api_version
    );
    let message = match same_version {
        false => message,
        true => format!(
            "{} in version {:?} cannot be handled as a {}: converting ({found}) is not possible",
            kind.kind, kind.version, kind.kind
        ),
    };
    Err(Box::new(status::bad_request(message)))
}

/// 400 with upstream's sentence for a body that cannot be read as its kind.
pub(crate) fn cannot_be_handled(
    kind: &Kind,
    why: &str,
) -> Box<k8s_openapi::apimachinery::pkg::apis::meta::v1::Status> {
    Box::new(status::bad_request(strict::cannot_be_handled(kind.api_version, kind.kind, why)))
}
