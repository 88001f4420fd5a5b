//! A one-way stream of bytes between two tasks of this process: bounded, with end of stream, reset and
//! backpressure. Two of them make a connection; one of them is a container's standard input.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::pressure::Pressure;

/// Bytes a connection buffers in each direction before its writer has to wait.
pub const DEFAULT_CAPACITY_BYTES: usize = 256 * 1024;

/// Capacity that an empty buffer may keep.
const KEPT_CAPACITY_BYTES: usize = 32 * 1024;

/// Creates a pipe that holds at most `capacity_bytes` unread bytes. Nothing is allocated before the first write.
pub fn pipe(capacity_bytes: usize) -> (PipeWriter, PipeReader) {
    pipe_under(capacity_bytes, Arc::default())
}

/// As [`pipe`], one of many that share their memory.
pub(super) fn pipe_under(capacity_bytes: usize, pressure: Arc<Pressure>) -> (PipeWriter, PipeReader) {
    let shared = Arc::new(Shared { state: Mutex::default(), capacity_bytes, pressure });
    (PipeWriter { shared: shared.clone() }, PipeReader { shared })
}

struct Shared {
    state: Mutex<State>,
    capacity_bytes: usize,
    pressure: Arc<Pressure>,
}

#[derive(Default)]
struct State {
    buffer: VecDeque<u8>,
    /// The writer is done: the reader sees the end of the stream after the buffer.
    finished: bool,
    /// The reader is gone: writing fails.
    abandoned: bool,
    /// The connection was torn down: both ends fail, the buffer is lost.
    reset: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state and wakes both ends.
    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        change(&mut state);
        let wakers = [state.reader.take(), state.writer.take()];
        drop(state);
        wakers.into_iter().flatten().for_each(Waker::wake);
    }

    /// As [`Shared::change`], and what is buffered is lost.
    fn end(&self, change: impl FnOnce(&mut State)) {
        self.change(|state| {
            change(state);
            self.pressure.remove(state.buffer.len());
            state.buffer = VecDeque::new();
        });
    }

    /// Bytes that fit now.
    fn room(&self, state: &State) -> usize {
        self.pressure.allowed(self.capacity_bytes).saturating_sub(state.buffer.len())
    }

    /// Moves buffered bytes out and wakes the writer.
    fn take(&self, mut state: MutexGuard<'_, State>, target: &mut [u8]) -> usize {
        let taken = state.take(target);
        let writer = state.writer.take();
        drop(state);
        self.pressure.remove(taken);
        writer.into_iter().for_each(Waker::wake);
        taken
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        self.pressure.remove(state.buffer.len());
    }
}

impl State {
    fn readable(&self) -> bool {
        !self.buffer.is_empty() || self.finished || self.reset || self.abandoned
    }

    fn check_read(&self) -> io::Result<()> {
        if self.reset { Err(io::ErrorKind::ConnectionReset.into()) } else { Ok(()) }
    }

    fn check_write(&self) -> io::Result<()> {
        match self {
            State { reset: true, .. } => Err(io::ErrorKind::ConnectionReset.into()),
            State { abandoned: true, .. } | State { finished: true, .. } => {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            _ => Ok(()),
        }
    }

    /// Moves buffered bytes to `target` and says how many.
    fn take(&mut self, target: &mut [u8]) -> usize {
        let (first, second) = self.buffer.as_slices();
        let from_first = first.len().min(target.len());
        target[..from_first].copy_from_slice(&first[..from_first]);
        let from_second = second.len().min(target.len() - from_first);
        target[from_first..from_first + from_second].copy_from_slice(&second[..from_second]);
        self.buffer.drain(..from_first + from_second);
        if self.buffer.is_empty() && self.buffer.capacity() > KEPT_CAPACITY_BYTES {
            self.buffer = VecDeque::new();
        }
        from_first + from_second
    }
}

/// Remembers who waits, without cloning a waker that is already there.
fn remember(slot: &mut Option<Waker>, context: &Context<'_>) {
    match slot {
        Some(waker) if waker.will_wake(context.waker()) => {}
        _ => *slot = Some(context.waker().clone()),
    }
}

/// The end that bytes come out of. Dropping it makes the writer fail with `BrokenPipe`.
pub struct PipeReader {
    shared: Arc<Shared>,
}

impl PipeReader {
    /// Ready when a read would not wait: bytes, the end of the stream, or an error are there.
    pub fn poll_readable(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.shared.lock();
        if state.readable() {
            return Poll::Ready(());
        }
        remember(&mut state.reader, context);
        Poll::Pending
    }

    /// Takes up to `max_bytes` without waiting. `None`: nothing there yet; empty: the end of the stream.
    ///
    /// # Errors
    /// `ConnectionReset` once the connection was torn down.
    pub fn try_read(&self, max_bytes: usize) -> io::Result<Option<Bytes>> {
        let state = self.shared.lock();
        state.check_read()?;
        let mut bytes = vec![0; state.buffer.len().min(max_bytes)];
        if bytes.is_empty() {
            return Ok((state.finished || state.abandoned).then(Bytes::new));
        }
        self.shared.take(state, &mut bytes);
        Ok(Some(bytes.into()))
    }

    /// Reads no more: unread bytes are lost and the writer fails from now on.
    pub fn abandon(&self) {
        self.shared.end(|state| state.abandoned = true);
    }

