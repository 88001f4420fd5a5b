//! `wasi:sockets/udp` and `udp-create-socket`: a guest's datagrams on its pod's network.

use std::future::poll_fn;
use std::net::{SocketAddr, SocketAddrV4};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use wasmtime::Result;
use wasmtime::component::Resource;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::bindings::sockets::network::{ErrorCode, IpAddressFamily, IpSocketAddress};
use wasmtime_wasi::p2::bindings::sockets::udp::{
    self, IncomingDatagram, IncomingDatagramStream, OutgoingDatagram, OutgoingDatagramStream,
};
use wasmtime_wasi::p2::bindings::sockets::udp_create_socket;
use wasmtime_wasi::p2::{DynPollable, Network, Pollable, SocketError, SocketResult, UdpSocket, subscribe};

use super::network::{bind_code, dial_code};
use super::options::{UdpOptions, set};
use super::{Place, PodSocketsView, ours, ours_owned, theirs};
use crate::network::datagram::{DatagramPort, MAX_DATAGRAM_BYTES};
use crate::network::error::DialError;

/// Datagrams that one call takes or gives.
const MAX_DATAGRAMS: usize = 16;

type Handle = Resource<UdpSocket>;
type Port = Arc<Mutex<DatagramPort>>;

/// A UDP socket of a guest.
pub(super) struct PodDatagramSocket {
    state: State,
    /// Whom it is connected to.
    remote: Option<SocketAddr>,
    options: UdpOptions,
    _place: Place,
}

enum State {
    Unbound,
    /// Bound; `finish-bind` is outstanding.
    Binding(Port),
    Bound(Port),
}

impl PodDatagramSocket {
    fn port(&self) -> SocketResult<&Port> {
        match &self.state {
            State::Bound(port) => Ok(port),
            _ => Err(ErrorCode::InvalidState.into()),
        }
    }
}

#[async_trait]
impl Pollable for PodDatagramSocket {
    /// Binding never waits.
    async fn ready(&mut self) {}
}

/// What a guest receives.
pub(super) struct Incoming {
    port: Port,
    remote: Option<SocketAddr>,
}

#[async_trait]
impl Pollable for Incoming {
    async fn ready(&mut self) {
        poll_fn(|context| lock(&self.port).poll_receivable(context)).await;
    }
}

/// What a guest sends.
pub(super) struct Outgoing {
    port: Port,
    remote: Option<SocketAddr>,
    /// How many the last `check-send` permitted.
    permitted: usize,
}

#[async_trait]
impl Pollable for Outgoing {
    /// A datagram is sent or lost, and never waits.
    async fn ready(&mut self) {}
}

fn lock(port: &Port) -> MutexGuard<'_, DatagramPort> {
    port.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Outgoing {
    fn send(&self, datagram: OutgoingDatagram) -> std::result::Result<(), ErrorCode> {
        let named = datagram.remote_address.map(SocketAddr::from);
        let to = match (self.remote, named) {
            (Some(remote), Some(named)) if remote != named => return Err(ErrorCode::InvalidArgument),
            (remote, named) => remote.or(named).ok_or(ErrorCode::InvalidArgument)?,
        };
        if !to.is_ipv4() || to.ip().is_unspecified() || to.port() == 0 {
            return Err(ErrorCode::InvalidArgument);
        }
        if datagram.data.len() > MAX_DATAGRAM_BYTES {
            return Err(ErrorCode::DatagramTooLarge);
        }
        match lock(&self.port).send(to, &Bytes::from(datagram.data)) {
            // A socket that is not connected does not hear of it.
            Err(DialError::Refused) if self.remote.is_none() => Ok(()),
            outcome => outcome.map_err(dial_code),
        }
    }
}

impl PodSocketsView<'_> {
    fn datagram_socket(&mut self, handle: &Handle) -> SocketResult<&mut PodDatagramSocket> {
        Ok(self.table.get_mut(&ours(handle))?)
    }
}

