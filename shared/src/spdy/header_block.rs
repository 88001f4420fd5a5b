//! Header blocks: names and values, compressed by zlib with the protocol's dictionary, one stream of zlib
//! for each direction of a connection (2.6.10 of the draft).

use bytes::{Buf, BufMut};
use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::{
    TINFL_FLAG_HAS_MORE_INPUT, TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF,
};
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};

use super::SpdyError;
use super::dictionary::{DICTIONARY, ID};

/// How far back a compressed block may point.
const WINDOW_BYTES: usize = 32 * 1024;
/// The largest block, decompressed.
const MAX_BLOCK_BYTES: usize = 16 * 1024;
/// The most headers in a block.
const MAX_HEADERS: u32 = 64;
/// An empty stored block, by which deflate says that all so far is to be handed out. Go's reader goes on to
/// read beyond a block that does not end so, and fails for good.
const FLUSH: [u8; 5] = [0, 0, 0, 0xff, 0xff];
/// The most bytes of a stored block of deflate.
const MAX_STORED_BYTES: usize = 0xffff;

/// The headers of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    /// Headers of names and values.
    pub fn new(fields: &[(&str, &str)]) -> Headers {
        Headers(fields.iter().map(|(name, value)| (name.to_lowercase(), (*value).to_owned())).collect())
    }

    /// The first value of a name, whose case does not matter; empty where there is none.
    pub fn get(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
        // Values of one name are separated by zero bytes.
        found.and_then(|(_, value)| value.split('\0').next()).unwrap_or_default()
    }

    fn decode(mut block: &[u8]) -> Result<Headers, SpdyError> {
        let count = block.try_get_u32().map_err(|_| SpdyError::Headers)?;
        if count > MAX_HEADERS {
            return Err(SpdyError::Headers);
        }
        let mut fields = Vec::new();
        for _ in 0..count {
            fields.push((text(&mut block)?, text(&mut block)?));
        }
        Ok(Headers(fields))
    }

    fn encode(&self) -> Vec<u8> {
        let mut block = Vec::new();
        block.put_u32(self.0.len() as u32);
        for part in self.0.iter().flat_map(|(name, value)| [name, value]) {
            block.put_u32(part.len() as u32);
            block.put_slice(part.as_bytes());
        }
        block
    }
}

fn text(block: &mut &[u8]) -> Result<String, SpdyError> {
    let length = block.try_get_u32().map_err(|_| SpdyError::Headers)? as usize;
    let (text, rest) = block.split_at_checked(length).ok_or(SpdyError::Headers)?;
    *block = rest;
    Ok(String::from_utf8_lossy(text).into_owned())
}

/// Decompresses the blocks of one direction, in their order.
pub struct Inflater {
    state: Box<DecompressorOxide>,
    /// The dictionary and what was decompressed before, then room for a block.
    window: Vec<u8>,
    filled: usize,
    begun: bool,
}

impl Default for Inflater {
    fn default() -> Inflater {
        let mut window = DICTIONARY.clone();
        let filled = window.len();
        window.resize(WINDOW_BYTES + MAX_BLOCK_BYTES, 0);
        Inflater { state: Box::default(), window, filled, begun: false }
    }
}

impl Inflater {
    /// The headers of a block.
    ///
    /// # Errors
    /// Where it is corrupt or too large; nothing can be decompressed any more.
    pub fn inflate(&mut self, block: &[u8]) -> Result<Headers, SpdyError> {
        let block = if self.begun { block } else { zlib_body(block)? };
        self.begun = true;
        if self.filled > WINDOW_BYTES {
            self.window.copy_within(self.filled - WINDOW_BYTES..self.filled, 0);
            self.filled = WINDOW_BYTES;
        }
        let start = self.filled;
        let room = &mut self.window[..start + MAX_BLOCK_BYTES];
        const FLAGS: u32 = TINFL_FLAG_HAS_MORE_INPUT | TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
        let (status, read, written) = decompress(&mut self.state, block, room, start, FLAGS);
        if status != TINFLStatus::NeedsMoreInput || read != block.len() {
            return Err(SpdyError::Compression);
        }
        self.filled += written;
        Headers::decode(&self.window[start..self.filled])
    }
}

/// What follows the header of zlib, which must name no other dictionary than the protocol's (RFC 1950, 2.2).
fn zlib_body(block: &[u8]) -> Result<&[u8], SpdyError> {
    const DEFLATE: u8 = 8;
    const PRESET_DICTIONARY: u8 = 0x20;
    let (header, rest) = block.split_at_checked(2).ok_or(SpdyError::Compression)?;
    if header[0] & 0x0f != DEFLATE || u16::from_be_bytes([header[0], header[1]]) % 31 != 0 {
        return Err(SpdyError::Compression);
    }
    if header[1] & PRESET_DICTIONARY == 0 {
        return Ok(rest);
    }
    let (id, rest) = rest.split_at_checked(4).ok_or(SpdyError::Compression)?;
    if id == ID.to_be_bytes() { Ok(rest) } else { Err(SpdyError::Compression) }
}

/// Makes the blocks of one direction. What a server has to say is so short that it is stored as it is, which
/// is valid deflate.
#[derive(Default)]
pub struct Deflater {
    begun: bool,
}

impl Deflater {
    /// A block of headers.
    pub fn deflate(&mut self, headers: &Headers) -> Vec<u8> {
        const HEADER: [u8; 2] = [0x78, 0x01];
        let mut block = Vec::new();
        if !self.begun {
            block.extend(HEADER);
            self.begun = true;
        }
        for part in headers.encode().chunks(MAX_STORED_BYTES) {
            let length = part.len() as u16;
            block.put_u8(0);
            block.put_u16_le(length);
            block.put_u16_le(!length);
            block.put_slice(part);
        }
        block.put_slice(&FLUSH);
        block
    }
}
