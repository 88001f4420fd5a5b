//! kube-proxy: watches Services and EndpointSlices and writes a node's rules, by which connections to a
//! Service reach one of its pods. What is decided is in `shared::proxy`.
//!
//! The rules are the node's and not the proxy's, as those of iptables are: where kube-proxy ends they stay
//! as they are, until the next one writes them anew.

mod health;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use k8s_openapi::api::core::v1::{Node, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use shared::apiserver::request::ListOptions;
use shared::cidr::Cidr;
use shared::client::Client;
use shared::given::Clock;
use shared::informer::Change;
use shared::proxy::affinity::Affinity;
use shared::proxy::iptables::iptables_save;
use shared::proxy::route::{Packet, Route, is_answered, route, still_leads};
use shared::proxy::service_port::Protocol;
use shared::proxy::table::ServiceTable;
use tokio::sync::mpsc;

use crate::clock::{ClusterClock, SystemEntropy};
use crate::component_log::ComponentLog;
use crate::network::{Attempt, ConnectionRule, DialError, Network, Origin, PodNetwork, Stage, Verdict};
use crate::pump::{Tasks, Told, apply, inform};
use health::HealthServer;

/// The rules of one node.
pub struct NodeRules {
    node: String,
    address: Ipv4Addr,
    pod_network: Cidr,
    clock: Arc<ClusterClock>,
    written: Mutex<Written>,
}

struct Written {
    table: ServiceTable,
    affinity: Affinity,
}

impl NodeRules {
    /// The rules as `iptables-save` would print them on the node.
    pub fn iptables_save(&self) -> String {
        iptables_save(&self.written().table)
    }

    /// Whether somebody answers a connection from beyond the cluster that enters at this node.
    pub(crate) fn answers_from_outside(&self, source: Ipv4Addr, destination: SocketAddrV4) -> bool {
        let to_node = *destination.ip() == self.address;
        let packet = Packet { protocol: Protocol::Tcp, source, destination, from_node: false, to_node };
        is_answered(&self.written().table, &packet)
    }

    fn written(&self) -> MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn route(&self, packet: &Packet) -> Route {
        let Written { table, affinity } = &mut *self.written();
        route(table, affinity, packet, self.clock.now(), &SystemEntropy)
    }
}

impl NodeRules {
    /// A connection as the rules see it; they know none of IPv6.
    fn packet(&self, attempt: &Attempt) -> Option<Packet> {
        let (SocketAddr::V4(destination), IpAddr::V4(source)) = (attempt.target, attempt.source.ip()) else {
            return None;
        };
        Some(Packet {
            protocol: attempt.protocol,
            source,
            destination,
            from_node: attempt.origin == Origin::Node,
            to_node: *destination.ip() == self.address,
        })
    }
}

impl ConnectionRule for NodeRules {
    fn decide(&self, attempt: &mut Attempt) -> Verdict {
        let Some(packet) = self.packet(attempt) else { return Verdict::Continue };
        match self.route(&packet) {
            Route::Untouched => {}
            Route::Forward { endpoint, masquerade } => {
                attempt.target = endpoint.into();
                attempt.masquerade |= masquerade;
            }
            Route::Reject => return Verdict::Fail(DialError::Refused),
            Route::Drop => return Verdict::Drop,
        }
        Verdict::Continue
    }

    fn still_leads(&self, attempt: &Attempt, before: SocketAddr) -> bool {
        match (self.packet(attempt), before) {
            (Some(packet), SocketAddr::V4(before)) => still_leads(&self.written().table, &packet, before),
            _ => true,
        }
    }
}

/// The rules of every node of a cluster.
#[derive(Default)]
pub struct ProxyRules {
    by_node: BTreeMap<String, Arc<NodeRules>>,
}

impl ProxyRules {
    /// Puts the rules of a node in its place on the network; they are empty until kube-proxy writes them.
    pub(crate) fn install(
        &mut self,
        network: &Network,
        node: &str,
        address: Ipv4Addr,
        pod_network: Cidr,
        clock: Arc<ClusterClock>,
    ) {
        let table = ServiceTable::new(node, pod_network);
        let written = Mutex::new(Written { table, affinity: Affinity::default() });
        let rules = Arc::new(NodeRules { node: node.to_owned(), address, pod_network, clock, written });
        network.add_node_rule(node, Stage::Translate, rules.clone());
        self.by_node.insert(node.to_owned(), rules);
    }

    /// The rules of a node.
    pub fn of(&self, node: &str) -> Option<&Arc<NodeRules>> {
        self.by_node.get(node)
    }
}

enum Input {
    Service(Told),
    EndpointSlice(Told),
    Node(Told),
}

impl Input {
    /// Of which kind it is, and what it says.
    fn told(&self) -> (&'static str, &Told) {
        match self {
            Input::Service(told) => ("Service", told),
            Input::EndpointSlice(told) => ("EndpointSlice", told),
            Input::Node(told) => ("Node", told),
        }
    }
}

/// Writes a node's rules until the task is dropped.
pub(crate) async fn run(client: Client, rules: Arc<NodeRules>, node: PodNetwork, log: ComponentLog) {
    let mut health = HealthServer::new(node, log.clone());
    let (inputs, mut received) = mpsc::unbounded_channel();
    let mut tasks = Tasks::default();
    let own =
        ListOptions { field_selector: format!("metadata.name={}", rules.node), ..ListOptions::default() };
    let all = ListOptions::default;
    tasks.spawn(inform::<Service, _>(client.clone(), all(), inputs.clone(), Input::Service));
    tasks.spawn(inform::<EndpointSlice, _>(client.clone(), all(), inputs.clone(), Input::EndpointSlice));
    tasks.spawn(inform::<Node, _>(client, own, inputs, Input::Node));
    // Until everything is known the rules of the proxy before this one stay.
    let mut table = Some(ServiceTable::new(&rules.node, rules.pod_network));
    let mut unread = BTreeSet::from(["Service", "EndpointSlice", "Node"]);
    loop {
        let input = tokio::select! {
            input = received.recv() => input,
            never = tasks.watch() => match never {},
        };
        let Some(input) = input else { return };
        if let (kind, Told::Synced) = input.told() {
            unread.remove(kind);
            if unread.is_empty()
                && let Some(table) = table.take()
            {
                log.info(&format!("\"Syncing iptables rules\" servicePorts={}", table.entries().count()));
                rules.written().table = table;
            }
        }
        match &mut table {
            Some(table) => write(table, &input),
            None => {
                let checks = {
                    let table = &mut rules.written().table;
                    write(table, &input);
                    table.health_checks()
                };
                health.set(checks);
            }
        }
    }
}

fn write(table: &mut ServiceTable, input: &Input) {
    match input {
        Input::Service(told) => apply(told, |change, service| match change {
            Change::Deleted => table.remove_service(service),
            _ => table.set_service(service),
        }),
        Input::EndpointSlice(told) => apply(told, |change, slice| match change {
            Change::Deleted => table.remove_endpoint_slice(slice),
            _ => table.set_endpoint_slice(slice),
        }),
        Input::Node(told) => apply(told, |_, node| table.set_node(node)),
    }
}
