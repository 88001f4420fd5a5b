//! The two streams of a guest's connection.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::{InputStream, OutputStream, Pollable, StreamError, StreamResult};

use crate::network::pipe::{PipeReader, PipeWriter};

/// Bytes that one read gives at most.
const READ_BYTES: usize = 64 * 1024;

/// What a guest receives.
pub(super) struct ReceiveStream(pub(super) Arc<PipeReader>);

#[async_trait]
impl Pollable for ReceiveStream {
    async fn ready(&mut self) {
        poll_fn(|context| self.0.poll_readable(context)).await;
    }
}

#[async_trait]
impl InputStream for ReceiveStream {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        if size == 0 {
            return Ok(Bytes::new());
        }
        match self.0.try_read(size.min(READ_BYTES)).map_err(stream_error)? {
            None => Ok(Bytes::new()),
            Some(bytes) if bytes.is_empty() => Err(StreamError::Closed),
            Some(bytes) => Ok(bytes),
        }
    }
}

/// What a guest sends.
pub(super) struct SendStream(pub(super) Arc<PipeWriter>);

#[async_trait]
impl Pollable for SendStream {
    async fn ready(&mut self) {
        poll_fn(|context| self.0.poll_writable(context)).await;
    }
}

#[async_trait]
impl OutputStream for SendStream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        let written = self.0.try_write(&bytes).map_err(stream_error)?;
        if written < bytes.len() {
            return Err(StreamError::trap("wrote more than check-write permitted"));
        }
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        self.0.try_capacity().map_err(stream_error)
    }
}

/// A closed stream is not an error of its own; a reset is, and the guest can read its code.
fn stream_error(error: io::Error) -> StreamError {
    match error.kind() {
        io::ErrorKind::BrokenPipe => StreamError::Closed,
        _ => StreamError::LastOperationFailed(error.into()),
    }
}
