//! What is known of Ingresses, and where a request goes.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::networking::v1::{
    Ingress, IngressBackend, IngressClass, IngressLoadBalancerIngress, IngressLoadBalancerStatus,
    IngressStatus, ServiceBackendPort,
};

use super::{ADDRESS, CONTROLLER};

/// Namespace and name.
pub type Key = (String, String);

/// What named the class before there was a field for it.
const CLASS_ANNOTATION: &str = "kubernetes.io/ingress.class";

/// A port of a Service that requests go to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backend {
    /// Namespace and name of the Service.
    pub service: Key,
    /// The number of its port, or its name.
    pub port: BackendPort,
}

/// A port of a Service as an Ingress names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BackendPort {
    /// By its number.
    Number(i32),
    /// By its name.
    Name(String),
}

/// Where a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Routed<'a> {
    /// To a Service.
    To(&'a Backend),
    /// The host is served, and nothing is at the path.
    Nothing,
    /// No Ingress is about the host.
    Unknown,
}

/// A path of a host.
#[derive(Clone, Debug)]
struct Location {
    path: String,
    exact: bool,
    backend: Option<Backend>,
}

impl Location {
    fn holds(&self, path: &str) -> bool {
        if self.exact {
            return self.path == path;
        }
        let prefix = self.path.trim_end_matches('/');
        path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

/// A host with its paths, the longest first.
#[derive(Clone, Debug, Default)]
struct Host {
    locations: Vec<Location>,
    /// For what is at none of the paths.
    otherwise: Option<Backend>,
}

/// The Ingresses of this cluster's own class.
#[derive(Debug, Default)]
pub struct IngressTable {
    ingresses: BTreeMap<Key, Ingress>,
    classes: BTreeMap<String, IngressClass>,
    /// By name; the one of the empty name is for all that have no other.
    hosts: BTreeMap<String, Host>,
    /// The Secret of each host that has one.
    secrets: BTreeMap<String, Key>,
}

impl IngressTable {
    /// An Ingress is there, or changed.
    pub fn set_ingress(&mut self, ingress: &Ingress) {
        self.ingresses.insert(key(ingress), ingress.clone());
        self.compute();
    }

    /// An Ingress is gone.
    pub fn remove_ingress(&mut self, ingress: &Ingress) {
        self.ingresses.remove(&key(ingress));
        self.compute();
    }

    /// A class is there, or changed.
    pub fn set_class(&mut self, class: &IngressClass) {
        self.classes.insert(class.metadata.name.clone().unwrap_or_default(), class.clone());
        self.compute();
    }

    /// A class is gone.
    pub fn remove_class(&mut self, class: &IngressClass) {
        self.classes.remove(class.metadata.name.as_deref().unwrap_or_default());
        self.compute();
    }

    /// Where a request goes; `host` without its port.
    pub fn route(&self, host: &str, path: &str) -> Routed<'_> {
        let Some(found) = self.host(host).or_else(|| self.hosts.get("")) else { return Routed::Unknown };
        let location = found.locations.iter().find(|location| location.holds(path));
        let default = || self.hosts.get("").and_then(|host| host.otherwise.as_ref());
        let backend = match location {
            Some(location) => location.backend.as_ref(),
            None => found.otherwise.as_ref().or_else(default),
        };
        backend.map_or(Routed::Nothing, Routed::To)
    }

    /// Whether a rule names the host, itself or by a wildcard.
    pub fn names(&self, host: &str) -> bool {
        self.host(host).is_some()
    }

    /// Whether requests for any host are served.
    pub fn takes_all(&self) -> bool {
        self.hosts.contains_key("")
    }

    /// The Secret with the certificate for a host.
    pub fn secret(&self, host: &str) -> Option<&Key> {
        let host = host.to_ascii_lowercase();
        self.secrets.get(&host).or_else(|| self.secrets.get(&wildcard(&host)?))
    }

    /// The Ingresses whose status does not say yet where they are, or still says it though they are another
    /// class's, as they should be.
    pub fn to_tell(&self) -> Vec<Ingress> {
        let all = self.ingresses.values();
        all.filter_map(|ingress| self.told(ingress)).collect()
    }

    fn told(&self, ingress: &Ingress) -> Option<Ingress> {
        let points =
            ingress.status.as_ref().and_then(|status| status.load_balancer.as_ref()?.ingress.clone());
        let points = points.unwrap_or_default();
        let own = [IngressLoadBalancerIngress {
            hostname: Some(ADDRESS.to_owned()),
            ..IngressLoadBalancerIngress::default()
        }];
        let wanted = match self.is_own(ingress) {
            true if points != own => Some(own.to_vec()),
            false if points == own => None,
            _ => return None,
        };
        let mut told = ingress.clone();
        told.status =
            Some(IngressStatus { load_balancer: Some(IngressLoadBalancerStatus { ingress: wanted }) });
        Some(told)
    }

    /// Whether an Ingress is of this cluster's own class.
    fn is_own(&self, ingress: &Ingress) -> bool {
        let named = ingress.spec.as_ref().and_then(|spec| spec.ingress_class_name.as_ref());
        let annotated = ingress.metadata.annotations.as_ref().and_then(|all| all.get(CLASS_ANNOTATION));
        let class = named.or(annotated).and_then(|name| self.classes.get(name));
        let controller = class.and_then(|class| class.spec.as_ref()?.controller.as_deref());
        controller == Some(CONTROLLER)
    }

    fn host(&self, host: &str) -> Option<&Host> {
        let host = host.to_ascii_lowercase();
        let named = |name: &str| self.hosts.get(name).filter(|_| !name.is_empty());
        named(&host).or_else(|| named(&wildcard(&host)?))
    }

    /// Reads the Ingresses anew, the oldest first: it keeps what others want as well.
    fn compute(&mut self) {
        let mut own: Vec<&Ingress> = self.ingresses.values().filter(|ingress| self.is_own(ingress)).collect();
        own.sort_by_key(|ingress| (ingress.metadata.creation_timestamp.clone(), key(ingress)));
        let (mut hosts, mut secrets) = (BTreeMap::new(), BTreeMap::new());
        for ingress in own {
            add(&mut hosts, ingress);
            let spec = ingress.spec.iter().flat_map(|spec| spec.tls.iter().flatten());
            for (tls, secret) in spec.filter_map(|tls| Some((tls, tls.secret_name.clone()?))) {
                for host in tls.hosts.iter().flatten() {
                    let place = (key(ingress).0, secret.clone());
                    secrets.entry(host.to_ascii_lowercase()).or_insert(place);
                }
            }
        }
        for host in hosts.values_mut() {
            host.locations.sort_by_key(|location| (Reverse(location.path.len()), !location.exact));
        }
        (self.hosts, self.secrets) = (hosts, secrets);
    }
}

fn key(ingress: &Ingress) -> Key {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    (text(&ingress.metadata.namespace), text(&ingress.metadata.name))
}

/// The name with a wildcard in place of its first label: it stands for one label and no more.
fn wildcard(host: &str) -> Option<String> {
    host.split_once('.').map(|(_, rest)| format!("*.{rest}"))
}

fn add(hosts: &mut BTreeMap<String, Host>, ingress: &Ingress) {
    let Some(spec) = &ingress.spec else { return };
    let (namespace, _) = key(ingress);
    let default = spec.default_backend.as_ref().and_then(|named| backend(&namespace, named));
    let rules = spec.rules.as_deref().unwrap_or_default();
    if rules.is_empty() {
        let host = hosts.entry(String::new()).or_default();
        host.otherwise = host.otherwise.take().or(default.clone());
    }
    for rule in rules {
        let name = rule.host.as_deref().unwrap_or_default().to_ascii_lowercase();
        let host = hosts.entry(name).or_default();
        host.otherwise = host.otherwise.take().or(default.clone());
        for entry in rule.http.iter().flat_map(|http| &http.paths) {
            let path = entry.path.as_deref().filter(|path| !path.is_empty()).unwrap_or("/");
            let exact = entry.path_type == "Exact";
            let known = |location: &Location| location.path == path && location.exact == exact;
            if !host.locations.iter().any(known) {
                let backend = backend(&namespace, &entry.backend);
                host.locations.push(Location { path: path.to_owned(), exact, backend });
            }
        }
    }
}

fn backend(namespace: &str, backend: &IngressBackend) -> Option<Backend> {
    let service = backend.service.as_ref()?;
    let port = match service.port.clone()? {
        ServiceBackendPort { name: Some(name), .. } if !name.is_empty() => BackendPort::Name(name),
        ServiceBackendPort { number, .. } => BackendPort::Number(number?),
    };
    Some(Backend { service: (namespace.to_owned(), service.name.clone()), port })
}

/// The number of the port that a backend means, where the Service has it.
pub fn port_of(service: &Service, port: &BackendPort) -> Option<u16> {
    let ports = service.spec.iter().flat_map(|spec| spec.ports.iter().flatten());
    let mut tcp = ports.filter(|port| port.protocol.as_deref().unwrap_or("TCP") == "TCP");
    let found = tcp.find(|found| match port {
        BackendPort::Number(number) => found.port == *number,
        BackendPort::Name(name) => found.name.as_ref() == Some(name),
    });
    u16::try_from(found?.port).ok()
}
