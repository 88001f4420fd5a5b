//! The two ends of a connection that carries streams: a WebSocket's messages, or plain bytes. Both are asked
//! for signs of life, so that a client which is gone without a word does not hold its session for ever.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message as SocketMessage, WebSocket, close_code};
use bytes::{Bytes, BytesMut};
use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt as _, StreamExt as _};
use shared::apiserver::remote_command::Message;
use shared::spdy;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, timeout};

/// How many messages wait to be sent before those who send have to wait.
const QUEUED: usize = 16;
/// How often the other side is asked for a sign of life.
const PING_PERIOD: Duration = Duration::from_secs(20);
/// How long it may be silent while it is listened to (`--streaming-connection-idle-timeout` of the kubelet). So
/// long, since one that is held up, as by a pager, gives no sign of life; the network tells of one that is gone.
const SILENCE_LIMIT: Duration = Duration::from_secs(4 * 3600);
/// How long the other side has to take leave.
const LEAVE_LIMIT: Duration = Duration::from_secs(2);
/// The most bytes that are read at once.
const CHUNK_BYTES: usize = 32 * 1024;
/// The number of the server's pings over SPDY; a server's are even.
const PING: u32 = 2;

/// The client is not there any more.
#[derive(Debug)]
pub(super) struct Gone;

/// Messages on their way to the client.
pub(super) type Messages = mpsc::Sender<Message>;

/// What comes from the client.
pub(super) enum Reader {
    /// Messages of a WebSocket.
    Socket(SplitStream<WebSocket>),
    /// Bytes as they come.
    Plain(Box<dyn AsyncRead + Send + Unpin>),
}

/// What goes to the client.
pub(super) enum Writer {
    /// Messages of a WebSocket.
    Socket(SplitSink<WebSocket, SocketMessage>),
    /// Bytes of SPDY.
    Plain(Box<dyn AsyncWrite + Send + Unpin>),
}

/// The ends of a WebSocket.
pub(super) fn of_socket(socket: WebSocket) -> (Reader, Writer) {
    let (writer, reader) = socket.split();
    (Reader::Socket(reader), Writer::Socket(writer))
}

/// The ends of a connection whose bytes are SPDY.
pub(super) fn of_bytes(stream: impl AsyncRead + AsyncWrite + Send + 'static) -> (Reader, Writer) {
    let (reader, writer) = tokio::io::split(stream);
    (Reader::Plain(Box::new(reader)), Writer::Plain(Box::new(writer)))
}

/// A queue of messages, as long as is good.
pub(super) fn queue() -> (Messages, mpsc::Receiver<Message>) {
    mpsc::channel(QUEUED)
}

impl Reader {
    /// A message, or the bytes that are there; `None` once the client is gone.
    pub(super) async fn read(&mut self) -> Option<Bytes> {
        match self {
            Reader::Socket(socket) => loop {
                match timeout(SILENCE_LIMIT, socket.next()).await.ok()?? {
                    Ok(SocketMessage::Binary(bytes)) => return Some(bytes),
                    Ok(SocketMessage::Text(text)) => return Some(text.into()),
                    Ok(SocketMessage::Ping(_) | SocketMessage::Pong(_)) => {}
                    Ok(SocketMessage::Close(_)) | Err(_) => return None,
                }
            },
            Reader::Plain(reader) => {
                let mut bytes = BytesMut::with_capacity(CHUNK_BYTES);
                let read = timeout(SILENCE_LIMIT, reader.read_buf(&mut bytes)).await.ok()?;
                read.ok().filter(|count| *count > 0).map(|_| bytes.freeze())
            }
        }
    }

    /// Reads what still comes, for a moment, since a connection that is closed before loses what the other
    /// side has not read yet.
    pub(super) async fn drain(mut self) {
        let rest = async { while self.read().await.is_some() {} };
        let _ended = timeout(LEAVE_LIMIT, rest).await;
    }
}

impl Writer {
    async fn write(&mut self, message: Message) -> Result<(), Gone> {
        match self {
            Writer::Socket(socket) => {
                let message = match message {
                    Message::Binary(bytes) => SocketMessage::Binary(bytes),
                    Message::Text(text) => SocketMessage::Text(text.into()),
                };
                socket.send(message).await.map_err(|_| Gone)
            }
            Writer::Plain(writer) => {
                let bytes = match message {
                    Message::Binary(bytes) => bytes,
                    Message::Text(text) => text.into(),
                };
                writer.write_all(&bytes).await.map_err(|_| Gone)?;
                writer.flush().await.map_err(|_| Gone)
            }
        }
    }

    async fn ping(&mut self) -> Result<(), Gone> {
        match self {
            Writer::Socket(socket) => socket.send(SocketMessage::Ping(Bytes::new())).await.map_err(|_| Gone),
            Writer::Plain(_) => self.write(Message::Binary(spdy::ping(PING))).await,
        }
    }

    async fn close(mut self) {
        match &mut self {
            Writer::Socket(socket) => {
                let normal = CloseFrame { code: close_code::NORMAL, reason: "".into() };
                let _gone = socket.send(SocketMessage::Close(Some(normal))).await;
            }
            Writer::Plain(writer) => {
                let _gone = writer.shutdown().await;
            }
        }
    }
}

/// Sends messages until nobody has any more, then takes leave. Ends early where the client is gone; then
/// nobody can queue any more, either.
pub(super) async fn write(mut writer: Writer, mut messages: mpsc::Receiver<Message>) {
    let mut pings = interval(PING_PERIOD);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    pings.reset();
    loop {
        let sent = tokio::select! {
            message = messages.recv() => match message {
                Some(message) => writer.write(message).await,
                None => return writer.close().await,
            },
            _ = pings.tick() => writer.ping().await,
        };
        if sent.is_err() {
            return;
        }
    }
}
