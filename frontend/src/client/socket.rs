//! WebSockets of the API server.

use futures::{Stream, StreamExt};
use gloo::net::websocket::Message;
use gloo::net::websocket::futures::WebSocket;
use serde_json::Value;

/// Opens a stream of JSON messages; it ends when the connection does, whoever closed it.
///
/// A connection that could not be opened is a stream that ends at once: the browser tells no more.
pub fn open(path: &str) -> Option<impl Stream<Item = Value> + Unpin> {
    let socket = WebSocket::open(&url(path)?).ok()?;
    let messages = socket.take_while(|message| std::future::ready(message.is_ok()));
    Some(messages.filter_map(|message| std::future::ready(message.ok().and_then(decode))).boxed_local())
}

/// Opens a WebSocket that speaks a subprotocol.
pub fn open_with(path: &str, protocol: &str) -> Option<WebSocket> {
    WebSocket::open_with_protocol(&url(path)?, protocol).ok()
}

fn url(path: &str) -> Option<String> {
    let location = web_sys::window()?.location();
    let scheme = if location.protocol().ok()? == "https:" { "wss" } else { "ws" };
    Some(format!("{scheme}://{}{path}", location.host().ok()?))
}

fn decode(message: Message) -> Option<Value> {
    match message {
        Message::Text(text) => serde_json::from_str(&text).ok(),
        Message::Bytes(bytes) => serde_json::from_slice(&bytes).ok(),
    }
}
