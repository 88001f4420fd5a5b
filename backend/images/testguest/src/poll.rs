//! A server as guests of WASI 0.2 have to be: one thread that waits for all its clients at once.

use std::io;

use wasip2::cli::stdin::get_stdin;
use wasip2::clocks::monotonic_clock::subscribe_duration;
use wasip2::io::poll::{Pollable, poll};
use wasip2::io::streams::{InputStream, OutputStream, StreamError};
use wasip2::sockets::instance_network::instance_network;
use wasip2::sockets::network::{ErrorCode, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress};
use wasip2::sockets::tcp::TcpSocket;
use wasip2::sockets::tcp_create_socket::create_tcp_socket;

/// Largest write that `blocking-write-and-flush` takes.
const CHUNK_BYTES: u64 = 4096;

/// A client; its parts are dropped in this order, children before their socket.
struct Client {
    readable: Pollable,
    input: InputStream,
    output: OutputStream,
    _socket: TcpSocket,
}

/// Returns every byte to whoever sent it.
pub(crate) fn server(port: u16) -> io::Result<()> {
    let listener = listen(port).map_err(io::Error::other)?;
    let acceptable = listener.subscribe();
    let mut clients: Vec<Client> = Vec::new();
    println!("polling");
    loop {
        let mut waiting = vec![&acceptable];
        waiting.extend(clients.iter().map(|client| &client.readable));
        for ready in poll(&waiting).into_iter().rev() {
            match usize::try_from(ready).map_err(io::Error::other)?.checked_sub(1) {
                None => clients.extend(accept(&listener)),
                Some(number) => {
                    if clients[number].echo().is_err() {
                        clients.swap_remove(number);
                    }
                }
            }
        }
    }
}

/// Reads its standard input as it comes, and says every so often that it still waits.
pub(crate) fn stdin(milliseconds: u64) -> io::Result<()> {
    let input = get_stdin();
    let readable = input.subscribe();
    loop {
        let tick = subscribe_duration(milliseconds * 1_000_000);
        if !poll(&[&readable, &tick]).contains(&0) {
            println!("tick");
            continue;
        }
        match input.read(CHUNK_BYTES) {
            Ok(bytes) if bytes.is_empty() => {}
            Ok(bytes) => println!("read {}", String::from_utf8_lossy(&bytes)),
            Err(StreamError::Closed) => break,
            Err(StreamError::LastOperationFailed(error)) => {
                return Err(io::Error::other(error.to_debug_string()));
            }
        }
    }
    println!("end");
    Ok(())
}

fn listen(port: u16) -> Result<TcpSocket, ErrorCode> {
    let address = IpSocketAddress::Ipv4(Ipv4SocketAddress { port, address: (0, 0, 0, 0) });
    let socket = create_tcp_socket(IpAddressFamily::Ipv4)?;
    socket.start_bind(&instance_network(), address)?;
    socket.finish_bind()?;
    socket.start_listen()?;
    socket.finish_listen()?;
    Ok(socket)
}

fn accept(listener: &TcpSocket) -> Option<Client> {
    let (socket, input, output) = listener.accept().ok()?;
    Some(Client { readable: input.subscribe(), input, output, _socket: socket })
}

impl Client {
    fn echo(&self) -> Result<(), StreamError> {
        let bytes = self.input.read(CHUNK_BYTES)?;
        self.output.blocking_write_and_flush(&bytes)
    }
}
