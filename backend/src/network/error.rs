//! Why a connection or a listener did not come to be, in the words of a socket programmer.

use std::io;
use std::net::SocketAddr;

/// Why [`super::Network::dial`] failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DialError {
    /// Nobody listens there.
    #[error("connection refused")]
    Refused,
    /// No pod has this address.
    #[error("no route to host")]
    Unreachable,
    /// No answer: the backlog stayed full, or a policy drops what comes from here.
    #[error("connection timed out")]
    TimedOut,
    /// The address is none that can be dialled.
    #[error("invalid argument")]
    InvalidAddress,
    /// The dialling pod has no free port left.
    #[error("cannot assign requested address")]
    NoFreePort,
}

impl DialError {
    /// The failure as Go's `net` tells it of the address that was dialled.
    pub fn told(self, address: SocketAddr) -> String {
        format!("dial tcp {address}: connect: {self}")
    }

    /// The kind a socket of the operating system fails with.
    pub fn kind(self) -> io::ErrorKind {
        match self {
            Self::Refused => io::ErrorKind::ConnectionRefused,
            Self::Unreachable => io::ErrorKind::HostUnreachable,
            Self::TimedOut => io::ErrorKind::TimedOut,
            Self::InvalidAddress => io::ErrorKind::InvalidInput,
            Self::NoFreePort => io::ErrorKind::AddrNotAvailable,
        }
    }
}

impl From<DialError> for io::Error {
    fn from(error: DialError) -> Self {
        Self::new(error.kind(), error)
    }
}

/// Why an address could not be bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BindError {
    /// Another socket of the pod, or another pod, has the address.
    #[error("address already in use")]
    AddressInUse,
    /// The address is not one of the pod's.
    #[error("cannot assign requested address")]
    AddressNotAvailable,
    /// The pod is gone.
    #[error("network is down")]
    PodRemoved,
}

impl From<BindError> for io::Error {
    fn from(error: BindError) -> Self {
        let kind = match error {
            BindError::AddressInUse => io::ErrorKind::AddrInUse,
            BindError::AddressNotAvailable => io::ErrorKind::AddrNotAvailable,
            BindError::PodRemoved => io::ErrorKind::NetworkDown,
        };
        Self::new(kind, error)
    }
}
