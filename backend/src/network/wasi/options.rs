//! Options of a socket. Between pods of one process they change nothing; they are kept so that a program
//! reads what it set.

use wasmtime_wasi::p2::bindings::sockets::network::ErrorCode;

use crate::network::datagram::QUEUE_BYTES;
use crate::network::listener::DEFAULT_BACKLOG;
use crate::network::pipe::DEFAULT_CAPACITY_BYTES;

/// The options of a TCP socket, with Linux's defaults.
pub(super) struct TcpOptions {
    pub(super) backlog: u64,
    pub(super) keep_alive: bool,
    pub(super) keep_alive_idle_nanoseconds: u64,
    pub(super) keep_alive_interval_nanoseconds: u64,
    pub(super) keep_alive_count: u32,
    pub(super) hop_limit: u8,
    pub(super) receive_buffer_bytes: u64,
    pub(super) send_buffer_bytes: u64,
}

impl Default for TcpOptions {
    fn default() -> Self {
        Self {
            backlog: DEFAULT_BACKLOG as u64,
            keep_alive: false,
            keep_alive_idle_nanoseconds: 7200 * 1_000_000_000,
            keep_alive_interval_nanoseconds: 75 * 1_000_000_000,
            keep_alive_count: 9,
            hop_limit: 64,
            receive_buffer_bytes: DEFAULT_CAPACITY_BYTES as u64,
            send_buffer_bytes: DEFAULT_CAPACITY_BYTES as u64,
        }
    }
}

/// The options of a UDP socket, with Linux's defaults.
pub(super) struct UdpOptions {
    pub(super) hop_limit: u8,
    pub(super) receive_buffer_bytes: u64,
    pub(super) send_buffer_bytes: u64,
}

impl Default for UdpOptions {
    fn default() -> Self {
        Self {
            hop_limit: 64,
            receive_buffer_bytes: QUEUE_BYTES as u64,
            send_buffer_bytes: QUEUE_BYTES as u64,
        }
    }
}

/// Sets an option that must not be zero.
pub(super) fn set<T: Default + PartialEq>(option: &mut T, value: T) -> Result<(), ErrorCode> {
    if value == T::default() {
        return Err(ErrorCode::InvalidArgument);
    }
    *option = value;
    Ok(())
}
