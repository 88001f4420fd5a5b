//! The other server's side of a request: connecting, its head, its body.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::chunks::Chunks;
use crate::exchange::Exchange;
use crate::proxy::{Question, question};

/// A head larger than this is refused.
const LARGEST_HEAD_BYTES: usize = 64 << 10;

/// How far the other server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It has to be called.
    Due,
    /// It is called.
    Connecting,
    /// Its head is awaited.
    Waiting,
    /// Its body comes.
    Body,
    /// Bytes go both ways, as after `101 Switching Protocols`.
    Tunnel,
}

/// What the bytes of a body mean.
#[derive(Debug)]
pub(crate) enum Framing {
    /// So many more.
    Length(u64),
    /// Chunks.
    Chunked(Chunks),
    /// All until the connection ends.
    UntilEnd,
}

/// An answer's head.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) status: u16,
    /// `200 OK`
    pub(crate) line: String,
    /// Names as sent.
    pub(crate) headers: Vec<(String, String)>,
}

/// A request that is passed on.
#[derive(Debug)]
pub(crate) struct Relay {
    question: Question,
    peer: usize,
    tried: Vec<usize>,
    sent: usize,
    /// The call's number, once the server has one for it.
    pub(crate) call: Option<u64>,
    pub(crate) stage: Stage,
    /// Arrived and not yet understood.
    pub(crate) input: Vec<u8>,
    /// What the client sent into a tunnel.
    pub(crate) outgoing: Vec<u8>,
    pub(crate) framing: Framing,
    /// When something happened last.
    heard: Instant,
}

impl Relay {
    /// Chooses who is asked.
    ///
    /// # Errors
    /// Why nobody can be, for the error log.
    pub(crate) fn new(exchange: &Exchange) -> Result<Self, String> {
        let question = question(exchange)?;
        let peer = question.upstream.next(&[]).ok_or("no live upstreams while connecting to upstream")?;
        Ok(Self {
            question,
            peer,
            tried: vec![peer],
            sent: 0,
            call: None,
            stage: Stage::Due,
            input: Vec::new(),
            outgoing: Vec::new(),
            framing: Framing::UntilEnd,
            heard: Instant::now(),
        })
    }

    /// Who is asked.
    pub(crate) fn address(&self) -> SocketAddr {
        self.question.upstream.peers[self.peer].address
    }

    /// What is asked, for the logs.
    pub(crate) fn url(&self) -> String {
        format!("http://{}{}", self.address(), self.question.target)
    }

    /// The number under which the other server is called now.
    pub(crate) fn begin_call(&mut self, number: u64) -> SocketAddr {
        self.call = Some(number);
        self.stage = Stage::Connecting;
        self.heard = Instant::now();
        self.address()
    }

    pub(crate) fn called(&mut self) {
        self.stage = Stage::Waiting;
        self.heard = Instant::now();
        self.question.upstream.note(self.peer, true);
    }

    /// Turns to the next server after one failed; false where there is none.
    pub(crate) fn try_next(&mut self) -> bool {
        self.question.upstream.note(self.peer, false);
        let Some(next) = self.question.upstream.next(&self.tried) else { return false };
        self.tried.push(next);
        (self.peer, self.stage, self.call, self.sent) = (next, Stage::Due, None, 0);
        self.input.clear();
        true
    }

    /// What to send to the other server.
    pub(crate) fn output(&self) -> &[u8] {
        match self.stage {
            Stage::Waiting | Stage::Body => &self.question.bytes[self.sent..],
            Stage::Tunnel => &self.outgoing,
            Stage::Due | Stage::Connecting => &[],
        }
    }

    pub(crate) fn note_sent(&mut self, count: usize) {
        self.heard = Instant::now();
        match self.stage {
            Stage::Tunnel => drop(self.outgoing.drain(..count)),
            _ => self.sent += count,
        }
    }

