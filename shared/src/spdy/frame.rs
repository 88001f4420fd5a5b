//! Frames of SPDY/3.1: taken from bytes as they arrive, and made (2.2 and 2.6 of the draft).

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::SpdyError;
use super::header_block::{Deflater, Headers};

const VERSION: u16 = 3;
const CONTROL: u16 = 0x8000;
const STREAM_MASK: u32 = 0x7fff_ffff;
const HEADER_BYTES: usize = 8;
const FIN: u8 = 1;

const SYN_STREAM: u16 = 1;
const SYN_REPLY: u16 = 2;
const RST_STREAM: u16 = 3;
const SETTINGS: u16 = 4;
const PING: u16 = 6;
const GO_AWAY: u16 = 7;
const HEADERS: u16 = 8;
const WINDOW_UPDATE: u16 = 9;

/// The longest control frame that is read.
const MAX_CONTROL_BYTES: usize = 16 * 1024;
/// The most bytes that one frame of data is made with: its length has 24 bits.
pub const MAX_DATA_BYTES: usize = 0x00ff_ffff;

/// Why a stream is reset (2.6.3 of the draft).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum StatusCode {
    /// The peer broke the rules.
    ProtocolError = 1,
    /// There is no such stream.
    InvalidStream = 2,
    /// The stream was not begun.
    RefusedStream = 3,
    /// The stream is no longer wanted.
    Cancel = 5,
}

/// A frame. Header blocks are still compressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// The peer opens a stream.
    SynStream {
        /// Its number.
        stream: u32,
        /// The peer will send nothing on it.
        fin: bool,
        /// Its headers.
        block: Bytes,
    },
    /// The peer accepts a stream.
    SynReply {
        /// Its number.
        stream: u32,
        /// The peer will send nothing on it.
        fin: bool,
        /// Its headers.
        block: Bytes,
    },
    /// The peer gives a stream up.
    RstStream {
        /// Its number.
        stream: u32,
        /// Why.
        status: u32,
    },
    /// The peer asks for a sign of life, or gives it.
    Ping(u32),
    /// The peer opens no more streams.
    GoAway {
        /// The last stream that it took.
        last_stream: u32,
    },
    /// Further headers of a stream.
    Headers {
        /// Its number.
        stream: u32,
        /// The peer will send nothing more on it.
        fin: bool,
        /// The headers.
        block: Bytes,
    },
    /// A part of a frame of data, or all of it.
    Data {
        /// Its stream.
        stream: u32,
        /// The last part of the last frame of the stream.
        fin: bool,
        /// The bytes.
        bytes: Bytes,
    },
    /// Settings, windows, and types that nobody knows.
    Ignored,
}

/// The part of a frame of data that is still to come.
struct Open {
    stream: u32,
    fin: bool,
    remaining: usize,
}

/// Takes frames from bytes as they arrive. Data is handed on as it comes, so that no more than one control
/// frame is ever kept.
#[derive(Default)]
pub struct FrameReader {
    buffer: BytesMut,
    open: Option<Open>,
}

impl FrameReader {
    /// Adds bytes that arrived.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next frame, if it is there.
    ///
    /// # Errors
    /// Where the bytes are no frame; nothing can be read any more.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, SpdyError> {
        if let Some(open) = self.open.take() {
            return Ok(self.part(open));
        }
        if self.buffer.len() < HEADER_BYTES {
            return Ok(None);
        }
        let mut header = &self.buffer[..HEADER_BYTES];
        let first = header.get_u32();
        let last = header.get_u32();
        let (flags, length) = ((last >> 24) as u8, (last & 0x00ff_ffff) as usize);
        let word = (first >> 16) as u16;
        if word & CONTROL == 0 {
            self.buffer.advance(HEADER_BYTES);
            let open = Open { stream: first, fin: flags & FIN != 0, remaining: length };
            return Ok(if length == 0 { Some(open.ended()) } else { self.part(open) });
        }
        if word & !CONTROL != VERSION {
            return Err(SpdyError::Version(word & !CONTROL));
        }
        if length > MAX_CONTROL_BYTES {
            return Err(SpdyError::FrameTooLarge(length));
        }
        if self.buffer.len() < HEADER_BYTES + length {
            return Ok(None);
        }
        self.buffer.advance(HEADER_BYTES);
        let body = self.buffer.split_to(length).freeze();
        control(first as u16, flags & FIN != 0, body).map(Some)
    }

    /// What there is of a frame of data.
    fn part(&mut self, mut open: Open) -> Option<Frame> {
        if self.buffer.is_empty() {
            self.open = Some(open);
            return None;
        }
        let bytes = self.buffer.split_to(open.remaining.min(self.buffer.len())).freeze();
        open.remaining -= bytes.len();
        let (stream, whole) = (open.stream, open.remaining == 0);
        let fin = open.fin && whole;
        if !whole {
            self.open = Some(open);
        }
        Some(Frame::Data { stream, fin, bytes })
    }
}

