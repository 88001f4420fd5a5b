//! The network of a cluster and the one way a connection is made in it.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use shared::proxy::service_port::Protocol;
use tokio::sync::mpsc;

use super::bindings::EPHEMERAL_PORTS;
use super::connection::{Addresses, Connection};
use super::datagram::Datagram;
use super::error::{BindError, DialError};
use super::outbound::Outbound;
use super::pod::{PodIdentity, PodNetwork};
use super::pressure::Pressure;
use super::rules::{Arrival, Attempt, ConnectionRule, Flow, Origin, Rules, Stage, Verdict};

/// How long a connection waits for room in a backlog, or for an answer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// How long after the first attempt that got no answer the second is made; it doubles from one to the next, as
/// with Linux's `TCP_TIMEOUT_INIT`.
const FIRST_RETRY: Duration = Duration::from_secs(1);

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
    /// The address of each node, by its name.
    nodes: Mutex<BTreeMap<String, Ipv4Addr>>,
    rules: Rules,
    pressure: Arc<Pressure>,
    /// Port of the last connection that left under a node's address.
    node_port: AtomicU16,
    /// The way out of the cluster, where there is one.
    outbound: OnceLock<Arc<Outbound>>,
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
        self.add(identity, ip, false)
    }

    /// Puts a node on the network: the namespace that it shares with its pods of `hostNetwork`.
    ///
    /// # Errors
    /// `AddressInUse` when another one has the address.
    pub fn add_node(&self, name: &str, ip: Ipv4Addr) -> Result<PodNetwork, BindError> {
        let (node, hostname) = (name.to_owned(), name.to_owned());
        let place = self.add(PodIdentity { node, hostname, ..PodIdentity::default() }, ip, true)?;
        self.shared.nodes.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), ip);
        Ok(place)
    }

    fn add(&self, identity: PodIdentity, ip: Ipv4Addr, of_node: bool) -> Result<PodNetwork, BindError> {
        let mut pods = self.pods();
        if pods.contains_key(&ip) {
            return Err(BindError::AddressInUse);
        }
        let pod = PodNetwork::new(self.downgrade(), identity, ip, of_node);
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

    /// Takes every pod of a node off the network, as when it loses its power.
    pub fn remove_pods_of(&self, node: &str) {
        let gone: Vec<PodNetwork> = {
            let mut pods = self.pods();
            let is_gone = |pod: &PodNetwork| pod.origin() == Origin::Pod && pod.identity().node == node;
            let gone = pods.values().filter(|pod| is_gone(pod)).cloned().collect();
            pods.retain(|_, pod| !is_gone(pod));
            gone
        };
        gone.iter().for_each(PodNetwork::shut_down);
    }

    /// The pod that has an address.
    pub fn pod(&self, ip: Ipv4Addr) -> Option<PodNetwork> {
        self.pods().get(&ip).cloned()
    }

    /// Adds a rule that takes part in every connection from now on.
    pub fn add_rule(&self, stage: Stage, rule: Arc<dyn ConnectionRule>) {
        self.shared.rules.add(stage, rule);
    }

    /// Adds a rule for the connections that leave from one node.
    pub fn add_node_rule(&self, node: &str, stage: Stage, rule: Arc<dyn ConnectionRule>) {
        self.shared.rules.add_to_node(node, stage, rule);
    }

    /// Opens the way out of the cluster; the first one stays.
    pub fn allow_outbound(&self, outbound: Arc<Outbound>) {
        self.shared.outbound.get_or_init(|| outbound);
    }

    /// Makes a connection from a pod or a node: the way of every packet.
    ///
    /// # Errors
    /// As a socket: refused, unreachable, timed out.
    pub async fn dial(&self, from: &PodNetwork, to: SocketAddr) -> Result<Connection, DialError> {
        self.connect(from, attempt(from, Protocol::Tcp, to)?).await
    }

    /// Makes a connection that comes from beyond the cluster, from `source`, and enters at a node.
    ///
    /// # Errors
    /// As [`Network::dial`].
    pub async fn enter(
        &self,
        node: &PodNetwork,
        source: SocketAddr,
        to: SocketAddr,
    ) -> Result<Connection, DialError> {
        let attempt = Attempt { origin: Origin::Outside, source, ..attempt(node, Protocol::Tcp, to)? };
        self.connect(node, attempt).await
    }

    /// Where a datagram goes: where those before it went, as long as that is right; `None` where it is dropped
    /// on its way.
    ///
    /// # Errors
    /// As [`Network::dial`].
    pub(super) fn route_datagram(
        &self,
        from: &PodNetwork,
        to: SocketAddr,
        before: Option<SocketAddr>,
        answers: bool,
    ) -> Result<Option<SocketAddr>, DialError> {
        let mut attempt = Attempt { answers, ..attempt(from, Protocol::Udp, to)? };
        let verdict = match before.filter(|before| self.shared.rules.still_lead(&attempt, *before)) {
            Some(before) => self.decide_again(&mut attempt, before),
            None => self.decide(&mut attempt),
        };
        match verdict {
            Verdict::Continue => Ok(Some(attempt.target)),
            Verdict::Fail(error) => Err(error),
            Verdict::Drop => Ok(None),
        }
    }

    /// Hands a datagram to whoever has a target's port. Its sender is seen under its own address, also where
    /// a connection would be masqueraded.
    ///
    /// # Errors
    /// Where nobody has the port, or the address.
    pub(super) fn deliver(
        &self,
        from: &PodNetwork,
        bound: SocketAddrV4,
        target: SocketAddr,
        datagram: impl FnOnce(SocketAddrV4) -> Datagram,
    ) -> Result<(), DialError> {
        let (server, target) = self.find(from, target)?;
        let inbox = server.datagrams().listener(*target.ip(), target.port()).ok_or(DialError::Refused)?;
        let own = if target.ip().is_loopback() { Ipv4Addr::LOCALHOST } else { from.ip() };
        inbox.put(datagram(SocketAddrV4::new(own, bound.port())));
        Ok(())
    }

    async fn connect(&self, from: &PodNetwork, attempt: Attempt) -> Result<Connection, DialError> {
        let attempt = self.passed(attempt).await?;
        if !attempt.delay.is_zero() {
            tokio::time::sleep(attempt.delay).await;
        }
        if let Some((outbound, target)) = self.way_out(attempt.target) {
            return self.leave(from, &attempt, outbound, target).await;
        }
        let (server, target) = self.find(from, attempt.target)?;
        let backlog = server.bindings().listener(*target.ip(), target.port()).ok_or(DialError::Refused)?;
        let room = room(backlog).await?;
        let client = self.client_address(from, &attempt, &server)?;
        let addresses = Addresses { client, dialled: attempt.dialled, server: target.into() };
        let flow = Flow { source: client, dialled: attempt.dialled, target: target.into() };
        let flow = self.shared.rules.open(&attempt.node, flow);
        let (client_end, server_end) = Connection::pair(addresses, &self.shared.pressure, flow);
        if !from.remember(&client_end) || !server.remember(&server_end) {
            return Err(DialError::Unreachable);
        }
        room.send(server_end);
        Ok(client_end)
    }

    /// The way out, for a target that nobody here has and that may be reached.
    fn way_out(&self, target: SocketAddr) -> Option<(&Outbound, SocketAddrV4)> {
        let SocketAddr::V4(target) = target else { return None };
        let outbound = self.shared.outbound.get()?;
        let is_here = target.ip().is_loopback() || self.pod(*target.ip()).is_some();
        (!is_here && outbound.allows(target)).then_some((&**outbound, target))
    }

    /// Connects to what is beyond the cluster.
    async fn leave(
        &self,
        from: &PodNetwork,
        attempt: &Attempt,
        outbound: &Outbound,
        target: SocketAddrV4,
    ) -> Result<Connection, DialError> {
        let exit = outbound.open(target).await?;
        let port = from.bindings().client_port().ok_or(DialError::NoFreePort)?;
        let client = SocketAddr::new(attempt.source.ip(), port);
        let addresses = Addresses { client, dialled: attempt.dialled, server: target.into() };
        let flow = Flow { source: client, dialled: attempt.dialled, target: target.into() };
        let flow = self.shared.rules.open(&attempt.node, flow);
        let (client_end, outer_end) = Connection::pair(addresses, &self.shared.pressure, flow);
        if !from.remember(&client_end) {
            return Err(DialError::Unreachable);
        }
        tokio::spawn(exit.carry(outer_end));
        Ok(client_end)
    }

    /// Asks the rules until they let a connection pass: what is dropped on its way is sent again, as TCP does
    /// it, until the client has waited long enough.
    async fn passed(&self, first: Attempt) -> Result<Attempt, DialError> {
        let (mut left, mut pause) = (CONNECT_TIMEOUT, FIRST_RETRY);
        loop {
            let mut attempt = first.clone();
            match self.decide(&mut attempt) {
                Verdict::Continue => return Ok(attempt),
                Verdict::Fail(error) => return Err(error),
                Verdict::Drop if left.is_zero() => return Err(DialError::TimedOut),
                Verdict::Drop => {}
            }
            tokio::time::sleep(pause.min(left)).await;
            left = left.saturating_sub(pause);
            pause *= 2;
        }
    }

    /// Asks the rules of the node that the connection leaves from, then those of the node that it comes to;
    /// where it comes to another node's own address, it leaves from there anew.
    fn decide(&self, attempt: &mut Attempt) -> Verdict {
        if attempt.target.ip().is_loopback() {
            return Verdict::Continue;
        }
        let verdict = self.shared.rules.decide(attempt);
        if verdict != Verdict::Continue {
            return verdict;
        }
        if let Some(entered) = self.node_at(attempt.target).filter(|entered| *entered != attempt.node) {
            let verdict = self.admit(attempt);
            if verdict != Verdict::Continue {
                return verdict;
            }
            self.enter_node(attempt, entered);
            let verdict = self.shared.rules.decide(attempt);
            if verdict != Verdict::Continue {
                return verdict;
            }
        }
        self.admit(attempt)
    }

    /// As [`Network::decide`] for a datagram that follows others to where these went.
    fn decide_again(&self, attempt: &mut Attempt, before: SocketAddr) -> Verdict {
        attempt.target = before;
        if before.ip().is_loopback() {
            return Verdict::Continue;
        }
        match self.shared.rules.decide_from(Stage::Policy, attempt) {
            Verdict::Continue => self.admit(attempt),
            verdict => verdict,
        }
    }

    /// Asks the rules of the node that a connection comes to.
    fn admit(&self, attempt: &mut Attempt) -> Verdict {
        let IpAddr::V4(target) = attempt.target.ip() else { return Verdict::Continue };
        let Some(server) = self.pod(target) else { return Verdict::Continue };
        let source = self.seen_from(attempt, &server);
        let own = [self.address_of(&server.identity().node), Some(bridge_address(target))];
        let arrival = Arrival {
            attempt,
            source,
            from_own_node: own.into_iter().flatten().any(|own| source == own),
            server: server.identity(),
            place: server.origin(),
        };
        let (verdict, delay) = (self.shared.rules.admit(&arrival), self.shared.rules.delay(&arrival));
        attempt.delay += delay;
        verdict
    }

    /// Under which address a connection comes to `server`.
    fn seen_from(&self, attempt: &Attempt, server: &PodNetwork) -> IpAddr {
        match attempt.origin {
            Origin::Outside | Origin::Pod if !attempt.masquerade => attempt.source.ip(),
            _ => self.node_address(&attempt.node, server).map_or(attempt.source.ip(), IpAddr::V4),
        }
    }

    /// A connection comes to another node than it left from, under the address that it has by then.
    fn enter_node(&self, attempt: &mut Attempt, entered: String) {
        let left = std::mem::replace(&mut attempt.node, entered);
        if std::mem::take(&mut attempt.masquerade) {
            if let Some(address) = self.address_of(&left) {
                attempt.source.set_ip(address.into());
            }
            attempt.masqueraded = true;
        }
        if attempt.origin == Origin::Node || attempt.masqueraded {
            attempt.origin = Origin::Outside;
        }
    }

    fn address_of(&self, node: &str) -> Option<Ipv4Addr> {
        self.shared.nodes.lock().unwrap_or_else(PoisonError::into_inner).get(node).copied()
    }

    /// The node whose address this is.
    fn node_at(&self, address: SocketAddr) -> Option<String> {
        let IpAddr::V4(ip) = address.ip() else { return None };
        let found = self.pod(ip).filter(|place| place.origin() == Origin::Node)?;
        Some(found.identity().node.clone())
    }

    /// Whose a target address is.
    fn find(&self, from: &PodNetwork, to: SocketAddr) -> Result<(PodNetwork, SocketAddrV4), DialError> {
        let SocketAddr::V4(to) = to else {
            return Err(DialError::Unreachable);
        };
        let pod = if to.ip().is_loopback() { Some(from.clone()) } else { self.pod(*to.ip()) };
        Ok((pod.ok_or(DialError::Unreachable)?, to))
    }

    /// The address that the server sees.
    fn client_address(
        &self,
        from: &PodNetwork,
        attempt: &Attempt,
        server: &PodNetwork,
    ) -> Result<SocketAddr, DialError> {
        let own_port = || from.bindings().client_port().ok_or(DialError::NoFreePort);
        if attempt.target.ip().is_loopback() {
            return Ok(SocketAddr::new(attempt.source.ip(), own_port()?));
        }
        let keeps_its_own = attempt.origin != Origin::Node && !attempt.masquerade;
        let port = match attempt.source.port() {
            0 if keeps_its_own && !attempt.masqueraded => own_port()?,
            chosen if keeps_its_own && chosen != 0 => chosen,
            _ => self.next_node_port(),
        };
        Ok(SocketAddr::new(self.seen_from(attempt, server), port))
    }

    /// The address of a node as `server` sees it: to the node's own pods, its end of their network.
    fn node_address(&self, node: &str, server: &PodNetwork) -> Option<Ipv4Addr> {
        if server.origin() == Origin::Pod && server.identity().node == node {
            return Some(bridge_address(server.ip()));
        }
        self.address_of(node)
    }

    fn next_node_port(&self) -> u16 {
        let count = self.shared.node_port.fetch_add(1, Ordering::Relaxed);
        let ports = EPHEMERAL_PORTS.end() - EPHEMERAL_PORTS.start() + 1;
        EPHEMERAL_PORTS.start() + count % ports
    }

    /// What all of the network may buffer.
    pub(super) fn pressure(&self) -> Arc<Pressure> {
        self.shared.pressure.clone()
    }

    fn downgrade(&self) -> WeakNetwork {
        WeakNetwork { shared: Arc::downgrade(&self.shared) }
    }

    fn pods(&self) -> MutexGuard<'_, BTreeMap<Ipv4Addr, PodNetwork>> {
        self.shared.pods.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection as it leaves its socket. The wildcard as a target means loopback, as on Linux.
fn attempt(from: &PodNetwork, protocol: Protocol, to: SocketAddr) -> Result<Attempt, DialError> {
    if to.port() == 0 {
        return Err(DialError::InvalidAddress);
    }
    let mut target = to;
    if to.ip().is_unspecified() {
        target.set_ip(Ipv4Addr::LOCALHOST.into());
    }
    let source = if target.ip().is_loopback() { Ipv4Addr::LOCALHOST } else { from.ip() };
    Ok(Attempt {
        client: from.identity().clone(),
        node: from.identity().node.clone(),
        origin: from.origin(),
        protocol,
        source: SocketAddrV4::new(source, 0).into(),
        dialled: target,
        target,
        masquerade: false,
        masqueraded: false,
        answers: false,
        delay: Duration::ZERO,
    })
}

/// The node's own address on a pod's network, as a bridge has it: the first of the pod's /24.
fn bridge_address(pod: Ipv4Addr) -> Ipv4Addr {
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