    pub(crate) fn receive(&mut self, bytes: &[u8]) {
        self.heard = Instant::now();
        self.input.extend_from_slice(bytes);
    }

    /// How long it may still be silent.
    pub(crate) fn patience(&self, exchange: &Exchange) -> Duration {
        let settings = &exchange.location.settings;
        let limit = match self.stage {
            Stage::Due | Stage::Connecting => settings.proxy_connect_timeout,
            _ => settings.proxy_read_timeout,
        };
        limit.saturating_sub(self.heard.elapsed())
    }

    /// The head, once it is there.
    ///
    /// # Errors
    /// When this is no HTTP.
    pub(crate) fn head(&mut self) -> Result<Option<Head>, ()> {
        loop {
            let end = self.input.windows(4).position(|window| window == b"\r\n\r\n");
            let Some(end) = end else {
                let is_http = b"HTTP/".starts_with(&self.input[..self.input.len().min(5)]);
                return if is_http && self.input.len() <= LARGEST_HEAD_BYTES { Ok(None) } else { Err(()) };
            };
            let bytes: Vec<u8> = self.input.drain(..end + 4).collect();
            let head = parse(&String::from_utf8_lossy(&bytes)).ok_or(())?;
            // 100 Continue and the like come before the answer.
            if !(100..200).contains(&head.status) || head.status == 101 {
                return Ok(Some(head));
            }
        }
    }

    /// Moves what can be read of the body; true at its end.
    ///
    /// # Errors
    /// When these are no chunks.
    pub(crate) fn body(&mut self, body: &mut Vec<u8>) -> Result<bool, ()> {
        match &mut self.framing {
            Framing::Length(left) => {
                let count = self.input.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                body.extend(self.input.drain(..count));
                *left -= count as u64;
                Ok(*left == 0)
            }
            Framing::Chunked(chunks) => chunks.read(&mut self.input, body).map_err(|_| ()),
            Framing::UntilEnd => {
                body.append(&mut self.input);
                Ok(false)
            }
        }
    }

    /// A header of the answer as the client gets it.
    pub(crate) fn header(&self, name: &str, value: &str) -> String {
        let is_url = name.eq_ignore_ascii_case("location") || name.eq_ignore_ascii_case("refresh");
        match &self.question.redirect {
            Some((from, to)) if is_url => match value.strip_prefix(from.as_str()) {
                Some(rest) => format!("{to}{rest}"),
                None => value.to_owned(),
            },
            _ => value.to_owned(),
        }
    }
}

impl Framing {
    /// What an answer's head says about its body.
    pub(crate) fn of(head: &Head, method: &str) -> Self {
        let header = |name: &str| {
            let mut headers = head.headers.iter();
            headers.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
        };
        if method == "HEAD" || matches!(head.status, 204 | 304) {
            return Self::Length(0);
        }
        if header("transfer-encoding").is_some_and(|coding| coding.to_ascii_lowercase().contains("chunked")) {
            return Self::Chunked(Chunks::default());
        }
        header("content-length").and_then(|text| text.parse().ok()).map_or(Self::UntilEnd, Self::Length)
    }
}

fn parse(text: &str) -> Option<Head> {
    let mut lines = text.split("\r\n");
    let (version, line) = lines.next()?.split_once(' ')?;
    let status: u16 = line.get(..3)?.parse().ok()?;
    let header = |line: &str| {
        line.split_once(':').map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
    };
    let headers = lines.filter_map(header).collect();
    version.starts_with("HTTP/").then(|| Head { status, line: line.to_owned(), headers })
}

/// An error of a connection as nginx logs it.
pub(crate) fn reason(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::ConnectionRefused => "111: Connection refused".to_owned(),
        ErrorKind::ConnectionReset => "104: Connection reset by peer".to_owned(),
        ErrorKind::HostUnreachable => "113: Host is unreachable".to_owned(),
        ErrorKind::TimedOut => "110: Operation timed out".to_owned(),
        _ => error.to_string(),
    }
}
