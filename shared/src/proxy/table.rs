//! What a node knows of Services and their endpoints, kept true by changes: only the Service that a change
//! is about is computed anew.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use k8s_openapi::api::core::v1::{Node, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;

use super::endpoint::{endpoints, owner};
use super::service_port::{Protocol, ServicePort, ServicePortName, service_ports};
pub use super::usable::Usable;
use super::usable::usable;
use crate::cidr::Cidr;

const ZONE_LABEL: &str = "topology.kubernetes.io/zone";

/// Namespace and name of a Service.
type ServiceKey = (String, String);
/// A Service's port; one name may stand for TCP and UDP only where the names differ, so it is unique.
type PortKey = ServicePortName;

/// A port of a Service with the endpoints that the node may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The port.
    pub port: ServicePort,
    /// Its endpoints.
    pub usable: Usable,
}

/// What a load balancer asks a node about a Service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthCheck {
    /// Namespace of the Service.
    pub namespace: String,
    /// Name of the Service.
    pub service: String,
    /// How many of its pods on this node are ready.
    pub local_endpoints: usize,
}

/// How a connection reaches a Service's port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// By the address within the cluster.
    Cluster,
    /// By an external address, or a port of a node.
    External,
    /// By a load balancer's address.
    LoadBalancer,
}

/// The Services as one node sees them.
#[derive(Debug)]
pub struct ServiceTable {
    node: String,
    zone: String,
    /// The addresses of all pods, whose connections need no other address.
    pub(super) pod_network: Cidr,
    services: BTreeMap<ServiceKey, Vec<(PortKey, ServicePort)>>,
    slices: BTreeMap<ServiceKey, BTreeMap<String, EndpointSlice>>,
    /// Whose each slice is, by its namespace and name.
    owners: BTreeMap<(String, String), ServiceKey>,
    entries: BTreeMap<PortKey, Entry>,
    /// Several Services may name the same external address; the first of them has it.
    by_address: BTreeMap<(Ipv4Addr, u16, Protocol), BTreeMap<PortKey, Access>>,
    by_node_port: BTreeMap<(u16, Protocol), PortKey>,
    /// The ports whose Services are asked for their health.
    checked: BTreeSet<PortKey>,
}

impl ServiceTable {
    /// A table of the node of this name, which knows nothing yet.
    pub fn new(node: &str, pod_network: Cidr) -> ServiceTable {
        ServiceTable {
            node: node.to_owned(),
            zone: String::new(),
            pod_network,
            services: BTreeMap::new(),
            slices: BTreeMap::new(),
            owners: BTreeMap::new(),
            entries: BTreeMap::new(),
            by_address: BTreeMap::new(),
            by_node_port: BTreeMap::new(),
            checked: BTreeSet::new(),
        }
    }

    /// A Service is there, or changed.
    pub fn set_service(&mut self, service: &Service) {
        let key = service_key(service);
        self.forget_addresses(&key);
        match service_ports(service) {
            none if none.is_empty() => drop(self.services.remove(&key)),
            ports => drop(self.services.insert(key.clone(), ports)),
        }
        self.compute(&key);
    }

    /// A Service is gone.
    pub fn remove_service(&mut self, service: &Service) {
        let key = service_key(service);
        self.forget_addresses(&key);
        self.services.remove(&key);
    }

    /// A slice is there, or changed.
    pub fn set_endpoint_slice(&mut self, slice: &EndpointSlice) {
        // A slice may have been another Service's before.
        self.remove_endpoint_slice(slice);
        if let Some(key) = owner(slice) {
            let named = named(slice.metadata.namespace.as_ref(), slice.metadata.name.as_ref());
            self.slices.entry(key.clone()).or_default().insert(named.1.clone(), slice.clone());
            self.owners.insert(named, key.clone());
            self.compute(&key);
        }
    }

    /// A slice is gone.
    pub fn remove_endpoint_slice(&mut self, slice: &EndpointSlice) {
        let named = named(slice.metadata.namespace.as_ref(), slice.metadata.name.as_ref());
        let Some(key) = self.owners.remove(&named) else { return };
        if let Some(slices) = self.slices.get_mut(&key) {
            slices.remove(&named.1);
            if slices.is_empty() {
                self.slices.remove(&key);
            }
        }
        self.compute(&key);
    }

