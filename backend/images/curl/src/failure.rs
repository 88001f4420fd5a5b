//! Why a transfer failed: curl's exit codes ([list](https://curl.se/docs/manpage.html#EXIT), `libcurl-errors`) and
//! messages.

use std::io::{self, ErrorKind};

use image_busybox::http::BadUrl;
use image_busybox::message;

pub(crate) const UNSUPPORTED: u8 = 1;
pub(crate) const USAGE: u8 = 2;
pub(crate) const URL: u8 = 3;
pub(crate) const RESOLVE: u8 = 6;
pub(crate) const CONNECT: u8 = 7;
pub(crate) const STRANGE_REPLY: u8 = 8;
pub(crate) const PARTIAL: u8 = 18;
pub(crate) const HTTP_ERROR: u8 = 22;
pub(crate) const WRITE: u8 = 23;
pub(crate) const READ: u8 = 26;
pub(crate) const TIMED_OUT: u8 = 28;
pub(crate) const REDIRECTS: u8 = 47;
pub(crate) const NOTHING: u8 = 52;
pub(crate) const SEND: u8 = 55;
pub(crate) const RECEIVE: u8 = 56;

/// An exit code and its message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) code: u8,
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn new(code: u8, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// A URL that is none.
    pub(crate) fn url(reason: BadUrl) -> Self {
        Self::new(
            URL,
            match reason {
                BadUrl::Host => "URL rejected: No host part in the URL",
                BadUrl::Port => "URL rejected: Port number was not a decimal number between 0 and 65535",
                BadUrl::Letter => "URL rejected: Malformed input to a URL function",
            },
        )
    }

    /// Something that went wrong while a request was sent.
    pub(crate) fn sending(error: &io::Error) -> Self {
        Self::new(SEND, format!("Send failure: {}", message(error)))
    }

    /// Something that went wrong while a response was read.
    pub(crate) fn receiving(error: &io::Error) -> Self {
        match error.kind() {
            ErrorKind::InvalidData => Self::new(UNSUPPORTED, "Received HTTP/0.9 when not allowed"),
            _ => Self::new(RECEIVE, format!("Recv failure: {}", message(error))),
        }
    }

    /// Something that went wrong in the midst of a body, of which so much is missing.
    pub(crate) fn in_body(error: &io::Error, missing: Option<u64>) -> Self {
        match (error.kind(), missing) {
            (ErrorKind::UnexpectedEof, Some(missing)) => {
                let message = format!("transfer closed with {missing} bytes remaining to read");
                Self::new(PARTIAL, message)
            }
            (ErrorKind::UnexpectedEof, None) => {
                Self::new(PARTIAL, "transfer closed with outstanding read data remaining")
            }
            (ErrorKind::InvalidData, _) => Self::new(RECEIVE, "Malformed encoding found in chunked-encoding"),
            _ => Self::receiving(error),
        }
    }
}
