//! The server without its sockets and files: clients' bytes in, answers out.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use crate::append_file::Journal;
use crate::call::{Call, Data};
use crate::client::{Blocked, Client, Transaction};
use crate::commands::{self, Command, Run};
use crate::config::Config;
use crate::fault::{Answer, Fault, said};
use crate::resp::{Limits, Reply, Request};

/// A client with more unsent answers is not read from until it took some, in bytes.
const UNSENT_BYTES: usize = 1 << 20;
/// A listener that takes its messages so slowly that more wait is let go, in bytes: Redis' default for `pubsub`.
const UNSENT_MESSAGES_BYTES: usize = 32 << 20;
/// So many keys that are over go at once, so that clients have their turn between.
const EXPIRED_AT_ONCE: usize = 200;

/// What the server counts.
#[derive(Debug, Default, Clone, Copy)]
pub struct Counts {
    /// Commands that were run.
    pub commands: u64,
    /// Clients that connected.
    pub connections: u64,
    /// Clients that were refused.
    pub rejected: u64,
    /// Lookups that found a key, and those that found none.
    pub evicted: u64,
}

/// The server.
#[derive(Debug)]
pub struct Server {
    /// Its settings.
    pub config: Config,
    /// All data.
    pub data: Data,
    /// Its clients by their numbers.
    pub clients: BTreeMap<u64, Client>,
    /// Who listens to a channel.
    pub channels: BTreeMap<Vec<u8>, BTreeSet<u64>>,
    /// Who listens to the channels that match a pattern.
    pub patterns: BTreeMap<Vec<u8>, BTreeSet<u64>>,
    /// What is to be written to the append-only file.
    pub journal: Journal,
    /// What is counted.
    pub counts: Counts,
    /// When the server began, in milliseconds since 1970.
    pub started_at: i64,
    /// `SHUTDOWN` was called.
    pub is_ending: bool,
    /// The append-only file is to be written anew.
    pub wants_rewrite: bool,
    /// The last write to the append-only file failed: nothing is changed until one succeeds.
    pub write_error: Option<String>,
    /// Whether a transaction is run just now: nothing waits in it.
    in_transaction: bool,
    /// Numbers those who wait.
    turns: u64,
}

impl Server {
    /// A server without data.
    #[must_use]
    pub fn new(config: Config, seed: u64, now: i64) -> Self {
        let mut data = Data::new(seed);
        data.now = now;
        Self {
            config,
            data,
            clients: BTreeMap::new(),
            channels: BTreeMap::new(),
            patterns: BTreeMap::new(),
            journal: Journal::default(),
            counts: Counts::default(),
            started_at: now,
            is_ending: false,
            wants_rewrite: false,
            write_error: None,
            in_transaction: false,
            turns: 0,
        }
    }

    /// A client connected; beyond the most, it is told so and let go.
    pub fn connect(&mut self, id: u64, peer: SocketAddr) {
        self.counts.connections += 1;
        let mut client = Client::new(peer, self.config.password.is_empty(), self.data.now);
        if self.clients.len() >= self.config.max_clients {
            self.counts.rejected += 1;
            client.answer(&Reply::Error("ERR max number of clients reached".to_owned()));
            client.is_closing = true;
        }
        self.clients.insert(id, client);
    }

    /// A client is gone.
    pub fn disconnect(&mut self, id: u64) {
        let Some(client) = self.clients.remove(&id) else { return };
        for channel in &client.channels {
            forget(&mut self.channels, channel, id);
        }
        for pattern in &client.patterns {
            forget(&mut self.patterns, pattern, id);
        }
    }

    /// A client sends nothing more: what it sent is still answered.
    pub fn end_of_input(&mut self, id: u64) {
        if let Some(client) = self.clients.get_mut(&id) {
            client.blocked = None;
            client.is_closing = true;
        }
    }

    /// Bytes of a client arrived.
    pub fn receive(&mut self, id: u64, bytes: &[u8]) {
        let now = self.data.now;
        if let Some(client) = self.clients.get_mut(&id) {
            client.heard_at = now;
            client.reader.feed(bytes);
        }
        self.advance(id);
    }

