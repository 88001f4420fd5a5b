//! What a program reads: nothing, or what comes through a pipe whose other end is kept here. With a terminal
//! what is typed goes through its line discipline.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use shared::kubelet::line_discipline::{LineDiscipline, TerminalSignal, Typed};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::sync::mpsc;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::cli::{IsTerminal, StdinStream};
use wasmtime_wasi::p2::{InputStream, Pollable, StreamError, StreamResult};

use super::output::Output;
use crate::network::pipe::{PipeReader, PipeWriter, pipe};

/// Bytes that a pipe holds.
const CAPACITY_BYTES: usize = 64 * 1024;

/// Messages that wait between a client and the pipe. Who sends them bounds their size.
const QUEUE: usize = 16;

/// Bytes that a terminal takes in at once: what it shows of them is at most twice as long.
const TYPED_BYTES: usize = 4096;

/// Ends of a terminal's input that wait to be read; further ones are lost, as keys are that a terminal has no
/// room for.
const MOST_ENDS: usize = 4096;

/// The standard input of a program. Clones are the same stream.
#[derive(Clone)]
pub(super) struct Input {
    /// `None` where there is nothing to read.
    pipe: Option<Arc<PipeReader>>,
    /// There where it is a terminal.
    ends: Option<Arc<Ends>>,
}

/// The other end of a program's standard input, which goes on when it is dropped only if a clone remains.
#[derive(Clone)]
pub(super) struct Inlet {
    pipe: Arc<PipeWriter>,
    terminal: Option<Arc<Terminal>>,
    /// The line that is being typed at a terminal. One client at a time has it, until the program has room for
    /// what came of it: the pipe wakes one writer only, and what two type is not to be mixed within a line.
    line: Arc<tokio::sync::Mutex<LineDiscipline>>,
}

/// A terminal: where it is shown what is typed, and where reads find its end.
struct Terminal {
    screen: Output,
    ends: Arc<Ends>,
}

/// Where reads of a terminal find the end of its input, each of them once: the program can go on reading after
/// it, as a shell does whose command read to the end.
#[derive(Default)]
struct Ends(Mutex<Marks>);

#[derive(Default)]
struct Marks {
    /// Places in the stream, by the bytes before them.
    places: VecDeque<u64>,
    written: u64,
    read: u64,
}

impl Ends {
    fn lock(&self) -> MutexGuard<'_, Marks> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The input ends here, for one read.
    fn mark(&self) {
        let mut marks = self.lock();
        let place = marks.written;
        if marks.places.len() < MOST_ENDS {
            marks.places.push_back(place);
        }
    }

    fn is_here(&self) -> bool {
        let marks = self.lock();
        marks.places.front() == Some(&marks.read)
    }

    /// Reads up to the next end. As from a pipe, nothing means an end, and `None` that nothing is there yet.
    fn read(&self, pipe: &PipeReader, most: usize) -> io::Result<Option<Bytes>> {
        let mut marks = self.lock();
        let before = marks.places.front().map(|place| place.saturating_sub(marks.read));
        if before == Some(0) {
            marks.places.pop_front();
            return Ok(Some(Bytes::new()));
        }
        let most =
            before.and_then(|before| usize::try_from(before).ok()).map_or(most, |before| before.min(most));
        let bytes = pipe.try_read(most)?;
        marks.read += bytes.as_ref().map_or(0, Bytes::len) as u64;
        Ok(bytes)
    }
}

/// An input, and the end through which it is fed. With a `screen` it is a terminal.
pub(super) fn input(screen: Option<Output>) -> (Inlet, Input) {
    let (writer, reader) = pipe(CAPACITY_BYTES);
    let terminal = screen.map(|screen| Arc::new(Terminal { screen, ends: Arc::default() }));
    let ends = terminal.as_ref().map(|terminal| terminal.ends.clone());
    let input = Input { pipe: Some(Arc::new(reader)), ends };
    (Inlet { pipe: Arc::new(writer), terminal, line: Arc::default() }, input)
}

