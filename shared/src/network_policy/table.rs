//! What a node knows of policies, pods and namespaces, and which rules each of its own pods is under: only
//! the pods that a change is about are looked at anew.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Namespace, Pod, PodSpec};
use k8s_openapi::api::networking::v1::NetworkPolicy;

use super::rule::{Policy, Rule};
use crate::api::labels::Labels;
use crate::proxy::service_port::Protocol;

/// Namespace and name.
type Key = (String, String);
/// The labels of each namespace.
pub(super) type Namespaces = BTreeMap<String, Labels>;

/// What policies ask of a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KnownPod {
    pub(super) namespace: String,
    pub(super) labels: Labels,
    address: Option<Ipv4Addr>,
    /// Whether it is on the node of this table.
    local: bool,
    /// The numbers of its ports that have names.
    pub(super) ports: BTreeMap<(String, Protocol), u16>,
}

/// The rules that one pod is under, a way each: absent where no policy is about it, and all is allowed.
#[derive(Clone, Debug, Default)]
pub(super) struct Isolation {
    pub(super) ingress: Option<Vec<Arc<Rule>>>,
    pub(super) egress: Option<Vec<Arc<Rule>>>,
}

/// The policies as one node holds to them.
#[derive(Debug)]
pub struct PolicyTable {
    node: String,
    policies: BTreeMap<Key, Policy>,
    pub(super) namespaces: Namespaces,
    pods: BTreeMap<Key, KnownPod>,
    by_address: BTreeMap<Ipv4Addr, Key>,
    /// The pods of this node that some policy selects.
    isolated: BTreeMap<Key, Isolation>,
}

impl PolicyTable {
    /// A table of the node of this name, which knows nothing yet and allows everything.
    pub fn new(node: &str) -> PolicyTable {
        PolicyTable {
            node: node.to_owned(),
            policies: BTreeMap::new(),
            namespaces: BTreeMap::new(),
            pods: BTreeMap::new(),
            by_address: BTreeMap::new(),
            isolated: BTreeMap::new(),
        }
    }

    /// How many policies there are.
    pub fn policies(&self) -> usize {
        self.policies.len()
    }

    /// A policy is there, or changed.
    pub fn set_policy(&mut self, policy: &NetworkPolicy) {
        let key = key(policy.metadata.namespace.as_ref(), policy.metadata.name.as_ref());
        let new = Policy::read(policy);
        let old = self.policies.insert(key, new.clone());
        let selected = |pod: &KnownPod| {
            let is_selected = |policy: &Policy| policy.selects(&pod.namespace, &pod.labels);
            is_selected(&new) || old.as_ref().is_some_and(is_selected)
        };
        self.isolate_those(selected);
    }

    /// A policy is gone.
    pub fn remove_policy(&mut self, policy: &NetworkPolicy) {
        let key = key(policy.metadata.namespace.as_ref(), policy.metadata.name.as_ref());
        if let Some(old) = self.policies.remove(&key) {
            self.isolate_those(|pod| old.selects(&pod.namespace, &pod.labels));
        }
    }

    /// A namespace is there, or changed.
    pub fn set_namespace(&mut self, namespace: &Namespace) {
        let name = namespace.metadata.name.clone().unwrap_or_default();
        self.namespaces.insert(name, namespace.metadata.labels.clone().unwrap_or_default());
    }

    /// A namespace is gone.
    pub fn remove_namespace(&mut self, namespace: &Namespace) {
        self.namespaces.remove(namespace.metadata.name.as_deref().unwrap_or_default());
    }

    /// A pod is there, or changed.
    pub fn set_pod(&mut self, pod: &Pod) {
        let spec = pod.spec.as_ref();
        let on_host_network = spec.and_then(|spec| spec.host_network) == Some(true);
        let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
        // Policies are not about pods on the network of their node, and the address of an ended one is free.
        if on_host_network || matches!(phase, Some("Succeeded" | "Failed")) {
            return self.remove_pod(pod);
        }
        let key = key(pod.metadata.namespace.as_ref(), pod.metadata.name.as_ref());
        let known = self.read(pod);
        if self.pods.get(&key) == Some(&known) {
            return;
        }
        self.forget_address(&key);
        if let Some(address) = known.address {
            self.by_address.insert(address, key.clone());
        }
        self.pods.insert(key.clone(), known);
        self.isolate(&key);
    }

