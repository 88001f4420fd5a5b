//! TCP sockets of WASI 0.2, without waiting.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use wasip2::sockets::instance_network::instance_network;
use wasip2::sockets::network::{
    ErrorCode, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress, Ipv6SocketAddress,
};
use wasip2::sockets::tcp::TcpSocket;
use wasip2::sockets::tcp_create_socket::create_tcp_socket;

/// A listening socket on all addresses of the pod.
pub(crate) fn listen(port: u16) -> Result<TcpSocket, ErrorCode> {
    let socket = create_tcp_socket(IpAddressFamily::Ipv4)?;
    let everywhere = IpSocketAddress::Ipv4(Ipv4SocketAddress { port, address: (0, 0, 0, 0) });
    socket.start_bind(&instance_network(), everywhere)?;
    finish(&socket, TcpSocket::finish_bind)?;
    socket.start_listen()?;
    finish(&socket, TcpSocket::finish_listen)?;
    Ok(socket)
}

/// A socket that calls an address; who waits for it finds out whether it came through.
pub(crate) fn dial(address: SocketAddr) -> Result<TcpSocket, ErrorCode> {
    let (family, remote) = match address {
        SocketAddr::V4(address) => {
            let [a, b, c, d] = address.ip().octets();
            let remote = Ipv4SocketAddress { port: address.port(), address: (a, b, c, d) };
            (IpAddressFamily::Ipv4, IpSocketAddress::Ipv4(remote))
        }
        SocketAddr::V6(address) => {
            let [a, b, c, d, e, f, g, h] = address.ip().segments();
            let remote = Ipv6SocketAddress {
                port: address.port(),
                flow_info: address.flowinfo(),
                address: (a, b, c, d, e, f, g, h),
                scope_id: address.scope_id(),
            };
            (IpAddressFamily::Ipv6, IpSocketAddress::Ipv6(remote))
        }
    };
    let socket = create_tcp_socket(family)?;
    socket.start_connect(&instance_network(), remote)?;
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

/// Who is at the other end.
pub(crate) fn peer(socket: &TcpSocket) -> SocketAddr {
    match socket.remote_address() {
        Ok(IpSocketAddress::Ipv4(peer)) => {
            let (a, b, c, d) = peer.address;
            (Ipv4Addr::new(a, b, c, d), peer.port).into()
        }
        Ok(IpSocketAddress::Ipv6(peer)) => {
            let (a, b, c, d, e, f, g, h) = peer.address;
            (Ipv6Addr::new(a, b, c, d, e, f, g, h), peer.port).into()
        }
        Err(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
    }
}
