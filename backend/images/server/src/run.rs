//! The poll loop.

use std::collections::BTreeMap;
use std::io;

use wasip2::cli::stdin::get_stdin;
use wasip2::clocks::monotonic_clock;
use wasip2::io::poll::{self, Pollable};
use wasip2::io::streams::{InputStream, OutputStream, StreamError};
use wasip2::sockets::network::ErrorCode;
use wasip2::sockets::tcp::{ShutdownType, TcpSocket};

use crate::{Service, sockets};

/// How much is read at once, in bytes.
const READ_BYTES: u64 = 64 << 10;
/// More clients than this wait in the listener's queue.
const MOST_CLIENTS: usize = 1024;

/// One client's streams. The order of the fields is the order in which they are dropped: a socket outlives its
/// streams.
struct Client {
    input: InputStream,
    output: OutputStream,
    socket: TcpSocket,
    /// The client is gone; nothing can be sent.
    lost: bool,
}

/// A server's socket, its clients, and the container's stdin, whose end is this program's SIGTERM.
pub struct Listener {
    socket: TcpSocket,
    clients: BTreeMap<u64, Client>,
    accepted: u64,
    /// `None` once it ended.
    stdin: Option<InputStream>,
}

impl Listener {
    /// Listens on a port of the pod.
    ///
    /// # Errors
    /// When the port cannot be had.
    pub fn bind(port: u16) -> io::Result<Self> {
        let socket = sockets::listen(port).map_err(|error| match error {
            ErrorCode::AddressInUse => io::Error::from(io::ErrorKind::AddrInUse),
            other => io::Error::other(other.to_string()),
        })?;
        Ok(Self { socket, clients: BTreeMap::new(), accepted: 0, stdin: Some(get_stdin()) })
    }

    /// Serves until the service is over.
    pub fn run(mut self, service: &mut dyn Service) {
        while !service.is_over() {
            self.wait(service);
            self.watch_stdin(service);
            self.accept(service);
            self.clients.iter_mut().for_each(|(number, client)| client.receive(*number, service));
            service.turn();
            self.clients.iter_mut().for_each(|(number, client)| client.send(*number, service));
            self.close_finished(service);
        }
    }

    /// Sleeps until something can go on.
    fn wait(&self, service: &mut dyn Service) {
        let mut pollables: Vec<Pollable> = Vec::with_capacity(self.clients.len() + 3);
        pollables.extend(self.stdin.iter().map(InputStream::subscribe));
        if self.clients.len() < MOST_CLIENTS {
            pollables.push(self.socket.subscribe());
        }
        for (number, client) in &self.clients {
            if !service.output(*number).is_empty() {
                pollables.push(client.output.subscribe());
            }
            if service.wants_input(*number) {
                pollables.push(client.input.subscribe());
            }
        }
        if let Some(patience) = service.patience() {
            let nanoseconds = u64::try_from(patience.as_nanos()).unwrap_or(u64::MAX);
            pollables.push(monotonic_clock::subscribe_duration(nanoseconds));
        }
        poll::poll(&pollables.iter().collect::<Vec<_>>());
    }

    fn watch_stdin(&mut self, service: &mut dyn Service) {
        let ended = self.stdin.as_ref().map(|stdin| stdin.read(READ_BYTES));
        if matches!(ended, Some(Err(StreamError::Closed))) {
            self.stdin = None;
            service.drain();
        }
    }

    fn accept(&mut self, service: &mut dyn Service) {
        while self.clients.len() < MOST_CLIENTS
            && let Ok((socket, input, output)) = self.socket.accept()
        {
            self.accepted += 1;
            service.connect(self.accepted, sockets::peer(&socket));
            self.clients.insert(self.accepted, Client { input, output, socket, lost: false });
        }
    }

    fn close_finished(&mut self, service: &mut dyn Service) {
        self.clients.retain(|number, client| {
            let is_finished = client.lost || service.is_finished(*number);
            if is_finished {
                // What is already handed over still arrives; the client sees the end behind it.
                let _ = client.socket.shutdown(ShutdownType::Send);
                service.disconnect(*number);
            }
            !is_finished
        });
    }
}

impl Client {
    fn receive(&mut self, number: u64, service: &mut dyn Service) {
        if !service.wants_input(number) {
            return;
        }
        match self.input.read(READ_BYTES) {
            Ok(bytes) if bytes.is_empty() => {}
            Ok(bytes) => service.receive(number, &bytes),
            Err(_) => service.end_of_input(number),
        }
    }

    fn send(&mut self, number: u64, service: &mut dyn Service) {
        loop {
            let bytes = service.output(number);
            if bytes.is_empty() {
                return;
            }
            let room = match self.output.check_write() {
                Ok(0) => return,
                Ok(room) => usize::try_from(room).unwrap_or(usize::MAX),
                Err(_) => return self.lost = true,
            };
            let count = bytes.len().min(room);
            if self.output.write(&bytes[..count]).and_then(|()| self.output.flush()).is_err() {
                return self.lost = true;
            }
            service.sent(number, count);
        }
    }
}
