//! What holds a node's pods to NetworkPolicies: watches policies, pods and namespaces and keeps the node's
//! table, which is asked about every connection. What is decided is in `shared::network_policy`.
//!
//! A component on every node, as kube-network-policies of kubernetes-sigs is, of which kind's network is made.
//! As with that, a connection that is open stays open when a policy comes that would not have allowed it; and
//! where the component ends, the node holds to what it knew last.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, PoisonError, RwLock};

use k8s_openapi::api::core::v1::{Namespace, Pod};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use shared::apiserver::request::ListOptions;
use shared::client::Client;
use shared::informer::Change;
use shared::network_policy::passage::{Passage, may_arrive, may_leave};
use shared::network_policy::table::PolicyTable;
use tokio::sync::mpsc;

use crate::component_log::ComponentLog;
use crate::network::{Arrival, Attempt, ConnectionRule, Network, Origin, Stage, Verdict};
use crate::pump::{Tasks, Told, apply, inform};

/// What one node holds its pods to.
pub struct NodePolicies {
    node: String,
    address: Ipv4Addr,
    table: RwLock<PolicyTable>,
}

impl NodePolicies {
    fn ask(&self, question: fn(&PolicyTable, &Passage<'_>) -> bool, passage: &Passage<'_>) -> Verdict {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        if question(&table, passage) { Verdict::Continue } else { Verdict::Drop }
    }

    fn write(&self, change: impl FnOnce(&mut PolicyTable)) {
        change(&mut self.table.write().unwrap_or_else(PoisonError::into_inner));
    }
}

impl ConnectionRule for NodePolicies {
    fn decide(&self, attempt: &mut Attempt) -> Verdict {
        let (SocketAddr::V4(target), IpAddr::V4(source)) = (attempt.target, attempt.source.ip()) else {
            return Verdict::Continue;
        };
        if attempt.origin != Origin::Pod || attempt.answers || attempt.client.node != self.node {
            return Verdict::Continue;
        }
        let is_of_own_node = *target.ip() == self.address;
        let (protocol, client) = (attempt.protocol, &attempt.client);
        let pod = (client.namespace.as_str(), client.name.as_str());
        self.ask(may_leave, &Passage { protocol, source, target, pod, is_of_own_node })
    }

    fn admit(&self, arrival: &Arrival<'_>) -> Verdict {
        let attempt = arrival.attempt;
        let (SocketAddr::V4(target), IpAddr::V4(source)) = (attempt.target, arrival.source) else {
            return Verdict::Continue;
        };
        if arrival.place != Origin::Pod || attempt.answers {
            return Verdict::Continue;
        }
        let pod = (arrival.server.namespace.as_str(), arrival.server.name.as_str());
        let (protocol, is_of_own_node) = (attempt.protocol, arrival.from_own_node);
        self.ask(may_arrive, &Passage { protocol, source, target, pod, is_of_own_node })
    }
}

/// What every node of a cluster holds to.
#[derive(Default)]
pub struct Policies {
    by_node: BTreeMap<String, Arc<NodePolicies>>,
}

impl Policies {
    /// Puts the policies of a node in their place on the network; there are none until the component writes them.
    pub(crate) fn install(&mut self, network: &Network, node: &str, address: Ipv4Addr) {
        let table = RwLock::new(PolicyTable::new(node));
        let policies = Arc::new(NodePolicies { node: node.to_owned(), address, table });
        network.add_node_rule(node, Stage::Policy, policies.clone());
        self.by_node.insert(node.to_owned(), policies);
    }

    /// The policies of a node.
    pub(crate) fn of(&self, node: &str) -> Option<&Arc<NodePolicies>> {
        self.by_node.get(node)
    }
}

enum Input {
    Policy(Told),
    Pod(Told),
    Namespace(Told),
}

impl Input {
    /// Of which kind it is, and what it says.
    fn told(&self) -> (&'static str, &Told) {
        match self {
            Input::Policy(told) => ("NetworkPolicy", told),
            Input::Pod(told) => ("Pod", told),
            Input::Namespace(told) => ("Namespace", told),
        }
    }
}

/// Keeps what a node holds to until the task is dropped.
pub(crate) async fn run(client: Client, policies: Arc<NodePolicies>, log: ComponentLog) {
    let (inputs, mut received) = mpsc::unbounded_channel();
    let mut tasks = Tasks::default();
    let all = ListOptions::default;
    tasks.spawn(inform::<NetworkPolicy, _>(client.clone(), all(), inputs.clone(), Input::Policy));
    tasks.spawn(inform::<Pod, _>(client.clone(), all(), inputs.clone(), Input::Pod));
    tasks.spawn(inform::<Namespace, _>(client, all(), inputs, Input::Namespace));
    // Until everything is known, what the component before this one knew stays.
    let mut table = Some(PolicyTable::new(&policies.node));
    let mut unread = BTreeSet::from(["NetworkPolicy", "Pod", "Namespace"]);
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
                log.info(&format!("\"Syncing network policies\" policies={}", table.policies()));
                policies.write(|written| *written = table);
            }
        }
        match &mut table {
            Some(table) => write(table, &input),
            None => policies.write(|table| write(table, &input)),
        }
    }
}

fn write(table: &mut PolicyTable, input: &Input) {
    match input {
        Input::Policy(told) => apply(told, |change, policy| match change {
            Change::Deleted => table.remove_policy(policy),
            _ => table.set_policy(policy),
        }),
        Input::Pod(told) => apply(told, |change, pod| match change {
            Change::Deleted => table.remove_pod(pod),
            _ => table.set_pod(pod),
        }),
        Input::Namespace(told) => apply(told, |change, namespace| match change {
            Change::Deleted => table.remove_namespace(namespace),
            _ => table.set_namespace(namespace),
        }),
    }
}
