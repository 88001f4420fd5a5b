//! The image `traefik/whoami`: a web server that tells who it is and what it was asked, in the format of
//! [traefik/whoami](https://github.com/traefik/whoami) (`app.go`).

mod options;
mod page;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use image_nginx::{Parsed, Request};

pub use options::{Command, Options};
pub use page::{Answer, Identity};

/// How much of a long answer is made at once, in bytes.
const CHUNK_BYTES: u64 = 64 << 10;
/// A body larger than this is refused.
const LARGEST_BODY_BYTES: usize = 1 << 20;

/// One client.
#[derive(Debug)]
struct Client {
    peer: SocketAddr,
    input: Vec<u8>,
    output: Vec<u8>,
    /// So many bytes of `/data` are to be made after the output.
    filler_bytes: u64,
    is_closing: bool,
}

/// The server.
#[derive(Debug)]
pub struct Service {
    identity: Identity,
    clients: BTreeMap<u64, Client>,
    is_draining: bool,
}

impl Service {
    /// A server that is this one.
    #[must_use]
    pub fn new(identity: Identity) -> Self {
        Self { identity, clients: BTreeMap::new(), is_draining: false }
    }

    /// Answers what is complete.
    fn advance(&mut self, number: u64) {
        let Some(client) = self.clients.get_mut(&number) else { return };
        while !client.is_closing && client.output.is_empty() && client.filler_bytes == 0 {
            match Request::parse(&client.input) {
                Parsed::Incomplete => return,
                Parsed::Refused(status) => {
                    client.output = Answer::status(status).head(false);
                    client.is_closing = true;
                }
                Parsed::Head(request, _) if request.body_bytes > LARGEST_BODY_BYTES => {
                    client.output = Answer::status(413).head(false);
                    client.is_closing = true;
                }
                Parsed::Head(request, length) => {
                    if client.input.len() < length + request.body_bytes {
                        return;
                    }
                    let body: Vec<u8> =
                        client.input.drain(..length + request.body_bytes).skip(length).collect();
                    let answer = self.identity.answer(&request, &body, client.peer);
                    // The end of a body in chunks is not looked for.
                    let keep_alive = request.keep_alive && !request.is_chunked && !self.is_draining;
                    client.output = answer.head(keep_alive);
                    if request.method != "HEAD" {
                        client.output.extend_from_slice(&answer.body);
                        client.filler_bytes = answer.filler_bytes;
                    }
                    client.is_closing = !keep_alive;
                }
            }
        }
    }
}

impl image_server::Service for Service {
    fn connect(&mut self, client: u64, peer: SocketAddr) {
        let fresh =
            Client { peer, input: Vec::new(), output: Vec::new(), filler_bytes: 0, is_closing: false };
        self.clients.insert(client, fresh);
    }

    fn receive(&mut self, client: u64, bytes: &[u8]) {
        if let Some(client) = self.clients.get_mut(&client) {
            client.input.extend_from_slice(bytes);
        }
        self.advance(client);
    }

    fn end_of_input(&mut self, client: u64) {
        if let Some(client) = self.clients.get_mut(&client) {
            client.is_closing = true;
        }
    }

    fn disconnect(&mut self, client: u64) {
        self.clients.remove(&client);
    }

    fn turn(&mut self) {}

    fn output(&mut self, client: u64) -> &[u8] {
        let Some(client) = self.clients.get_mut(&client) else { return &[] };
        if client.output.is_empty() && client.filler_bytes > 0 {
            let count = client.filler_bytes.min(CHUNK_BYTES);
            client.filler_bytes -= count;
            client.output = page::filler(count);
        }
        &client.output
    }

    fn sent(&mut self, client: u64, count: usize) {
        if let Some(client) = self.clients.get_mut(&client) {
            client.output.drain(..count);
        }
        self.advance(client);
    }

    fn wants_input(&self, client: u64) -> bool {
        let is_idle =
            |client: &Client| !client.is_closing && client.output.is_empty() && client.filler_bytes == 0;
        self.clients.get(&client).is_some_and(is_idle)
    }

    fn is_finished(&self, client: u64) -> bool {
        let is_done =
            |client: &Client| client.is_closing && client.output.is_empty() && client.filler_bytes == 0;
        self.clients.get(&client).is_none_or(is_done)
    }

    fn patience(&self) -> Option<Duration> {
        None
    }

    fn drain(&mut self) {
        self.is_draining = true;
        for client in self.clients.values_mut() {
            client.is_closing |= client.input.is_empty();
        }
    }

    fn is_over(&self) -> bool {
        self.is_draining && self.clients.is_empty()
    }
}

#[cfg(test)]
mod tests;
