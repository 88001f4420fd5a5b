//! The server's side of a SPDY connection: frames in, events out.

use bytes::Bytes;

use super::SpdyError;
use super::frame::{self, Frame, FrameReader, StatusCode};
use super::header_block::{Deflater, Headers, Inflater};

/// What a client did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Opened a stream; answer with [`Session::accept`] or [`Session::refuse`].
    Opened {
        /// Its number.
        stream: u32,
        /// What it is for.
        headers: Headers,
        /// The client will send nothing on it.
        finished: bool,
    },
    /// Sent bytes on a stream, or ended its half of it.
    Data {
        /// Its number.
        stream: u32,
        /// The bytes.
        bytes: Bytes,
        /// No more will come.
        finished: bool,
    },
    /// Gave a stream up.
    Reset {
        /// Its number.
        stream: u32,
    },
    /// Asked for something that is answered with these bytes.
    Answer(Bytes),
    /// Is about to close the connection.
    GoneAway,
}

/// The server's side of a connection. It knows which streams were opened, and not which are still open.
#[derive(Default)]
pub struct Session {
    reader: FrameReader,
    inflater: Inflater,
    deflater: Deflater,
    last_stream: u32,
}

impl Session {
    /// Adds bytes that arrived.
    pub fn push(&mut self, bytes: &[u8]) {
        self.reader.push(bytes);
    }

    /// The next event, if all of it arrived.
    ///
    /// # Errors
    /// Where the client is not understood; the connection is over.
    pub fn next_event(&mut self) -> Result<Option<Event>, SpdyError> {
        loop {
            let Some(frame) = self.reader.next_frame()? else { return Ok(None) };
            if let Some(event) = self.event(frame)? {
                return Ok(Some(event));
            }
        }
    }

    fn event(&mut self, frame: Frame) -> Result<Option<Event>, SpdyError> {
        Ok(match frame {
            Frame::SynStream { stream, fin, block } => {
                let headers = self.inflater.inflate(&block)?;
                // A client's streams are odd, and each is greater than those before it.
                if stream.is_multiple_of(2) || stream <= self.last_stream {
                    return Err(SpdyError::StreamId(stream));
                }
                self.last_stream = stream;
                Some(Event::Opened { stream, headers, finished: fin })
            }
            Frame::Headers { stream, fin, block } => {
                self.inflater.inflate(&block)?;
                fin.then(|| Event::Data { stream, bytes: Bytes::new(), finished: true })
            }
            Frame::SynReply { block, .. } => {
                self.inflater.inflate(&block)?;
                None
            }
            Frame::Data { stream, fin, bytes } => Some(Event::Data { stream, bytes, finished: fin }),
            Frame::RstStream { stream, .. } => Some(Event::Reset { stream }),
            // A client's own pings are odd; even ones answer the server's.
            Frame::Ping(id) if id % 2 == 1 => Some(Event::Answer(frame::ping(id))),
            Frame::GoAway { .. } => Some(Event::GoneAway),
            Frame::Ping(_) | Frame::Ignored => None,
        })
    }

    /// Accepts a stream; the bytes are to be sent before any others of it.
    pub fn accept(&mut self, stream: u32) -> Bytes {
        frame::syn_reply(&mut self.deflater, stream, &Headers::default(), false)
    }

    /// Does not take a stream.
    pub fn refuse(&self, stream: u32) -> Bytes {
        frame::rst_stream(stream, StatusCode::RefusedStream)
    }

    /// Says that the connection ends.
    pub fn go_away(&self) -> Bytes {
        frame::go_away(self.last_stream)
    }
}
