//! A connection whose request another server answers.

use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use super::{Connection, MOST_WAITING_BYTES, Passed};
use crate::answer::{self, add_headers};
use crate::exchange::Exchange;
use crate::relay::{Framing, Head, Relay, Stage, reason};
use crate::response::beginning;
use crate::{Log, access_log, chunks};

/// Headers of another server's answer that are its own, or said anew.
const HIDDEN: [&str; 7] =
    ["connection", "keep-alive", "transfer-encoding", "content-length", "date", "server", "x-pad"];

impl Connection {
    pub(super) fn tunnel(&mut self) -> Option<&mut Relay> {
        let relay = self.passed.as_mut().map(|passed| &mut passed.relay);
        relay.filter(|relay| relay.stage == Stage::Tunnel)
    }

    pub(super) fn pass(&mut self, mut exchange: Exchange, log: &mut dyn Log) {
        match Relay::new(&exchange) {
            Ok(relay) => self.passed = Some(Passed { exchange, relay, in_chunks: false }),
            Err(text) => {
                self.complain(&exchange, "error", &text, None, log);
                exchange.asked.push(("-".to_owned(), 502));
                let answer = answer::fail(502, &mut exchange);
                self.conclude(exchange, answer, log);
            }
        }
    }

    /// Whether another server has to be called.
    #[must_use]
    pub fn wants_call(&self) -> bool {
        self.passed.as_ref().is_some_and(|passed| passed.relay.stage == Stage::Due)
    }

    /// Whom to call; from now on the call has this number.
    pub fn begin_call(&mut self, number: u64) -> Option<SocketAddr> {
        self.passed.as_mut().map(|passed| passed.relay.begin_call(number))
    }

    /// Whether this call is the one that matters.
    #[must_use]
    pub fn has_call(&self, number: u64) -> bool {
        self.passed.as_ref().is_some_and(|passed| passed.relay.call == Some(number))
    }

    /// The call came through.
    pub fn called(&mut self) {
        if let Some(passed) = &mut self.passed {
            passed.relay.called();
        }
    }

    /// The call failed.
    pub fn call_refused(&mut self, error: &io::Error, log: &mut dyn Log) {
        let text = format!("connect() failed ({}) while connecting to upstream", reason(error));
        self.next_or_fail(&text, 502, true, log);
    }

    /// Nobody answered in time.
    pub(super) fn call_timed_out(&mut self, log: &mut dyn Log) {
        let doing = match self.passed.as_ref().map(|passed| passed.relay.stage) {
            Some(Stage::Due | Stage::Connecting) => "connecting to",
            Some(Stage::Waiting) => "reading response header from",
            _ => "reading",
        };
        let text = format!("upstream timed out (110: Operation timed out) while {doing} upstream");
        self.next_or_fail(&text, 504, true, log);
    }

    /// What to send to the other server.
    #[must_use]
    pub fn call_output(&self) -> &[u8] {
        self.passed.as_ref().map_or(&[], |passed| passed.relay.output())
    }

    /// So many bytes are sent to it.
    pub fn call_sent(&mut self, count: usize) {
        if let Some(passed) = &mut self.passed {
            passed.relay.note_sent(count);
        }
    }

    /// Whether the other server's bytes are wanted now.
    #[must_use]
    pub fn wants_call_input(&self) -> bool {
        self.output.len() < MOST_WAITING_BYTES
    }

    /// Bytes of the other server arrived.
    pub fn call_received(&mut self, bytes: &[u8], log: &mut dyn Log) {
        self.heard = Instant::now();
        let Some(passed) = &mut self.passed else { return };
        passed.relay.receive(bytes);
        if passed.relay.stage == Stage::Waiting {
            match passed.relay.head() {
                Ok(Some(head)) => self.take_head(&head, log),
                Ok(None) => return,
                Err(()) => {
                    let text =
                        "upstream sent no valid HTTP/1.0 header while reading response header from upstream";
                    return self.next_or_fail(text, 502, false, log);
                }
            }
        }
        self.take_body(log);
    }

    /// The other server sends nothing more.
    pub fn call_ended(&mut self, log: &mut dyn Log) {
        let Some(passed) = &mut self.passed else { return };
        match (passed.relay.stage, &passed.relay.framing) {
            (Stage::Tunnel, _) => {
                self.closing = true;
                self.passed = None;
            }
            (Stage::Body, Framing::UntilEnd) => self.finish(log),
            (Stage::Waiting, _) => {
                let text =
                    "upstream prematurely closed connection while reading response header from upstream";
                let is_safe = !matches!(passed.exchange.method.as_str(), "POST" | "PATCH");
                self.next_or_fail(text, 502, is_safe, log);
            }
            _ => {
                let text = "upstream prematurely closed connection while reading upstream";
                self.next_or_fail(text, 502, false, log);
            }
        }
    }

