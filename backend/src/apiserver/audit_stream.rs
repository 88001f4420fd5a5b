//! `/kijabi/audit`: the audit's ring as an `EventList`, or as a stream of new events.

use axum::Extension;
use axum::body::Body;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{RawQuery, State, WebSocketUpgrade};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::StreamExt;
use serde_json::json;
use shared::apiserver::audit::Event;
use shared::apiserver::authorization::authorize_path;
use shared::apiserver::user::Caller;

use super::query::Query;
use super::reply::{self, Failure};
use super::{Context, watch};

/// `GET /kijabi/audit[?watch=1]`; with `watch`, JSON lines or WebSocket messages.
pub(super) async fn handle(
    State(context): State<Context>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    if let Err(status) = authorize_path(&caller.user, "/kijabi/audit", "get") {
        return Failure(status).into_response();
    }
    let audit = &context.server.audit;
    if !Query::parse(&query.unwrap_or_default()).watch() {
        let events = audit.events();
        let items: Vec<&Event> = events.iter().map(|event| &**event).collect();
        let list =
            json!({ "kind": "EventList", "apiVersion": "audit.k8s.io/v1", "metadata": {}, "items": items });
        return reply::json(StatusCode::OK, &list);
    }
    let lines = audit.follow().map(|event| {
        let mut line = serde_json::to_vec(&*event).unwrap_or_default();
        line.push(b'\n');
        Bytes::from(line)
    });
    stream(lines.boxed(), upgrade.ok())
}

/// Lines as a chunked answer, or as messages of a WebSocket.
pub(super) fn stream(
    lines: futures::stream::BoxStream<'static, Bytes>,
    upgrade: Option<WebSocketUpgrade>,
) -> Response {
    match upgrade {
        Some(upgrade) => upgrade.on_upgrade(move |socket| watch::send(socket, lines)),
        None => {
            let body = Body::from_stream(lines.map(Ok::<_, std::convert::Infallible>));
            reply::bytes(StatusCode::OK, "application/json", body)
        }
    }
}