impl Open {
    fn ended(self) -> Frame {
        Frame::Data { stream: self.stream, fin: self.fin, bytes: Bytes::new() }
    }
}

fn control(kind: u16, fin: bool, mut body: Bytes) -> Result<Frame, SpdyError> {
    let least = match kind {
        SYN_STREAM => 10,
        RST_STREAM | GO_AWAY | WINDOW_UPDATE => 8,
        SYN_REPLY | PING | HEADERS | SETTINGS => 4,
        _ => 0,
    };
    if body.len() < least {
        return Err(SpdyError::FrameTooShort(kind));
    }
    Ok(match kind {
        SYN_STREAM => {
            let stream = body.get_u32() & STREAM_MASK;
            // The stream it belongs to, its priority and its slot mean nothing here.
            body.advance(6);
            Frame::SynStream { stream, fin, block: body }
        }
        SYN_REPLY => Frame::SynReply { stream: body.get_u32() & STREAM_MASK, fin, block: body },
        RST_STREAM => Frame::RstStream { stream: body.get_u32() & STREAM_MASK, status: body.get_u32() },
        PING => Frame::Ping(body.get_u32()),
        GO_AWAY => Frame::GoAway { last_stream: body.get_u32() & STREAM_MASK },
        HEADERS => Frame::Headers { stream: body.get_u32() & STREAM_MASK, fin, block: body },
        _ => Frame::Ignored,
    })
}

fn control_frame(kind: u16, flags: u8, body: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(HEADER_BYTES + body.len());
    frame.put_u16(CONTROL | VERSION);
    frame.put_u16(kind);
    frame.put_u8(flags);
    frame.put_uint(body.len() as u64, 3);
    frame.put_slice(body);
    frame.freeze()
}

fn fin_flag(fin: bool) -> u8 {
    if fin { FIN } else { 0 }
}

/// Opens a stream, as a client does.
pub fn syn_stream(deflater: &mut Deflater, stream: u32, headers: &Headers, fin: bool) -> Bytes {
    let mut body = Vec::new();
    body.put_u32(stream);
    body.put_bytes(0, 6);
    body.extend(deflater.deflate(headers));
    control_frame(SYN_STREAM, fin_flag(fin), &body)
}

/// Accepts a stream.
pub(super) fn syn_reply(deflater: &mut Deflater, stream: u32, headers: &Headers, fin: bool) -> Bytes {
    let mut body = Vec::new();
    body.put_u32(stream);
    body.extend(deflater.deflate(headers));
    control_frame(SYN_REPLY, fin_flag(fin), &body)
}

/// Gives a stream up.
pub fn rst_stream(stream: u32, status: StatusCode) -> Bytes {
    control_frame(RST_STREAM, 0, &[stream.to_be_bytes(), (status as u32).to_be_bytes()].concat())
}

/// Asks for a sign of life, or gives it.
pub fn ping(id: u32) -> Bytes {
    control_frame(PING, 0, &id.to_be_bytes())
}

/// Says that no more streams are taken, and which was the last.
pub fn go_away(last_stream: u32) -> Bytes {
    control_frame(GO_AWAY, 0, &[last_stream.to_be_bytes(), [0; 4]].concat())
}

/// Bytes of a stream, at most [`MAX_DATA_BYTES`] of them; `fin` says that they are the last.
pub fn data(stream: u32, bytes: &[u8], fin: bool) -> Bytes {
    let bytes = &bytes[..bytes.len().min(MAX_DATA_BYTES)];
    let mut frame = BytesMut::with_capacity(HEADER_BYTES + bytes.len());
    frame.put_u32(stream & STREAM_MASK);
    frame.put_u8(fin_flag(fin));
    frame.put_uint(bytes.len() as u64, 3);
    frame.put_slice(bytes);
    frame.freeze()
}