    fn poll_take(&self, context: &mut Context<'_>, target: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut state = self.shared.lock();
        state.check_read()?;
        if !state.readable() {
            remember(&mut state.reader, context);
            return Poll::Pending;
        }
        Poll::Ready(Ok(self.shared.take(state, target)))
    }
}

impl Drop for PipeReader {
    fn drop(&mut self) {
        self.abandon();
    }
}

impl AsyncRead for PipeReader {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if buffer.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        self.poll_take(context, buffer.initialize_unfilled()).map_ok(|taken| buffer.advance(taken))
    }
}

/// The end that bytes go into. Dropping it ends the stream after what was written.
pub struct PipeWriter {
    shared: Arc<Shared>,
}

impl PipeWriter {
    /// Bytes that can be written now without waiting.
    ///
    /// # Errors
    /// `ConnectionReset` after a reset, `BrokenPipe` when the reader is gone or the stream was finished.
    pub fn try_capacity(&self) -> io::Result<usize> {
        let state = self.shared.lock();
        state.check_write()?;
        Ok(self.shared.room(&state))
    }

    /// Ready when a write would not wait: there is room, or an error to report.
    pub fn poll_writable(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.shared.lock();
        if state.check_write().is_err() || self.shared.room(&state) > 0 {
            return Poll::Ready(());
        }
        remember(&mut state.writer, context);
        Poll::Pending
    }

    /// Writes as much as fits and says how many bytes that was. What [`PipeWriter::try_capacity`] promised
    /// always fits, also when memory became scarce since.
    ///
    /// # Errors
    /// As [`PipeWriter::try_capacity`].
    pub fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.shared.lock();
        state.check_write()?;
        let room = self.shared.capacity_bytes.saturating_sub(state.buffer.len());
        let written = room.min(bytes.len());
        state.buffer.extend(&bytes[..written]);
        self.shared.pressure.add(written);
        let reader = state.reader.take();
        drop(state);
        reader.into_iter().for_each(Waker::wake);
        Ok(written)
    }

    /// Has the reader look again, as where there is something beside the bytes that it waits for.
    pub fn wake_reader(&self) {
        let reader = self.shared.lock().reader.take();
        reader.into_iter().for_each(Waker::wake);
    }

    /// Ends the stream: the reader sees its end after the bytes written so far.
    pub fn finish(&self) {
        self.shared.change(|state| state.finished = true);
    }

    /// A handle that can end the pipe from elsewhere.
    pub(super) fn control(&self) -> PipeControl {
        PipeControl { shared: self.shared.clone() }
    }
}

impl Drop for PipeWriter {
    fn drop(&mut self) {
        self.finish();
    }
}

impl AsyncWrite for PipeWriter {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        match self.poll_writable(context) {
            Poll::Ready(()) => {
                let writable = self.try_capacity()?.clamp(1, bytes.len());
                Poll::Ready(self.try_write(&bytes[..writable]))
            }
            Poll::Pending => Poll::Pending,
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.finish();
        Poll::Ready(Ok(()))
    }
}

/// Ends a pipe without owning an end of it.
pub(super) struct PipeControl {
    shared: Arc<Shared>,
}

impl PipeControl {
    /// Fails both ends with `ConnectionReset`.
    pub(super) fn reset(&self) {
        self.shared.end(|state| state.reset = true);
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn a_pipe_should_deliver_what_was_written_before_its_end() {
        let (mut writer, mut reader) = pipe(16);
        let write = tokio::spawn(async move {
            writer.write_all(b"more than the sixteen bytes that fit").await.unwrap();
        });
        let mut text = String::new();
        reader.read_to_string(&mut text).await.unwrap();
        write.await.unwrap();
        assert_eq!(text, "more than the sixteen bytes that fit");
    }

    #[tokio::test]
    async fn a_writer_should_fail_when_its_reader_is_gone() {
        let (mut writer, reader) = pipe(4);
        drop(reader);
        assert_eq!(writer.write(b"x").await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }

    #[tokio::test]
    async fn a_reset_should_fail_both_ends_and_drop_the_buffer() {
        let (mut writer, mut reader) = pipe(4);
        writer.write_all(b"lost").await.unwrap();
        writer.control().reset();
        assert_eq!(reader.read_u8().await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        assert_eq!(writer.write(b"x").await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    }

    #[tokio::test]
    async fn a_full_pipe_should_make_its_writer_wait() {
        let (writer, reader) = pipe(4);
        assert_eq!(writer.try_write(b"abcdef").unwrap(), 4);
        assert_eq!(writer.try_capacity().unwrap(), 0);
        assert_eq!(reader.try_read(3).unwrap().unwrap(), "abc");
        assert_eq!(writer.try_capacity().unwrap(), 3);
    }

    #[test]
    fn many_full_pipes_should_get_small_buffers_and_give_their_memory_back() {
        let pressure = Arc::new(Pressure::new(100_000));
        let pipes: Vec<_> = (0..20).map(|_| pipe_under(64 * 1024, pressure.clone())).collect();
        for (writer, _) in &pipes {
            let room = writer.try_capacity().unwrap();
            assert_eq!(writer.try_write(&vec![0; room]).unwrap(), room);
        }
        assert_eq!(pressure.buffered_bytes(), 2 * 64 * 1024 + 18 * 4 * 1024);
        let (_, reader) = &pipes[0];
        reader.try_read(60_000).unwrap();
        assert_eq!(pressure.buffered_bytes(), 2 * 64 * 1024 + 18 * 4 * 1024 - 60_000);
        drop(pipes);
        assert_eq!(pressure.buffered_bytes(), 0);
    }
}
