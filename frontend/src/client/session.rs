//! Runs a session at a container's streams over a WebSocket.

use futures::channel::mpsc::UnboundedReceiver;
use futures::future::{Either, select};
use futures::{SinkExt, StreamExt};
use gloo::net::websocket::Message;
use serde_json::Value;
use shared::apiserver::remote_command::{ERROR, STDERR, STDOUT};

use super::http::{self, RequestError};
use super::socket;
use crate::state::session::{End, Input, PROTOCOL, SessionRequest};

/// Serves a session until its program or the connection ends. What the program prints is shown; `opened` is called
/// once the server answers.
pub async fn run(
    request: &SessionRequest,
    mut input: UnboundedReceiver<Input>,
    opened: impl Fn(),
    show: impl Fn(&[u8]),
) -> End {
    let Some(socket) = socket::open_with(&request.path(), PROTOCOL) else { return End::Disconnected };
    let (mut sink, mut messages) = socket.split();
    let mut is_open = false;
    loop {
        match select(messages.next(), input.next()).await {
            Either::Left((Some(Ok(Message::Bytes(bytes))), _)) => {
                if !std::mem::replace(&mut is_open, true) {
                    opened();
                }
                match bytes.split_first() {
                    Some((&(STDOUT | STDERR), printed)) => show(printed),
                    Some((&ERROR, status)) if !status.is_empty() => {
                        return End::of(&serde_json::from_slice::<Value>(status).unwrap_or_default());
                    }
                    _ => {}
                }
            }
            Either::Left((Some(Ok(Message::Text(_))), _)) => {}
            Either::Left((None | Some(Err(_)), _)) if is_open => return End::Disconnected,
            Either::Left((None | Some(Err(_)), _)) => return reason(request).await,
            Either::Right((Some(input), _)) => {
                for message in input.messages() {
                    // A connection that broke tells so by its messages.
                    let _ = sink.send(Message::Bytes(message)).await;
                }
            }
            Either::Right((None, _)) => return End::Disconnected,
        }
    }
}

/// Why a WebSocket was not opened, which a browser does not tell: the same question without one is refused with the
/// reason, or for want of a WebSocket.
async fn reason(request: &SessionRequest) -> End {
    match http::get(&request.path()).await {
        Err(RequestError::Status { message, .. }) if message != "Upgrade request required" => {
            End::refused(&message)
        }
        _ => End::Disconnected,
    }
}
