//! The poll loop.

use std::collections::BTreeMap;
use std::io;

use wasip2::cli::stdin::get_stdin;
use wasip2::clocks::monotonic_clock;
use wasip2::io::poll::{self, Pollable};
use wasip2::io::streams::{InputStream, OutputStream, StreamError};
use wasip2::sockets::network::ErrorCode;
use wasip2::sockets::tcp::{ShutdownType, TcpSocket};

use crate::{Call, Service, sockets};

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

/// A server's sockets, its clients, and the container's stdin, whose end is this program's SIGTERM.
pub struct Listener {
    /// With their ports. None is left once the server drains.
    sockets: Vec<(u16, TcpSocket)>,
    clients: BTreeMap<u64, Client>,
    /// Calls that have not come through.
    dialing: BTreeMap<u64, TcpSocket>,
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
        let socket = sockets::listen(port).map_err(io_error)?;
        Ok(Self {
            sockets: vec![(port, socket)],
            clients: BTreeMap::new(),
            dialing: BTreeMap::new(),
            accepted: 0,
            stdin: Some(get_stdin()),
        })
    }

    /// Listens on one more port.
    ///
    /// # Errors
    /// When the port cannot be had.
    pub fn bind_too(&mut self, port: u16) -> io::Result<()> {
        self.sockets.push((port, sockets::listen(port).map_err(io_error)?));
        Ok(())
    }

    /// Serves until the service is over.
    pub fn run(mut self, service: &mut dyn Service) {
        while !service.is_over() {
            service.calls().iter().for_each(|call| self.dial(call, service));
            self.wait(service);
            self.watch_stdin(service);
            self.accept(service);
            self.finish_dialing(service);
            self.clients.iter_mut().for_each(|(number, client)| client.receive(*number, service));
            service.turn();
            self.clients.iter_mut().for_each(|(number, client)| client.send(*number, service));
            self.close_finished(service);
        }
    }

    fn dial(&mut self, call: &Call, service: &mut dyn Service) {
        match sockets::dial(call.address) {
            Ok(socket) => drop(self.dialing.insert(call.number, socket)),
            Err(error) => service.refused(call.number, &io_error(error)),
        }
    }

    fn finish_dialing(&mut self, service: &mut dyn Service) {
        let clients = &mut self.clients;
        let take = |number: &u64, socket: &mut TcpSocket| match socket.finish_connect() {
            Err(ErrorCode::WouldBlock) => None,
            done => Some((*number, done)),
        };
        let done: Vec<_> =
            self.dialing.iter_mut().filter_map(|(number, socket)| take(number, socket)).collect();
        for (number, outcome) in done {
            let Some(socket) = self.dialing.remove(&number) else { continue };
            match outcome {
                Ok((input, output)) => {
                    service.called(number);
                    clients.insert(number, Client { input, output, socket, lost: false });
                }
                Err(error) => service.refused(number, &io_error(error)),
            }
        }
        // Who waited too long does not wait any more.
        self.dialing.retain(|number, _| !service.is_finished(*number));
    }

    /// Sleeps until something can go on.
    fn wait(&self, service: &mut dyn Service) {
        let mut pollables: Vec<Pollable> = Vec::with_capacity(self.clients.len() + self.dialing.len() + 3);
        pollables.extend(self.stdin.iter().map(InputStream::subscribe));
        if self.clients.len() < MOST_CLIENTS {
            pollables.extend(self.sockets.iter().map(|(_, socket)| socket.subscribe()));
        }
        pollables.extend(self.dialing.values().map(TcpSocket::subscribe));
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
            self.sockets.clear();
            service.drain();
        }
    }

    fn accept(&mut self, service: &mut dyn Service) {
        for (port, listening) in &self.sockets {
            while self.clients.len() < MOST_CLIENTS
                && let Ok((socket, input, output)) = listening.accept()
            {
                self.accepted += 1;
                service.connect_to_port(self.accepted, sockets::peer(&socket), *port);
                self.clients.insert(self.accepted, Client { input, output, socket, lost: false });
            }
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

fn io_error(error: ErrorCode) -> io::Error {
    match error {
        ErrorCode::AddressInUse => io::ErrorKind::AddrInUse.into(),
        ErrorCode::ConnectionRefused => io::ErrorKind::ConnectionRefused.into(),
        ErrorCode::ConnectionReset => io::ErrorKind::ConnectionReset.into(),
        ErrorCode::RemoteUnreachable => io::ErrorKind::HostUnreachable.into(),
        ErrorCode::Timeout => io::ErrorKind::TimedOut.into(),
        other => io::Error::other(other.to_string()),
    }
}
