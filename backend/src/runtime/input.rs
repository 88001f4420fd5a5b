//! What a program reads: nothing, or what comes through a pipe whose other end is kept here. With a terminal
//! what is typed goes through its line discipline.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use shared::kubelet::line_discipline::{LineDiscipline, TerminalSignal};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::sync::mpsc;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::cli::{IsTerminal, StdinStream};
use wasmtime_wasi::p2::{InputStream, Pollable, StreamError, StreamResult};

use super::output::Output;
use crate::network::pipe::{PipeReader, PipeWriter, pipe};

/// Bytes that a pipe holds.
const CAPACITY_BYTES: usize = 64 * 1024;

/// Bytes that wait between a client and the pipe.
const QUEUE: usize = 16;

/// The standard input of a program. Clones are the same stream.
#[derive(Clone)]
pub(super) struct Input {
    /// `None` where there is nothing to read.
    pipe: Option<Arc<PipeReader>>,
    terminal: bool,
}

/// The other end of a program's standard input, which goes on when it is dropped only if a clone remains.
#[derive(Clone)]
pub(super) struct Inlet {
    pipe: Arc<PipeWriter>,
    terminal: Option<Arc<Terminal>>,
}

/// A terminal: the line that is being typed, and where it is shown.
struct Terminal {
    discipline: Mutex<LineDiscipline>,
    screen: Output,
}

/// An input, and the end through which it is fed. With a `screen` it is a terminal.
pub(super) fn input(screen: Option<Output>) -> (Inlet, Input) {
    let (writer, reader) = pipe(CAPACITY_BYTES);
    let input = Input { pipe: Some(Arc::new(reader)), terminal: screen.is_some() };
    let terminal = screen.map(|screen| Arc::new(Terminal { discipline: Mutex::default(), screen }));
    (Inlet { pipe: Arc::new(writer), terminal }, input)
}

/// What the program gets of what a client sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fed {
    /// The client closed its end.
    Closed,
    /// The program reads no more, or was told so from its terminal.
    Ended,
    /// A signal.
    Signal(TerminalSignal),
}

impl Inlet {
    /// What a client sends to, and what [`Inlet::feed`] takes it from.
    pub(super) fn channel() -> (mpsc::Sender<Bytes>, mpsc::Receiver<Bytes>) {
        mpsc::channel(QUEUE)
    }

    /// Hands on what a client sends, until one of them has enough. A full pipe makes the client wait, and so
    /// a signal is only seen when what was typed before it is read.
    pub(super) async fn feed(&self, from: &mut mpsc::Receiver<Bytes>) -> Fed {
        while let Some(bytes) = from.recv().await {
            if let Some(end) = self.take(bytes).await {
                return end;
            }
        }
        Fed::Closed
    }

    async fn take(&self, bytes: Bytes) -> Option<Fed> {
        let Some(terminal) = &self.terminal else {
            return self.write(&bytes).await.err().map(|_| Fed::Ended);
        };
        let typed = {
            let mut discipline = terminal.discipline.lock().unwrap_or_else(PoisonError::into_inner);
            discipline.on_typed(&bytes)
        };
        terminal.screen.echo(typed.echo);
        let written = self.write(&typed.input).await;
        if typed.ended {
            self.end();
        }
        match typed.signal {
            Some(signal) => Some(Fed::Signal(signal)),
            None => (typed.ended || written.is_err()).then_some(Fed::Ended),
        }
    }

    async fn write(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            poll_fn(|context| self.pipe.poll_writable(context)).await;
            bytes = &bytes[self.pipe.try_write(bytes)?..];
        }
        Ok(())
    }

    /// The program's input ends after what was written so far.
    pub(super) fn end(&self) {
        self.pipe.finish();
    }
}

impl Input {
    /// The end of the stream at once.
    pub(super) fn empty() -> Input {
        Input { pipe: None, terminal: false }
    }
}

impl IsTerminal for Input {
    fn is_terminal(&self) -> bool {
        self.terminal
    }
}

impl StdinStream for Input {
    fn p2_stream(&self) -> Box<dyn InputStream> {
        Box::new(self.clone())
    }

    fn async_stream(&self) -> Box<dyn AsyncRead + Send + Sync> {
        Box::new(self.clone())
    }
}

#[async_trait]
impl Pollable for Input {
    async fn ready(&mut self) {
        if let Some(pipe) = &self.pipe {
            poll_fn(|context| pipe.poll_readable(context)).await;
        }
    }
}

#[async_trait]
impl InputStream for Input {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        let Some(pipe) = &self.pipe else { return Err(StreamError::Closed) };
        match pipe.try_read(size) {
            Ok(None) => Ok(Bytes::new()),
            Ok(Some(bytes)) if bytes.is_empty() && size > 0 => Err(StreamError::Closed),
            Ok(Some(bytes)) => Ok(bytes),
            Err(error) => Err(StreamError::LastOperationFailed(error.into())),
        }
    }
}

impl AsyncRead for Input {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Some(pipe) = &self.pipe else { return Poll::Ready(Ok(())) };
        std::task::ready!(pipe.poll_readable(context));
        match pipe.try_read(buffer.remaining())? {
            Some(bytes) => {
                buffer.put_slice(&bytes);
                Poll::Ready(Ok(()))
            }
            None => {
                context.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }
}
