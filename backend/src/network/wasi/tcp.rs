//! `wasi:sockets/tcp` and `tcp-create-socket`: a guest's calls, handed to its [`PodSocket`].

use std::net::SocketAddr;

use wasmtime::Result;
use wasmtime::component::Resource;
use wasmtime_wasi::p2::bindings::sockets::network::{ErrorCode, IpAddressFamily, IpSocketAddress};
use wasmtime_wasi::p2::bindings::sockets::tcp::{self, ShutdownType};
use wasmtime_wasi::p2::bindings::sockets::tcp_create_socket;
use wasmtime_wasi::p2::{
    DynInputStream, DynOutputStream, DynPollable, Network, SocketResult, TcpSocket, subscribe,
};

use super::options::set;
use super::socket::PodSocket;
use super::{PodSocketsView, ours, ours_owned, theirs};

type Handle = Resource<TcpSocket>;
type Streams = (Resource<DynInputStream>, Resource<DynOutputStream>);

impl PodSocketsView<'_> {
    fn socket(&mut self, handle: &Handle) -> SocketResult<&mut PodSocket> {
        Ok(self.table.get_mut(&ours(handle))?)
    }

    /// Gives the guest the streams of a connection, as children of its socket.
    fn push_streams(
        &mut self,
        socket: &Resource<PodSocket>,
        (input, output): (DynInputStream, DynOutputStream),
    ) -> SocketResult<Streams> {
        Ok((self.table.push_child(input, socket)?, self.table.push_child(output, socket)?))
    }
}

impl tcp_create_socket::Host for PodSocketsView<'_> {
    fn create_tcp_socket(&mut self, family: IpAddressFamily) -> SocketResult<Handle> {
        match family {
            IpAddressFamily::Ipv4 => {
                let place = self.sockets.place()?;
                Ok(theirs(&self.table.push(PodSocket::new(place))?))
            }
            IpAddressFamily::Ipv6 => Err(ErrorCode::NotSupported.into()),
        }
    }
}

impl tcp::Host for PodSocketsView<'_> {}