    /// A pod is gone.
    pub fn remove_pod(&mut self, pod: &Pod) {
        let key = key(pod.metadata.namespace.as_ref(), pod.metadata.name.as_ref());
        self.forget_address(&key);
        self.pods.remove(&key);
        self.isolated.remove(&key);
    }

    /// The pod that has an address.
    pub(super) fn at(&self, address: Ipv4Addr) -> Option<&KnownPod> {
        self.pods.get(self.by_address.get(&address)?)
    }

    /// A pod by its namespace and name.
    pub(super) fn pod(&self, namespace: &str, name: &str) -> Option<&KnownPod> {
        self.pods.get(&(namespace.to_owned(), name.to_owned()))
    }

    /// What a pod of this node is held to; `None` where no policy selects it.
    pub(super) fn isolation(&self, namespace: &str, name: &str) -> Option<&Isolation> {
        self.isolated.get(&(namespace.to_owned(), name.to_owned()))
    }

    fn read(&self, pod: &Pod) -> KnownPod {
        let address = pod.status.as_ref().and_then(|status| status.pod_ip.as_ref());
        KnownPod {
            namespace: pod.metadata.namespace.clone().unwrap_or_default(),
            labels: pod.metadata.labels.clone().unwrap_or_default(),
            address: address.and_then(|address| address.parse().ok()),
            local: pod.spec.as_ref().and_then(|spec| spec.node_name.as_ref()) == Some(&self.node),
            ports: pod.spec.as_ref().map(named_ports).unwrap_or_default(),
        }
    }

    /// Another pod may have the address by now.
    fn forget_address(&mut self, key: &Key) {
        let address = self.pods.get(key).and_then(|pod| pod.address);
        if let Some(address) = address.filter(|address| self.by_address.get(address) == Some(key)) {
            self.by_address.remove(&address);
        }
    }

    fn isolate_those(&mut self, which: impl Fn(&KnownPod) -> bool) {
        let pods = self.pods.iter().filter(|(_, pod)| pod.local && which(pod));
        let keys: Vec<Key> = pods.map(|(key, _)| key.clone()).collect();
        keys.iter().for_each(|key| self.isolate(key));
    }

    /// Computes what a pod is held to: policies only add to each other.
    fn isolate(&mut self, key: &Key) {
        let mut isolation = Isolation::default();
        let Some(pod) = self.pods.get(key).filter(|pod| pod.local) else {
            self.isolated.remove(key);
            return;
        };
        for policy in self.policies.values().filter(|policy| policy.selects(&pod.namespace, &pod.labels)) {
            add(&mut isolation.ingress, policy.ingress.as_ref());
            add(&mut isolation.egress, policy.egress.as_ref());
        }
        match isolation {
            Isolation { ingress: None, egress: None } => drop(self.isolated.remove(key)),
            isolation => drop(self.isolated.insert(key.clone(), isolation)),
        }
    }
}

fn add(rules: &mut Option<Vec<Arc<Rule>>>, more: Option<&Vec<Arc<Rule>>>) {
    if let Some(more) = more {
        rules.get_or_insert_default().extend(more.iter().cloned());
    }
}

/// The ports that containers, and those before them that stay, give names to.
fn named_ports(spec: &PodSpec) -> BTreeMap<(String, Protocol), u16> {
    let containers = spec.init_containers.iter().flatten().chain(&spec.containers);
    let ports = containers.flat_map(|container| container.ports.iter().flatten());
    let named = ports.filter_map(|port| {
        let protocol = Protocol::from_name(port.protocol.as_deref().unwrap_or_default())?;
        Some(((port.name.clone()?, protocol), u16::try_from(port.container_port).ok()?))
    });
    named.collect()
}

fn key(namespace: Option<&String>, name: Option<&String>) -> Key {
    (namespace.cloned().unwrap_or_default(), name.cloned().unwrap_or_default())
}
