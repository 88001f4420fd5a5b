//! What is sent back: a status, headers, and a body from memory or from a file.

use std::fs::File;
use std::io::Read;

use jiff::Timestamp;

use crate::SERVER;

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
    pub headers: Vec<(&'static str, String)>,
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
    pub fn error(status: u16) -> Self {
        let body = Body::Bytes(crate::page::error(status).into_bytes());
        Self { status, headers: vec![("Content-Type", "text/html; charset=utf-8".to_owned())], body }
    }

    /// The head in bytes. A 304 carries no length of a body, as it has none.
    #[must_use]
    pub fn head(&self, keep_alive: bool, now: Timestamp) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        let connection = if keep_alive { "keep-alive" } else { "close" };
        let mut line = |name: &str, value: &str| head.push_str(&format!("{name}: {value}\r\n"));
        line("Server", SERVER);
        line("Date", &http_date(now));
        if self.status != 304 {
            line("Content-Length", &self.body.len().to_string());
        }
        self.headers.iter().for_each(|(name, value)| line(name, value));
        line("Connection", connection);
        head.push_str("\r\n");
        head.into_bytes()
    }
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
        301 => "Moved Permanently",
        304 => "Not Modified",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Not Allowed",
        408 => "Request Time-out",
        413 => "Request Entity Too Large",
        431 => "Request Header Fields Too Large",
        505 => "HTTP Version Not Supported",
        _ => "Internal Server Error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_should_name_the_server_the_date_and_the_length() {
        let head = Response::error(404).head(true, Timestamp::UNIX_EPOCH);
        let head = String::from_utf8(head).unwrap();
        assert!(head.starts_with("HTTP/1.1 404 Not Found\r\nServer: kijabi-nginx/"), "{head}");
        assert!(head.contains("\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n"), "{head}");
        assert!(head.ends_with("\r\nConnection: keep-alive\r\n\r\n"), "{head}");
    }
}