impl tcp::HostTcpSocket for PodSocketsView<'_> {
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
        Ok(self.socket(&this)?.start_bind(&pod, address)?)
    }

    fn finish_bind(&mut self, this: Handle) -> SocketResult<()> {
        Ok(self.socket(&this)?.finish_bind()?)
    }

    fn start_connect(
        &mut self,
        this: Handle,
        network: Resource<Network>,
        address: IpSocketAddress,
    ) -> SocketResult<()> {
        self.check(&network)?;
        let address = SocketAddr::from(address);
        if !address.is_ipv4() || address.ip().is_unspecified() || address.port() == 0 {
            return Err(ErrorCode::InvalidArgument.into());
        }
        let pod = self.sockets.pod.clone();
        Ok(self.socket(&this)?.start_connect(&pod, address)?)
    }

    fn finish_connect(&mut self, this: Handle) -> SocketResult<Streams> {
        let streams = self.socket(&this)?.finish_connect()?;
        self.push_streams(&ours(&this), streams)
    }

    async fn start_listen(&mut self, this: Handle) -> SocketResult<()> {
        Ok(self.socket(&this)?.start_listen()?)
    }

    fn finish_listen(&mut self, this: Handle) -> SocketResult<()> {
        Ok(self.socket(&this)?.finish_listen()?)
    }

    fn accept(
        &mut self,
        this: Handle,
    ) -> SocketResult<(Handle, Resource<DynInputStream>, Resource<DynOutputStream>)> {
        let place = self.sockets.place()?;
        let (socket, streams) = self.socket(&this)?.accept(place)?;
        let socket = self.table.push(socket)?;
        let (input, output) = self.push_streams(&socket, streams)?;
        Ok((theirs(&socket), input, output))
    }

    fn local_address(&mut self, this: Handle) -> SocketResult<IpSocketAddress> {
        Ok(self.socket(&this)?.local_address()?.into())
    }

    fn remote_address(&mut self, this: Handle) -> SocketResult<IpSocketAddress> {
        Ok(self.socket(&this)?.remote_address()?.into())
    }

    fn is_listening(&mut self, this: Handle) -> Result<bool> {
        let socket: &PodSocket = self.table.get(&ours(&this))?;
        Ok(socket.is_listening())
    }

    fn address_family(&mut self, _: Handle) -> Result<IpAddressFamily> {
        Ok(IpAddressFamily::Ipv4)
    }

    fn set_listen_backlog_size(&mut self, this: Handle, value: u64) -> SocketResult<()> {
        let socket = self.socket(&this)?;
        if socket.is_listening() {
            return Err(ErrorCode::NotSupported.into());
        }
        Ok(set(&mut socket.options.backlog, value)?)
    }

    fn keep_alive_enabled(&mut self, this: Handle) -> SocketResult<bool> {
        Ok(self.socket(&this)?.options.keep_alive)
    }

    fn set_keep_alive_enabled(&mut self, this: Handle, value: bool) -> SocketResult<()> {
        self.socket(&this)?.options.keep_alive = value;
        Ok(())
    }

    fn keep_alive_idle_time(&mut self, this: Handle) -> SocketResult<u64> {
        Ok(self.socket(&this)?.options.keep_alive_idle_nanoseconds)
    }

    fn set_keep_alive_idle_time(&mut self, this: Handle, value: u64) -> SocketResult<()> {
        Ok(set(&mut self.socket(&this)?.options.keep_alive_idle_nanoseconds, value)?)
    }

    fn keep_alive_interval(&mut self, this: Handle) -> SocketResult<u64> {
        Ok(self.socket(&this)?.options.keep_alive_interval_nanoseconds)
    }

    fn set_keep_alive_interval(&mut self, this: Handle, value: u64) -> SocketResult<()> {
        Ok(set(&mut self.socket(&this)?.options.keep_alive_interval_nanoseconds, value)?)
    }

    fn keep_alive_count(&mut self, this: Handle) -> SocketResult<u32> {
        Ok(self.socket(&this)?.options.keep_alive_count)
    }

    fn set_keep_alive_count(&mut self, this: Handle, value: u32) -> SocketResult<()> {
        Ok(set(&mut self.socket(&this)?.options.keep_alive_count, value)?)
    }

    fn hop_limit(&mut self, this: Handle) -> SocketResult<u8> {
        Ok(self.socket(&this)?.options.hop_limit)
    }

    fn set_hop_limit(&mut self, this: Handle, value: u8) -> SocketResult<()> {
        Ok(set(&mut self.socket(&this)?.options.hop_limit, value)?)
    }

    fn receive_buffer_size(&mut self, this: Handle) -> SocketResult<u64> {
        Ok(self.socket(&this)?.options.receive_buffer_bytes)
    }

    fn set_receive_buffer_size(&mut self, this: Handle, value: u64) -> SocketResult<()> {
        Ok(set(&mut self.socket(&this)?.options.receive_buffer_bytes, value)?)
    }

    fn send_buffer_size(&mut self, this: Handle) -> SocketResult<u64> {
        Ok(self.socket(&this)?.options.send_buffer_bytes)
    }

    fn set_send_buffer_size(&mut self, this: Handle, value: u64) -> SocketResult<()> {
        Ok(set(&mut self.socket(&this)?.options.send_buffer_bytes, value)?)
    }

    fn subscribe(&mut self, this: Handle) -> Result<Resource<DynPollable>> {
        subscribe::<PodSocket>(self.table, ours(&this))
    }

    fn shutdown(&mut self, this: Handle, how: ShutdownType) -> SocketResult<()> {
        Ok(self.socket(&this)?.shut_down(how)?)
    }

    fn drop(&mut self, this: Handle) -> Result<()> {
        let _: PodSocket = self.table.delete(ours_owned(&this))?;
        Ok(())
    }
}
