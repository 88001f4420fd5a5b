//! What the server knows of one client.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use crate::call::Wait;
use crate::database::Key;
use crate::resp::{Reader, Reply, Request};

/// Commands between `MULTI` and `EXEC`.
#[derive(Debug, Default)]
pub struct Transaction {
    /// What is to be run.
    pub queue: Vec<Request>,
    /// A command could not be queued: nothing will be run.
    pub is_broken: bool,
}

/// A command that waits for a key.
#[derive(Debug)]
pub struct Blocked {
    /// For what, and until when.
    pub wait: Wait,
    /// The command, to be run again.
    pub request: Request,
    /// What is answered when the time is over.
    pub in_vain: Reply,
    /// Who waited first is served first.
    pub turn: u64,
}

/// A client.
#[derive(Debug)]
pub struct Client {
    /// Its address.
    pub peer: SocketAddr,
    /// The name it gave itself.
    pub name: Vec<u8>,
    /// The library it uses, as that says: name and version.
    pub library: [Vec<u8>; 2],
    /// Its database.
    pub db: usize,
    /// 2 or 3.
    pub protocol: u8,
    /// It said the password, or needs not.
    pub is_trusted: bool,
    /// What arrived.
    pub reader: Reader,
    /// What is to be sent.
    pub output: Vec<u8>,
    /// Between `MULTI` and `EXEC`.
    pub transaction: Option<Transaction>,
    /// Keys that must not change before `EXEC`.
    pub watched: BTreeSet<(usize, Key)>,
    /// One of them did.
    pub saw_change: bool,
    /// Channels it listens to.
    pub channels: BTreeSet<Vec<u8>>,
    /// Patterns of channels it listens to.
    pub patterns: BTreeSet<Vec<u8>>,
    /// It waits.
    pub blocked: Option<Blocked>,
    /// Nothing is read any more; it ends when the output is sent.
    pub is_closing: bool,
    /// When it connected, in milliseconds since 1970.
    pub connected_at: i64,
    /// When it was last heard of, in milliseconds since 1970.
    pub heard_at: i64,
    /// The last command, for `CLIENT LIST`.
    pub command: &'static str,
}

impl Client {
    /// A client that just connected.
    #[must_use]
    pub fn new(peer: SocketAddr, is_trusted: bool, now: i64) -> Self {
        Self {
            peer,
            name: Vec::new(),
            library: [Vec::new(), Vec::new()],
            db: 0,
            protocol: 2,
            is_trusted,
            reader: Reader::default(),
            output: Vec::new(),
            transaction: None,
            watched: BTreeSet::new(),
            saw_change: false,
            channels: BTreeSet::new(),
            patterns: BTreeSet::new(),
            blocked: None,
            is_closing: false,
            connected_at: now,
            heard_at: now,
            command: "NULL",
        }
    }

    /// How many channels and patterns it listens to.
    #[must_use]
    pub fn subscriptions(&self) -> usize {
        self.channels.len() + self.patterns.len()
    }

    /// Appends an answer to what is to be sent.
    pub fn answer(&mut self, reply: &Reply) {
        reply.write(self.protocol, &mut self.output);
    }

    /// Forgets watched keys.
    pub fn unwatch(&mut self) {
        self.watched.clear();
        self.saw_change = false;
    }
}
