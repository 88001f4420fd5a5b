//! HTTP responses, made in one place: objects and errors as JSON with upstream's headers.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use serde::Serialize;
use shared::api::status;
use shared::apiserver::audit::ResponseStatus;

/// A `Status` object as the whole answer; its code is the response's. The audit is told of it.
pub(super) struct Failure(pub(super) Box<Status>);

impl From<Box<Status>> for Failure {
    fn from(status: Box<Status>) -> Failure {
        Failure(status)
    }
}

impl From<Status> for Failure {
    fn from(status: Status) -> Failure {
        Failure(Box::new(status))
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let code = StatusCode::from_u16(status::code(&self.0)).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = json(code, &StatusObject::from(&*self.0));
        let retry_after = self.0.details.as_ref().and_then(|details| details.retry_after_seconds);
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.extensions_mut().insert(ResponseStatus::from(&*self.0));
        response
    }
}

/// A `Status` as upstream writes it: kind and version first, `metadata` always there.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StatusObject<'a> {
    kind: &'static str,
    api_version: &'static str,
    metadata: serde_json::Map<String, serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<&'a k8s_openapi::apimachinery::pkg::apis::meta::v1::StatusDetails>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<i32>,
}

impl<'a> From<&'a Status> for StatusObject<'a> {
    fn from(status: &'a Status) -> StatusObject<'a> {
        StatusObject {
            kind: "Status",
            api_version: "v1",
            metadata: serde_json::Map::new(),
            status: status.status.as_deref(),
            message: status.message.as_deref(),
            reason: status.reason.as_deref(),
            details: status.details.as_ref(),
            code: status.code,
        }
    }
}

/// A JSON answer.
pub(super) fn json(code: StatusCode, value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(text) => bytes(code, "application/json", text),
        Err(error) => Failure::from(status::internal(error)).into_response(),
    }
}

/// An answer of ready bytes.
pub(super) fn bytes(code: StatusCode, content_type: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = code;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
    response
}