    /// Answers what is complete, as long as the client takes the answers.
    pub fn advance(&mut self, id: u64) {
        loop {
            let longest_argument_bytes = self.config.longest_argument_bytes;
            let Some(client) = self.clients.get_mut(&id) else { return };
            if client.is_closing || client.blocked.is_some() || client.output.len() > UNSENT_BYTES {
                return;
            }
            let limits = Limits { longest_argument_bytes, is_trusted: client.is_trusted };
            match client.reader.next(limits) {
                Ok(Some(request)) => self.request(id, request),
                Ok(None) => return,
                Err(error) => {
                    client.answer(&Reply::Error(format!("ERR {error}")));
                    client.is_closing = true;
                }
            }
        }
    }

    /// Whether bytes of a client are wanted now. One that waits is read from, so that its end is seen.
    #[must_use]
    pub fn wants_input(&self, id: u64) -> bool {
        self.clients.get(&id).is_some_and(|client| {
            let is_full = client.blocked.is_some() && client.reader.waiting_bytes() > UNSENT_BYTES;
            !client.is_closing && client.output.len() <= UNSENT_BYTES && !is_full
        })
    }

    /// Runs a command of a client, or queues or refuses it.
    fn request(&mut self, id: u64, request: Request) {
        let answer = match self.admit(id, &request) {
            Err(fault) => {
                if let Some(transaction) =
                    self.clients.get_mut(&id).and_then(|client| client.transaction.as_mut())
                {
                    transaction.is_broken = true;
                }
                Err(fault)
            }
            Ok(command) => match self.queue(id, command, &request) {
                Some(reply) => Ok(reply),
                None => match self.run(id, command, &request) {
                    Ok(Some(reply)) => Ok(reply),
                    Ok(None) => return self.settle(),
                    Err(fault) => Err(fault),
                },
            },
        };
        self.answer(id, &answer.unwrap_or_else(|fault| Reply::Error(fault.0.into_owned())));
        self.settle();
    }

    /// Appends an answer to what a client gets.
    pub fn answer(&mut self, id: u64, reply: &Reply) {
        if let Some(client) = self.clients.get_mut(&id) {
            client.answer(reply);
        }
    }

