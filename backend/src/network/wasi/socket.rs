//! A guest's TCP socket: the states of `wasi:sockets/tcp`.

use std::future::poll_fn;
use std::net::{SocketAddr, SocketAddrV4};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures::future::BoxFuture;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::bindings::sockets::network::ErrorCode;
use wasmtime_wasi::p2::bindings::sockets::tcp::ShutdownType;
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, Pollable};

use super::Place;
use super::network::{bind_code, dial_code};
use super::options::TcpOptions;
use super::streams::{ReceiveStream, SendStream};
use crate::network::connection::{Connection, Link};
use crate::network::error::DialError;
use crate::network::listener::{BoundPort, Listener};
use crate::network::pipe::{PipeReader, PipeWriter};
use crate::network::pod::PodNetwork;

type Dialling = BoxFuture<'static, Result<Connection, DialError>>;

/// A TCP socket of a guest.
pub(super) struct PodSocket {
    state: State,
    pub(super) options: TcpOptions,
    _place: Place,
}

enum State {
    Unbound,
    /// Bound; `finish-bind` is outstanding.
    Binding(BoundPort),
    Bound(BoundPort),
    /// Listening; `finish-listen` is outstanding.
    StartingToListen(Listener),
    Listening(Listener),
    Connecting(Dialling),
    /// The connection is made, or not; `finish-connect` is outstanding.
    Dialled(Result<Connection, DialError>),
    Connected(Connected),
    /// A connection was not made; WASI 0.2 lets such a socket do nothing more.
    Failed,
}

/// An open connection, its streams shared with the resources that the guest holds.
struct Connected {
    local: SocketAddr,
    peer: SocketAddr,
    reader: Arc<PipeReader>,
    writer: Arc<PipeWriter>,
    _link: Arc<Link>,
}

impl From<Connection> for Connected {
    fn from(connection: Connection) -> Self {
        let (local, peer) = (connection.local_address(), connection.peer_address());
        let (reader, writer, link) = connection.into_parts();
        Self { local, peer, reader: Arc::new(reader), writer: Arc::new(writer), _link: link }
    }
}

impl Connected {
    fn streams(&self) -> (DynInputStream, DynOutputStream) {
        (Box::new(ReceiveStream(self.reader.clone())), Box::new(SendStream(self.writer.clone())))
    }
}

impl PodSocket {
    /// A socket that is neither bound nor connected.
    pub(super) fn new(place: Place) -> Self {
        Self { state: State::Unbound, options: TcpOptions::default(), _place: place }
    }

    fn connected(connection: Connection, place: Place) -> (Self, (DynInputStream, DynOutputStream)) {
        let connected = Connected::from(connection);
        let streams = connected.streams();
        let options = TcpOptions::default();
        (Self { state: State::Connected(connected), options, _place: place }, streams)
    }

    pub(super) fn start_bind(&mut self, pod: &PodNetwork, address: SocketAddrV4) -> Result<(), ErrorCode> {
        let State::Unbound = self.state else {
            return Err(self.out_of_order());
        };
        self.state = State::Binding(pod.bind(address).map_err(bind_code)?);
        Ok(())
    }

    pub(super) fn finish_bind(&mut self) -> Result<(), ErrorCode> {
        self.advance(|state| match state {
            State::Binding(port) => (State::Bound(port), Ok(())),
            other => (other, Err(ErrorCode::NotInProgress)),
        })
    }

    pub(super) fn start_listen(&mut self) -> Result<(), ErrorCode> {
        let code = self.out_of_order();
        let backlog = usize::try_from(self.options.backlog).unwrap_or(usize::MAX);
        self.advance(|state| match state {
            State::Bound(port) => (State::StartingToListen(port.listen(backlog)), Ok(())),
            other => (other, Err(code)),
        })
    }

    pub(super) fn finish_listen(&mut self) -> Result<(), ErrorCode> {
        self.advance(|state| match state {
            State::StartingToListen(listener) => (State::Listening(listener), Ok(())),
            other => (other, Err(ErrorCode::NotInProgress)),
        })
    }

