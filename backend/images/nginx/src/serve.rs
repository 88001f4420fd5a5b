//! The poll loop over the listener, the clients and stdin. A guest's `std` has no threads, so nothing here blocks
//! but the poll itself: one idle client does not stop another.

use std::path::Path;
use std::rc::Rc;

use image_nginx::{Connection, Log, Options, SERVER, Site, StandardStreams};
use jiff::Timestamp;
use wasip2::cli::stdin::get_stdin;
use wasip2::clocks::monotonic_clock;
use wasip2::io::poll::{self, Pollable};
use wasip2::io::streams::{InputStream, OutputStream, StreamError};
use wasip2::sockets::instance_network::instance_network;
use wasip2::sockets::network::{ErrorCode, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress};
use wasip2::sockets::tcp::{ShutdownType, TcpSocket};
use wasip2::sockets::tcp_create_socket::create_tcp_socket;

/// A silent client is let go after this many nanoseconds: nginx's `keepalive_timeout`.
const SILENCE_NANOSECONDS: u64 = 65_000_000_000;
/// How much is read at once, in bytes.
const READ_BYTES: u64 = 16 << 10;
/// More clients than this wait in the listener's queue.
const MOST_CLIENTS: usize = 1024;

/// Serves until stdin ends, and returns the exit code.
pub(crate) fn serve(options: Options) -> u8 {
    let mut log = StandardStreams;
    for warning in options.warnings.iter().chain(&Options::unread_configuration(Path::new("/etc/nginx"))) {
        notice(&mut log, "warn", warning);
    }
    let listener = match listen(options.port) {
        Ok(listener) => listener,
        Err(error) => {
            notice(&mut log, "emerg", &format!("bind() to 0.0.0.0:{} failed ({error})", options.port));
            return 1;
        }
    };
    let what = format!("{SERVER} serves {} on port {}", options.root.display(), options.port);
    notice(&mut log, "notice", &what);
    Server::new(listener, Site::new(options.root)).run(&mut log);
    notice(&mut log, "notice", "gracefully shut down");
    0
}

fn notice(log: &mut dyn Log, level: &str, text: &str) {
    log.error(&format!("{} [{level}] 1#1: {text}", Timestamp::now().strftime("%Y/%m/%d %H:%M:%S")));
}

/// A listening socket on all addresses of the pod.
fn listen(port: u16) -> Result<TcpSocket, ErrorCode> {
    let socket = create_tcp_socket(IpAddressFamily::Ipv4)?;
    let everywhere = IpSocketAddress::Ipv4(Ipv4SocketAddress { port, address: (0, 0, 0, 0) });
    socket.start_bind(&instance_network(), everywhere)?;
    finish(&socket, TcpSocket::finish_bind)?;
    socket.start_listen()?;
    finish(&socket, TcpSocket::finish_listen)?;
    Ok(socket)
}

fn finish(socket: &TcpSocket, step: impl Fn(&TcpSocket) -> Result<(), ErrorCode>) -> Result<(), ErrorCode> {
    loop {
        match step(socket) {
            Err(ErrorCode::WouldBlock) => socket.subscribe().block(),
            done => return done,
        }
    }
}

/// One client with its streams. The order of the fields is the order in which they are dropped: a socket outlives
/// its streams.
struct Client {
    connection: Connection,
    input: InputStream,
    output: OutputStream,
    socket: TcpSocket,
    /// When it was last heard of, on the monotonic clock.
    heard: u64,
    /// The client is gone; nothing can be sent.
    lost: bool,
}

struct Server {
    /// `None` once the server drains.
    listener: Option<TcpSocket>,
    site: Rc<Site>,
    clients: Vec<Client>,
    accepted: u64,
    stdin: InputStream,
}

impl Server {
    fn new(listener: TcpSocket, site: Site) -> Self {
        let site = Rc::new(site);
        Self { listener: Some(listener), site, clients: Vec::new(), accepted: 0, stdin: get_stdin() }
    }