impl udp_create_socket::Host for PodSocketsView<'_> {
    async fn create_udp_socket(&mut self, family: IpAddressFamily) -> SocketResult<Handle> {
        let (state, remote, options) = (State::Unbound, None, UdpOptions::default());
        match family {
            IpAddressFamily::Ipv4 => {
                let _place = self.sockets.place()?;
                let socket = PodDatagramSocket { state, remote, options, _place };
                Ok(theirs(&self.table.push(socket)?))
            }
            IpAddressFamily::Ipv6 => Err(ErrorCode::NotSupported.into()),
        }
    }
}

impl udp::Host for PodSocketsView<'_> {}

impl udp::HostUdpSocket for PodSocketsView<'_> {
    async fn start_bind(
        &mut self,
        this: Handle,
        network: Resource<Network>,
        address: IpSocketAddress,
    ) -> SocketResult<()> {
        self.check(&network)?;
        let SocketAddr::V4(address) = address.into() else {
            return Err(ErrorCode::InvalidArgument.into());
        };
        let pod = self.sockets.pod.clone();
        let socket = self.datagram_socket(&this)?;
        match socket.state {
            State::Unbound => {}
            State::Binding(_) => return Err(ErrorCode::ConcurrencyConflict.into()),
            State::Bound(_) => return Err(ErrorCode::InvalidState.into()),
        }
        let port = pod.bind_datagrams(address).map_err(bind_code)?;
        socket.state = State::Binding(Arc::new(Mutex::new(port)));
        Ok(())
    }

    fn finish_bind(&mut self, this: Handle) -> SocketResult<()> {
        let socket = self.datagram_socket(&this)?;
        let State::Binding(port) = &socket.state else {
            return Err(ErrorCode::NotInProgress.into());
        };
        socket.state = State::Bound(port.clone());
        Ok(())
    }

    async fn stream(
        &mut self,
        this: Handle,
        remote: Option<IpSocketAddress>,
    ) -> SocketResult<(Resource<IncomingDatagramStream>, Resource<OutgoingDatagramStream>)> {
        let own: Resource<PodDatagramSocket> = ours(&this);
        if self.table.iter_children(&own)?.any(|child| child.is::<Incoming>() || child.is::<Outgoing>()) {
            return Err(SocketError::trap(wasmtime::format_err!("UDP streams not dropped yet")));
        }
        let remote = remote.map(SocketAddr::from);
        if remote.is_some_and(|to| !to.is_ipv4() || to.ip().is_unspecified() || to.port() == 0) {
            return Err(ErrorCode::InvalidArgument.into());
        }
        let socket = self.datagram_socket(&this)?;
        let port = socket.port()?.clone();
        socket.remote = remote;
        let incoming = self.table.push_child(Incoming { port: port.clone(), remote }, &own)?;
        let outgoing = self.table.push_child(Outgoing { port, remote, permitted: 0 }, &own)?;
        Ok((theirs(&incoming), theirs(&outgoing)))
    }

    fn local_address(&mut self, this: Handle) -> SocketResult<IpSocketAddress> {
        let socket = self.datagram_socket(&this)?;
        let SocketAddr::V4(bound) = lock(socket.port()?).local_address() else {
            return Err(ErrorCode::InvalidState.into());
        };
        // As on Linux: one that is connected knows which of its addresses it sends from.
        let own = match socket.remote {
            Some(remote) if bound.ip().is_unspecified() && !remote.ip().is_loopback() => {
                SocketAddrV4::new(self.sockets.pod.ip(), bound.port())
            }
            _ => bound,
        };
        Ok(SocketAddr::V4(own).into())
    }

    fn remote_address(&mut self, this: Handle) -> SocketResult<IpSocketAddress> {
        let remote = self.datagram_socket(&this)?.remote;
        Ok(remote.ok_or(ErrorCode::InvalidState)?.into())
    }

    fn address_family(&mut self, _: Handle) -> Result<IpAddressFamily> {
        Ok(IpAddressFamily::Ipv4)
    }

    fn unicast_hop_limit(&mut self, this: Handle) -> SocketResult<u8> {
        Ok(self.datagram_socket(&this)?.options.hop_limit)
    }

    fn set_unicast_hop_limit(&mut self, this: Handle, value: u8) -> SocketResult<()> {
        Ok(set(&mut self.datagram_socket(&this)?.options.hop_limit, value)?)
    }

    fn receive_buffer_size(&mut self, this: Handle) -> SocketResult<u64> {
        Ok(self.datagram_socket(&this)?.options.receive_buffer_bytes)
    }

    fn set_receive_buffer_size(&mut self, this: Handle, value: u64) -> SocketResult<()> {
        Ok(set(&mut self.datagram_socket(&this)?.options.receive_buffer_bytes, value)?)
    }

    fn send_buffer_size(&mut self, this: Handle) -> SocketResult<u64> {
        Ok(self.datagram_socket(&this)?.options.send_buffer_bytes)
    }

    fn set_send_buffer_size(&mut self, this: Handle, value: u64) -> SocketResult<()> {
        Ok(set(&mut self.datagram_socket(&this)?.options.send_buffer_bytes, value)?)
    }

    fn subscribe(&mut self, this: Handle) -> Result<Resource<DynPollable>> {
        subscribe::<PodDatagramSocket>(self.table, ours(&this))
    }

    fn drop(&mut self, this: Handle) -> Result<()> {
        let _: PodDatagramSocket = self.table.delete(ours_owned(&this))?;
        Ok(())
    }
}

