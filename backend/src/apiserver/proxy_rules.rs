//! `/kijabi/proxy/NODE/rules`: the rules that kube-proxy wrote on a node, as `iptables-save` would print
//! them there.

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use shared::api::status;
use shared::apiserver::authorization::authorize_path;
use shared::apiserver::user::Caller;

use super::Context;
use super::reply::{self, Failure};

/// `GET /kijabi/proxy/NODE/rules`.
pub(super) async fn handle(
    State(context): State<Context>,
    Extension(caller): Extension<Caller>,
    Path(node): Path<String>,
) -> Response {
    if let Err(status) = authorize_path(&caller.user, "/kijabi/proxy/", "get") {
        return Failure(status).into_response();
    }
    match context.proxies.of(&node) {
        Some(rules) => reply::bytes(StatusCode::OK, "text/plain", Body::from(rules.iptables_save())),
        None => Failure::from(status::no_such_path()).into_response(),
    }
}
