//! A port of a Service, as kube-proxy sees it.
//!
//! Follows `pkg/proxy/serviceport.go` and `ShouldSkipService` in `pkg/proxy/util/utils.go` of
//! kubernetes/kubernetes.

use std::fmt;
use std::net::Ipv4Addr;

use jiff::SignedDuration;
use k8s_openapi::api::core::v1::{Service, ServiceSpec, ServiceStatus};

use crate::cidr::Cidr;

/// Services with this label are another proxy's.
const PROXY_NAME_LABEL: &str = "service.kubernetes.io/service-proxy-name";
/// How long a client stays with its endpoint where nothing is said.
const DEFAULT_AFFINITY_SECONDS: i32 = 10800;

/// What a connection speaks below its application.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// Streams.
    Tcp,
    /// Datagrams.
    Udp,
}

impl Protocol {
    /// The protocol of this name; SCTP is not carried.
    pub fn from_name(name: &str) -> Option<Protocol> {
        match name {
            "TCP" | "" => Some(Protocol::Tcp),
            "UDP" => Some(Protocol::Udp),
            _ => None,
        }
    }

    /// Its name in iptables.
    pub fn as_str(self) -> &'static str {
        match self {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
        }
    }
}

/// The name of a port of a Service: `namespace/name:port`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServicePortName {
    /// Namespace of the Service.
    pub namespace: String,
    /// Name of the Service.
    pub service: String,
    /// Name of the port; empty where the only port has none.
    pub port: String,
}

impl fmt::Display for ServicePortName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ServicePortName { namespace, service, port } = self;
        write!(formatter, "{namespace}/{service}")?;
        if port.is_empty() { Ok(()) } else { write!(formatter, ":{port}") }
    }
}

/// A port of a Service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServicePort {
    /// What it carries.
    pub protocol: Protocol,
    /// The port at the Service's addresses.
    pub port: u16,
    /// The Service's address within the cluster.
    pub cluster_ip: Ipv4Addr,
    /// Addresses that someone else leads to the nodes.
    pub external_ips: Vec<Ipv4Addr>,
    /// Addresses that a load balancer has for it.
    pub load_balancer_ips: Vec<Ipv4Addr>,
    /// Who may come by way of the load balancer; empty for all.
    pub source_ranges: Vec<Cidr>,
    /// The port at every node's addresses.
    pub node_port: Option<u16>,
    /// How long a client stays with its endpoint.
    pub affinity: Option<SignedDuration>,
    /// Whether connections from within the cluster stay on their node.
    pub internal_local: bool,
    /// Whether connections from outside stay on the node that they enter.
    pub external_local: bool,
    /// Where a load balancer asks whether this node has endpoints.
    pub health_check_node_port: Option<u16>,
}

impl ServicePort {
    /// Whether it can be reached from outside of the cluster.
    pub fn externally_accessible(&self) -> bool {
        self.node_port.is_some() || !self.external_ips.is_empty() || !self.load_balancer_ips.is_empty()
    }

    /// Whether some connections may go to any node's endpoints. From within the cluster they may, even at
    /// an external address whose connections from outside stay on their node.
    pub fn uses_cluster_endpoints(&self) -> bool {
        !self.internal_local || self.externally_accessible()
    }

    /// Whether some connections stay on their node.
    pub fn uses_local_endpoints(&self) -> bool {
        self.internal_local || (self.external_local && self.externally_accessible())
    }
}

/// The ports of a Service that kube-proxy acts on: none of a headless one, of an external name, or of
/// another proxy's.
pub fn service_ports(service: &Service) -> Vec<(ServicePortName, ServicePort)> {
    let Some(spec) = service.spec.as_ref().filter(|_| !is_others(service)) else {
        return Vec::new();
    };
    let cluster_ip = spec.cluster_ip.as_deref().and_then(|address| address.parse::<Ipv4Addr>().ok());
    let Some(cluster_ip) = cluster_ip.filter(|_| spec.type_.as_deref() != Some("ExternalName")) else {
        return Vec::new();
    };
    let ports = spec.ports.iter().flatten().filter_map(|port| {
        let name = ServicePortName {
            namespace: service.metadata.namespace.clone().unwrap_or_default(),
            service: service.metadata.name.clone().unwrap_or_default(),
            port: port.name.clone().unwrap_or_default(),
        };
        Some((
            name,
            ServicePort {
                protocol: Protocol::from_name(port.protocol.as_deref().unwrap_or_default())?,
                port: number(Some(port.port))?,
                cluster_ip,
                external_ips: addresses(spec.external_ips.iter().flatten()),
                load_balancer_ips: load_balancer_ips(service.status.as_ref()),
                source_ranges: source_ranges(spec),
                node_port: number(port.node_port),
                affinity: affinity(spec),
                internal_local: spec.internal_traffic_policy.as_deref() == Some("Local"),
                external_local: spec.external_traffic_policy.as_deref() == Some("Local"),
                health_check_node_port: number(spec.health_check_node_port),
            },
        ))
    });
    ports.collect()
}

fn is_others(service: &Service) -> bool {
    service.metadata.labels.as_ref().is_some_and(|labels| labels.contains_key(PROXY_NAME_LABEL))
}

/// A port that was set, which 0 does not.
pub(super) fn number(port: Option<i32>) -> Option<u16> {
    port.and_then(|port| u16::try_from(port).ok()).filter(|port| *port != 0)
}

fn addresses<'a>(texts: impl Iterator<Item = &'a String>) -> Vec<Ipv4Addr> {
    texts.filter_map(|text| text.parse().ok()).collect()
}

/// The addresses that are this Service's own; a load balancer of mode `Proxy` ends connections itself.
fn load_balancer_ips(status: Option<&ServiceStatus>) -> Vec<Ipv4Addr> {
    let balancer = status.and_then(|status| status.load_balancer.as_ref());
    let ingress = balancer.into_iter().flat_map(|balancer| balancer.ingress.iter().flatten());
    let own = ingress.filter(|ingress| ingress.ip_mode.as_deref() != Some("Proxy"));
    addresses(own.filter_map(|ingress| ingress.ip.as_ref()))
}

fn source_ranges(spec: &ServiceSpec) -> Vec<Cidr> {
    spec.load_balancer_source_ranges.iter().flatten().filter_map(|range| range.trim().parse().ok()).collect()
}

fn affinity(spec: &ServiceSpec) -> Option<SignedDuration> {
    if spec.session_affinity.as_deref() != Some("ClientIP") {
        return None;
    }
    let config = spec.session_affinity_config.as_ref().and_then(|config| config.client_ip.as_ref());
    let seconds = config.and_then(|config| config.timeout_seconds).unwrap_or(DEFAULT_AFFINITY_SECONDS);
    Some(SignedDuration::from_secs(seconds.into()))
}
