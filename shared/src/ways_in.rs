//! Ways into the cluster from the machine that it runs on: which ports of its loopback interface lead where.
//!
//! A port of a node leads to that port of a node, as `extraPortMappings` of kind do, the address of a load
//! balancer to that address, as cloud-provider-kind does, and a `hostPort` to its pod, by way of the pod's node,
//! as CNI's portmap plugin does. The first part of a load balancer's address is 127 on the machine, so that
//! 172.18.255.200 of the cluster is 127.18.255.200 there; where the system has only 127.0.0.1, that is taken.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};

use k8s_openapi::api::core::v1::{ObjectReference, Pod, Service};

use crate::proxy::service_port::{Protocol, service_ports};
use crate::recorder::regarding;

/// Namespace and name.
type Key = (String, String);

/// A port of the machine, and where it leads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Way {
    /// Where it is listened.
    pub listen: SocketAddrV4,
    /// Where it leads.
    pub to: Entrance,
}

/// Where a connection enters the cluster.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Entrance {
    /// A port of any node that has somebody to answer.
    NodePort(u16),
    /// An address that every node answers at, and any that has somebody to answer.
    Address(SocketAddrV4),
    /// A port of one node.
    HostPort {
        /// The node.
        node: String,
        /// The port.
        port: u16,
    },
}

/// A port that a pod has of its node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostPort {
    /// What it carries.
    pub protocol: Protocol,
    /// The node's port.
    pub port: u16,
    /// Where it leads.
    pub target: SocketAddrV4,
    /// The address that it is bound to, unspecified for all that the node has.
    pub address: Ipv4Addr,
}

/// The ways to a Service. Those that carry datagrams are none.
pub fn of_service(service: &Service) -> Vec<Way> {
    let mut ways = Vec::new();
    let ports = service_ports(service).into_iter().map(|(_, port)| port);
    for port in ports.filter(|port| port.protocol == Protocol::Tcp) {
        if let Some(number) = port.node_port {
            let listen = SocketAddrV4::new(Ipv4Addr::LOCALHOST, number);
            ways.push(Way { listen, to: Entrance::NodePort(number) });
        }
        for address in &port.load_balancer_ips {
            let at = |address| SocketAddrV4::new(address, port.port);
            ways.push(Way { listen: at(on_loopback(*address)), to: Entrance::Address(at(*address)) });
        }
    }
    ways
}

/// What a Service has for datagrams at ports of nodes, in words; these do not lead in from the machine.
pub fn left_out(service: &Service) -> Vec<String> {
    let ports = service_ports(service).into_iter().map(|(_, port)| port);
    let ports = ports.filter(|port| port.protocol == Protocol::Udp);
    ports.filter_map(|port| port.node_port).map(|number| format!("{number}/UDP")).collect()
}

/// The same address of the machine's loopback interface.
fn on_loopback(address: Ipv4Addr) -> Ipv4Addr {
    let [_, b, c, d] = address.octets();
    Ipv4Addr::new(127, b, c, d)
}

/// The node of a pod and the ports that it has there, once the pod has an address.
pub fn host_ports(pod: &Pod) -> Option<(String, Vec<HostPort>)> {
    let (spec, status) = (pod.spec.as_ref()?, pod.status.as_ref()?);
    let over = matches!(status.phase.as_deref(), Some("Succeeded" | "Failed"));
    if spec.host_network == Some(true) || over {
        return None;
    }
    let ip: Ipv4Addr = status.pod_ip.as_deref()?.parse().ok()?;
    let containers = spec.init_containers.iter().flatten().chain(&spec.containers);
    let ports = containers.flat_map(|container| container.ports.iter().flatten());
    let ports = ports.filter_map(|port| {
        let number = |port: i32| u16::try_from(port).ok().filter(|port| *port != 0);
        Some(HostPort {
            protocol: Protocol::from_name(port.protocol.as_deref().unwrap_or_default())?,
            port: number(port.host_port?)?,
            target: SocketAddrV4::new(ip, number(port.container_port)?),
            address: match port.host_ip.as_deref() {
                None | Some("") => Ipv4Addr::UNSPECIFIED,
                Some(address) => address.parse().ok()?,
            },
        })
    });
    Some((spec.node_name.clone()?, ports.collect::<Vec<_>>())).filter(|(_, ports)| !ports.is_empty())
}

/// All ways in, and the ports of nodes that lead to pods.
#[derive(Debug, Default)]
pub struct WaysIn {
    services: BTreeMap<Key, (ObjectReference, Vec<Way>)>,
    pods: BTreeMap<Key, (ObjectReference, String, Vec<HostPort>)>,
}

impl WaysIn {
    /// A Service is there, or changed.
    pub fn set_service(&mut self, service: &Service) {
        let key = (name(&service.metadata.namespace), name(&service.metadata.name));
        match of_service(service) {
            none if none.is_empty() => drop(self.services.remove(&key)),
            ways => {
                let about = regarding("Service", &key.0, &key.1, service.metadata.uid.clone());
                self.services.insert(key, (about, ways));
            }
        }
    }

    /// A Service is gone.
    pub fn remove_service(&mut self, service: &Service) {
        self.services.remove(&(name(&service.metadata.namespace), name(&service.metadata.name)));
    }

    /// A pod is there, or changed.
    pub fn set_pod(&mut self, pod: &Pod) {
        let key = (name(&pod.metadata.namespace), name(&pod.metadata.name));
        match host_ports(pod) {
            None => drop(self.pods.remove(&key)),
            Some((node, ports)) => {
                let about = regarding("Pod", &key.0, &key.1, pod.metadata.uid.clone());
                self.pods.insert(key, (about, node, ports));
            }
        }
    }

