//! A connection between two sockets: two byte pipes, and the addresses each side knows the other by.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::pipe::{DEFAULT_CAPACITY_BYTES, PipeControl, PipeReader, PipeWriter, pipe_under};
use super::pressure::Pressure;
use super::rules::OpenFlow;

/// One end of an open connection: shutting it down half-closes it, dropping it closes it.
pub struct Connection {
    local: SocketAddr,
    peer: SocketAddr,
    reader: PipeReader,
    writer: PipeWriter,
    link: Arc<Link>,
}

/// What both ends share, and what tears them down. Kept by pods as a weak reference.
pub(super) struct Link {
    controls: [PipeControl; 2],
    /// Reports the end of the connection to the rules when the last end is gone.
    _flow: OpenFlow,
}

impl Link {
    /// Fails both ends with `ConnectionReset`.
    pub(super) fn reset(&self) {
        self.controls.iter().for_each(PipeControl::reset);
    }
}

/// The addresses of a connection, as its two ends see them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Addresses {
    /// The client's own address; the server's peer.
    pub(super) client: SocketAddr,
    /// What the client dialled; the client's peer.
    pub(super) dialled: SocketAddr,
    /// The listener's address; the server's own.
    pub(super) server: SocketAddr,
}

impl Connection {
    /// Both ends of a new connection: the client's, the server's.
    pub(super) fn pair(addresses: Addresses, pressure: &Arc<Pressure>, flow: OpenFlow) -> (Self, Self) {
        let (client_writer, server_reader) = pipe_under(DEFAULT_CAPACITY_BYTES, pressure.clone());
        let (server_writer, client_reader) = pipe_under(DEFAULT_CAPACITY_BYTES, pressure.clone());
        let controls = [client_writer.control(), server_writer.control()];
        let link = Arc::new(Link { controls, _flow: flow });
        let client = Self {
            local: addresses.client,
            peer: addresses.dialled,
            reader: client_reader,
            writer: client_writer,
            link: link.clone(),
        };
        let server = Self {
            local: addresses.server,
            peer: addresses.client,
            reader: server_reader,
            writer: server_writer,
            link,
        };
        (client, server)
    }

    /// This end's address.
    pub fn local_address(&self) -> SocketAddr {
        self.local
    }

    /// The other end's address: for a client what it dialled, for a server the client.
    pub fn peer_address(&self) -> SocketAddr {
        self.peer
    }

    /// Tears the connection down: both ends fail with `ConnectionReset`.
    pub fn reset(&self) {
        self.link.reset();
    }

    /// What comes in, what goes out, and what is to be kept as long as either is used.
    pub fn into_streams(self) -> (PipeReader, PipeWriter, impl Send + Sync + use<>) {
        self.into_parts()
    }

    pub(super) fn link(&self) -> &Arc<Link> {
        &self.link
    }

    pub(super) fn into_parts(self) -> (PipeReader, PipeWriter, Arc<Link>) {
        (self.reader, self.writer, self.link)
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.reader).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.writer).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.writer).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.writer).poll_shutdown(context)
    }
}
