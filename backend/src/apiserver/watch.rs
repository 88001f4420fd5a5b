//! A watch on the wire: a JSON object a line, or a message of a WebSocket.
//!
//! Follows `pkg/endpoints/handlers/watch.go` of kubernetes/apiserver.

use std::time::Duration;

use axum::body::Body;
use axum::extract::WebSocketUpgrade;
use axum::extract::ws::{Message, WebSocket};
use axum::http::StatusCode;
use axum::response::Response;
use bytes::{BufMut, Bytes, BytesMut};
use futures::stream::{BoxStream, Stream, StreamExt};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use serde_json::json;
use shared::apiserver::request::{WatchEvent, WatchStream};
use tokio::time::Instant;

use super::encode::View;
use super::query::Query;
use super::reply::{self, StatusObject};

/// How often a quiet watch is told how far the store has come.
const BOOKMARK_PERIOD: Duration = Duration::from_secs(60);
/// The shortest time after which a watch without a limit of its own ends; the longest is twice that
/// (`--min-request-timeout` upstream).
const MIN_TIMEOUT: Duration = Duration::from_secs(1800);

/// The response to a watch.
pub(super) fn respond(
    view: View,
    events: WatchStream,
    query: &Query,
    upgrade: Option<WebSocketUpgrade>,
) -> Result<Response, Box<Status>> {
    let limit = match query.number("timeoutSeconds")? {
        Some(seconds) if seconds > 0 => Duration::from_secs(seconds.unsigned_abs()),
        _ => MIN_TIMEOUT.mul_f64(1.0 + rand::random::<f64>()),
    };
    let messages = messages(view, paced(events), limit);
    Ok(match upgrade {
        Some(upgrade) => upgrade.on_upgrade(move |socket| send(socket, messages)),
        None => {
            let lines = messages.map(Ok::<_, std::convert::Infallible>);
            reply::bytes(StatusCode::OK, "application/json", Body::from_stream(lines))
        }
    })
}

/// Sends messages until the client goes.
pub(super) async fn send(mut socket: WebSocket, mut messages: BoxStream<'static, Bytes>) {
    loop {
        tokio::select! {
            message = messages.next() => {
                let Some(text) = message.and_then(|text| String::from_utf8(text.to_vec()).ok()) else { break };
                if socket.send(Message::Text(text.into())).await.is_err() {
                    return;
                }
            }
            received = socket.recv() => match received {
                None | Some(Err(_) | Ok(Message::Close(_))) => return,
                Some(Ok(_)) => {}
            },
        }
    }
    let _closed = socket.send(Message::Close(None)).await;
}

/// Lets one bookmark a period through, the newest, and every other event at once.
fn paced(events: WatchStream) -> impl Stream<Item = WatchEvent> + Send {
    let start = (events, None, Instant::now() + BOOKMARK_PERIOD);
    futures::stream::unfold(start, |(mut events, mut latest, mut due)| async move {
        loop {
            tokio::select! {
                biased;
                event = events.next() => match event? {
                    WatchEvent::Bookmark { revision, initial_events_end: false } => latest = Some(revision),
                    event => return Some((event, (events, latest, due))),
                },
                () = tokio::time::sleep_until(due) => {
                    due = Instant::now() + BOOKMARK_PERIOD;
                    if let Some(revision) = latest.take() {
                        let bookmark = WatchEvent::Bookmark { revision, initial_events_end: false };
                        return Some((bookmark, (events, latest, due)));
                    }
                }
            }
        }
    })
}

fn messages(
    mut view: View,
    events: impl Stream<Item = WatchEvent> + Send + 'static,
    limit: Duration,
) -> BoxStream<'static, Bytes> {
    let deadline = tokio::time::sleep(limit);
    let lines = events.map(move |event| {
        let line = line(&view, &event);
        view.leave_out_headers();
        line
    });
    lines.take_until(deadline).boxed()
}

fn line(view: &View, event: &WatchEvent) -> Bytes {
    let (name, object) = match event {
        WatchEvent::Added(object) => ("ADDED", view.object(object)),
        WatchEvent::Modified(object) => ("MODIFIED", view.object(object)),
        WatchEvent::Deleted(object) => ("DELETED", view.object(object)),
        WatchEvent::Bookmark { revision, initial_events_end } => {
            ("BOOKMARK", bookmark(view, *revision, *initial_events_end))
        }
        WatchEvent::Error(status) => {
            ("ERROR", serde_json::to_vec(&StatusObject::from(&**status)).unwrap_or_default().into())
        }
    };
    let mut line = BytesMut::with_capacity(object.len() + 40);
    line.put_slice(format!("{{\"type\":\"{name}\",\"object\":").as_bytes());
    line.put_slice(&object);
    line.put_slice(b"}\n");
    line.freeze()
}

/// An object of the kind that says nothing but its `resourceVersion`.
fn bookmark(view: &View, revision: u64, initial_events_end: bool) -> Bytes {
    let mut metadata = json!({ "resourceVersion": revision.to_string(), "creationTimestamp": null });
    if initial_events_end {
        metadata["annotations"] = json!({ "k8s.io/initial-events-end": "true" });
    }
    view.bookmark(metadata).to_string().into()
}