    /// A pod is gone.
    pub fn remove_pod(&mut self, pod: &Pod) {
        self.pods.remove(&(name(&pod.metadata.namespace), name(&pod.metadata.name)));
    }

    /// Every way, with the object that it is for; the first one has a port that two want.
    pub fn ways(&self) -> BTreeMap<SocketAddrV4, (Entrance, ObjectReference)> {
        let mut ways = BTreeMap::new();
        for (about, all) in self.services.values() {
            for way in all {
                ways.entry(way.listen).or_insert_with(|| (way.to.clone(), about.clone()));
            }
        }
        for (about, node, ports) in self.pods.values() {
            for port in ports.iter().filter(|port| port.protocol == Protocol::Tcp) {
                let to = || Entrance::HostPort { node: node.clone(), port: port.port };
                let listen = SocketAddrV4::new(Ipv4Addr::LOCALHOST, port.port);
                ways.entry(listen).or_insert_with(|| (to(), about.clone()));
            }
        }
        ways
    }

    /// Where a port of a node leads by a pod's wish.
    pub fn behind(&self, node: &str, protocol: Protocol, dialled: SocketAddrV4) -> Option<SocketAddrV4> {
        let own = self.pods.values().filter(|(_, on, _)| on == node).flat_map(|(_, _, ports)| ports);
        let mut found = own.filter(|port| (port.protocol, port.port) == (protocol, dialled.port()));
        let bound = |port: &HostPort| port.address.is_unspecified() || port.address == *dialled.ip();
        found.find(|port| bound(port)).map(|port| port.target)
    }

    /// Whether some pod has a port of its node.
    pub fn has_host_ports(&self) -> bool {
        !self.pods.is_empty()
    }
}

fn name(text: &Option<String>) -> String {
    text.clone().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde::de::DeserializeOwned;
    use serde_json::json;

    use super::*;

    fn read<K: DeserializeOwned>(value: serde_json::Value) -> K {
        serde_json::from_value(value).unwrap()
    }

    fn service(type_: &str, protocol: &str) -> Service {
        read(json!({
            "metadata": { "namespace": "shop", "name": "web" },
            "spec": { "type": type_, "clusterIP": "10.96.0.7", "ports": [
                { "port": 80, "nodePort": (type_ != "ClusterIP").then_some(30080), "protocol": protocol },
            ] },
            "status": { "loadBalancer": { "ingress":
                (type_ == "LoadBalancer").then(|| json!([{ "ip": "172.18.255.200" }])),
            } },
        }))
    }

    fn pod(ports: serde_json::Value, phase: &str) -> Pod {
        read(json!({
            "metadata": { "namespace": "shop", "name": "web" },
            "spec": { "nodeName": "node-1", "containers": [{ "name": "c", "ports": ports }] },
            "status": { "phase": phase, "podIP": "10.244.1.2" },
        }))
    }

    fn shown(ways: &WaysIn) -> Vec<String> {
        let ways = ways.ways();
        ways.iter()
            .map(|(listen, (to, about))| format!("{listen} {to:?} {}", about.kind.clone().unwrap()))
            .collect()
    }

    #[test]
    fn services_should_be_reached_at_the_ports_that_they_have_of_nodes() {
        let node_port = "127.0.0.1:30080 NodePort(30080) Service";
        let balancer = "127.18.255.200:80 Address(172.18.255.200:80) Service";
        let rows: [(&str, &str, &[&str]); 4] = [
            ("ClusterIP", "TCP", &[]),
            ("NodePort", "TCP", &[node_port]),
            ("LoadBalancer", "TCP", &[node_port, balancer]),
            ("NodePort", "UDP", &[]),
        ];
        for (type_, protocol, expected) in rows {
            let mut ways = WaysIn::default();
            ways.set_service(&service(type_, protocol));
            assert_eq!(shown(&ways), expected, "{type_} {protocol}");
            ways.set_service(&service("ClusterIP", "TCP"));
            assert!(shown(&ways).is_empty());
        }
        assert_eq!(left_out(&service("NodePort", "UDP")), ["30080/UDP"]);
        assert!(left_out(&service("NodePort", "TCP")).is_empty());
    }

    #[test]
    fn ports_of_the_host_should_lead_to_their_pod_while_it_has_an_address() {
        let ports = json!([
            { "containerPort": 80, "hostPort": 8081 },
            { "containerPort": 53, "hostPort": 5353, "protocol": "UDP", "hostIP": "172.18.0.3" },
            { "containerPort": 90 },
        ]);
        let mut ways = WaysIn::default();
        ways.set_pod(&pod(ports.clone(), "Running"));
        let to_node = r#"127.0.0.1:8081 HostPort { node: "node-1", port: 8081 } Pod"#;
        assert_eq!(shown(&ways), [to_node]);
        let at = |ip: [u8; 4], port| SocketAddrV4::new(ip.into(), port);
        let rows = [
            ("node-1", Protocol::Tcp, at([172, 18, 0, 3], 8081), Some(at([10, 244, 1, 2], 80))),
            ("node-1", Protocol::Udp, at([172, 18, 0, 3], 5353), Some(at([10, 244, 1, 2], 53))),
            ("node-1", Protocol::Udp, at([172, 18, 0, 9], 5353), None),
            ("node-1", Protocol::Tcp, at([172, 18, 0, 3], 90), None),
            ("node-2", Protocol::Tcp, at([172, 18, 0, 4], 8081), None),
        ];
        for (node, protocol, dialled, expected) in rows {
            assert_eq!(ways.behind(node, protocol, dialled), expected, "{node} {dialled}");
        }
        ways.set_pod(&pod(ports, "Succeeded"));
        assert!(shown(&ways).is_empty() && !ways.has_host_ports());
    }
}
