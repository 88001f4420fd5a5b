//! The server: its connections, driven by the loop that the built-in servers share.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::{Connection, Log, Site};

/// A silent client is let go after this time: nginx's `keepalive_timeout`.
const SILENCE: Duration = Duration::from_secs(65);

/// A client and when it was last heard of.
#[derive(Debug)]
struct Client {
    connection: Connection,
    heard: Instant,
}

/// The server.
#[derive(Debug)]
pub struct Service<L> {
    site: Rc<Site>,
    clients: BTreeMap<u64, Client>,
    log: L,
    is_draining: bool,
}

impl<L: Log> Service<L> {
    /// A server of this site.
    #[must_use]
    pub fn new(site: Site, log: L) -> Self {
        Self { site: Rc::new(site), clients: BTreeMap::new(), log, is_draining: false }
    }
}

impl<L: Log> image_server::Service for Service<L> {
    fn connect(&mut self, client: u64, peer: SocketAddr) {
        let connection = Connection::new(Rc::clone(&self.site), peer.ip().to_string(), client);
        self.clients.insert(client, Client { connection, heard: Instant::now() });
    }

    fn receive(&mut self, client: u64, bytes: &[u8]) {
        if let Some(client) = self.clients.get_mut(&client) {
            client.heard = Instant::now();
            client.connection.receive(bytes, Timestamp::now(), &mut self.log);
        }
    }

    fn end_of_input(&mut self, client: u64) {
        if let Some(client) = self.clients.get_mut(&client) {
            client.connection.end_of_input();
        }
    }

    fn disconnect(&mut self, client: u64) {
        self.clients.remove(&client);
    }

    fn turn(&mut self) {
        for client in self.clients.values_mut().filter(|client| client.heard.elapsed() >= SILENCE) {
            client.connection.time_out(Timestamp::now(), &mut self.log);
        }
    }

    fn output(&mut self, client: u64) -> &[u8] {
        self.clients.get_mut(&client).map_or(&[], |client| client.connection.output())
    }

    fn sent(&mut self, client: u64, count: usize) {
        if let Some(client) = self.clients.get_mut(&client) {
            client.heard = Instant::now();
            client.connection.sent(count, Timestamp::now(), &mut self.log);
        }
    }

    fn wants_input(&self, client: u64) -> bool {
        self.clients.get(&client).is_some_and(|client| client.connection.wants_input())
    }

    fn is_finished(&self, client: u64) -> bool {
        self.clients.get(&client).is_none_or(|client| client.connection.is_finished())
    }

    fn patience(&self) -> Option<Duration> {
        self.clients.values().map(|client| SILENCE.saturating_sub(client.heard.elapsed())).min()
    }

    fn drain(&mut self) {
        self.is_draining = true;
        self.clients.values_mut().for_each(|client| client.connection.drain());
    }

    fn is_over(&self) -> bool {
        self.is_draining && self.clients.is_empty()
    }
}
