//! What the cluster's DNS knows: a copy of the namespaces, Services and EndpointSlices, kept up object by
//! object and found by name and by address. What is kept of each follows `plugin/kubernetes/object` of
//! coredns/coredns. Pods are not kept: with kubeadm's `pods insecure` their names are answered unseen.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use k8s_openapi::api::core::v1::{Namespace, Service as ApiService};
use k8s_openapi::api::discovery::v1::{Endpoint as ApiEndpoint, EndpointSlice};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::api::object::SharedObject;
use crate::controllers::endpoint_slice::SERVICE_NAME;
use crate::informer::Change;
use crate::outbound::Resolved;

/// Namespace and name.
pub(super) type Key = (String, String);

/// A port of a Service or of endpoints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Port {
    /// Its name, empty where it has none.
    pub(super) name: String,
    /// `tcp`, `udp` or `sctp`.
    pub(super) protocol: String,
    /// Its number; `None` where nobody said one.
    pub(super) number: Option<u16>,
}

/// What a Service says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reached {
    /// By addresses of its own.
    Addresses(Vec<IpAddr>),
    /// By those of its endpoints.
    Headless,
    /// By another name.
    Elsewhere(String),
}

/// A Service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Service {
    pub(super) reached: Reached,
    pub(super) ports: Vec<Port>,
}

/// An address of a ready endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Endpoint {
    pub(super) address: IpAddr,
    /// Its label below the Service's name: its host name, or its address with dashes.
    pub(super) label: String,
}

/// The ready endpoints of one slice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Slice {
    service: Key,
    pub(super) endpoints: Vec<Endpoint>,
    pub(super) ports: Vec<Port>,
}

/// The records of a cluster.
#[derive(Debug)]
pub struct Zone {
    /// The server's own address.
    pub(super) own: Ipv4Addr,
    pub(super) serial: u32,
    pub(super) namespaces: BTreeSet<String>,
    services: BTreeMap<Key, Service>,
    /// The Services that have an address.
    by_address: BTreeMap<IpAddr, BTreeSet<Key>>,
    slices: BTreeMap<Key, Slice>,
    /// The slices of each Service.
    by_service: BTreeMap<Key, BTreeSet<Key>>,
    /// The Services of each endpoint's address, each with the slices that have it.
    by_endpoint: BTreeMap<IpAddr, BTreeSet<(Key, Key)>>,
    /// Names beyond the cluster that containers may reach.
    pub(super) beyond: Resolved,
}

impl Zone {
    /// The names beyond the cluster that containers may reach, with the addresses that they have now.
    pub fn set_beyond(&mut self, names: Resolved) {
        self.beyond = names;
    }

    /// The zone of a server, before it heard of any object.
    pub fn new(own: Ipv4Addr) -> Zone {
        Zone {
            own,
            serial: 0,
            namespaces: BTreeSet::new(),
            services: BTreeMap::new(),
            by_address: BTreeMap::new(),
            slices: BTreeMap::new(),
            by_service: BTreeMap::new(),
            beyond: Resolved::new(),
            by_endpoint: BTreeMap::new(),
        }
    }

    /// Takes in a Namespace, Service or EndpointSlice; others are none of the zone's business. `serial` numbers
    /// the zone as it is from now on: seconds since 1970, as CoreDNS has it.
    pub fn apply(&mut self, change: Change, object: &SharedObject, serial: u32) {
        let is_there = change != Change::Deleted;
        if object.downcast_ref::<Namespace>().is_some() {
            match is_there {
                true => self.namespaces.insert(object.name().to_owned()),
                false => self.namespaces.remove(object.name()),
            };
        } else if let Some(service) = object.downcast_ref::<ApiService>() {
            self.set_service(key(object.metadata()), is_there.then(|| read_service(service)).flatten());
        } else if let Some(slice) = object.downcast_ref::<EndpointSlice>() {
            self.set_slice(key(object.metadata()), is_there.then(|| read_slice(slice)).flatten());
        } else {
            return;
        }
        self.serial = serial;
    }

    fn set_service(&mut self, key: Key, service: Option<Service>) {
        if let Some(Service { reached: Reached::Addresses(addresses), .. }) = self.services.remove(&key) {
            addresses.iter().for_each(|address| forget(&mut self.by_address, address, &key));
        }
        let Some(service) = service else { return };
        if let Reached::Addresses(addresses) = &service.reached {
            for address in addresses {
                self.by_address.entry(*address).or_default().insert(key.clone());
            }
        }
        self.services.insert(key, service);
    }

    fn set_slice(&mut self, key: Key, slice: Option<Slice>) {
        if let Some(before) = self.slices.remove(&key) {
            forget(&mut self.by_service, &before.service, &key);
            let place = (before.service, key.clone());
            for endpoint in &before.endpoints {
                forget(&mut self.by_endpoint, &endpoint.address, &place);
            }
        }
        let Some(slice) = slice else { return };
        self.by_service.entry(slice.service.clone()).or_default().insert(key.clone());
        for endpoint in &slice.endpoints {
            let place = (slice.service.clone(), key.clone());
            self.by_endpoint.entry(endpoint.address).or_default().insert(place);
        }
        self.slices.insert(key, slice);
    }