    /// Asks another server of the group, or answers with an error.
    fn next_or_fail(&mut self, text: &str, status: u16, may_repeat: bool, log: &mut dyn Log) {
        let Some(mut passed) = self.passed.take() else { return };
        let url = passed.relay.url();
        self.complain(&passed.exchange, "error", text, Some(&url), log);
        passed.exchange.asked.push((passed.relay.address().to_string(), status));
        if matches!(passed.relay.stage, Stage::Body | Stage::Tunnel) {
            // The head is already sent: the client must see that the answer broke off.
            self.closing = true;
            return access_log::access(&passed.exchange, log);
        }
        self.heard = Instant::now();
        if may_repeat && passed.relay.try_next() {
            self.passed = Some(passed);
            return;
        }
        let answer = answer::fail(status, &mut passed.exchange);
        self.conclude(passed.exchange, answer, log);
    }

    fn take_head(&mut self, head: &Head, log: &mut dyn Log) {
        let Some(mut passed) = self.passed.take() else { return };
        let exchange = &mut passed.exchange;
        exchange.asked.push((passed.relay.address().to_string(), head.status));
        let intercepts = exchange.location.settings.intercepts_errors && head.status >= 300;
        if intercepts && answer::error_page(head.status, exchange).is_some() {
            let answer = answer::fail(head.status, exchange);
            return self.conclude(passed.exchange, answer, log);
        }
        exchange.status = exchange.error.filter(|status| *status > 0).unwrap_or(head.status);
        passed.relay.framing = Framing::of(head, &exchange.method);
        passed.relay.stage = if head.status == 101 { Stage::Tunnel } else { Stage::Body };
        self.write_head(head, &mut passed);
        self.passed = Some(passed);
    }

    fn write_head(&mut self, head: &Head, passed: &mut Passed) {
        let Passed { exchange, relay, in_chunks } = passed;
        let settings = &exchange.location.settings;
        let is_modern = exchange.request.line.ends_with("HTTP/1.1");
        let has_length = matches!(relay.framing, Framing::Length(_));
        let is_tunnel = relay.stage == Stage::Tunnel;
        *in_chunks = is_modern && !has_length && !is_tunnel;
        let keep_alive = (has_length || *in_chunks) && self.keeps_alive(&exchange.request, settings);
        let mut headers: Vec<(String, String)> = Vec::new();
        for (name, value) in &head.headers {
            let lower = name.to_ascii_lowercase();
            let is_length = lower == "content-length" && has_length;
            if is_length || !(HIDDEN.contains(&lower.as_str()) || lower.starts_with("x-accel-")) {
                headers.push((name.clone(), relay.header(name, value)));
            }
        }
        add_headers(&mut headers, exchange);
        let line = match exchange.status == head.status {
            true => head.line.clone(),
            false => format!("{} {}", exchange.status, crate::response::reason(exchange.status)),
        };
        let mut text = beginning(&line, settings.server(), exchange.now);
        headers.iter().for_each(|(name, value)| text.push_str(&format!("{name}: {value}\r\n")));
        if *in_chunks {
            text.push_str("Transfer-Encoding: chunked\r\n");
        }
        text.push_str(match (is_tunnel, keep_alive) {
            (true, _) => "Connection: upgrade\r\n\r\n",
            (false, true) => "Connection: keep-alive\r\n\r\n",
            (false, false) => "Connection: close\r\n\r\n",
        });
        self.output.extend_from_slice(text.as_bytes());
        self.closing = !keep_alive;
        exchange.sent_headers = headers;
    }

    fn take_body(&mut self, log: &mut dyn Log) {
        let Some(passed) = &mut self.passed else { return };
        if passed.relay.stage == Stage::Tunnel {
            self.output.append(&mut passed.relay.input);
            return;
        }
        let mut body = Vec::new();
        let read = passed.relay.body(&mut body);
        passed.exchange.body_bytes += body.len() as u64;
        match passed.in_chunks {
            true => chunks::write(&body, &mut self.output),
            false => self.output.append(&mut body),
        }
        match read {
            Ok(true) => self.finish(log),
            Ok(false) => {}
            Err(()) => self.next_or_fail(
                "upstream sent invalid chunked response while reading upstream",
                502,
                false,
                log,
            ),
        }
    }

    fn finish(&mut self, log: &mut dyn Log) {
        self.heard = Instant::now();
        let Some(passed) = self.passed.take() else { return };
        if passed.in_chunks {
            self.output.extend_from_slice(chunks::END);
        }
        access_log::access(&passed.exchange, log);
    }
}
