//! `/kijabi/scheduler/decisions`: what the scheduler decided for each pod, and why.

use axum::Extension;
use axum::extract::{RawQuery, State, WebSocketUpgrade};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::StreamExt;
use serde_json::json;
use shared::apiserver::authorization::authorize_path;
use shared::apiserver::user::Caller;

use super::query::Query;
use super::reply::{self, Failure};
use super::{Context, audit_stream};

/// `GET /kijabi/scheduler/decisions[?watch=1]`; with `watch`, JSON lines or WebSocket messages.
pub(super) async fn handle(
    State(context): State<Context>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
    upgrade: Option<WebSocketUpgrade>,
) -> Response {
    if let Err(status) = authorize_path(&caller.user, "/kijabi/scheduler/decisions", "get") {
        return Failure(status).into_response();
    }
    if !Query::parse(&query.unwrap_or_default()).watch() {
        return reply::json(StatusCode::OK, &json!({ "items": context.decisions.newest() }));
    }
    let lines = context.decisions.follow().map(|decision| {
        let mut line = serde_json::to_vec(&*decision).unwrap_or_default();
        line.push(b'\n');
        Bytes::from(line)
    });
    audit_stream::stream(lines.boxed(), upgrade)
}