impl udp::HostIncomingDatagramStream for PodSocketsView<'_> {
    fn receive(
        &mut self,
        this: Resource<IncomingDatagramStream>,
        most: u64,
    ) -> SocketResult<Vec<IncomingDatagram>> {
        let stream: &mut Incoming = self.table.get_mut(&ours(&this))?;
        let most = usize::try_from(most).unwrap_or(MAX_DATAGRAMS).min(MAX_DATAGRAMS);
        let mut received = Vec::new();
        let mut port = lock(&stream.port);
        while received.len() < most
            && let Poll::Ready(Some(datagram)) = port.poll_receive(&mut Context::from_waker(Waker::noop()))
        {
            let from = SocketAddr::V4(datagram.from);
            if stream.remote.is_none_or(|remote| remote == from) {
                let (data, remote_address) = (datagram.data.to_vec(), from.into());
                received.push(IncomingDatagram { data, remote_address });
            }
        }
        Ok(received)
    }

    fn subscribe(&mut self, this: Resource<IncomingDatagramStream>) -> Result<Resource<DynPollable>> {
        subscribe::<Incoming>(self.table, ours(&this))
    }

    fn drop(&mut self, this: Resource<IncomingDatagramStream>) -> Result<()> {
        let _: Incoming = self.table.delete(ours_owned(&this))?;
        Ok(())
    }
}

impl udp::HostOutgoingDatagramStream for PodSocketsView<'_> {
    fn check_send(&mut self, this: Resource<OutgoingDatagramStream>) -> SocketResult<u64> {
        let stream: &mut Outgoing = self.table.get_mut(&ours(&this))?;
        stream.permitted = MAX_DATAGRAMS;
        Ok(MAX_DATAGRAMS as u64)
    }

    fn send(
        &mut self,
        this: Resource<OutgoingDatagramStream>,
        datagrams: Vec<OutgoingDatagram>,
    ) -> SocketResult<u64> {
        let stream: &mut Outgoing = self.table.get_mut(&ours(&this))?;
        if datagrams.len() > std::mem::take(&mut stream.permitted) {
            return Err(SocketError::trap(wasmtime::format_err!("sent more than check-send permitted")));
        }
        let mut sent = 0;
        for datagram in datagrams {
            match stream.send(datagram) {
                Ok(()) => sent += 1,
                Err(code) if sent == 0 => return Err(code.into()),
                Err(_) => break,
            }
        }
        Ok(sent)
    }

    fn subscribe(&mut self, this: Resource<OutgoingDatagramStream>) -> Result<Resource<DynPollable>> {
        subscribe::<Outgoing>(self.table, ours(&this))
    }

    async fn drop(&mut self, this: Resource<OutgoingDatagramStream>) -> Result<()> {
        let _: Outgoing = self.table.delete(ours_owned(&this))?;
        Ok(())
    }
}
