//! How others can check the tokens of service accounts: `pkg/routes/openidmetadata.go` of
//! kubernetes/kubernetes.

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use shared::api::status;
use shared::apiserver::user::Caller;

use super::reply::{self, Failure};
use super::{Context, discovery};

/// `/.well-known/openid-configuration`.
pub(super) async fn configuration(
    State(context): State<Context>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
) -> Response {
    let found = context.server.openid_configuration(&context.secure_address);
    answer(&caller, &uri, found, "application/json")
}

/// `/openid/v1/jwks`.
pub(super) async fn keys(
    State(context): State<Context>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
) -> Response {
    answer(&caller, &uri, context.server.json_web_keys(), "application/jwk-set+json")
}

fn answer(caller: &Caller, uri: &Uri, found: Option<Value>, content_type: &'static str) -> Response<Body> {
    if let Err(refusal) = discovery::permitted(caller, uri.path()) {
        return refusal.into_response();
    }
    let Some(value) = found else { return Failure::from(status::no_such_path()).into_response() };
    let mut response = reply::json(StatusCode::OK, &value);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
