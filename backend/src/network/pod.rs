//! A network namespace: an address, ports, a loopback, connections; of a pod, or of a node and all its pods
//! that use the node's network.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::mpsc;

use super::bindings::Bindings;
use super::connection::{Connection, Link};
use super::datagram::{DatagramPort, Inbox};
use super::dial::{Network, WeakNetwork};
use super::error::{BindError, DialError};
use super::listener::{BoundPort, DEFAULT_BACKLOG, Listener, is_bindable};
use super::names::PodNames;
use super::rules::Origin;

/// Connections remembered before ended ones are first swept out.
const FIRST_SWEEP: usize = 32;

/// Who uses a network; rules and name lookup ask for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodIdentity {
    /// Namespace of the pod; empty for a node itself.
    pub namespace: String,
    /// Name of the pod; empty for a node itself.
    pub name: String,
    /// Uid of the pod; empty for a node itself.
    pub uid: String,
    /// The node that it is on.
    pub node: String,
    /// The pod's host name.
    pub hostname: String,
    /// What it knows of names.
    pub names: PodNames,
}

/// The network that the containers of a pod share, or a node's own. Clones are the same.
#[derive(Clone)]
pub struct PodNetwork {
    identity: Arc<PodIdentity>,
    shared: Arc<Namespace>,
}

/// The network namespace, which all pods of a node with `hostNetwork` have in common.
struct Namespace {
    network: WeakNetwork,
    ip: Ipv4Addr,
    /// Whether it is a node's own.
    of_node: bool,
    bindings: Mutex<Bindings<mpsc::Sender<Connection>>>,
    datagrams: Mutex<Bindings<Inbox>>,
    connections: Mutex<Connections>,
}

/// The open connections of a pod, to reset them when it goes.
#[derive(Default)]
struct Connections {
    links: Vec<Weak<Link>>,
    sweep_at: usize,
    removed: bool,
}

impl PodNetwork {
    pub(super) fn new(network: WeakNetwork, identity: PodIdentity, ip: Ipv4Addr, of_node: bool) -> Self {
        let (bindings, datagrams, connections) = Default::default();
        let shared = Arc::new(Namespace { network, ip, of_node, bindings, datagrams, connections });
        Self { identity: Arc::new(identity), shared }
    }

    /// The same network namespace as another of its pods has it.
    pub fn shared_with(&self, identity: PodIdentity) -> Self {
        Self { identity: Arc::new(identity), shared: self.shared.clone() }
    }

    /// The pod's address.
    pub fn ip(&self) -> Ipv4Addr {
        self.shared.ip
    }

    /// Who the pod is.
    pub fn identity(&self) -> &Arc<PodIdentity> {
        &self.identity
    }

    /// Whether connections from here leave from a pod's own address or from the node's.
    pub fn origin(&self) -> Origin {
        if self.shared.of_node { Origin::Node } else { Origin::Pod }
    }

    /// The network that the pod is part of, while that is there.
    pub fn network(&self) -> Option<Network> {
        self.shared.network.upgrade()
    }

    /// Takes a port of the pod: on its IP, on loopback, or on all (`0.0.0.0`); port 0 takes any free one.
    ///
    /// # Errors
    /// When the port is taken, the address is not the pod's, or the pod was removed.
    pub fn bind(&self, address: SocketAddrV4) -> Result<BoundPort, BindError> {
        self.check_bindable(address)?;
        let (port, id) = self.bindings().bind(*address.ip(), address.port())?;
        Ok(BoundPort::new(self.clone(), SocketAddrV4::new(*address.ip(), port), id))
    }

    /// Takes a UDP port of the pod, as [`PodNetwork::bind`] takes one of TCP.
    ///
    /// # Errors
    /// As [`PodNetwork::bind`].
    pub fn bind_datagrams(&self, address: SocketAddrV4) -> Result<DatagramPort, BindError> {
        self.check_bindable(address)?;
        let pressure = self.network().ok_or(BindError::PodRemoved)?.pressure();
        let (port, id) = self.datagrams().bind(*address.ip(), address.port())?;
        let address = SocketAddrV4::new(*address.ip(), port);
        let (bound, inbox) = DatagramPort::new(self.clone(), address, id, pressure);
        self.datagrams().listen(port, id, &inbox);
        Ok(bound)
    }

    fn check_bindable(&self, address: SocketAddrV4) -> Result<(), BindError> {
        if !is_bindable(*address.ip(), self.shared.ip) {
            return Err(BindError::AddressNotAvailable);
        }
        if self.connections().removed { Err(BindError::PodRemoved) } else { Ok(()) }
    }

    /// Binds a port and listens on it.
    ///
    /// # Errors
    /// As [`PodNetwork::bind`].
    pub fn listen(&self, address: SocketAddrV4) -> Result<Listener, BindError> {
        Ok(self.bind(address)?.listen(DEFAULT_BACKLOG))
    }

    /// Dials from this pod, see [`Network::dial`].
    ///
    /// # Errors
    /// As [`Network::dial`].
    pub async fn dial(&self, to: SocketAddr) -> Result<Connection, DialError> {
        self.network().ok_or(DialError::Unreachable)?.dial(self, to).await
    }

    pub(super) fn bindings(&self) -> MutexGuard<'_, Bindings<mpsc::Sender<Connection>>> {
        self.shared.bindings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn datagrams(&self) -> MutexGuard<'_, Bindings<Inbox>> {
        self.shared.datagrams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers a connection until it ends. `false` when the pod was removed.
    pub(super) fn remember(&self, connection: &Connection) -> bool {
        let mut connections = self.connections();
        if connections.removed {
            return false;
        }
        if connections.links.len() >= connections.sweep_at {
            connections.links.retain(|link| link.strong_count() > 0);
            connections.sweep_at = (2 * connections.links.len()).max(FIRST_SWEEP);
        }
        connections.links.push(Arc::downgrade(connection.link()));
        true
    }

    /// Frees all ports and resets all connections; nothing works from now on.
    pub(super) fn shut_down(&self) {
        let mut connections = self.connections();
        connections.removed = true;
        let links = std::mem::take(&mut connections.links);
        drop(connections);
        self.bindings().clear();
        self.datagrams().clear();
        links.iter().filter_map(Weak::upgrade).for_each(|link| link.reset());
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    fn connections(&self) -> MutexGuard<'_, Connections> {
        self.shared.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