    /// The node itself is there, or changed.
    pub fn set_node(&mut self, node: &Node) {
        if node.metadata.name.as_ref() != Some(&self.node) {
            return;
        }
        let labels = node.metadata.labels.as_ref();
        let zone = labels.and_then(|labels| labels.get(ZONE_LABEL)).cloned().unwrap_or_default();
        if zone != self.zone {
            self.zone = zone;
            let keys: Vec<ServiceKey> = self.services.keys().cloned().collect();
            keys.iter().for_each(|key| self.compute(key));
        }
    }

    /// The port that an address belongs to.
    pub fn at_address(
        &self,
        ip: Ipv4Addr,
        port: u16,
        protocol: Protocol,
    ) -> Option<(&ServicePortName, &Entry, Access)> {
        let (name, access) = self.by_address.get(&(ip, port, protocol))?.first_key_value()?;
        Some((name, self.entries.get(name)?, *access))
    }

    /// The port that a node's port belongs to.
    pub fn at_node_port(&self, port: u16, protocol: Protocol) -> Option<(&ServicePortName, &Entry)> {
        let name = self.by_node_port.get(&(port, protocol))?;
        Some((name, self.entries.get(name)?))
    }

    /// The health checks of Services whose connections from outside stay on their node, by port.
    pub fn health_checks(&self) -> BTreeMap<u16, HealthCheck> {
        let mut checks: BTreeMap<u16, (HealthCheck, BTreeSet<Ipv4Addr>)> = BTreeMap::new();
        for (name, entry) in self.checked.iter().filter_map(|name| self.entries.get_key_value(name)) {
            let Some(port) = entry.port.health_check_node_port else { continue };
            let (check, here) = checks.entry(port).or_insert_with(|| {
                let (namespace, service) = (name.namespace.clone(), name.service.clone());
                (HealthCheck { namespace, service, local_endpoints: 0 }, BTreeSet::new())
            });
            here.extend(entry.usable.local.iter().filter(|at| at.ready).map(|at| *at.address.ip()));
            check.local_endpoints = here.len();
        }
        checks.into_iter().map(|(port, (check, _))| (port, check)).collect()
    }

    /// All ports, by name.
    pub fn entries(&self) -> impl Iterator<Item = (&ServicePortName, &Entry)> {
        self.entries.iter()
    }

    fn forget_addresses(&mut self, key: &ServiceKey) {
        for (name, port) in self.services.get(key).into_iter().flatten() {
            self.entries.remove(name);
            self.checked.remove(name);
            for (ip, _) in accesses(port) {
                let address = (ip, port.port, port.protocol);
                let names = self.by_address.entry(address).or_default();
                names.remove(name);
                if names.is_empty() {
                    self.by_address.remove(&address);
                }
            }
            // Another Service may have the port by now: a list tells of what is new before what is gone.
            let node_port = port.node_port.map(|number| (number, port.protocol));
            if let Some(node_port) = node_port.filter(|at| self.by_node_port.get(at) == Some(name)) {
                self.by_node_port.remove(&node_port);
            }
        }
    }

    fn compute(&mut self, key: &ServiceKey) {
        let slices = self.slices.get(key).into_iter().flat_map(BTreeMap::values);
        let mut endpoints = endpoints(key, slices, &self.node);
        for (name, port) in self.services.get(key).into_iter().flatten() {
            let own = endpoints.remove(&(name.clone(), port.protocol)).unwrap_or_default();
            let usable = usable(port, &own, &self.node, &self.zone);
            self.entries.insert(name.clone(), Entry { port: port.clone(), usable });
            if port.health_check_node_port.is_some() {
                self.checked.insert(name.clone());
            }
            for (ip, access) in accesses(port) {
                let names = self.by_address.entry((ip, port.port, port.protocol)).or_default();
                names.insert(name.clone(), access);
            }
            if let Some(node_port) = port.node_port {
                self.by_node_port.insert((node_port, port.protocol), name.clone());
            }
        }
    }
}

fn service_key(service: &Service) -> ServiceKey {
    named(service.metadata.namespace.as_ref(), service.metadata.name.as_ref())
}

fn named(namespace: Option<&String>, name: Option<&String>) -> (String, String) {
    (namespace.cloned().unwrap_or_default(), name.cloned().unwrap_or_default())
}

/// The addresses of a port; where one is two things, the first counts, as in upstream's order of rules.
fn accesses(port: &ServicePort) -> BTreeMap<Ipv4Addr, Access> {
    let balancers = port.load_balancer_ips.iter().map(|ip| (*ip, Access::LoadBalancer));
    let external = port.external_ips.iter().map(|ip| (*ip, Access::External));
    // What comes later takes the place of what came before.
    balancers.chain(external).chain([(port.cluster_ip, Access::Cluster)]).collect()
}
