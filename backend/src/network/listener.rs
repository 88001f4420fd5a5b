//! Binding a port of a pod and accepting connections on it.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::task::{Context, Poll};

use tokio::sync::mpsc;

use super::connection::Connection;
use super::error::BindError;
use super::pod::PodNetwork;

/// Connections that may wait to be accepted, as Rust's `TcpListener` asks for.
pub(super) const DEFAULT_BACKLOG: usize = 128;

/// Largest backlog that is granted, as Linux's `somaxconn`.
const MAX_BACKLOG: usize = 4096;

/// A port of a pod that is taken but not listened on yet. Dropping it frees the port.
pub struct BoundPort {
    pod: PodNetwork,
    address: SocketAddrV4,
    id: u64,
}

impl BoundPort {
    pub(super) fn new(pod: PodNetwork, address: SocketAddrV4, id: u64) -> Self {
        Self { pod, address, id }
    }

    /// The bound address, its port never 0.
    pub fn local_address(&self) -> SocketAddr {
        self.address.into()
    }

    /// Begins to listen.
    pub fn listen(self, backlog: usize) -> Listener {
        let (sender, incoming) = mpsc::channel(backlog.clamp(1, MAX_BACKLOG));
        self.pod.bindings().listen(self.address.port(), self.id, &sender);
        Listener { port: self, incoming, next: None }
    }
}

impl Drop for BoundPort {
    fn drop(&mut self) {
        self.pod.bindings().release(self.address.port(), self.id);
    }
}

/// A listening port of a pod. Dropping it refuses what comes and resets what waits.
pub struct Listener {
    port: BoundPort,
    incoming: mpsc::Receiver<Connection>,
    /// A connection that readiness was announced for.
    next: Option<Connection>,
}

impl Listener {
    /// The address it listens on.
    pub fn local_address(&self) -> SocketAddr {
        self.port.local_address()
    }

    /// The next connection.
    ///
    /// # Errors
    /// `PodRemoved` when no connection will ever come again.
    pub async fn accept(&mut self) -> Result<Connection, BindError> {
        std::future::poll_fn(|context| self.poll_accept(context)).await
    }

    /// As [`Listener::accept`], for a poll.
    pub fn poll_accept(&mut self, context: &mut Context<'_>) -> Poll<Result<Connection, BindError>> {
        match self.next.take() {
            Some(connection) => Poll::Ready(Ok(connection)),
            None => self.incoming.poll_recv(context).map(|next| next.ok_or(BindError::PodRemoved)),
        }
    }

    /// Ready when [`Listener::poll_accept`] would not wait.
    pub fn poll_acceptable(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.next.is_none() {
            self.next = std::task::ready!(self.incoming.poll_recv(context));
        }
        Poll::Ready(())
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.incoming.close();
        self.next.take().into_iter().for_each(|connection| connection.reset());
        while let Ok(connection) = self.incoming.try_recv() {
            connection.reset();
        }
    }
}

/// The addresses that a socket of a pod can be bound to: its own, the wildcard, loopback.
pub(super) fn is_bindable(address: Ipv4Addr, pod: Ipv4Addr) -> bool {
    address.is_unspecified() || address.is_loopback() || address == pod
}
