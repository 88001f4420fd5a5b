//! The network of a cluster and the one way a connection is made in it.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::mpsc;

use super::bindings::EPHEMERAL_PORTS;
use super::connection::{Addresses, Connection};
use super::error::{BindError, DialError};
use super::pod::{PodIdentity, PodNetwork};
use super::pressure::Pressure;
use super::rules::{Attempt, ConnectionRule, Flow, Rules, Stage};

/// How long a connection waits for room in a backlog.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// The pod network of a cluster. Clones are the same network.
#[derive(Clone, Default)]
pub struct Network {
    shared: Arc<Shared>,
}

/// A network that may be gone: what pods know it by, so that they do not keep it.
#[derive(Clone)]
pub(super) struct WeakNetwork {
    shared: Weak<Shared>,
}

impl WeakNetwork {
    pub(super) fn upgrade(&self) -> Option<Network> {
        self.shared.upgrade().map(|shared| Network { shared })
    }
}

#[derive(Default)]
struct Shared {
    pods: Mutex<BTreeMap<Ipv4Addr, PodNetwork>>,
    rules: Rules,
    pressure: Arc<Pressure>,
    /// Port of the last connection that came from a node.
    node_port: AtomicU16,
}

impl Network {
    /// An empty network.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts a pod on the network.
    ///
    /// # Errors
    /// `AddressInUse` when another pod has the address.
    pub fn add_pod(&self, identity: PodIdentity, ip: Ipv4Addr) -> Result<PodNetwork, BindError> {
        let mut pods = self.pods();
        if pods.contains_key(&ip) {
            return Err(BindError::AddressInUse);
        }
        let pod = PodNetwork::new(self.downgrade(), identity, ip);
        pods.insert(ip, pod.clone());
        Ok(pod)
    }

    /// Takes a pod off the network: its listeners refuse, its connections are reset, its address is free.
    pub fn remove_pod(&self, pod: &PodNetwork) {
        let mut pods = self.pods();
        if pods.get(&pod.ip()).is_some_and(|there| there.is_same(pod)) {
            pods.remove(&pod.ip());
        }
        drop(pods);
        pod.shut_down();
    }

    /// The pod that has an address.
    pub fn pod(&self, ip: Ipv4Addr) -> Option<PodNetwork> {
        self.pods().get(&ip).cloned()
    }

    /// Adds a rule that takes part in every connection from now on.
    pub fn add_rule(&self, stage: Stage, rule: Arc<dyn ConnectionRule>) {
        self.shared.rules.add(stage, rule);
    }

    /// Makes a connection: the way of every packet. `from` is the dialling pod; `None` is the node that the
    /// target lives on, on whose behalf the pod proxy dials. Loopback is the dialling pod's own.
    ///
    /// # Errors
    /// As a socket: refused, unreachable, timed out.
    pub async fn dial(&self, from: Option<&PodNetwork>, to: SocketAddr) -> Result<Connection, DialError> {
        let mut attempt = attempt(from, to)?;
        if !attempt.target.ip().is_loopback() {
            self.shared.rules.decide(&mut attempt)?;
        }
        if !attempt.delay.is_zero() {
            tokio::time::sleep(attempt.delay).await;
        }
        let (server, target) = self.find(from, attempt.target)?;
        let backlog = server.bindings().listener(*target.ip(), target.port()).ok_or(DialError::Refused)?;
        let room = room(backlog).await?;
        let client = self.client_address(from, attempt.source, target)?;
        let addresses = Addresses { client, dialled: attempt.dialled, server: target.into() };
        let flow = Flow { source: client, dialled: attempt.dialled, target: target.into() };
        let (client_end, server_end) =
            Connection::pair(addresses, &self.shared.pressure, self.shared.rules.open(flow));
        if !from.is_none_or(|pod| pod.remember(&client_end)) || !server.remember(&server_end) {
            return Err(DialError::Unreachable);
        }
        room.send(server_end);
        Ok(client_end)
    }

    /// The pod that a target address belongs to.
    fn find(
        &self,
        from: Option<&PodNetwork>,
        to: SocketAddr,
    ) -> Result<(PodNetwork, SocketAddrV4), DialError> {
        let SocketAddr::V4(to) = to else {
            return Err(DialError::Unreachable);
        };
        let pod = if to.ip().is_loopback() { from.cloned() } else { self.pod(*to.ip()) };
        Ok((pod.ok_or(DialError::Unreachable)?, to))
    }

    /// The address that the server sees: the pod's, or the node's end of the pod network.
    fn client_address(
        &self,
        from: Option<&PodNetwork>,
        source: SocketAddr,
        target: SocketAddrV4,
    ) -> Result<SocketAddr, DialError> {
        match from {
            Some(pod) => {
                let port = pod.bindings().client_port().ok_or(DialError::NoFreePort)?;
                Ok(SocketAddr::new(source.ip(), port))
            }
            None => Ok(SocketAddrV4::new(node_address(*target.ip()), self.next_node_port()).into()),
        }
    }

    fn next_node_port(&self) -> u16 {
        let count = self.shared.node_port.fetch_add(1, Ordering::Relaxed);
        let ports = EPHEMERAL_PORTS.end() - EPHEMERAL_PORTS.start() + 1;
        EPHEMERAL_PORTS.start() + count % ports
    }

    fn downgrade(&self) -> WeakNetwork {
        WeakNetwork { shared: Arc::downgrade(&self.shared) }
    }

    fn pods(&self) -> MutexGuard<'_, BTreeMap<Ipv4Addr, PodNetwork>> {
        self.shared.pods.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection as it leaves its socket. The wildcard as a target means loopback, as on Linux.
fn attempt(from: Option<&PodNetwork>, to: SocketAddr) -> Result<Attempt, DialError> {
    if to.port() == 0 {
        return Err(DialError::InvalidAddress);
    }
    let mut target = to;
    if to.ip().is_unspecified() {
        target.set_ip(Ipv4Addr::LOCALHOST.into());
    }
    let source = match (from, target.ip()) {
        (Some(_), IpAddr::V4(ip)) if ip.is_loopback() => Ipv4Addr::LOCALHOST,
        (Some(pod), _) => pod.ip(),
        (None, IpAddr::V4(ip)) => node_address(ip),
        (None, IpAddr::V6(_)) => return Err(DialError::Unreachable),
    };
    let source = SocketAddrV4::new(source, 0).into();
    Ok(Attempt { source, dialled: target, target, delay: Duration::ZERO })
}

/// The node's own address on a pod's network, as a bridge has it: the first of the pod's /24.
fn node_address(pod: Ipv4Addr) -> Ipv4Addr {
    let [a, b, c, _] = pod.octets();
    Ipv4Addr::new(a, b, c, 1)
}

/// Waits for room in a backlog.
async fn room(backlog: mpsc::Sender<Connection>) -> Result<mpsc::OwnedPermit<Connection>, DialError> {
    match tokio::time::timeout(CONNECT_TIMEOUT, backlog.reserve_owned()).await {
        Ok(Ok(room)) => Ok(room),
        Ok(Err(_)) => Err(DialError::Refused),
        Err(_) => Err(DialError::TimedOut),
    }
}
