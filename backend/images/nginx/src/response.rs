//! What is sent back: a status, headers, and a body from memory or from a file.

use std::fs::File;
use std::io::Read;

use jiff::Timestamp;

use crate::SERVER;
use crate::config::Settings;

/// What follows the head.
#[derive(Debug)]
pub enum Body {
    /// Bytes at hand.
    Bytes(Vec<u8>),
    /// A file from its present position, and how many bytes of it.
    File(File, u64),
}

/// An answer, not yet in bytes.
#[derive(Debug)]
pub struct Response {
    /// The HTTP status code.
    pub status: u16,
    /// Headers beside `Server`, `Date`, `Connection` and `Content-Length`.
    pub headers: Vec<(String, String)>,
    /// The body, of which `HEAD` sends only the length.
    pub body: Body,
}

impl Body {
    /// How many bytes are left to send.
    #[must_use]
    pub fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File(_, length) => *length,
        }
    }

    /// Whether all is sent.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes the next bytes, at most `limit`. Of a file that became shorter meanwhile, it ends early with an error.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn take(&mut self, limit: usize) -> std::io::Result<Vec<u8>> {
        match self {
            Self::Bytes(bytes) => Ok(std::mem::take(bytes)),
            Self::File(file, left) => {
                let mut chunk = vec![0; limit.min(usize::try_from(*left).unwrap_or(limit))];
                file.read_exact(&mut chunk)?;
                *left -= chunk.len() as u64;
                Ok(chunk)
            }
        }
    }
}

impl Response {
    /// An answer with a page that says the status.
    #[must_use]
    pub fn error(status: u16, settings: &Settings) -> Self {
        let body = Body::Bytes(crate::page::error(status, settings.server()).into_bytes());
        Self { status, headers: vec![("Content-Type".to_owned(), "text/html".to_owned())], body }
    }

    /// The head in bytes. A 304 carries no length of a body, as it has none.
    #[must_use]
    pub fn head(&self, server: &str, keep_alive: bool, now: Timestamp) -> Vec<u8> {
        let mut head = beginning(&format!("{} {}", self.status, reason(self.status)), server, now);
        let mut line = |name: &str, value: &str| head.push_str(&format!("{name}: {value}\r\n"));
        if !matches!(self.status, 204 | 304) {
            line("Content-Length", &self.body.len().to_string());
        }
        self.headers.iter().for_each(|(name, value)| line(name, value));
        line("Connection", if keep_alive { "keep-alive" } else { "close" });
        head.push_str("\r\n");
        head.into_bytes()
    }
}

impl Settings {
    /// How the server names itself.
    #[must_use]
    pub fn server(&self) -> &'static str {
        if self.server_tokens { SERVER } else { SERVER.split('/').next().unwrap_or(SERVER) }
    }
}

/// The first lines of every head.
pub(crate) fn beginning(status: &str, server: &str, now: Timestamp) -> String {
    format!("HTTP/1.1 {status}\r\nServer: {server}\r\nDate: {}\r\n", http_date(now))
}

/// A time as HTTP writes it: `Mon, 23 Nov 2026 10:00:00 GMT`.
#[must_use]
pub(crate) fn http_date(time: Timestamp) -> String {
    time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// The words that belong to a status code.
#[must_use]
pub(crate) fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        206 => "Partial Content",
        301 => "Moved Permanently",
        302 => "Moved Temporarily",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Not Allowed",
        406 => "Not Acceptable",
        408 => "Request Time-out",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Request Entity Too Large",
        414 => "Request-URI Too Large",
        415 => "Unsupported Media Type",
        416 => "Requested Range Not Satisfiable",
        421 => "Misdirected Request",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Temporarily Unavailable",
        504 => "Gateway Time-out",
        505 => "HTTP Version Not Supported",
        507 => "Insufficient Storage",
        _ => "",
    }
}