/// What the program gets of what a client sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fed {
    /// The client closed its end.
    Closed,
    /// The program reads no more.
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
            if let Some(end) = self.take(&bytes).await {
                return end;
            }
        }
        Fed::Closed
    }

    async fn take(&self, bytes: &[u8]) -> Option<Fed> {
        let mut line = self.line.lock().await;
        let Some(terminal) = &self.terminal else {
            return self.write(bytes).await.err().map(|_| Fed::Ended);
        };
        for part in bytes.chunks(TYPED_BYTES) {
            let mut typed = line.on_typed(part);
            terminal.screen.echo(std::mem::take(&mut typed.echo));
            let written = self.hand_on(terminal, &typed).await;
            if let Some(signal) = typed.signal {
                return Some(Fed::Signal(signal));
            }
            if written.is_err() {
                return Some(Fed::Ended);
            }
        }
        None
    }

    async fn hand_on(&self, terminal: &Terminal, typed: &Typed) -> io::Result<()> {
        let mut written = 0;
        for end in &typed.ends {
            self.write(&typed.input[written..*end]).await?;
            written = *end;
            terminal.ends.mark();
            self.pipe.wake_reader();
        }
        self.write(&typed.input[written..]).await
    }

    async fn write(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            poll_fn(|context| self.pipe.poll_writable(context)).await;
            let written = self.pipe.try_write(bytes)?;
            bytes = &bytes[written..];
            if let Some(terminal) = &self.terminal {
                terminal.ends.lock().written += written as u64;
            }
        }
        Ok(())
    }

    /// The program's input ends after what was written so far.
    pub(super) fn end(&self) {
        self.pipe.finish();
    }
}

impl Input {
    /// What comes through a pipe whose other end is elsewhere.
    pub(super) fn from_pipe(pipe: PipeReader) -> Input {
        Input { pipe: Some(Arc::new(pipe)), ends: None }
    }

    /// The end of the stream at once.
    pub(super) fn empty() -> Input {
        Input { pipe: None, ends: None }
    }

    /// Ready when a read would not wait.
    fn poll_readable(&self, context: &mut Context<'_>) -> Poll<()> {
        let Some(pipe) = &self.pipe else { return Poll::Ready(()) };
        // In this order, as who marks an end wakes whoever waits by then.
        let readable = pipe.poll_readable(context);
        if self.ends.as_ref().is_some_and(|ends| ends.is_here()) { Poll::Ready(()) } else { readable }
    }

    /// Takes up to so many bytes, above zero, without waiting. `None`: nothing there yet; empty: the end.
    fn take(&self, most: usize) -> io::Result<Option<Bytes>> {
        match (&self.pipe, &self.ends) {
            (None, _) => Ok(Some(Bytes::new())),
            (Some(pipe), None) => pipe.try_read(most),
            (Some(pipe), Some(ends)) => ends.read(pipe, most),
        }
    }
}

impl IsTerminal for Input {
    fn is_terminal(&self) -> bool {
        self.ends.is_some()
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
        poll_fn(|context| self.poll_readable(context)).await;
    }
}

#[async_trait]
impl InputStream for Input {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        if size == 0 {
            return Ok(Bytes::new());
        }
        match self.take(size) {
            Ok(None) => Ok(Bytes::new()),
            Ok(Some(bytes)) if bytes.is_empty() => Err(StreamError::Closed),
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
        if buffer.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        std::task::ready!(self.poll_readable(context));
        match self.take(buffer.remaining())? {
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    async fn read(input: &mut Input) -> Option<Bytes> {
        timeout(Duration::from_secs(5), input.ready()).await.expect("nothing to read");
        input.read(CAPACITY_BYTES).ok()
    }

    #[tokio::test]
    async fn clients_that_wait_together_should_all_be_woken() {
        let (inlet, mut input) = input(None);
        for letter in [b'a', b'b', b'c'] {
            let inlet = inlet.clone();
            let (sender, mut receiver) = Inlet::channel();
            sender.send(vec![letter; 3 * CAPACITY_BYTES].into()).await.unwrap();
            tokio::spawn(async move { inlet.feed(&mut receiver).await });
        }
        let mut found = 0;
        while found < 9 * CAPACITY_BYTES {
            found += read(&mut input).await.unwrap().len();
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn end_that_is_typed_should_end_one_read_only() {
        let (inlet, mut input) = input(Some(Output::nowhere(true)));
        let (sender, mut receiver) = Inlet::channel();
        sender.send("one\r\x04\x04two\r".into()).await.unwrap();
        drop(sender);
        assert_eq!(inlet.feed(&mut receiver).await, Fed::Closed);
        let found = [read(&mut input).await, read(&mut input).await, read(&mut input).await];
        assert_eq!(found, [Some("one\n".into()), None, None]);
        assert_eq!(read(&mut input).await, Some("two\n".into()));
        inlet.end();
        assert_eq!([read(&mut input).await, read(&mut input).await], [None, None]);
    }

    #[tokio::test]
    async fn end_that_is_typed_should_wake_who_waits() {
        let (inlet, mut input) = input(Some(Output::nowhere(true)));
        let (sender, mut receiver) = Inlet::channel();
        tokio::spawn(async move { inlet.feed(&mut receiver).await });
        let typed = async {
            tokio::task::yield_now().await;
            sender.send("\x04".into()).await.unwrap();
        };
        let (found, ()) = tokio::join!(read(&mut input), typed);
        assert_eq!(found, None);
    }
}
