//! Ways in from the machine: listens on its loopback interface where `shared::ways_in` says so, and carries
//! what comes into the pod network. Also what a `hostPort` leads to within the cluster.
//!
//! Nobody but this machine gets in: no other interface is listened on. A port that another program has is said,
//! in an event of the object that wants it and in the log, and tried again from time to time.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use k8s_openapi::api::core::v1::{ObjectReference, Pod, Service};
use shared::apiserver::request::ListOptions;
use shared::client::Client;
use shared::informer::Change;
use shared::recorder::{Note, regarding};
use shared::ways_in::{Entrance, WaysIn, left_out};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use crate::network::{Attempt, ConnectionRule, DialError, Network, Origin, PodNetwork, Stage, Verdict};
use crate::proxy::ProxyRules;
use crate::pump::{EventSink, Tasks, Told, apply, inform};

/// The machine as the nodes see it: the gateway of their network.
const MACHINE: Ipv4Addr = Ipv4Addr::new(172, 18, 0, 1);
/// Connections that may be open at once; more of them wait.
const MOST_CONNECTIONS: usize = 1024;
/// How long until a port that was taken is tried again.
const RETRY: Duration = Duration::from_secs(30);

/// What the ways lead into.
pub(crate) struct Inside {
    network: Network,
    /// The nodes, the control plane's first.
    hosts: Vec<PodNetwork>,
    proxies: Arc<ProxyRules>,
    ways: Arc<RwLock<WaysIn>>,
}

impl Inside {
    /// The cluster's network, on which ports of nodes lead to pods from now on.
    pub(crate) fn new(network: Network, hosts: Vec<PodNetwork>, proxies: Arc<ProxyRules>) -> Inside {
        let ways = Arc::<RwLock<WaysIn>>::default();
        for host in &hosts {
            let rule =
                HostPorts { node: host.identity().node.clone(), address: host.ip(), ways: ways.clone() };
            network.add_node_rule(&host.identity().node, Stage::Translate, Arc::new(rule));
        }
        Inside { network, hosts, proxies, ways }
    }

    fn write(&self, change: impl FnOnce(&mut WaysIn)) {
        change(&mut self.ways.write().unwrap_or_else(PoisonError::into_inner));
    }

    fn wanted(&self) -> BTreeMap<SocketAddrV4, (Entrance, ObjectReference)> {
        self.ways.read().unwrap_or_else(PoisonError::into_inner).ways()
    }

    /// The node that a connection enters at, and what is dialled there.
    fn entrance(&self, to: &Entrance) -> Option<(&PodNetwork, SocketAddrV4)> {
        let at = |host: &PodNetwork| match to {
            Entrance::Address(address) => *address,
            Entrance::NodePort(port) | Entrance::HostPort { port, .. } => SocketAddrV4::new(host.ip(), *port),
        };
        if let Entrance::HostPort { node, .. } = to {
            let host = self.hosts.iter().find(|host| host.identity().node == *node)?;
            return Some((host, at(host)));
        }
        let answers = |host: &&PodNetwork| {
            let rules = self.proxies.of(&host.identity().node);
            rules.is_some_and(|rules| rules.answers_from_outside(MACHINE, at(host)))
        };
        let host = self.hosts.iter().find(answers).or(self.hosts.first())?;
        Some((host, at(host)))
    }

    async fn dial(&self, to: &Entrance, peer: SocketAddr) -> Result<crate::network::Connection, DialError> {
        let (host, dialled) = self.entrance(to).ok_or(DialError::Unreachable)?;
        let source = SocketAddr::new(MACHINE.into(), peer.port());
        self.network.enter(host, source, dialled.into()).await
    }
}

/// Leads the ports of one node to the pods that have them.
struct HostPorts {
    node: String,
    address: Ipv4Addr,
    ways: Arc<RwLock<WaysIn>>,
}

impl ConnectionRule for HostPorts {
    fn decide(&self, attempt: &mut Attempt) -> Verdict {
        let SocketAddr::V4(target) = attempt.target else { return Verdict::Continue };
        if *target.ip() != self.address {
            return Verdict::Continue;
        }
        let ways = self.ways.read().unwrap_or_else(PoisonError::into_inner);
        if ways.has_host_ports()
            && let Some(pod) = ways.behind(&self.node, attempt.protocol, target)
        {
            // What comes back to its own sender takes the node's address, or the answer would never leave the pod.
            attempt.masquerade |=
                attempt.origin == Origin::Pod && attempt.source.ip() == IpAddr::V4(*pod.ip());
            attempt.target = pod.into();
        }
        Verdict::Continue
    }
}

enum Input {
    Service(Told),
    Pod(Told),
}

