//! `wasi:sockets/udp-create-socket`: the pod network carries no datagrams yet, and says so.

use wasmtime::component::Resource;
use wasmtime_wasi::p2::bindings::sockets::network::{ErrorCode, IpAddressFamily};
use wasmtime_wasi::p2::bindings::sockets::udp_create_socket;
use wasmtime_wasi::p2::{SocketResult, UdpSocket};

use super::PodSocketsView;

impl udp_create_socket::Host for PodSocketsView<'_> {
    async fn create_udp_socket(&mut self, _: IpAddressFamily) -> SocketResult<Resource<UdpSocket>> {
        Err(ErrorCode::NotSupported.into())
    }
}
