//! What the built-in servers have in common: one poll loop over a listener, its clients, a timer and stdin. A guest
//! has one thread, so nothing blocks but the poll itself: one idle client does not stop another.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

#[cfg(all(target_os = "wasi", target_env = "p2"))]
mod run;
#[cfg(all(target_os = "wasi", target_env = "p2"))]
mod sockets;

#[cfg(all(target_os = "wasi", target_env = "p2"))]
pub use run::Listener;

/// Calls are numbered from here on, so that they are told from clients.
pub const FIRST_CALL: u64 = 1 << 63;

/// A connection that a server wants to open. From then on it is treated like a client of this number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    /// [`FIRST_CALL`] or more, never used twice.
    pub number: u64,
    /// Who is called.
    pub address: SocketAddr,
}

/// What a server does with bytes. It does no network I/O of its own, so it is tested without a socket.
pub trait Service {
    /// A client connected, which is called by this number from now on.
    fn connect(&mut self, client: u64, peer: SocketAddr);
    /// As [`Self::connect`], for a server of several ports: on which one.
    fn connect_to_port(&mut self, client: u64, peer: SocketAddr, _port: u16) {
        self.connect(client, peer);
    }
    /// The connections to open, each named once.
    fn calls(&mut self) -> Vec<Call> {
        Vec::new()
    }
    /// A call came through.
    fn called(&mut self, _call: u64) {}
    /// A call failed; it is gone.
    fn refused(&mut self, _call: u64, _error: &io::Error) {}
    /// Bytes of a client arrived.
    fn receive(&mut self, client: u64, bytes: &[u8]);
    /// The client sends nothing more.
    fn end_of_input(&mut self, client: u64);
    /// The client is gone.
    fn disconnect(&mut self, client: u64);
    /// Everything that arrived in this turn was received: the time for what is due, and for writing what must be
    /// written before answers are sent.
    fn turn(&mut self);
    /// What to send next; empty when there is nothing to send.
    fn output(&mut self, client: u64) -> &[u8];
    /// So many bytes of [`Self::output`] are sent.
    fn sent(&mut self, client: u64, count: usize);
    /// Whether bytes of the client are wanted now.
    fn wants_input(&self, client: u64) -> bool;
    /// Whether the connection can be closed.
    fn is_finished(&self, client: u64) -> bool;
    /// How long to sleep at most without anything arriving.
    fn patience(&self) -> Option<Duration>;
    /// The container is to end: what SIGTERM is elsewhere.
    fn drain(&mut self);
    /// Whether the server can end.
    fn is_over(&self) -> bool;
}

/// The container's working directory. The standard library of WASI knows none and looks for files from the root on.
#[must_use]
pub fn working_directory() -> PathBuf {
    #[cfg(all(target_os = "wasi", target_env = "p2"))]
    let directory = wasip2::cli::environment::initial_cwd();
    #[cfg(not(all(target_os = "wasi", target_env = "p2")))]
    let directory: Option<String> = None;
    directory.map(PathBuf::from).or_else(|| std::env::current_dir().ok()).unwrap_or_else(|| "/".into())
}

/// Ends the program with its true exit code, which `std::process::exit` loses under WASI 0.2.
pub fn exit(code: u8) -> ! {
    #[cfg(all(target_os = "wasi", target_env = "p2"))]
    wasip2::cli::exit::exit_with_code(code);
    std::process::exit(code.into())
}