/// Keeps the ways open until the task is dropped; without `listens` those of the cluster alone.
pub(crate) async fn run(client: Client, inside: Arc<Inside>, listens: bool) {
    let events = EventSink::new(client.clone(), "kijabi-ways-in", "");
    let (inputs, mut received) = mpsc::unbounded_channel();
    let mut tasks = Tasks::default();
    let all = ListOptions::default;
    tasks.spawn(inform::<Service, _>(client.clone(), all(), inputs.clone(), Input::Service));
    tasks.spawn(inform::<Pod, _>(client, all(), inputs, Input::Pod));
    let mut doors =
        Doors { inside, events, open: BTreeMap::new(), room: Arc::new(Semaphore::new(MOST_CONNECTIONS)) };
    loop {
        let input = tokio::select! {
            input = received.recv() => input,
            never = tasks.watch() => match never {},
        };
        let Some(input) = input else { return };
        match &input {
            Input::Service(told) => apply(told, |change, service| match change {
                Change::Deleted => doors.inside.write(|ways| ways.remove_service(service)),
                _ => doors.inside.write(|ways| ways.set_service(service)),
            }),
            Input::Pod(told) => apply(told, |change, pod| match change {
                Change::Deleted => doors.inside.write(|ways| ways.remove_pod(pod)),
                _ => doors.inside.write(|ways| ways.set_pod(pod)),
            }),
        }
        if listens {
            doors.set();
            doors.tell_of_datagrams(&input).await;
        }
    }
}

/// The ports of the machine that are listened on.
struct Doors {
    inside: Arc<Inside>,
    events: EventSink,
    open: BTreeMap<SocketAddrV4, (Entrance, JoinSet<()>)>,
    room: Arc<Semaphore>,
}

impl Doors {
    /// Opens and closes what changed.
    fn set(&mut self) {
        let wanted = self.inside.wanted();
        self.open.retain(|listen, (to, _)| wanted.get(listen).is_some_and(|(wanted, _)| wanted == to));
        for (listen, (to, about)) in wanted {
            self.open.entry(listen).or_insert_with(|| {
                let mut task = JoinSet::new();
                let door = Door { listen, to: to.clone(), about, inside: self.inside.clone() };
                task.spawn(door.keep_open(self.events.clone(), self.room.clone()));
                (to, task)
            });
        }
    }

    /// Says that a new Service's datagrams do not get in.
    async fn tell_of_datagrams(&self, input: &Input) {
        let mut note = None;
        if let Input::Service(told) = input {
            apply(told, |change, service: &Service| {
                let ports = left_out(service);
                if change == Change::Added && !ports.is_empty() {
                    note = Some(datagrams_stay_out(service, &ports));
                }
            });
        }
        if let Some(note) = note {
            self.events.record(&note).await;
        }
    }
}

fn datagrams_stay_out(service: &Service, ports: &[String]) -> Note {
    let metadata = &service.metadata;
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    Note {
        regarding: regarding(
            "Service",
            &text(&metadata.namespace),
            &text(&metadata.name),
            metadata.uid.clone(),
        ),
        type_: "Warning",
        reason: "PortNotPublished".into(),
        message: format!(
            "{} answers within the cluster alone: only TCP leads in from this machine",
            ports.join(", ")
        ),
    }
}

/// One port of the machine.
struct Door {
    listen: SocketAddrV4,
    to: Entrance,
    about: ObjectReference,
    inside: Arc<Inside>,
}

impl Door {
    async fn keep_open(self, events: EventSink, room: Arc<Semaphore>) {
        let mut said = false;
        let listener = loop {
            match bind(self.listen).await {
                Ok(listener) => break listener,
                Err(error) if !said => {
                    said = true;
                    let note = self.taken(&error);
                    tracing::warn!("{}", note.message);
                    events.record(&note).await;
                }
                Err(_) => {}
            }
            tokio::time::sleep(RETRY).await;
        };
        let inside = self.inside;
        let mut connections = JoinSet::new();
        loop {
            while connections.try_join_next().is_some() {}
            let Ok(place) = room.clone().acquire_owned().await else { return };
            match listener.accept().await {
                Ok((stream, peer)) => {
                    let (inside, to) = (inside.clone(), self.to.clone());
                    connections.spawn(async move {
                        carry(&inside, &to, stream, peer).await;
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "accepting a connection failed");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    fn taken(&self, error: &std::io::Error) -> Note {
        let what = match &self.to {
            Entrance::NodePort(port) => format!("node port {port}"),
            Entrance::Address(address) => format!("load balancer {address}"),
            Entrance::HostPort { port, .. } => format!("host port {port}"),
        };
        let message = format!(
            "{what} does not answer on this machine, {} cannot be listened on: {error}; within the cluster it answers",
            self.listen
        );
        Note { regarding: self.about.clone(), type_: "Warning", reason: "PortNotPublished".into(), message }
    }
}

/// Listens where it is wanted, or at 127.0.0.1 where the system has no more of its loopback interface.
async fn bind(wanted: SocketAddrV4) -> std::io::Result<TcpListener> {
    match TcpListener::bind(wanted).await {
        Err(error) if error.kind() == std::io::ErrorKind::AddrNotAvailable => {
            TcpListener::bind((Ipv4Addr::LOCALHOST, wanted.port())).await
        }
        outcome => outcome,
    }
}

/// Carries one connection to its end; where nobody answers it is reset.
async fn carry(inside: &Inside, to: &Entrance, mut stream: TcpStream, peer: SocketAddr) {
    match inside.dial(to, peer).await {
        Ok(mut connection) => {
            let ended = tokio::io::copy_bidirectional(&mut stream, &mut connection).await;
            if let Err(error) = ended {
                tracing::debug!(%peer, %error, "a connection from this machine ended");
            }
        }
        Err(error) => {
            tracing::debug!(%peer, %error, "nobody answers a connection from this machine");
            if let Err(error) = stream.set_zero_linger() {
                tracing::debug!(%peer, %error, "SO_LINGER");
            }
        }
    }
}