    /// The Service of that name.
    pub(super) fn service(&self, namespace: &str, name: &str) -> Option<&Service> {
        self.services.get(&(namespace.to_owned(), name.to_owned()))
    }

    /// The slices of a Service, by name.
    pub(super) fn slices(&self, namespace: &str, service: &str) -> impl Iterator<Item = &Slice> {
        let key = (namespace.to_owned(), service.to_owned());
        let names = self.by_service.get(&key).into_iter().flatten();
        names.filter_map(|name| self.slices.get(name))
    }

    /// The first Service with this address of its own.
    pub(super) fn service_at(&self, address: IpAddr) -> Option<&Key> {
        self.by_address.get(&address).and_then(BTreeSet::first)
    }

    /// The endpoints with this address, each with its Service.
    pub(super) fn endpoints_at(&self, address: IpAddr) -> impl Iterator<Item = (&Key, &Endpoint)> {
        let places = self.by_endpoint.get(&address).into_iter().flatten();
        places.flat_map(move |(service, slice)| {
            let endpoints = self.slices.get(slice).into_iter().flat_map(|slice| &slice.endpoints);
            let there = endpoints.filter(move |endpoint| endpoint.address == address);
            there.map(move |endpoint| (service, endpoint))
        })
    }
}

/// Takes one value out of an index, and its place if it was the last.
fn forget<K: Ord, V: Ord>(index: &mut BTreeMap<K, BTreeSet<V>>, at: &K, value: &V) {
    if let Some(values) = index.get_mut(at) {
        values.remove(value);
        if values.is_empty() {
            index.remove(at);
        }
    }
}

fn key(metadata: &ObjectMeta) -> Key {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    (text(&metadata.namespace), text(&metadata.name))
}

fn read_service(service: &ApiService) -> Option<Service> {
    let spec = service.spec.as_ref()?;
    let ports = spec.ports.iter().flatten().map(|port| Port {
        name: port.name.clone().unwrap_or_default().to_ascii_lowercase(),
        protocol: protocol(port.protocol.as_deref()),
        number: u16::try_from(port.port).ok(),
    });
    let of_old = spec.cluster_ip.as_slice();
    let addresses = spec.cluster_ips.as_deref().filter(|all| !all.is_empty()).unwrap_or(of_old);
    let reached = if spec.type_.as_deref() == Some("ExternalName") {
        Reached::Elsewhere(spec.external_name.clone().unwrap_or_default())
    } else if addresses.first().is_some_and(|address| address == "None") {
        Reached::Headless
    } else {
        Reached::Addresses(addresses.iter().filter_map(|address| address.parse().ok()).collect())
    };
    Some(Service { reached, ports: or_nameless(ports.collect()) })
}

fn read_slice(slice: &EndpointSlice) -> Option<Slice> {
    let service = slice.metadata.labels.as_ref()?.get(SERVICE_NAME)?.clone();
    let ports = slice.ports.iter().flatten().map(|port| Port {
        name: port.name.clone().unwrap_or_default().to_ascii_lowercase(),
        protocol: protocol(port.protocol.as_deref()),
        number: port.port.and_then(|port| u16::try_from(port).ok()),
    });
    let ready = slice.endpoints.iter().flatten().filter(|endpoint| is_ready(endpoint));
    Some(Slice {
        service: (slice.metadata.namespace.clone().unwrap_or_default(), service),
        endpoints: ready.flat_map(read_endpoint).collect(),
        ports: or_nameless(ports.collect()),
    })
}

/// Where nobody declared a port, there is a place for one, so that the name has addresses all the same.
fn or_nameless(ports: Vec<Port>) -> Vec<Port> {
    match ports.is_empty() {
        true => vec![Port { name: String::new(), protocol: String::new(), number: None }],
        false => ports,
    }
}

fn protocol(text: Option<&str>) -> String {
    text.unwrap_or("TCP").to_ascii_lowercase()
}

/// Whoever does not say is ready.
fn is_ready(endpoint: &ApiEndpoint) -> bool {
    endpoint.conditions.as_ref().and_then(|conditions| conditions.ready).unwrap_or(true)
}

fn read_endpoint(endpoint: &ApiEndpoint) -> impl Iterator<Item = Endpoint> {
    let addresses = endpoint.addresses.iter().filter_map(|address| address.parse::<IpAddr>().ok());
    addresses.map(|address| {
        let hostname = endpoint.hostname.as_deref().filter(|hostname| !hostname.is_empty());
        let label = hostname.map_or_else(|| dashed(address), str::to_ascii_lowercase);
        Endpoint { address, label }
    })
}

/// An address as a label.
fn dashed(address: IpAddr) -> String {
    address.to_string().replace(['.', ':'], "-")
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