    pub(super) fn accept(
        &mut self,
        place: Place,
    ) -> Result<(Self, (DynInputStream, DynOutputStream)), ErrorCode> {
        let State::Listening(listener) = &mut self.state else {
            return Err(ErrorCode::InvalidState);
        };
        match listener.poll_accept(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(connection)) => Ok(Self::connected(connection, place)),
            Poll::Ready(Err(error)) => Err(bind_code(error)),
            Poll::Pending => Err(ErrorCode::WouldBlock),
        }
    }

    pub(super) fn start_connect(&mut self, pod: &PodNetwork, to: SocketAddr) -> Result<(), ErrorCode> {
        match self.state {
            State::Unbound => {}
            // A connection from a chosen port: nothing needs it, and it would need the port table to share.
            State::Bound(_) => return Err(ErrorCode::NotSupported),
            _ => return Err(self.out_of_order()),
        }
        let pod = pod.clone();
        self.state = State::Connecting(Box::pin(async move { pod.dial(to).await }));
        Ok(())
    }

    pub(super) fn finish_connect(&mut self) -> Result<(DynInputStream, DynOutputStream), ErrorCode> {
        let _ = self.poll_dialled(&mut Context::from_waker(Waker::noop()));
        match std::mem::replace(&mut self.state, State::Failed) {
            State::Dialled(Ok(connection)) => {
                let connected = Connected::from(connection);
                let streams = connected.streams();
                self.state = State::Connected(connected);
                Ok(streams)
            }
            State::Dialled(Err(error)) => Err(dial_code(error)),
            State::Connecting(dialling) => {
                self.state = State::Connecting(dialling);
                Err(ErrorCode::WouldBlock)
            }
            other => {
                self.state = other;
                Err(ErrorCode::NotInProgress)
            }
        }
    }

    pub(super) fn shut_down(&mut self, how: ShutdownType) -> Result<(), ErrorCode> {
        let State::Connected(connected) = &self.state else {
            return Err(ErrorCode::InvalidState);
        };
        if matches!(how, ShutdownType::Receive | ShutdownType::Both) {
            connected.reader.abandon();
        }
        if matches!(how, ShutdownType::Send | ShutdownType::Both) {
            connected.writer.finish();
        }
        Ok(())
    }

    pub(super) fn local_address(&self) -> Result<SocketAddr, ErrorCode> {
        match &self.state {
            State::Bound(port) => Ok(port.local_address()),
            State::StartingToListen(listener) | State::Listening(listener) => Ok(listener.local_address()),
            State::Connected(connected) => Ok(connected.local),
            _ => Err(ErrorCode::InvalidState),
        }
    }

    pub(super) fn remote_address(&self) -> Result<SocketAddr, ErrorCode> {
        match &self.state {
            State::Connected(connected) => Ok(connected.peer),
            _ => Err(ErrorCode::InvalidState),
        }
    }

    pub(super) fn is_listening(&self) -> bool {
        matches!(self.state, State::Listening(_))
    }

    /// The code for an operation that the state does not allow.
    fn out_of_order(&self) -> ErrorCode {
        match self.state {
            State::Binding(_) | State::StartingToListen(_) | State::Connecting(_) | State::Dialled(_) => {
                ErrorCode::ConcurrencyConflict
            }
            _ => ErrorCode::InvalidState,
        }
    }

    /// Replaces the state by what `step` makes of it.
    fn advance(
        &mut self,
        step: impl FnOnce(State) -> (State, Result<(), ErrorCode>),
    ) -> Result<(), ErrorCode> {
        let (state, result) = step(std::mem::replace(&mut self.state, State::Failed));
        self.state = state;
        result
    }

    /// Drives a connection that is being made; ready when there is nothing to wait for.
    fn poll_dialled(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if let State::Connecting(dialling) = &mut self.state {
            let result = std::task::ready!(Pin::new(dialling).poll(context));
            self.state = State::Dialled(result);
        }
        Poll::Ready(())
    }
}

#[async_trait]
impl Pollable for PodSocket {
    async fn ready(&mut self) {
        poll_fn(|context| match &mut self.state {
            State::Listening(listener) => listener.poll_acceptable(context),
            _ => self.poll_dialled(context),
        })
        .await;
    }
}
