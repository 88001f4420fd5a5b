//! Where what a program prints goes: to the log of its container and to those who are attached to it, to the
//! client of an `exec`, to the other end of a connection, or nowhere.
//!
//! Nobody's memory is filled: a client's queue is bounded, and while it is full the program waits. The client
//! of an `exec` makes its program wait for ever; somebody attached makes a container wait for [`PATIENCE`] at
//! most without reading anything, and is then detached.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use shared::kubelet::line_discipline;
use tokio::io::AsyncWrite;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use wasmtime::format_err;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};

use super::logs::{LogWriter, Source};
use crate::network::pipe::PipeWriter;

/// Bytes that a guest may write at once.
const WRITE_BYTES: usize = 16 * 1024;

/// Writes that a client's queue holds.
const QUEUE: usize = 32;

/// Writes for which there must be room before a program may write: its two streams and the echo of its
/// terminal may come at once.
const ROOM: usize = 4;

/// How long a container waits for somebody attached who reads nothing.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// One output stream of a program. Clones are the same stream.
#[derive(Clone)]
pub(super) struct Output {
    target: Target,
    terminal: bool,
}

#[derive(Clone)]
enum Target {
    Nowhere,
    Client(mpsc::Sender<Bytes>),
    Log(LogWriter, Source, Arc<Attached>),
    Connection(Arc<PipeWriter>),
}

/// Those who are attached to a stream of a container.
#[derive(Default)]
pub(super) struct Attached(Mutex<Clients>);

#[derive(Default)]
struct Clients {
    list: Vec<Attachment>,
    /// Since when the program waits for some of them.
    full_since: Option<Instant>,
}

struct Attachment {
    sender: mpsc::Sender<Bytes>,
    /// Cancelled when it is detached for being slow.
    detached: CancellationToken,
}

/// What remains with the program's end of a queue, to wait until the client took everything.
pub(super) struct Queue(mpsc::Sender<Bytes>);

/// A client's queue.
pub(super) fn queue() -> (Queue, mpsc::Receiver<Bytes>) {
    let (sender, receiver) = mpsc::channel(QUEUE);
    (Queue(sender), receiver)
}

impl Queue {
    /// Waits until the client took everything, or is gone; then its stream ends.
    pub(super) async fn drain(self) {
        // A closed queue is one that nobody reads any more.
        let _ = self.0.reserve_many(QUEUE).await;
    }
}

fn has_room(sender: &mpsc::Sender<Bytes>) -> bool {
    sender.capacity() >= ROOM || sender.is_closed()
}

/// Waits for room, or for the end of the client.
async fn until_room(sender: &mpsc::Sender<Bytes>) {
    let _ = sender.reserve_many(ROOM).await;
}

impl Attached {
    fn lock(&self) -> MutexGuard<'_, Clients> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Attaches a client from now on; the token tells that it was detached.
    pub(super) fn add(&self, queue: &Queue, detached: CancellationToken) {
        self.lock().list.push(Attachment { sender: queue.0.clone(), detached });
    }

    /// Lets all of them go: their streams end.
    pub(super) fn clear(&self) {
        self.lock().list.clear();
    }

    /// Lets one of them go.
    pub(super) fn remove(&self, queue: &Queue) {
        self.lock().list.retain(|attachment| !attachment.sender.same_channel(&queue.0));
    }

    /// How many there are.
    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.lock().list.len()
    }

    fn has_room(&self) -> bool {
        self.lock().slow().is_none()
    }

    fn send(&self, bytes: &Bytes) {
        self.lock().list.retain(|attachment| match attachment.sender.try_send(bytes.clone()) {
            Ok(()) => true,
            Err(mpsc::error::TrySendError::Closed(_)) => false,
            Err(mpsc::error::TrySendError::Full(_)) => {
                attachment.detached.cancel();
                false
            }
        });
    }

    /// Waits until all have room, and detaches those who read nothing for too long.
    async fn until_room(&self) {
        let slow = self.lock().slow();
        let Some((slow, deadline)) = slow else { return };
        let room = futures::future::join_all(slow.iter().map(until_room));
        if timeout_at(deadline, room).await.is_err() {
            self.lock().detach_slow();
        }
    }
}

impl Clients {
    /// Those without room, and how long the program waits for them: while it does nobody else becomes full, so
    /// one time holds for all.
    fn slow(&mut self) -> Option<(Vec<mpsc::Sender<Bytes>>, Instant)> {
        let senders = self.list.iter().map(|attachment| &attachment.sender);
        let slow: Vec<_> = senders.filter(|sender| !has_room(sender)).cloned().collect();
        if slow.is_empty() {
            self.full_since = None;
            return None;
        }
        Some((slow, *self.full_since.get_or_insert_with(Instant::now) + PATIENCE))
    }

