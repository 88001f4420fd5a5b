//! A NetworkPolicy made ready to be asked: its selectors and blocks read once.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use k8s_openapi::api::networking::v1::{
    NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::table::{KnownPod, Namespaces};
use crate::api::labels::{Labels, Selector};
use crate::cidr::Cidr;
use crate::proxy::service_port::Protocol;

/// A policy: whom it selects, and what it allows to those whose way it is about.
#[derive(Clone, Debug)]
pub(super) struct Policy {
    pub(super) namespace: String,
    pub(super) pods: Selector,
    /// Absent where the policy says nothing of what comes in.
    pub(super) ingress: Option<Vec<Arc<Rule>>>,
    /// Absent where the policy says nothing of what goes out.
    pub(super) egress: Option<Vec<Arc<Rule>>>,
}

impl Policy {
    pub(super) fn read(policy: &NetworkPolicy) -> Policy {
        let namespace = policy.metadata.namespace.clone().unwrap_or_default();
        let spec = policy.spec.clone().unwrap_or_default();
        let pods = selector(Some(&spec.pod_selector.clone().unwrap_or_default()));
        let ingress = is_about(&spec, "Ingress").then(|| {
            let rules = spec.ingress.iter().flatten();
            rules.map(|rule| Rule::read(&namespace, rule.ports.as_deref(), rule.from.as_deref())).collect()
        });
        let egress = is_about(&spec, "Egress").then(|| {
            let rules = spec.egress.iter().flatten();
            rules.map(|rule| Rule::read(&namespace, rule.ports.as_deref(), rule.to.as_deref())).collect()
        });
        Policy { namespace, pods, ingress, egress }
    }

    pub(super) fn selects(&self, namespace: &str, labels: &Labels) -> bool {
        self.namespace == namespace && self.pods.matches(labels)
    }
}

fn is_about(spec: &NetworkPolicySpec, way: &str) -> bool {
    spec.policy_types.iter().flatten().any(|name| name == way)
}

/// A selector; what cannot be read, and was refused when it was written, selects nobody.
fn selector(given: Option<&k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector>) -> Selector {
    Selector::from_label_selector(given).unwrap_or_else(|_| Selector::nothing())
}

/// What a policy allows: these ports with these peers.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    /// Absent for every port.
    ports: Option<Vec<Port>>,
    /// Absent for everybody.
    peers: Option<Vec<Peer>>,
}

/// The other end of a connection, as a rule sees it.
#[derive(Clone, Copy)]
pub(super) struct Other<'a> {
    pub(super) address: Ipv4Addr,
    /// The pod that has the address.
    pub(super) pod: Option<&'a KnownPod>,
    pub(super) namespaces: &'a Namespaces,
}

/// The port that is dialled, and the pod that may have given it a name.
#[derive(Clone, Copy)]
pub(super) struct Dialled<'a> {
    pub(super) protocol: Protocol,
    pub(super) port: u16,
    pub(super) named: Option<&'a BTreeMap<(String, Protocol), u16>>,
}

impl Rule {
    /// A list that is there and empty is as none at all.
    fn read(
        namespace: &str,
        ports: Option<&[NetworkPolicyPort]>,
        peers: Option<&[NetworkPolicyPeer]>,
    ) -> Arc<Rule> {
        let ports = ports.filter(|ports| !ports.is_empty());
        let peers = peers.filter(|peers| !peers.is_empty());
        Arc::new(Rule {
            ports: ports.map(|ports| ports.iter().filter_map(Port::read).collect()),
            peers: peers.map(|peers| peers.iter().filter_map(|peer| Peer::read(namespace, peer)).collect()),
        })
    }

    pub(super) fn allows(&self, dialled: Dialled<'_>, other: Other<'_>) -> bool {
        let port = self.ports.as_ref().is_none_or(|ports| ports.iter().any(|port| port.is(dialled)));
        port && self.peers.as_ref().is_none_or(|peers| peers.iter().any(|peer| peer.is(other)))
    }
}

/// A port, several, or all of a protocol.
#[derive(Clone, Debug)]
struct Port {
    protocol: Protocol,
    which: Which,
}

#[derive(Clone, Debug)]
enum Which {
    All,
    /// From one to another, both included.
    Between(i32, i32),
    /// The port of this name, which each pod may give another number.
    Named(String),
}

impl Port {
    /// `None` for a protocol that the pod network does not carry.
    fn read(port: &NetworkPolicyPort) -> Option<Port> {
        let protocol = Protocol::from_name(port.protocol.as_deref().unwrap_or_default())?;
        let which = match &port.port {
            None => Which::All,
            Some(IntOrString::Int(number)) => Which::Between(*number, port.end_port.unwrap_or(*number)),
            Some(IntOrString::String(name)) => Which::Named(name.clone()),
        };
        Some(Port { protocol, which })
    }

    fn is(&self, dialled: Dialled<'_>) -> bool {
        self.protocol == dialled.protocol
            && match &self.which {
                Which::All => true,
                Which::Between(first, last) => (*first..=*last).contains(&i32::from(dialled.port)),
                Which::Named(name) => {
                    let number = dialled.named.and_then(|named| named.get(&(name.clone(), self.protocol)));
                    number == Some(&dialled.port)
                }
            }
    }
}

/// Who may be at the other end.
#[derive(Clone, Debug)]
enum Peer {
    /// Pods of the policy's own namespace.
    Pods(String, Selector),
    /// Pods of other namespaces, selected by the labels of both.
    PodsOf(Selector, Selector),
    /// Whoever has an address of the block, but for the exceptions.
    Block(Cidr, Vec<Cidr>),
}

impl Peer {
    /// `None` for a block of IPv6 addresses, which nobody here has.
    fn read(namespace: &str, peer: &NetworkPolicyPeer) -> Option<Peer> {
        if let Some(block) = &peer.ip_block {
            let except = block.except.iter().flatten().filter_map(|block| block.parse().ok()).collect();
            return Some(Peer::Block(block.cidr.parse().ok()?, except));
        }
        let pods = match &peer.pod_selector {
            Some(pods) => selector(Some(pods)),
            None => Selector::everything(),
        };
        Some(match &peer.namespace_selector {
            Some(namespaces) => Peer::PodsOf(selector(Some(namespaces)), pods),
            None => Peer::Pods(namespace.to_owned(), pods),
        })
    }

    fn is(&self, other: Other<'_>) -> bool {
        match self {
            Peer::Pods(namespace, pods) => {
                other.pod.is_some_and(|pod| pod.namespace == *namespace && pods.matches(&pod.labels))
            }
            Peer::PodsOf(namespaces, pods) => other.pod.is_some_and(|pod| {
                let labels = other.namespaces.get(&pod.namespace);
                labels.is_some_and(|labels| namespaces.matches(labels)) && pods.matches(&pod.labels)
            }),
            Peer::Block(block, except) => {
                block.contains(other.address) && !except.iter().any(|block| block.contains(other.address))
            }
        }
    }
}
