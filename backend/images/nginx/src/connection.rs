//! One client: bytes in, bytes out, no I/O of its own.

use std::rc::Rc;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::answer::{self, Answer, Outcome};
use crate::chunks::Chunks;
use crate::config::{Config, Settings};
use crate::exchange::{Client, Exchange};
use crate::relay::{Relay, Stage};
use crate::{Body, Log, Parsed, Request, Response, access_log};

mod passing;

/// How much of a file is read ahead of the client, in bytes.
const CHUNK_BYTES: usize = 64 << 10;
/// How much waits for the client, before no more is taken from another server, in bytes.
const MOST_WAITING_BYTES: usize = 256 << 10;

/// The state of one connection.
#[derive(Debug)]
pub struct Connection {
    config: Rc<Config>,
    client: Client,
    /// Arrived and not yet understood.
    input: Vec<u8>,
    /// A request whose body is not there yet.
    incoming: Option<Incoming>,
    /// To be sent now.
    output: Vec<u8>,
    /// To be sent after it.
    body: Option<Body>,
    /// A request that another server answers.
    passed: Option<Passed>,
    /// Nothing is read any more; it ends when the output is sent.
    closing: bool,
    /// The server is about to end: answers say that they are the last.
    draining: bool,
    /// When the client was last heard of.
    heard: Instant,
    /// How long it may be silent.
    keepalive: Duration,
}

#[derive(Debug)]
struct Incoming {
    request: Request,
    body: Vec<u8>,
    chunks: Option<Chunks>,
}

#[derive(Debug)]
struct Passed {
    exchange: Exchange,
    relay: Relay,
    /// Whether the client gets chunks.
    in_chunks: bool,
}

impl Connection {
    /// A client.
    #[must_use]
    pub fn new(config: Rc<Config>, client: Client) -> Self {
        let keepalive = config.servers.first().map_or(Duration::from_secs(75), |server| {
            server.fallback.settings.keepalive.max(Duration::from_secs(1))
        });
        Self {
            config,
            client,
            input: Vec::new(),
            incoming: None,
            output: Vec::new(),
            body: None,
            passed: None,
            closing: false,
            draining: false,
            heard: Instant::now(),
            keepalive,
        }
    }

    /// Takes bytes that arrived, and answers what is complete.
    pub fn receive(&mut self, bytes: &[u8], now: Timestamp, log: &mut dyn Log) {
        self.heard = Instant::now();
        match self.tunnel() {
            Some(relay) => relay.outgoing.extend_from_slice(bytes),
            None => {
                self.input.extend_from_slice(bytes);
                self.advance(now, log);
            }
        }
    }

    /// The client sends nothing more.
    pub fn end_of_input(&mut self) {
        self.closing = true;
        if self.tunnel().is_some() {
            self.passed = None;
        }
    }

    /// What to send next; empty when there is nothing to send.
    pub fn output(&mut self) -> &[u8] {
        if self.output.is_empty()
            && let Some(body) = &mut self.body
        {
            match body.take(CHUNK_BYTES) {
                Ok(chunk) => self.output = chunk,
                // The length is already promised: the client must see that the file broke off.
                Err(_) => (self.closing, self.body) = (true, None),
            }
            if self.body.as_ref().is_some_and(Body::is_empty) {
                self.body = None;
            }
        }
        &self.output
    }

    /// So many bytes of [`Self::output`] are sent. When all are, a request that waited is answered.
    pub fn sent(&mut self, count: usize, now: Timestamp, log: &mut dyn Log) {
        self.heard = Instant::now();
        self.output.drain(..count.min(self.output.len()));
        self.advance(now, log);
    }

    /// Lets the running request be the last.
    pub fn drain(&mut self) {
        self.draining = true;
        if self.is_idle() || self.tunnel().is_some() {
            self.closing = true;
            self.passed = None;
        }
    }

    /// Whether bytes of the client are wanted now.
    #[must_use]
    pub fn wants_input(&self) -> bool {
        match &self.passed {
            Some(passed) => {
                passed.relay.stage == Stage::Tunnel && passed.relay.outgoing.len() < MOST_WAITING_BYTES
            }
            None => !self.closing && !self.has_output(),
        }
    }

    fn has_output(&self) -> bool {
        !self.output.is_empty() || self.body.is_some()
    }

