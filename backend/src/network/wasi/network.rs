//! `wasi:sockets/network` and `instance-network`: the capability to use a network, and error codes.

use std::io;

use wasmtime::Result;
use wasmtime::component::Resource;
use wasmtime_wasi::p2::bindings::sockets::instance_network;
use wasmtime_wasi::p2::bindings::sockets::network::{self, ErrorCode};
use wasmtime_wasi::p2::{Network, SocketError};

use super::{PodSocketsView, ours, ours_owned, theirs};
use crate::network::error::{BindError, DialError};

/// The capability to use the pod's network. It has nothing to say: a guest has only the one.
pub(super) struct PodCapability;

impl PodSocketsView<'_> {
    /// Checks that a guest's handle is the capability.
    pub(super) fn check(&self, handle: &Resource<Network>) -> Result<(), SocketError> {
        let _: &PodCapability = self.table.get(&ours(handle))?;
        Ok(())
    }
}

impl instance_network::Host for PodSocketsView<'_> {
    fn instance_network(&mut self) -> Result<Resource<Network>> {
        Ok(theirs(&self.table.push(PodCapability)?))
    }
}

impl network::Host for PodSocketsView<'_> {
    fn convert_error_code(&mut self, error: SocketError) -> Result<ErrorCode> {
        error.downcast()
    }

    fn network_error_code(&mut self, error: Resource<wasmtime::Error>) -> Result<Option<ErrorCode>> {
        let error = self.table.get(&error)?;
        Ok(error.downcast_ref::<io::Error>().map(ErrorCode::from))
    }
}

impl network::HostNetwork for PodSocketsView<'_> {
    fn drop(&mut self, network: Resource<Network>) -> Result<()> {
        let _: PodCapability = self.table.delete(ours_owned(&network))?;
        Ok(())
    }
}

/// The code of a connection that was not made.
pub(super) fn dial_code(error: DialError) -> ErrorCode {
    match error {
        DialError::Refused => ErrorCode::ConnectionRefused,
        DialError::Unreachable => ErrorCode::RemoteUnreachable,
        DialError::TimedOut => ErrorCode::Timeout,
        DialError::InvalidAddress => ErrorCode::InvalidArgument,
        DialError::NoFreePort => ErrorCode::AddressInUse,
    }
}

/// The code of a port that was not bound.
pub(super) fn bind_code(error: BindError) -> ErrorCode {
    match error {
        BindError::AddressInUse => ErrorCode::AddressInUse,
        BindError::AddressNotAvailable => ErrorCode::AddressNotBindable,
        BindError::PodRemoved => ErrorCode::ConnectionAborted,
    }
}