    fn run(&mut self, log: &mut dyn Log) {
        while self.listener.is_some() || !self.clients.is_empty() {
            self.wait();
            self.watch_stdin();
            self.accept();
            let now = monotonic_clock::now();
            self.clients.iter_mut().for_each(|client| client.step(now, log));
            self.clients.retain(|client| !client.is_over());
        }
    }

    /// Sleeps until something can go on.
    fn wait(&self) {
        let mut pollables: Vec<Pollable> = self.clients.iter().map(Client::pollable).collect();
        if let Some(listener) = &self.listener {
            pollables.push(self.stdin.subscribe());
            if self.clients.len() < MOST_CLIENTS {
                pollables.push(listener.subscribe());
            }
        }
        if let Some(oldest) = self.clients.iter().map(|client| client.heard).min() {
            pollables.push(monotonic_clock::subscribe_instant(oldest + SILENCE_NANOSECONDS));
        }
        poll::poll(&pollables.iter().collect::<Vec<_>>());
    }

    /// The end of stdin is this image's SIGTERM: no new clients, and the running requests are the last.
    fn watch_stdin(&mut self) {
        if self.listener.is_some() && matches!(self.stdin.read(READ_BYTES), Err(StreamError::Closed)) {
            self.listener = None;
            self.clients.iter_mut().for_each(|client| client.connection.drain());
        }
    }

    fn accept(&mut self) {
        while let Some(listener) = &self.listener
            && self.clients.len() < MOST_CLIENTS
            && let Ok((socket, input, output)) = listener.accept()
        {
            self.accepted += 1;
            let connection = Connection::new(Rc::clone(&self.site), peer(&socket), self.accepted);
            let heard = monotonic_clock::now();
            self.clients.push(Client { connection, input, output, socket, heard, lost: false });
        }
    }
}

impl Client {
    fn pollable(&self) -> Pollable {
        if self.connection.has_output() { self.output.subscribe() } else { self.input.subscribe() }
    }

    fn step(&mut self, now: u64, log: &mut dyn Log) {
        self.receive(now, log);
        self.send(now, log);
        if now.saturating_sub(self.heard) >= SILENCE_NANOSECONDS {
            self.connection.time_out(Timestamp::now(), log);
            self.send(now, log);
        }
        if self.connection.is_finished() {
            // What is already handed over still arrives; the client sees the end behind it.
            let _ = self.socket.shutdown(ShutdownType::Send);
        }
    }

    fn receive(&mut self, now: u64, log: &mut dyn Log) {
        if !self.connection.wants_input() {
            return;
        }
        match self.input.read(READ_BYTES) {
            Ok(bytes) if bytes.is_empty() => {}
            Ok(bytes) => {
                self.heard = now;
                self.connection.receive(&bytes, Timestamp::now(), log);
            }
            Err(_) => self.connection.end_of_input(),
        }
    }

    fn send(&mut self, now: u64, log: &mut dyn Log) {
        while self.connection.has_output() && !self.lost {
            let room = match self.output.check_write() {
                Ok(0) => return,
                Ok(room) => usize::try_from(room).unwrap_or(usize::MAX),
                Err(_) => return self.lost = true,
            };
            let bytes = self.connection.output();
            let count = bytes.len().min(room);
            let written = self.output.write(&bytes[..count]).and_then(|()| self.output.flush());
            match written {
                Ok(()) => self.connection.sent(count, Timestamp::now(), log),
                Err(_) => self.lost = true,
            }
            self.heard = now;
        }
    }

    fn is_over(&self) -> bool {
        self.lost || self.connection.is_finished()
    }
}

fn peer(socket: &TcpSocket) -> String {
    match socket.remote_address() {
        Ok(IpSocketAddress::Ipv4(Ipv4SocketAddress { address: (a, b, c, d), .. })) => {
            format!("{a}.{b}.{c}.{d}")
        }
        Ok(IpSocketAddress::Ipv6(address)) => {
            let (a, b, c, d, e, f, g, h) = address.address;
            std::net::Ipv6Addr::new(a, b, c, d, e, f, g, h).to_string()
        }
        Err(_) => "-".to_owned(),
    }
}
