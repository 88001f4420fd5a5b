//! Ports of a node that pods take for themselves.
//!
//! Follows `HostPortInfo` of upstream's `staging/src/k8s.io/kube-scheduler/framework/types.go`.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, ContainerPort, Pod};
use serde::{Deserialize, Serialize};

use crate::api::pod_containers::is_sidecar;

const ANY_ADDRESS: &str = "0.0.0.0";

/// One port of a node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HostPort {
    /// The address it listens on; `0.0.0.0` for all of them.
    #[serde(rename = "hostIP")]
    pub host_ip: String,
    /// `TCP`, `UDP` or `SCTP`.
    pub protocol: String,
    /// The port's number.
    pub host_port: i32,
}

impl HostPort {
    fn new(port: &ContainerPort) -> Option<HostPort> {
        let text = |value: &Option<String>, default: &str| {
            value.clone().filter(|text| !text.is_empty()).unwrap_or_else(|| default.to_owned())
        };
        Some(HostPort {
            host_ip: text(&port.host_ip, ANY_ADDRESS),
            protocol: text(&port.protocol, "TCP"),
            host_port: port.host_port.filter(|port| *port > 0)?,
        })
    }

    /// Whether both cannot be listened on at once.
    pub fn conflicts_with(&self, other: &HostPort) -> bool {
        let same_address = self.host_ip == other.host_ip
            || [&self.host_ip, &other.host_ip].iter().any(|ip| *ip == ANY_ADDRESS);
        same_address && self.protocol == other.protocol && self.host_port == other.host_port
    }
}

/// The node's ports that a pod's containers and sidecars ask for.
pub fn host_ports(pod: &Pod) -> Vec<HostPort> {
    let Some(spec) = &pod.spec else { return Vec::new() };
    let sidecars = spec.init_containers.iter().flatten().filter(|container| is_sidecar(container));
    spec.containers.iter().chain(sidecars).flat_map(container_ports).collect()
}

fn container_ports(container: &Container) -> impl Iterator<Item = HostPort> {
    container.ports.iter().flatten().filter_map(HostPort::new)
}

/// The ports that are taken on one node; each counted, so that a removal leaves the others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostPorts(BTreeMap<HostPort, usize>);

impl HostPorts {
    /// Takes these ports.
    pub fn add(&mut self, ports: &[HostPort]) {
        for port in ports {
            *self.0.entry(port.clone()).or_default() += 1;
        }
    }

    /// Gives these ports back.
    pub fn remove(&mut self, ports: &[HostPort]) {
        for port in ports {
            let Some(count) = self.0.get_mut(port) else { continue };
            *count -= 1;
            if *count == 0 {
                self.0.remove(port);
            }
        }
    }

    /// The taken port that stands in the way of `wanted`.
    pub fn conflict(&self, wanted: &HostPort) -> Option<&HostPort> {
        self.0.keys().find(|taken| taken.conflicts_with(wanted))
    }
}
