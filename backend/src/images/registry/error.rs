//! What the registry refuses, as the specification words it: a code and a sentence in JSON.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// A refusal.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RegistryError {
    status: StatusCode,
    code: &'static str,
    message: String,
}

/// What handlers answer with.
pub(super) type Result<T, E = RegistryError> = std::result::Result<T, E>;

impl RegistryError {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> RegistryError {
        RegistryError { status, code, message: message.into() }
    }

    pub(super) fn name_invalid(message: impl Into<String>) -> RegistryError {
        RegistryError::new(StatusCode::BAD_REQUEST, "NAME_INVALID", message)
    }

    pub(super) fn name_unknown(name: &str) -> RegistryError {
        let message = format!("repository name not known to registry: {name}");
        RegistryError::new(StatusCode::NOT_FOUND, "NAME_UNKNOWN", message)
    }

    pub(super) fn manifest_unknown(reference: &str) -> RegistryError {
        RegistryError::new(
            StatusCode::NOT_FOUND,
            "MANIFEST_UNKNOWN",
            format!("manifest unknown: {reference}"),
        )
    }

    pub(super) fn manifest_invalid(message: impl Into<String>) -> RegistryError {
        RegistryError::new(StatusCode::BAD_REQUEST, "MANIFEST_INVALID", message)
    }

    pub(super) fn manifest_blob_unknown(digest: &str) -> RegistryError {
        let message = format!("the manifest names a blob that is not here: {digest}");
        RegistryError::new(StatusCode::NOT_FOUND, "MANIFEST_BLOB_UNKNOWN", message)
    }

    pub(super) fn blob_unknown(digest: &str) -> RegistryError {
        RegistryError::new(
            StatusCode::NOT_FOUND,
            "BLOB_UNKNOWN",
            format!("blob unknown to registry: {digest}"),
        )
    }

    pub(super) fn upload_unknown(id: &str) -> RegistryError {
        let message = format!("blob upload unknown to registry: {id}");
        RegistryError::new(StatusCode::NOT_FOUND, "BLOB_UPLOAD_UNKNOWN", message)
    }

    pub(super) fn upload_invalid(message: impl Into<String>) -> RegistryError {
        RegistryError::new(StatusCode::BAD_REQUEST, "BLOB_UPLOAD_INVALID", message)
    }

    pub(super) fn range_invalid(message: impl Into<String>) -> RegistryError {
        RegistryError::new(StatusCode::RANGE_NOT_SATISFIABLE, "BLOB_UPLOAD_INVALID", message)
    }

    pub(super) fn digest_invalid(message: impl Into<String>) -> RegistryError {
        RegistryError::new(StatusCode::BAD_REQUEST, "DIGEST_INVALID", message)
    }

    pub(super) fn size_invalid(limit: u64) -> RegistryError {
        let message = format!("it is larger than {limit} bytes, which is as much as is kept");
        RegistryError::new(StatusCode::PAYLOAD_TOO_LARGE, "SIZE_INVALID", message)
    }

    pub(super) fn length_invalid(message: impl Into<String>) -> RegistryError {
        RegistryError::new(StatusCode::BAD_REQUEST, "SIZE_INVALID", message)
    }

    pub(super) fn too_many(message: impl Into<String>) -> RegistryError {
        RegistryError::new(StatusCode::TOO_MANY_REQUESTS, "TOOMANYREQUESTS", message)
    }

    pub(super) fn denied() -> RegistryError {
        let message = "requested access to the resource is denied: only administrators of the cluster push";
        RegistryError::new(StatusCode::FORBIDDEN, "DENIED", message)
    }

    pub(super) fn unsupported() -> RegistryError {
        let message = "the operation is unsupported";
        RegistryError::new(StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED", message)
    }

    pub(super) fn not_found() -> RegistryError {
        RegistryError::new(StatusCode::NOT_FOUND, "UNSUPPORTED", "the registry has no such path")
    }
}

impl From<std::io::Error> for RegistryError {
    fn from(error: std::io::Error) -> RegistryError {
        match error.kind() {
            std::io::ErrorKind::InvalidData => RegistryError::digest_invalid(error.to_string()),
            _ => RegistryError::new(StatusCode::INTERNAL_SERVER_ERROR, "UNKNOWN", error.to_string()),
        }
    }
}

impl IntoResponse for RegistryError {
    fn into_response(self) -> Response {
        let body = json!({"errors": [{"code": self.code, "message": self.message, "detail": null}]});
        (self.status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
    }
}
