//! The server: its connections, driven by the loop that the built-in servers share.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use image_server::{Call, FIRST_CALL};
use jiff::Timestamp;

use crate::config::Config;
use crate::exchange::Client;
use crate::{Connection, Log};

/// The server.
#[derive(Debug)]
pub struct Service<L> {
    config: Rc<Config>,
    clients: BTreeMap<u64, Connection>,
    /// The calls to other servers, and for which client they are.
    calls: BTreeMap<u64, u64>,
    called: u64,
    log: L,
    is_draining: bool,
}

impl<L: Log> Service<L> {
    /// A server of this configuration.
    #[must_use]
    pub fn new(config: Config, log: L) -> Self {
        let config = Rc::new(config);
        Self { config, clients: BTreeMap::new(), calls: BTreeMap::new(), called: 0, log, is_draining: false }
    }

    /// Where lines went.
    #[must_use]
    pub fn log(&self) -> &L {
        &self.log
    }

    fn caller(&mut self, call: u64) -> Option<&mut Connection> {
        let client = self.calls.get(&call)?;
        self.clients.get_mut(client).filter(|connection| connection.has_call(call))
    }

    fn caller_of(&self, call: u64) -> Option<&Connection> {
        let client = self.calls.get(&call)?;
        self.clients.get(client).filter(|connection| connection.has_call(call))
    }

    /// As [`Self::caller`], with the log.
    fn caller_and_log(&mut self, call: u64) -> Option<(&mut Connection, &mut L)> {
        let client = self.calls.get(&call)?;
        let connection = self.clients.get_mut(client).filter(|connection| connection.has_call(call))?;
        Some((connection, &mut self.log))
    }
}

fn is_call(number: u64) -> bool {
    number >= FIRST_CALL
}

impl<L: Log> image_server::Service for Service<L> {
    fn connect(&mut self, client: u64, peer: SocketAddr) {
        let port = self.config.ports().first().copied().unwrap_or(80);
        self.connect_to_port(client, peer, port);
    }

    fn connect_to_port(&mut self, client: u64, peer: SocketAddr, port: u16) {
        let who = Client { peer, port, number: client, requests: 0 };
        self.clients.insert(client, Connection::new(Rc::clone(&self.config), who));
    }

    fn calls(&mut self) -> Vec<Call> {
        let mut calls = Vec::new();
        for (client, connection) in self.clients.iter_mut().filter(|(_, connection)| connection.wants_call())
        {
            let number = FIRST_CALL + self.called;
            self.called += 1;
            if let Some(address) = connection.begin_call(number) {
                self.calls.insert(number, *client);
                calls.push(Call { number, address });
            }
        }
        calls
    }

    fn called(&mut self, call: u64) {
        if let Some(connection) = self.caller(call) {
            connection.called();
        }
    }

    fn refused(&mut self, call: u64, error: &io::Error) {
        if let Some((connection, log)) = self.caller_and_log(call) {
            connection.call_refused(error, log);
        }
        self.calls.remove(&call);
    }

    fn receive(&mut self, number: u64, bytes: &[u8]) {
        if is_call(number) {
            if let Some((connection, log)) = self.caller_and_log(number) {
                connection.call_received(bytes, log);
            }
        } else if let Some(connection) = self.clients.get_mut(&number) {
            connection.receive(bytes, Timestamp::now(), &mut self.log);
        }
    }

    fn end_of_input(&mut self, number: u64) {
        if is_call(number) {
            if let Some((connection, log)) = self.caller_and_log(number) {
                connection.call_ended(log);
            }
        } else if let Some(connection) = self.clients.get_mut(&number) {
            connection.end_of_input();
        }
    }

    fn disconnect(&mut self, number: u64) {
        if is_call(number) {
            // What broke off while it was written to has not been told otherwise.
            if let Some((connection, log)) = self.caller_and_log(number) {
                connection.call_ended(log);
            }
            self.calls.remove(&number);
        } else {
            self.clients.remove(&number);
        }
    }

    fn turn(&mut self) {
        for connection in self.clients.values_mut().filter(|connection| connection.patience().is_zero()) {
            connection.time_out(Timestamp::now(), &mut self.log);
        }
    }

    fn output(&mut self, number: u64) -> &[u8] {
        if is_call(number) {
            return self.caller_of(number).map_or(&[], Connection::call_output);
        }
        self.clients.get_mut(&number).map_or(&[], Connection::output)
    }

    fn sent(&mut self, number: u64, count: usize) {
        if is_call(number) {
            if let Some(connection) = self.caller(number) {
                connection.call_sent(count);
            }
        } else if let Some(connection) = self.clients.get_mut(&number) {
            connection.sent(count, Timestamp::now(), &mut self.log);
        }
    }

    fn wants_input(&self, number: u64) -> bool {
        match is_call(number) {
            true => self.caller_of(number).is_some_and(Connection::wants_call_input),
            false => self.clients.get(&number).is_some_and(Connection::wants_input),
        }
    }

    fn is_finished(&self, number: u64) -> bool {
        match is_call(number) {
            true => self.caller_of(number).is_none(),
            false => self.clients.get(&number).is_none_or(Connection::is_finished),
        }
    }

    fn patience(&self) -> Option<Duration> {
        self.clients.values().map(Connection::patience).min()
    }

    fn drain(&mut self) {
        self.is_draining = true;
        self.clients.values_mut().for_each(Connection::drain);
    }

    fn is_over(&self) -> bool {
        self.is_draining && self.clients.is_empty()
    }
}

#[cfg(test)]
mod tests;
