//! What the API server will say of a document, said before it is sent: `shared`'s strict decoding,
//! defaults, validation and warnings, each placed in the text.

use k8s_openapi::api::core::v1::Service;
use serde_json::{Value, json};
use shared::api::object::ApiObject;
use shared::api::schema::Schema;
use shared::api::strict::{StrictError, cannot_be_handled, normalize, type_error, unknown_fields};
use shared::validation::unsupported::unsupported_fields;
use shared::validation::warnings::warnings;
use shared::yaml::{Document, Duplicate, Location, Span};
use shared::{defaults, validation};

use super::draft::{Problem, Severity};
use super::kinds::{self, Kind};
use super::object::text;

/// Everything that is wrong with a document.
pub fn judge(document: &Document) -> Vec<Problem> {
    let mut problems: Vec<_> = document.duplicates.iter().map(duplicate).collect();
    let missing = headless(document);
    if !missing.is_empty() {
        problems.extend(missing);
        return problems;
    }
    let value = &document.value;
    let (api_version, kind) = (text(value, "/apiVersion"), text(value, "/kind"));
    match kinds::find(api_version, kind) {
        Some(known) => problems.extend(judge_kind(document, known)),
        None if kinds::is_left_to_the_server(api_version, kind) => {
            problems.extend(judge_shape(document, api_version, kind).unwrap_or_else(|problems| problems));
        }
        None => problems.push(unknown_kind(document)),
    }
    problems
}

fn duplicate(duplicate: &Duplicate) -> Problem {
    let (line, column) = (duplicate.position.line, duplicate.position.column);
    Problem {
        severity: Severity::Error,
        message: format!("duplicate field \"{}\"", duplicate.path),
        from: (line, column),
        to: (line, column + duplicate.key.chars().count()),
    }
}

/// A document that does not say what it is, in the words of upstream's decoder.
fn headless(document: &Document) -> Vec<Problem> {
    let missing = |field: &str, message: &str| {
        text(&document.value, field).is_empty().then(|| at(document, "", Severity::Error, message))
    };
    [missing("/kind", "Object 'Kind' is missing"), missing("/apiVersion", "apiVersion not set")]
        .into_iter()
        .flatten()
        .collect()
}

/// Not an error: what the server serves is for the server to say, and it may serve more.
fn unknown_kind(document: &Document) -> Problem {
    let (api_version, kind) = (text(&document.value, "/apiVersion"), text(&document.value, "/kind"));
    let message = format!("no matches for kind \"{kind}\" in version \"{api_version}\"");
    at(document, "kind", Severity::Warning, message)
}

/// Fields that do not exist and the first value of a wrong type; with
/// such a value, which cannot be decoded, they are the error.
fn judge_shape(document: &Document, api_version: &str, kind: &str) -> Result<Vec<Problem>, Vec<Problem>> {
    let Some(ty) = Schema::for_kind(api_version, kind) else { return Ok(Vec::new()) };
    let unknown = unknown_fields(&document.value, ty);
    let mut problems: Vec<_> = unknown.iter().map(|error| unknown_field(document, error)).collect();
    let Some(error) = type_error(&document.value, ty) else { return Ok(problems) };
    let message = cannot_be_handled(api_version, kind, &error.message);
    problems.push(at(document, &error.path, Severity::Error, message));
    Err(problems)
}

fn judge_kind(document: &Document, kind: &'static Kind) -> Vec<Problem> {
    let mut problems = match judge_shape(document, kind.api_version, kind.kind) {
        Ok(problems) => problems,
        Err(problems) => return problems,
    };
    let mut value = as_created(&document.value, kind);
    normalize(&mut value, (kind.api_version, kind.kind));
    match (kind.decode)(&value) {
        Ok(object) => problems.extend(judge_object(document, kind, &value, object)),
        Err(error) => problems.push(at(document, "", Severity::Error, error.to_string())),
    }
    problems
}

fn unknown_field(document: &Document, error: &StrictError) -> Problem {
    let (StrictError::UnknownField(path) | StrictError::DuplicateField(path)) = error;
    let location = document.spans.locate(path);
    // The key is what is wrong, not its value.
    let span = location.key.filter(|_| location.exact).unwrap_or_else(|| marked(location));
    over(span, Severity::Error, error.to_string())
}

/// The document as it will be created: in the namespace `default` where it names none, and under a
/// name where the server is asked for one.
fn as_created(value: &Value, kind: &Kind) -> Value {
    let mut value = value.clone();
    let needs_namespace = kind.namespaced && text(&value, "/metadata/namespace").is_empty();
    let generated = match (text(&value, "/metadata/name"), text(&value, "/metadata/generateName")) {
        ("", prefix) if !prefix.is_empty() => Some(format!("{prefix}xxxxx")),
        _ => None,
    };
    let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) else { return value };
    if needs_namespace {
        metadata.insert("namespace".to_owned(), json!("default"));
    }
    if let Some(generated) = generated {
        metadata.insert("name".to_owned(), generated.into());
    }
    value
}

fn judge_object(
    document: &Document,
    kind: &Kind,
    value: &Value,
    mut object: Box<dyn ApiObject>,
) -> Vec<Problem> {
    let mut problems: Vec<_> = unsupported_fields(kind.kind, value)
        .into_iter()
        .map(|(path, sentence)| at(document, &path, Severity::Warning, format!("{path}: {sentence}")))
        .collect();
    defaults::apply(&mut *object);
    allocate(&mut *object);
    problems.extend(
        validation::validate_create(&*object)
            .iter()
            .map(|error| at(document, &error.field, Severity::Error, error.to_string())),
    );
    let warn = |warning: String| {
        let path = warning.split(": ").next().unwrap_or_default();
        at(document, path, Severity::Warning, warning.as_str())
    };
    problems.extend(warnings(&*object).into_iter().map(warn));
    problems
}

/// Stands in for what the server allocates before it validates.
fn allocate(object: &mut dyn ApiObject) {
    let Some(spec) = object.downcast_mut::<Service>().and_then(|service| service.spec.as_mut()) else {
        return;
    };
    if spec.type_.as_deref() == Some("LoadBalancer")
        && spec.external_traffic_policy.as_deref() == Some("Local")
    {
        spec.health_check_node_port.get_or_insert(30000);
    }
}

fn at(document: &Document, path: &str, severity: Severity, message: impl Into<String>) -> Problem {
    over(marked(document.spans.locate(path)), severity, message)
}

fn over(span: Span, severity: Severity, message: impl Into<String>) -> Problem {
    Problem {
        severity,
        message: message.into(),
        from: (span.start.line, span.start.column),
        to: (span.end.line, span.end.column),
    }
}

/// What to mark: a value of one line that was found, else the key, else one character.
fn marked(location: Location) -> Span {
    let Location { key, value, exact } = location;
    let is_short = value.start.line == value.end.line && value.start != value.end;
    match key {
        _ if exact && is_short => value,
        Some(key) => key,
        None if is_short => value,
        None => {
            let mut end = value.start;
            end.column += 1;
            Span { start: value.start, end }
        }
    }
}
