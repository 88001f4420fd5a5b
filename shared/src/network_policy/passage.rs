//! Whether one connection may leave its pod, and whether it may come to the other.
//!
//! Asked of a connection when it is made, or of a datagram, on the addresses that it has by then: a Service's
//! address is translated before, and the node's stands where a connection is masqueraded. Answers need no
//! permission. What stays within a pod, and what a pod has to do with its own node, is always allowed.

use std::net::{Ipv4Addr, SocketAddrV4};

use super::rule::{Dialled, Other};
use super::table::PolicyTable;
use crate::proxy::service_port::Protocol;

/// A connection that is being made, as the node of one of its pods sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passage<'a> {
    /// What it speaks.
    pub protocol: Protocol,
    /// Where it comes from.
    pub source: Ipv4Addr,
    /// Where it goes.
    pub target: SocketAddrV4,
    /// Namespace and name of the pod of this node that it leaves, or comes to.
    pub pod: (&'a str, &'a str),
    /// Whether the other end is the pod's own node.
    pub is_of_own_node: bool,
}

/// Whether a pod of this node may make a connection.
pub fn may_leave(table: &PolicyTable, passage: &Passage<'_>) -> bool {
    let rules = table.isolation(passage.pod.0, passage.pod.1).and_then(|all| all.egress.as_ref());
    let Some(rules) = rules.filter(|_| !passage.is_free()) else { return true };
    let other = table.at(*passage.target.ip());
    let dialled = passage.dialled(other.map(|pod| &pod.ports));
    let other = Other { address: *passage.target.ip(), pod: other, namespaces: &table.namespaces };
    rules.iter().any(|rule| rule.allows(dialled, other))
}

/// Whether a connection may come to a pod of this node.
pub fn may_arrive(table: &PolicyTable, passage: &Passage<'_>) -> bool {
    let rules = table.isolation(passage.pod.0, passage.pod.1).and_then(|all| all.ingress.as_ref());
    let Some(rules) = rules.filter(|_| !passage.is_free()) else { return true };
    let own = table.pod(passage.pod.0, passage.pod.1);
    let dialled = passage.dialled(own.map(|pod| &pod.ports));
    let other =
        Other { address: passage.source, pod: table.at(passage.source), namespaces: &table.namespaces };
    rules.iter().any(|rule| rule.allows(dialled, other))
}

impl<'a> Passage<'a> {
    /// Whether no policy can forbid it.
    fn is_free(&self) -> bool {
        self.is_of_own_node || self.source == *self.target.ip()
    }

    fn dialled(&self, named: Option<&'a std::collections::BTreeMap<(String, Protocol), u16>>) -> Dialled<'a> {
        Dialled { protocol: self.protocol, port: self.target.port(), named }
    }
}
