//! Where one connection goes.
//!
//! Says what upstream's iptables rules say (`syncProxyRules` in `pkg/proxy/iptables/proxier.go` of
//! kubernetes/kubernetes), one step after the other; [`super::iptables`] prints those.

use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};

use jiff::Timestamp;

use super::affinity::Affinity;
use super::endpoint::Endpoint;
use super::service_port::{Protocol, ServicePortName};
use super::table::{Access, Entry, ServiceTable};
use crate::given::Entropy;

/// A connection that is being made, at a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// What it speaks.
    pub protocol: Protocol,
    /// Who dials.
    pub source: Ipv4Addr,
    /// What is dialled.
    pub destination: SocketAddrV4,
    /// Whether the node itself dials.
    pub from_node: bool,
    /// Whether the node's own address is dialled.
    pub to_node: bool,
}

/// What becomes of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// It is no Service that is dialled.
    Untouched,
    /// It goes to an endpoint.
    Forward {
        /// The endpoint.
        endpoint: SocketAddrV4,
        /// Whether it leaves under the node's address, so that answers come back by way of the node.
        masquerade: bool,
    },
    /// It is refused: the Service has no endpoints.
    Reject,
    /// It gets no answer: the Service has endpoints, but not for this connection.
    Drop,
}

/// Decides about a connection.
pub fn route(
    table: &ServiceTable,
    affinity: &mut Affinity,
    packet: &Packet,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Route {
    let Some((name, entry, access)) = find(table, packet) else {
        return Route::Untouched;
    };
    let way = match way(table, entry, access, packet) {
        Ok(way) => way,
        Err(refused) => return refused,
    };
    let Some(endpoint) = choose(way.endpoints, entry, name, affinity, packet, now, entropy) else {
        return Route::Drop;
    };
    let hairpin = *endpoint.address.ip() == packet.source;
    Route::Forward { endpoint: endpoint.address, masquerade: way.masquerade || hairpin }
}

/// Whether a packet may go to an endpoint that others like it went to before, as the entries of connection
/// tracking say until kube-proxy cleans them (`pkg/proxy/conntrack/cleanup.go`).
pub fn still_leads(table: &ServiceTable, packet: &Packet, endpoint: SocketAddrV4) -> bool {
    let found = find(table, packet);
    let way = found.and_then(|(_, entry, access)| way(table, entry, access, packet).ok());
    way.is_some_and(|way| way.endpoints.iter().any(|usable| usable.address == endpoint))
}

/// Whether somebody would answer a packet, as the health check of a load balancer finds out.
pub fn is_answered(table: &ServiceTable, packet: &Packet) -> bool {
    let found = find(table, packet);
    let way = found.and_then(|(_, entry, access)| way(table, entry, access, packet).ok());
    way.is_some_and(|way| !way.endpoints.is_empty())
}

/// The port of a Service that a packet is for.
fn find<'a>(table: &'a ServiceTable, packet: &Packet) -> Option<(&'a ServicePortName, &'a Entry, Access)> {
    let (ip, port) = (*packet.destination.ip(), packet.destination.port());
    table.at_address(ip, port, packet.protocol).or_else(|| {
        let found = table.at_node_port(port, packet.protocol).filter(|_| packet.to_node);
        found.map(|(name, entry)| (name, entry, Access::External))
    })
}

/// Who may answer, and under which address the connection leaves.
struct Way<'a> {
    endpoints: &'a [Endpoint],
    masquerade: bool,
}

fn way<'a>(
    table: &ServiceTable,
    entry: &'a Entry,
    access: Access,
    packet: &Packet,
) -> Result<Way<'a>, Route> {
    let from_pod = !packet.from_node && table.pod_network.contains(packet.source);
    let Entry { port, usable } = entry;
    if !usable.anywhere {
        return Err(Route::Reject);
    }
    if access == Access::Cluster {
        return Ok(match port.internal_local {
            true => Way { endpoints: &usable.local, masquerade: !from_pod },
            false => Way { endpoints: &usable.cluster, masquerade: !from_pod },
        });
    }
    let admitted = |source| port.source_ranges.iter().any(|range| range.contains(source));
    if access == Access::LoadBalancer && !port.source_ranges.is_empty() && !admitted(packet.source) {
        return Err(Route::Drop);
    }
    Ok(match (port.external_local, from_pod, packet.from_node) {
        (false, _, _) => Way { endpoints: &usable.cluster, masquerade: true },
        // Clients within the cluster take the short way, wherever it ends.
        (true, true, _) => Way { endpoints: &usable.cluster, masquerade: false },
        (true, _, true) => Way { endpoints: &usable.cluster, masquerade: true },
        (true, _, _) => Way { endpoints: &usable.local, masquerade: false },
    })
}

fn choose<'a>(
    endpoints: &'a [Endpoint],
    entry: &Entry,
    name: &ServicePortName,
    affinity: &mut Affinity,
    packet: &Packet,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Option<&'a Endpoint> {
    let client = IpAddr::V4(packet.source);
    let before = entry.port.affinity.and_then(|limit| affinity.recall(name, client, endpoints, limit, now));
    let chosen = match before {
        Some(endpoint) => endpoint,
        None => any(endpoints, entropy)?,
    };
    if entry.port.affinity.is_some() {
        affinity.remember(name, client, chosen.address, now);
    }
    Some(chosen)
}

/// One of the endpoints, each as likely as every other.
fn any<'a>(endpoints: &'a [Endpoint], entropy: &dyn Entropy) -> Option<&'a Endpoint> {
    let count = u64::try_from(endpoints.len()).ok().filter(|count| *count > 0)?;
    endpoints.get(usize::try_from(entropy.next_u64() % count).ok()?)
}