    /// Whether a command may be run at all.
    fn admit(&mut self, id: u64, request: &Request) -> Result<&'static Command, Fault> {
        let name = request.first().map_or(&[][..], Vec::as_slice);
        let command = commands::find(name).ok_or_else(|| unknown(request))?;
        if !command.takes(request.len()) {
            return Err(Fault::arity(command.name));
        }
        let Some(client) = self.clients.get_mut(&id) else { return Ok(command) };
        client.command = command.name;
        if !client.is_trusted && !command.has('l') {
            return Err(said("NOAUTH Authentication required."));
        }
        if client.protocol < 3 && client.subscriptions() > 0 && !command.has('s') {
            return Err(Fault(
                format!(
                    "ERR Can't execute '{}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are \
                     allowed in this context",
                    command.name
                )
                .into(),
            ));
        }
        if let Some(error) = self.write_error.as_ref().filter(|_| command.has('w')) {
            return Err(Fault(format!("MISCONF Errors writing to the AOF file: {error}").into()));
        }
        self.make_room();
        if command.has('m') && self.is_full() {
            return Err(said("OOM command not allowed when used memory > 'maxmemory'."));
        }
        Ok(command)
    }

    /// Queues a command of a transaction.
    fn queue(&mut self, id: u64, command: &Command, request: &Request) -> Option<Reply> {
        let transaction = self.clients.get_mut(&id)?.transaction.as_mut()?;
        if command.has('q') {
            return None;
        }
        transaction.queue.push(request.clone());
        Some(Reply::Simple("QUEUED"))
    }

    /// Runs a command. `None` where there is no answer yet.
    fn run(&mut self, id: u64, command: &'static Command, request: &Request) -> Result<Option<Reply>, Fault> {
        self.counts.commands += 1;
        match command.run {
            Run::Server(run) => run(self, id, request),
            Run::Keys(_) => {
                let db = self.clients.get(&id).map_or(0, |client| client.db);
                let (answer, wait) = self.run_on_keys(db, command, request);
                match wait {
                    Some(wait) if !self.in_transaction => {
                        self.turns += 1;
                        let (request, in_vain, turn) = (request.clone(), answer?, self.turns);
                        if let Some(client) = self.clients.get_mut(&id) {
                            client.blocked = Some(Blocked { wait, request, in_vain, turn });
                        }
                        Ok(None)
                    }
                    _ => answer.map(Some),
                }
            }
        }
    }

    /// Runs a command about keys and notes what repeats it.
    fn run_on_keys(
        &mut self,
        db: usize,
        command: &'static Command,
        request: &Request,
    ) -> (Answer, Option<crate::call::Wait>) {
        let Run::Keys(run) = command.run else { return (Err(unknown(request)), None) };
        let before = self.data.changes.len();
        let mut call = Call {
            data: &mut self.data,
            db,
            name: command.name,
            arguments: request,
            repeated_by: None,
            wait: None,
        };
        let answer = run(&mut call);
        let (repeated_by, wait) = (call.repeated_by, call.wait);
        let has_changed = self.data.changes.len() > before || command.name.starts_with("flush");
        if command.has('w') && answer.is_ok() && has_changed {
            let requests = repeated_by.unwrap_or_else(|| vec![request.clone()]);
            self.data.journal.extend(requests.into_iter().map(|request| (db, request)));
        }
        (answer, wait)
    }

    /// Runs the commands of a transaction, one after the other.
    pub fn run_transaction(&mut self, id: u64, transaction: &Transaction) -> Reply {
        self.collect_journal(false);
        self.in_transaction = true;
        let replies = transaction.queue.iter().map(|request| {
            let answer = self.admit(id, request).and_then(|command| self.run(id, command, request));
            match answer {
                Ok(reply) => reply.unwrap_or(Reply::Nil),
                Err(fault) => Reply::Error(fault.0.into_owned()),
            }
        });
        let reply = Reply::Array(replies.collect());
        self.in_transaction = false;
        self.collect_journal(true);
        reply
    }

    /// Hands what was done to the append-only file.
    fn collect_journal(&mut self, is_transaction: bool) {
        let done = std::mem::take(&mut self.data.journal);
        if self.config.append_only && !self.data.is_loading {
            self.journal.append(&done, is_transaction);
        }
    }

    /// After a command: tells those who watch or wait for what changed.
    fn settle(&mut self) {
        loop {
            self.collect_journal(false);
            let changes: BTreeSet<_> = std::mem::take(&mut self.data.changes).into_iter().collect();
            if changes.is_empty() {
                return;
            }
            for client in self.clients.values_mut() {
                client.saw_change |= client.watched.iter().any(|watched| changes.contains(watched));
            }
            self.serve_waiting(&changes);
        }
    }

    fn serve_waiting(&mut self, changes: &BTreeSet<(usize, Vec<u8>)>) {
        let waits_for_one = |client: &Client, blocked: &Blocked| {
            blocked.wait.keys.iter().any(|key| changes.contains(&(client.db, key.clone())))
        };
        let mut waiting: Vec<(u64, u64)> = self
            .clients
            .iter()
            .filter_map(|(id, client)| {
                let blocked = client.blocked.as_ref()?;
                waits_for_one(client, blocked).then_some((blocked.turn, *id))
            })
            .collect();
        waiting.sort_unstable();
        for (_, id) in waiting {
            self.try_again(id);
        }
    }

    /// Runs the command of a client that waits once more.
    fn try_again(&mut self, id: u64) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        let (db, blocked) = (client.db, client.blocked.take());
        let Some(blocked) = blocked else { return };
        let Some(command) = commands::find(&blocked.request[0]) else { return };
        let (answer, wait) = self.run_on_keys(db, command, &blocked.request);
        let Some(client) = self.clients.get_mut(&id) else { return };
        match (answer, wait) {
            (Ok(_), Some(_)) => client.blocked = Some(blocked),
            (Ok(reply), None) => client.answer(&reply),
            (Err(fault), _) => client.answer(&Reply::Error(fault.0.into_owned())),
        }
    }

    /// Does what is due at a time: keys expire, who waited too long is answered, who was silent too long is let go.
    pub fn turn(&mut self, now: i64) {
        self.data.now = now;
        self.data.expire_due(EXPIRED_AT_ONCE);
        for client in self.clients.values_mut() {
            let is_late = |blocked: &Blocked| blocked.wait.until.is_some_and(|until| until <= now);
            if client.blocked.as_ref().is_some_and(is_late)
                && let Some(blocked) = client.blocked.take()
            {
                client.answer(&blocked.in_vain);
            }
            client.is_closing |= is_silent(client, self.config.timeout_seconds, now);
        }
        self.settle();
        let ids: Vec<u64> = self.clients.keys().copied().collect();
        ids.into_iter().for_each(|id| self.advance(id));
        self.drop_slow_listeners();
    }

    fn drop_slow_listeners(&mut self) {
        for client in self.clients.values_mut() {
            if client.subscriptions() > 0 && client.output.len() > UNSENT_MESSAGES_BYTES {
                client.output.clear();
                client.is_closing = true;
            }
        }
    }

    /// When [`Self::turn`] has something to do at the latest, in milliseconds since 1970.
    #[must_use]
    pub fn next_turn(&self) -> Option<i64> {
        let waits = self.clients.values().filter_map(|client| client.blocked.as_ref()?.wait.until);
        let timeout = i64::try_from(self.config.timeout_seconds).unwrap_or(i64::MAX).saturating_mul(1000);
        let silences = self
            .clients
            .values()
            .filter(|_| timeout > 0)
            .map(|client| client.heard_at.saturating_add(timeout));
        waits.chain(silences).chain(self.data.next_expiry()).min()
    }

    /// Runs a command of the append-only file.
    ///
    /// # Errors
    /// When it is none that changes keys.
    pub fn repeat(&mut self, db: usize, request: &Request) -> Result<(), String> {
        let shown = || String::from_utf8_lossy(&request[0]).into_owned();
        let command = commands::find(&request[0]).filter(|command| command.takes(request.len()));
        let command = command.filter(|command| command.has('w')).ok_or_else(shown)?;
        let (answer, _) = self.run_on_keys(db, command, request);
        self.data.changes.clear();
        self.data.journal.clear();
        answer.map(drop).map_err(|fault| fault.0.into_owned())
    }

    fn is_full(&self) -> bool {
        self.config.max_memory_bytes > 0 && self.data.bytes() > self.config.max_memory_bytes
    }

    /// Lets keys go until memory suffices, as the policy says.
    fn make_room(&mut self) {
        while self.is_full() {
            let Some((db, key)) = crate::eviction::choose(&mut self.data, self.config.policy) else { return };
            self.data.drop_key(db, &key);
            self.counts.evicted += 1;
        }
    }
}

