//! One client: bytes in, bytes out, no I/O of its own.

use std::rc::Rc;

use jiff::Timestamp;

use crate::{Body, Log, Parsed, Request, Response, Site, access_log};

/// How much of a file is read ahead of the client, in bytes.
const CHUNK_BYTES: usize = 64 << 10;

/// The state of one connection.
#[derive(Debug)]
pub struct Connection {
    site: Rc<Site>,
    peer: String,
    /// Counts the connections, for the error log.
    number: u64,
    /// Arrived and not yet understood.
    input: Vec<u8>,
    /// So many bytes of a request's body are still to be thrown away.
    unwanted: usize,
    /// To be sent now.
    output: Vec<u8>,
    /// To be sent after it.
    body: Option<Body>,
    /// Nothing is read any more; it ends when the output is sent.
    closing: bool,
    /// The server is about to end: answers say that they are the last.
    draining: bool,
}

impl Connection {
    /// A client at `peer`.
    #[must_use]
    pub fn new(site: Rc<Site>, peer: String, number: u64) -> Self {
        Self {
            site,
            peer,
            number,
            input: Vec::new(),
            unwanted: 0,
            output: Vec::new(),
            body: None,
            closing: false,
            draining: false,
        }
    }

    /// Takes bytes that arrived, and answers what is complete.
    pub fn receive(&mut self, bytes: &[u8], now: Timestamp, log: &mut dyn Log) {
        let skipped = self.unwanted.min(bytes.len());
        self.unwanted -= skipped;
        self.input.extend_from_slice(&bytes[skipped..]);
        self.advance(now, log);
    }

    /// The client sends nothing more.
    pub fn end_of_input(&mut self) {
        self.closing = true;
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
        self.output.drain(..count.min(self.output.len()));
        self.advance(now, log);
    }

    /// Lets the running request be the last.
    pub fn drain(&mut self) {
        self.draining = true;
        if self.is_idle() {
            self.closing = true;
        }
    }

    /// Whether bytes of the client are wanted now.
    #[must_use]
    pub fn wants_input(&self) -> bool {
        !self.closing && !self.has_output()
    }

    /// Whether something waits to be sent.
    #[must_use]
    pub fn has_output(&self) -> bool {
        !self.output.is_empty() || self.body.is_some()
    }

    /// Whether no request is under way.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        !self.has_output() && self.input.is_empty()
    }

    /// Whether the connection can be closed.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.closing && !self.has_output()
    }

    /// The client was silent too long: in the middle of a request it learns so.
    pub fn time_out(&mut self, now: Timestamp, log: &mut dyn Log) {
        if self.has_output() || self.input.is_empty() {
            (self.output, self.body) = (Vec::new(), None);
        } else {
            self.refuse(408, now, log);
        }
        self.closing = true;
    }

    fn advance(&mut self, now: Timestamp, log: &mut dyn Log) {
        if self.closing || self.has_output() || self.input.is_empty() {
            return;
        }
        match Request::parse(&self.input) {
            Parsed::Incomplete => {}
            Parsed::Refused(status) => self.refuse(status, now, log),
            Parsed::Head(request, length) => {
                self.input.drain(..length);
                self.skip_body(request.body_bytes);
                self.respond(&request, now, log);
            }
        }
    }

    fn skip_body(&mut self, length: usize) {
        let here = length.min(self.input.len());
        self.input.drain(..here);
        self.unwanted = length - here;
    }

    fn respond(&mut self, request: &Request, now: Timestamp, log: &mut dyn Log) {
        let answer = self.site.answer(request);
        if let Some(complaint) = &answer.complaint {
            log.error(&access_log::error(now, "error", &self.context(complaint, request)));
        }
        let keep_alive = request.keep_alive && !self.draining;
        let body = (request.method != "HEAD").then_some(());
        self.send(answer.response, body.is_some(), keep_alive, Some(request), now, log);
    }

    fn refuse(&mut self, status: u16, now: Timestamp, log: &mut dyn Log) {
        self.input.clear();
        self.send(Response::error(status), true, false, None, now, log);
    }

    fn send(
        &mut self,
        response: Response,
        with_body: bool,
        keep_alive: bool,
        request: Option<&Request>,
        now: Timestamp,
        log: &mut dyn Log,
    ) {
        self.output = response.head(keep_alive, now);
        let body = Some(response.body).filter(|body| with_body && !body.is_empty());
        let length = body.as_ref().map_or(0, Body::len);
        self.body = body;
        self.closing = !keep_alive;
        log.access(&access_log::access(&self.peer, now, request, response.status, length));
    }

    fn context(&self, complaint: &str, request: &Request) -> String {
        let host = request.header("host").unwrap_or_default();
        format!(
            "*{} {complaint}, client: {}, server: localhost, request: {:?}, host: {host:?}",
            self.number, self.peer, request.line
        )
    }
}

#[cfg(test)]
mod tests;
