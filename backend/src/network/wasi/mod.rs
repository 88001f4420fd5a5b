//! `wasi:sockets` on the pod network: each interface of WASI 0.2 answered here instead of by the host.
//! A cluster is IPv4 only, and sockets of IPv6 say so.
//!
//! wasmtime-wasi's bindings name its own resource types, which cannot be made elsewhere; a handle is only a
//! number, so the table holds types of this module under the same numbers.

mod lookup;
mod network;
mod options;
mod outgoing_http;
mod socket;
mod streams;
mod tcp;
mod udp;

use std::sync::Arc;

use wasmtime::component::{HasData, Linker, Resource, ResourceTable};
use wasmtime_wasi::p2::bindings::sockets;
use wasmtime_wasi::p2::bindings::sockets::network::ErrorCode;

use super::pod::PodNetwork;

pub use outgoing_http::PodHttp;

/// Sockets that a guest may have open at once: well below what else it may hold, so that a server that is
/// connected to too often finds its next `accept` failing and goes on.
const MAX_SOCKETS: usize = 8192;

/// The network of a guest.
pub struct PodSockets {
    pod: PodNetwork,
    /// Shared with each open socket.
    open: Arc<()>,
}

/// One of the sockets that a guest may have.
struct Place {
    _open: Arc<()>,
}

impl PodSockets {
    /// A guest on a pod's network.
    pub fn new(pod: PodNetwork) -> Self {
        Self { pod, open: Arc::default() }
    }

    /// A place for one more socket, as long as there is any.
    fn place(&self) -> Result<Place, ErrorCode> {
        if Arc::strong_count(&self.open) > MAX_SOCKETS {
            return Err(ErrorCode::NewSocketLimit);
        }
        Ok(Place { _open: self.open.clone() })
    }
}

/// What the host functions work on.
pub struct PodSocketsView<'a> {
    /// The guest's network.
    pub sockets: &'a mut PodSockets,
    /// The guest's resources.
    pub table: &'a mut ResourceTable,
}

/// A store's state that has a pod network.
pub trait WithPodSockets: Send {
    /// Lends the network to a host function.
    fn pod_sockets(&mut self) -> PodSocketsView<'_>;
}

struct PodSocketsData;

impl HasData for PodSocketsData {
    type Data<'a> = PodSocketsView<'a>;
}

/// Offers `wasi:sockets` to guests: all of it, and nothing of the host's.
///
/// # Errors
/// When one of the interfaces is linked already.
pub fn add_to_linker<T>(linker: &mut Linker<T>) -> wasmtime::Result<()>
where
    T: WithPodSockets + 'static,
{
    let options = sockets::network::LinkOptions::default();
    sockets::network::add_to_linker::<T, PodSocketsData>(linker, &options, T::pod_sockets)?;
    sockets::instance_network::add_to_linker::<T, PodSocketsData>(linker, T::pod_sockets)?;
    sockets::ip_name_lookup::add_to_linker::<T, PodSocketsData>(linker, T::pod_sockets)?;
    sockets::tcp_create_socket::add_to_linker::<T, PodSocketsData>(linker, T::pod_sockets)?;
    sockets::tcp::add_to_linker::<T, PodSocketsData>(linker, T::pod_sockets)?;
    sockets::udp_create_socket::add_to_linker::<T, PodSocketsData>(linker, T::pod_sockets)?;
    sockets::udp::add_to_linker::<T, PodSocketsData>(linker, T::pod_sockets)
}

/// The handle of a bindings type as a borrowed handle of the type that the table holds.
fn ours<Theirs: 'static, Ours: 'static>(handle: &Resource<Theirs>) -> Resource<Ours> {
    Resource::new_borrow(handle.rep())
}

/// As [`ours`], for a handle that is given up.
fn ours_owned<Theirs: 'static, Ours: 'static>(handle: &Resource<Theirs>) -> Resource<Ours> {
    Resource::new_own(handle.rep())
}

/// The handle of an own resource as one of the bindings type.
fn theirs<Ours: 'static, Theirs: 'static>(handle: &Resource<Ours>) -> Resource<Theirs> {
    Resource::new_own(handle.rep())
}
