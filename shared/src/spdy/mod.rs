//! SPDY/3.1 as a server speaks it to `kubectl port-forward` and to older clients of `exec` and `attach`:
//! frames, compressed header blocks, and the session that makes events of what arrives.
//!
//! Follows <https://www.chromium.org/spdy/spdy-protocol/spdy-protocol-draft3-1/> as far as
//! github.com/moby/spdystream goes, which is what Kubernetes' clients use: no flow control, no pushed
//! streams, no credentials. What a peer sends is bounded, and never makes the reader panic.

mod dictionary;
mod frame;
mod header_block;
mod session;
#[cfg(test)]
mod tests;

pub use frame::{
    Frame, FrameReader, MAX_DATA_BYTES, StatusCode, data, go_away, ping, rst_stream, syn_stream,
};
pub use header_block::{Deflater, Headers, Inflater};
pub use session::{Event, Session};

/// Why a peer is not understood; the connection is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpdyError {
    /// A control frame is longer than any that is meant seriously.
    #[error("SPDY control frame of {0} bytes is too large")]
    FrameTooLarge(usize),
    /// A frame is shorter than its type needs.
    #[error("SPDY frame of type {0} is too short")]
    FrameTooShort(u16),
    /// The peer speaks another version.
    #[error("SPDY version {0} is not supported")]
    Version(u16),
    /// A header block cannot be decompressed.
    #[error("SPDY header block is corrupt")]
    Compression,
    /// A header block is too large, or its lengths do not fit.
    #[error("SPDY header block is malformed")]
    Headers,
    /// A stream has a number that no client may give it.
    #[error("SPDY stream {0} is not valid")]
    StreamId(u32),
}
