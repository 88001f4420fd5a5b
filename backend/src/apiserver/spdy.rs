//! Streams over SPDY: reads a client's frames, hands out the streams that it opens, sends what they send.
//!
//! Follows `pkg/util/httpstream/spdy/connection.go` of kubernetes/apimachinery. As there, a stream that
//! nobody reads holds up the connection: the protocol's windows are used by neither side.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use bytes::Bytes;
use shared::apiserver::remote_command::Message;
use shared::spdy::{self, Event, Headers, Session, SpdyError, StatusCode};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::budget::{Budget, PART_BYTES};
use super::wire::{self, Gone, Messages, Reader, Writer};

/// The most streams that are open at once.
const MAX_STREAMS: usize = 2048;
/// How many parts of a stream wait to be read before the connection has to wait.
const QUEUED: usize = 8;

/// A stream that the client opened.
pub(super) struct Stream {
    /// Its number.
    pub(super) id: u32,
    /// What it is for.
    pub(super) headers: Headers,
    /// What the client sends; ends where the client ends it.
    pub(super) incoming: mpsc::Receiver<Bytes>,
    /// Cancelled when the client gives the stream up.
    pub(super) reset: CancellationToken,
    /// The way back.
    pub(super) outgoing: Outgoing,
    _held: Arc<()>,
}

/// The server's half of a stream.
#[derive(Clone)]
pub(super) struct Outgoing {
    id: u32,
    messages: Messages,
}

impl Stream {
    /// Lets go of what the client sends: nobody will read it.
    pub(super) fn ignore_incoming(&mut self) {
        self.incoming = mpsc::channel(1).1;
    }
}

impl Outgoing {
    /// Sends bytes.
    pub(super) async fn send(&self, bytes: &[u8]) -> Result<(), Gone> {
        for part in bytes.chunks(spdy::MAX_DATA_BYTES) {
            send(&self.messages, spdy::data(self.id, part, false)).await?;
        }
        Ok(())
    }

    /// Says that no more will come.
    pub(super) async fn finish(&self) {
        let _gone = send(&self.messages, spdy::data(self.id, &[], true)).await;
    }

    /// Gives the stream up.
    pub(super) async fn reset(&self) {
        let _gone = send(&self.messages, spdy::rst_stream(self.id, StatusCode::Cancel)).await;
    }
}

async fn send(messages: &Messages, frame: Bytes) -> Result<(), Gone> {
    messages.send(Message::Binary(frame)).await.map_err(|_| Gone)
}

/// Whether a stream with these headers is taken.
pub(super) type Check = fn(u32, &Headers) -> Result<(), String>;

/// Serves a connection until the client is gone or `handle` is done, which gets the streams as they are
/// opened.
pub(super) async fn serve<H: Future<Output = ()>>(
    (mut reader, writer): (Reader, Writer),
    check: Check,
    handle: impl FnOnce(mpsc::Receiver<Stream>) -> H,
) {
    let (messages, queued) = wire::queue();
    let talk = async {
        let (opened, handed_out) = mpsc::channel(1);
        let (open, budget) = (BTreeMap::new(), Budget::default());
        let streams = Streams { open, budget, messages: &messages, opened, check };
        let mut session = Session::default();
        tokio::select! {
            outcome = read(&mut reader, &mut session, streams) => {
                if let Err(error) = outcome {
                    tracing::debug!(%error, "SPDY connection ended");
                }
            }
            () = handle(handed_out) => {}
            () = messages.closed() => {}
        }
        let _gone = send(&messages, session.go_away()).await;
        drop(messages);
    };
    tokio::join!(wire::write(writer, queued), talk);
    reader.drain().await;
}

/// A stream as the connection knows it.
struct Open {
    /// The way to who reads it; none once the client ended it.
    data: Option<mpsc::Sender<Bytes>>,
    reset: CancellationToken,
    /// Whether anybody has the stream still.
    held: Weak<()>,
}

/// The streams of a connection.
struct Streams<'a> {
    open: BTreeMap<u32, Open>,
    budget: Budget,
    messages: &'a Messages,
    opened: mpsc::Sender<Stream>,
    check: Check,
}

async fn read(reader: &mut Reader, session: &mut Session, mut streams: Streams<'_>) -> Result<(), SpdyError> {
    while let Some(bytes) = reader.read().await {
        // A message of a WebSocket may be large, and is not to be kept in parts of it.
        for part in bytes.chunks(PART_BYTES) {
            session.push(part);
            while let Some(event) = session.next_event()? {
                if streams.take(session, event).await.is_err() {
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}

impl Streams<'_> {
    async fn take(&mut self, session: &mut Session, event: Event) -> Result<(), Gone> {
        match event {
            Event::Opened { stream, headers, finished } => {
                return self.open(session, stream, headers, finished).await;
            }
            Event::Answer(bytes) => return send(self.messages, bytes).await,
            Event::Data { stream, bytes, finished } => self.deliver(stream, &bytes, finished).await,
            Event::Reset { stream } => self.reset(stream),
            Event::GoneAway => {}
        }
        Ok(())
    }

    async fn open(
        &mut self,
        session: &mut Session,
        id: u32,
        headers: Headers,
        finished: bool,
    ) -> Result<(), Gone> {
        self.open.retain(|_, stream| stream.held.strong_count() > 0);
        let full = (self.open.len() >= MAX_STREAMS).then(|| "too many streams".to_owned());
        if let Some(why) = full.or_else(|| (self.check)(id, &headers).err()) {
            tracing::debug!(stream = id, why, "SPDY stream refused");
            return send(self.messages, session.refuse(id)).await;
        }
        send(self.messages, session.accept(id)).await?;
        let (data, incoming) = mpsc::channel(QUEUED);
        let (reset, held) = (CancellationToken::new(), Arc::new(()));
        let data = (!finished).then_some(data);
        self.open.insert(id, Open { data, reset: reset.clone(), held: Arc::downgrade(&held) });
        let outgoing = Outgoing { id, messages: self.messages.clone() };
        let stream = Stream { id, headers, incoming, reset, outgoing, _held: held };
        self.opened.send(stream).await.map_err(|_| Gone)
    }

    /// Hands bytes to a stream; bytes of one that is not there any more are lost, as they must be.
    async fn deliver(&mut self, stream: u32, bytes: &[u8], finished: bool) {
        let Some(there) = self.open.get_mut(&stream) else { return };
        if let Some(data) = &there.data {
            for part in bytes.chunks(PART_BYTES) {
                // Whoever goes meanwhile gives back what is queued, so this never waits for nobody.
                let Ok(room) = data.reserve().await else { break };
                room.send(self.budget.copy(part).await);
            }
        }
        if finished {
            there.data = None;
        }
    }

    fn reset(&mut self, stream: u32) {
        if let Some(there) = self.open.remove(&stream) {
            there.reset.cancel();
        }
    }
}
