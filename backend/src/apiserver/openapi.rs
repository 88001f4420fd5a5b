//! `/openapi`: to come.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use shared::api::status;

use super::Context;
use super::reply::Failure;

/// `GET /openapi/v2`.
pub(super) async fn v2(_context: State<Context>) -> Response {
    Failure::from(status::no_such_path()).into_response()
}

/// `GET /openapi/v3`.
pub(super) async fn v3_index(_context: State<Context>) -> Response {
    Failure::from(status::no_such_path()).into_response()
}

/// `GET /openapi/v3/…`.
pub(super) async fn v3(_context: State<Context>) -> Response {
    Failure::from(status::no_such_path()).into_response()
}