fn is_silent(client: &Client, timeout_seconds: u64, now: i64) -> bool {
    let timeout = i64::try_from(timeout_seconds).unwrap_or(i64::MAX).saturating_mul(1000);
    let is_patient = client.blocked.is_some() || client.subscriptions() > 0;
    timeout > 0 && !is_patient && now.saturating_sub(client.heard_at) >= timeout
}

/// Takes a listener off a channel.
pub(crate) fn forget(listeners: &mut BTreeMap<Vec<u8>, BTreeSet<u64>>, channel: &[u8], id: u64) {
    if let Some(ids) = listeners.get_mut(channel) {
        ids.remove(&id);
        if ids.is_empty() {
            listeners.remove(channel);
        }
    }
}

/// The name and the first arguments, each within 128 bytes.
fn unknown(request: &Request) -> Fault {
    let shown = |word: &Vec<u8>| String::from_utf8_lossy(&word[..word.len().min(128)]).into_owned();
    let name = request.first().map(shown).unwrap_or_default();
    let mut arguments = String::new();
    for word in request.iter().skip(1) {
        if arguments.len() >= 128 {
            break;
        }
        arguments.push_str(&format!("'{}' ", shown(word)));
    }
    Fault(format!("ERR unknown command '{name}', with args beginning with: {arguments}").into())
}

#[cfg(test)]
mod tests;
