//! Every error that a client sees: a `Status` with upstream's reason, code and wording.
//!
//! Follows `pkg/api/errors/errors.go` of kubernetes/apimachinery.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Status, StatusCause, StatusDetails};

use super::scheme::{GroupResource, Kind};

fn failure(code: i32, reason: &str, message: String) -> Status {
    Status {
        status: Some("Failure".into()),
        code: Some(code),
        reason: Some(reason.into()),
        message: Some(message),
        ..Status::default()
    }
}

fn about(mut status: Status, what: GroupResource, name: &str) -> Status {
    status.details = Some(StatusDetails {
        group: (!what.group.is_empty()).then(|| what.group.to_owned()),
        kind: Some(what.resource.to_owned()),
        name: (!name.is_empty()).then(|| name.to_owned()),
        ..StatusDetails::default()
    });
    status
}

/// 404: there is no such object.
pub fn not_found(what: GroupResource, name: &str) -> Status {
    about(failure(404, "NotFound", format!("{what} {name:?} not found")), what, name)
}

/// 404: the path leads nowhere.
pub fn no_such_path() -> Status {
    failure(404, "NotFound", "the server could not find the requested resource".into())
}

/// 409: an object of that name is there already.
pub fn already_exists(what: GroupResource, name: &str) -> Status {
    about(failure(409, "AlreadyExists", format!("{what} {name:?} already exists")), what, name)
}

/// 409: every name drawn for a `generateName` was taken.
pub fn generate_name_conflict(what: GroupResource, name: &str) -> Status {
    let message = format!(
        "{what} {name:?} already exists, the server was not able to generate a unique name for the object"
    );
    retry_after(about(failure(409, "AlreadyExists", message), what, name), 1)
}

/// 409: the object is not as the request supposes.
pub fn conflict(what: GroupResource, name: &str, why: &str) -> Status {
    let message = format!("Operation cannot be fulfilled on {what} {name:?}: {why}");
    about(failure(409, "Conflict", message), what, name)
}

/// 409 with the sentence of a stale `resourceVersion`.
pub fn stale(what: GroupResource, name: &str) -> Status {
    const WHY: &str =
        "the object has been modified; please apply your changes to the latest version and try again";
    conflict(what, name, WHY)
}

/// 401: nobody knows who asks.
pub fn unauthorized() -> Status {
    failure(401, "Unauthorized", "Unauthorized".into())
}

/// 403: the user may not do this.
pub fn forbidden(what: GroupResource, name: &str, why: &str) -> Status {
    let message = match (what.resource, name) {
        ("", _) => format!("forbidden: {why}"),
        (_, "") => format!("{what} is forbidden: {why}"),
        _ => format!("{what} {name:?} is forbidden: {why}"),
    };
    about(failure(403, "Forbidden", message), what, name)
}

/// 400: the request makes no sense.
pub fn bad_request(message: impl Into<String>) -> Status {
    failure(400, "BadRequest", message.into())
}

/// 405: the resource does not have this verb.
pub fn method_not_supported(what: GroupResource, action: &str) -> Status {
    let message = format!("{action} is not supported on resources of kind \"{what}\"");
    about(failure(405, "MethodNotAllowed", message), what, "")
}

/// 406: the client accepts no form that the server has.
pub fn not_acceptable(accepted: &[&str]) -> Status {
    let message = format!("only the following media types are accepted: {}", accepted.join(", "));
    failure(406, "NotAcceptable", message)
}

/// 415: the body has a form that the server does not read.
pub fn unsupported_media_type(content_type: &str, accepted: &[&str]) -> Status {
    let message = format!(
        "the body of the request was in an unknown format - accepted media types include: {}",
        accepted.join(", ")
    );
    let mut status = failure(415, "UnsupportedMediaType", message);
    status.details = Some(StatusDetails { name: Some(content_type.to_owned()), ..StatusDetails::default() });
    status
}

/// 410: the revision was compacted; list again.
pub fn expired(message: impl Into<String>) -> Status {
    failure(410, "Expired", message.into())
}

/// 413: the body is larger than the server reads.
pub fn request_entity_too_large(message: &str) -> Status {
    failure(413, "RequestEntityTooLarge", format!("Request entity too large: {message}"))
}

/// 504: the server knows of a newer revision only later, or not at all.
pub fn timeout(message: &str, retry_after_seconds: i32) -> Status {
    retry_after(failure(504, "Timeout", format!("Timeout: {message}")), retry_after_seconds)
}

/// 504: the client went before there was an answer (`FinishRequest` of kubernetes/apiserver).
pub fn canceled() -> Status {
    const WHY: &str = "Timeout: request did not complete within requested timeout - context canceled";
    failure(504, "Timeout", WHY.into())
}

/// 503: something that the request needs is not there now.
pub fn service_unavailable(message: impl Into<String>) -> Status {
    failure(503, "ServiceUnavailable", message.into())
}

/// 500: the server failed.
pub fn internal(error: impl std::fmt::Display) -> Status {
    let message = error.to_string();
    let mut status = failure(500, "InternalError", format!("Internal error occurred: {message}"));
    let cause = StatusCause { message: Some(message), ..StatusCause::default() };
    status.details = Some(StatusDetails { causes: Some(vec![cause]), ..StatusDetails::default() });
    status
}

/// 500 with these words and nothing else, as an error of Go that is no `Status` becomes one.
pub fn unexplained(message: impl Into<String>) -> Status {
    Status { reason: None, details: None, message: Some(message.into()), ..internal("") }
}

/// 422: the object breaks rules; `causes` has one entry a broken rule, `aggregate` their text.
pub fn invalid(kind: &Kind, name: &str, aggregate: &str, causes: Vec<StatusCause>) -> Status {
    invalid_kind(kind.group_kind(), name, aggregate, causes)
}

/// The same for a kind that is not stored, and so stands in no table.
pub fn invalid_kind(what: GroupResource, name: &str, aggregate: &str, causes: Vec<StatusCause>) -> Status {
    let message = format!("{what} {name:?} is invalid: {aggregate}");
    let mut status = about(failure(422, "Invalid", message), what, name);
    if let Some(details) = &mut status.details {
        details.causes = Some(causes);
    }
    status
}

/// The answer to a delete after which nothing of the object is left.
pub fn deleted(what: GroupResource, name: &str, uid: Option<String>) -> Status {
    let status = Status { status: Some("Success".into()), ..Status::default() };
    let mut status = about(status, what, name);
    if let Some(details) = &mut status.details {
        details.uid = uid;
    }
    status
}

/// The answer to a request that succeeded and has no object to show.
pub fn success(code: i32) -> Status {
    Status { status: Some("Success".into()), code: Some(code), ..Status::default() }
}

/// The HTTP status code of `status`; 200 where it names none.
pub fn code(status: &Status) -> u16 {
    status.code.and_then(|code| u16::try_from(code).ok()).unwrap_or(200)
}

/// Whether `status` bears this reason.
pub fn is(status: &Status, reason: &str) -> bool {
    status.reason.as_deref() == Some(reason)
}

fn retry_after(mut status: Status, seconds: i32) -> Status {
    status.details.get_or_insert_default().retry_after_seconds = Some(seconds);
    status
}