    fn detach_slow(&mut self) {
        self.full_since = None;
        for slow in self.list.extract_if(.., |attachment| !has_room(&attachment.sender)) {
            slow.detached.cancel();
        }
    }
}

impl Output {
    /// Nobody wants what is printed.
    pub(super) fn nowhere(terminal: bool) -> Output {
        Output { target: Target::Nowhere, terminal }
    }

    /// To a client.
    pub(super) fn client(queue: &Queue, terminal: bool) -> Output {
        Output { target: Target::Client(queue.0.clone()), terminal }
    }

    /// To a container's log, and to those who are attached.
    pub(super) fn log(log: &LogWriter, source: Source, attached: Arc<Attached>, terminal: bool) -> Output {
        Output { target: Target::Log(log.clone(), source, attached), terminal }
    }

    /// To the other end of a connection.
    pub(super) fn connection(pipe: PipeWriter) -> Output {
        Output { target: Target::Connection(Arc::new(pipe)), terminal: false }
    }

    /// Says what the runtime has to say of a program among what it prints.
    pub(super) fn say(&self, text: &str) {
        // Where the log is lost, so is this.
        let _ = self.print(format!("kijabi: {text}\n").into());
    }

    /// Shows what was typed, unless a client has no room: the rest is for the program, which may have leave
    /// to print already.
    pub(super) fn echo(&self, bytes: Vec<u8>) {
        if !bytes.is_empty() && self.room().is_ok_and(|room| room > 0) {
            // Where this fails, the program learns of it when it prints itself.
            let _ = self.put(bytes.into());
        }
    }

    fn put(&self, bytes: Bytes) -> io::Result<()> {
        match &self.target {
            Target::Nowhere => Ok(()),
            Target::Client(sender) => sender.try_send(bytes).map_err(|error| match error {
                mpsc::error::TrySendError::Closed(_) => io::ErrorKind::BrokenPipe.into(),
                mpsc::error::TrySendError::Full(_) => io::ErrorKind::WouldBlock.into(),
            }),
            Target::Log(log, source, attached) => {
                log.write(*source, &bytes)?;
                attached.send(&bytes);
                Ok(())
            }
            Target::Connection(pipe) => match pipe.try_write(&bytes)? {
                written if written < bytes.len() => Err(io::ErrorKind::WouldBlock.into()),
                _ => Ok(()),
            },
        }
    }

    fn print(&self, bytes: Bytes) -> io::Result<()> {
        let bytes = if self.terminal { line_discipline::on_output(&bytes).into() } else { bytes };
        self.put(bytes)
    }

    /// How much the program may print now, in bytes.
    fn room(&self) -> io::Result<usize> {
        let has_room = match &self.target {
            Target::Nowhere => true,
            Target::Client(sender) if sender.is_closed() => return Err(io::ErrorKind::BrokenPipe.into()),
            Target::Client(sender) => has_room(sender),
            Target::Log(_, _, attached) => attached.has_room(),
            Target::Connection(pipe) => return Ok(pipe.try_capacity()?.min(WRITE_BYTES)),
        };
        Ok(if has_room { WRITE_BYTES } else { 0 })
    }

    async fn until_room(&self) {
        match &self.target {
            Target::Nowhere => {}
            Target::Client(sender) => until_room(sender).await,
            Target::Log(_, _, attached) => attached.until_room().await,
            Target::Connection(pipe) => poll_fn(|context| pipe.poll_writable(context)).await,
        }
    }
}

impl IsTerminal for Output {
    fn is_terminal(&self) -> bool {
        self.terminal
    }
}

impl StdoutStream for Output {
    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }

    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(AsyncOutput { output: self.clone(), waiting: Mutex::new(None) })
    }
}

#[async_trait]
impl Pollable for Output {
    async fn ready(&mut self) {
        self.until_room().await;
    }
}

#[async_trait]
impl OutputStream for Output {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.print(bytes).map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => StreamError::Closed,
            io::ErrorKind::WouldBlock => StreamError::Trap(format_err!("written without leave")),
            _ => StreamError::LastOperationFailed(error.into()),
        })
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        self.room().map_err(|_| StreamError::Closed)
    }
}

/// An output stream for those who wait in their own way.
struct AsyncOutput {
    output: Output,
    waiting: Mutex<Option<BoxFuture<'static, ()>>>,
}

impl AsyncWrite for AsyncOutput {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let mut room = self.output.room()?;
        while room == 0 {
            let output = self.output.clone();
            let until = waiting.get_or_insert_with(|| async move { output.until_room().await }.boxed());
            std::task::ready!(until.poll_unpin(context));
            *waiting = None;
            room = self.output.room()?;
        }
        let now = &bytes[..bytes.len().min(room)];
        Poll::Ready(self.output.print(Bytes::copy_from_slice(now)).map(|()| now.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