    /// Whether no request is under way.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        !self.has_output() && self.input.is_empty() && self.incoming.is_none() && self.passed.is_none()
    }

    /// Whether the connection can be closed.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.closing && !self.has_output() && self.passed.is_none()
    }

    /// How long nothing may happen.
    #[must_use]
    pub fn patience(&self) -> Duration {
        match &self.passed {
            Some(passed) => passed.relay.patience(&passed.exchange),
            None => self.keepalive.saturating_sub(self.heard.elapsed()),
        }
    }

    /// Nothing happened too long: a client in the middle of a request learns so.
    pub fn time_out(&mut self, now: Timestamp, log: &mut dyn Log) {
        if self.passed.is_some() {
            return self.call_timed_out(log);
        }
        if self.has_output() || (self.input.is_empty() && self.incoming.is_none()) {
            (self.output, self.body) = (Vec::new(), None);
        } else {
            self.refuse(408, now, log);
        }
        self.closing = true;
    }

    fn advance(&mut self, now: Timestamp, log: &mut dyn Log) {
        while !self.closing && !self.has_output() && self.passed.is_none() {
            if self.incoming.is_none() && !self.read_head(now, log) {
                return;
            }
            match self.read_body() {
                Ok(Some((request, body))) => self.respond(request, body, now, log),
                Ok(None) => return,
                Err(status) => self.refuse(status, now, log),
            }
        }
    }

    /// Whether there is a new head.
    fn read_head(&mut self, now: Timestamp, log: &mut dyn Log) -> bool {
        if self.input.is_empty() {
            return false;
        }
        match Request::parse(&self.input) {
            Parsed::Incomplete => return false,
            Parsed::Refused(status) => {
                self.refuse(status, now, log);
                return false;
            }
            Parsed::Head(request, length) => {
                self.input.drain(..length);
                let is_awaited = request.header("expect").is_some_and(|expect| expect == "100-continue");
                if is_awaited && self.input.is_empty() {
                    self.output.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
                }
                let chunks = request.is_chunked.then(Chunks::default);
                self.incoming = Some(Incoming { request, body: Vec::new(), chunks });
            }
        }
        true
    }

    /// The request, once its body is there.
    fn read_body(&mut self) -> Result<Option<(Request, Vec<u8>)>, u16> {
        let most = self.config.most_body_bytes();
        let Some(mut incoming) = self.incoming.take() else { return Ok(None) };
        let is_whole = match &mut incoming.chunks {
            Some(chunks) => chunks.read(&mut self.input, &mut incoming.body).map_err(|_| 400_u16)?,
            None => {
                let missing = incoming.request.body_bytes - incoming.body.len();
                incoming.body.extend(self.input.drain(..missing.min(self.input.len())));
                incoming.body.len() == incoming.request.body_bytes
            }
        };
        if incoming.body.len().max(incoming.request.body_bytes) > most {
            return Err(413);
        }
        if is_whole {
            return Ok(Some((incoming.request, incoming.body)));
        }
        self.incoming = Some(incoming);
        Ok(None)
    }

    fn respond(&mut self, request: Request, body: Vec<u8>, now: Timestamp, log: &mut dyn Log) {
        self.client.requests += 1;
        let line = request.line.clone();
        let exchange = Exchange::new(Rc::clone(&self.config), request, body, self.client, now);
        let Some(mut exchange) = exchange else { return self.refuse_request(line, 400, now, log) };
        let answer = answer::answer(&mut exchange);
        self.conclude(exchange, answer, log);
    }

    fn conclude(&mut self, mut exchange: Exchange, (outcome, complaint): Answer, log: &mut dyn Log) {
        if let Some((level, text)) = complaint {
            self.complain(&exchange, level, &text, None, log);
        }
        match outcome {
            Outcome::Respond(response) => self.send(response, exchange, log),
            Outcome::Pass => self.pass(exchange, log),
            Outcome::Close => {
                self.closing = true;
                exchange.status = 444;
                access_log::access(&exchange, log);
            }
        }
    }

    fn send(&mut self, response: Response, mut exchange: Exchange, log: &mut dyn Log) {
        let settings = &exchange.location.settings;
        let keep_alive = self.keeps_alive(&exchange.request, settings);
        self.output.extend_from_slice(&response.head(settings.server(), keep_alive, exchange.now));
        exchange.status = response.status;
        exchange.sent_headers = response.headers;
        let body = Some(response.body).filter(|body| exchange.request.method != "HEAD" && !body.is_empty());
        exchange.body_bytes = body.as_ref().map_or(0, Body::len);
        self.body = body;
        self.closing = !keep_alive;
        access_log::access(&exchange, log);
    }

    fn keeps_alive(&self, request: &Request, settings: &Settings) -> bool {
        request.keep_alive && !self.draining && !settings.keepalive.is_zero()
    }

    /// Answers what is no request.
    fn refuse(&mut self, status: u16, now: Timestamp, log: &mut dyn Log) {
        self.refuse_request(String::new(), status, now, log);
    }

    /// Answers a request of which no more than its first line is understood.
    fn refuse_request(&mut self, line: String, status: u16, now: Timestamp, log: &mut dyn Log) {
        self.input.clear();
        let request = Request { line, ..Request::unreadable() };
        let exchange = Exchange::new(Rc::clone(&self.config), request, Vec::new(), self.client, now);
        match exchange {
            Some(exchange) => {
                let response = Response::error(status, &exchange.location.settings);
                self.send(response, exchange, log);
            }
            None => self.closing = true,
        }
    }

    fn complain(&self, exchange: &Exchange, level: &str, text: &str, url: Option<&str>, log: &mut dyn Log) {
        let rank = access_log::LEVELS.iter().position(|known| *known == level).unwrap_or_default();
        if rank <= self.config.error_level {
            let text = format!("*{} {text}, {}", self.client.number, exchange.context(url));
            log.write(&self.config.error_log, &access_log::error(exchange.moment(), level, &text));
        }
    }
}

#[cfg(test)]
mod tests;
