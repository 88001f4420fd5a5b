//! Connections to ports of a pod, made from inside of it: `kubectl port-forward`.
//!
//! Follows `GetPortForward` in `pkg/kubelet/kubelet_pods.go` of kubernetes/kubernetes, and `portForward` in
//! `internal/cri/server/sandbox_portforward_linux.go` of containerd for where it connects to and what it says.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use sha2::{Digest as _, Sha256};
use shared::api::status;

use crate::network::{Connection, DialError, PodNetwork};

use super::logs;
use super::node::Kubelet;

impl Kubelet {
    /// The network of a pod that runs here.
    ///
    /// # Errors
    /// 500 where it does not, with upstream's sentence.
    pub fn pod_network(&self, pod: &Pod) -> Result<PodNetwork, Box<Status>> {
        let found = if pod.spec.as_ref().and_then(|spec| spec.host_network).unwrap_or(false) {
            // The node is there without it.
            self.running.any(&logs::node_uid(pod)).then(|| self.network.clone())
        } else {
            let found = pod_ip(pod).and_then(|ip| self.network.network()?.pod(ip));
            // Its address may be another one's by now.
            found.filter(|found| found.identity().uid == logs::node_uid(pod))
        };
        found.ok_or_else(|| {
            let part = |text: &Option<String>| text.clone().unwrap_or_default();
            let full_name = format!("{}_{}", part(&pod.metadata.name), part(&pod.metadata.namespace));
            Box::new(status::unexplained(format!("pod not found ({full_name:?})")))
        })
    }

    /// Connects to a port on the pod's loopback, or, where nobody listens there, on its own address.
    ///
    /// # Errors
    /// 500 where the pod does not run or nobody listens, with the sentence of kubelet and containerd.
    pub async fn port_forward(&self, pod: &Pod, port: u16) -> Result<Connection, Box<Status>> {
        let network = self.pod_network(pod)?;
        let loopback = SocketAddr::from(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port));
        let refused = match network.dial(loopback).await {
            Ok(connection) => return Ok(connection),
            Err(refused) => refused,
        };
        if refused == DialError::Refused
            && let Ok(connection) = network.dial(SocketAddrV4::new(network.ip(), port).into()).await
        {
            return Ok(connection);
        }
        Err(Box::new(status::unexplained(not_connected(&logs::node_uid(pod), port, refused))))
    }
}

fn pod_ip(pod: &Pod) -> Option<Ipv4Addr> {
    pod.status.as_ref()?.pod_ip.as_deref()?.parse().ok()
}

fn not_connected(uid: &str, port: u16, why: DialError) -> String {
    let sandbox = format!("{:x}", Sha256::digest(uid));
    let netns = format!("/var/run/netns/cni-{uid}");
    format!(
        "error forwarding port {port} to pod {sandbox}, uid : failed to execute portforward in network namespace \
         {netns:?}: failed to connect to localhost:{port} inside namespace {sandbox:?}, IPv4: dial tcp4 \
         127.0.0.1:{port}: connect: {why} IPv6 dial tcp6 [::1]:{port}: connect: {why} "
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::super::testing::{NAME, Node};
    use super::*;
    use crate::network::PodIdentity;

    const POD_IP: Ipv4Addr = Ipv4Addr::new(10, 244, 1, 2);

    fn pod(name: &str) -> Pod {
        let pod = json!({
            "metadata": { "name": name, "namespace": "default", "uid": format!("{name}-uid") },
            "spec": { "containers": [], "nodeName": NAME },
            "status": { "podIP": POD_IP.to_string() },
        });
        serde_json::from_value(pod).unwrap()
    }

    async fn node_with_pod() -> (Node, PodNetwork) {
        let node = Node::new(Default::default()).await;
        let identity = PodIdentity { uid: "web-uid".into(), node: NAME.into(), ..PodIdentity::default() };
        let network = node.network.add_pod(identity, POD_IP).unwrap();
        (node, network)
    }

    #[tokio::test]
    async fn ports_should_be_reached_on_loopback_and_on_the_pods_own_address() {
        let (node, network) = node_with_pod().await;
        let addresses = [(Ipv4Addr::LOCALHOST, 80), (POD_IP, 81), (Ipv4Addr::UNSPECIFIED, 82)];
        for (address, port) in addresses {
            let mut listener = network.listen(SocketAddrV4::new(address, port)).unwrap();
            let mut client = node.kubelet.port_forward(&pod("web"), port).await.unwrap();
            let mut server = listener.accept().await.unwrap();
            client.write_all(b"x").await.unwrap();
            assert_eq!(server.read_u8().await.unwrap(), b'x');
        }
    }

    #[tokio::test]
    async fn pod_of_the_nodes_network_should_be_reached_while_it_runs() {
        let (node, _network) = node_with_pod().await;
        let mut pod = pod("host");
        pod.spec.as_mut().unwrap().host_network = Some(true);
        let refused = node.kubelet.pod_network(&pod).err().unwrap();
        assert_eq!(refused.message.as_deref(), Some("pod not found (\"host_default\")"));
        node.kubelet.running.add("host-uid", "c", 0, node.endless());
        assert!(node.kubelet.pod_network(&pod).is_ok());
    }

    #[tokio::test]
    async fn refused_port_should_be_told_in_containerds_words() {
        let (node, _network) = node_with_pod().await;
        let refused = node.kubelet.port_forward(&pod("web"), 8080).await.err().unwrap();
        let message = refused.message.unwrap();
        let sandbox = format!("{:x}", Sha256::digest("web-uid"));
        assert!(
            message.starts_with(&format!("error forwarding port 8080 to pod {sandbox}, uid : ")),
            "{message}"
        );
        let why = format!(
            "failed to connect to localhost:8080 inside namespace \"{sandbox}\", IPv4: dial tcp4 127.0.0.1:8080: \
             connect: connection refused"
        );
        assert!(message.contains(&why), "{message}");
    }

    #[tokio::test]
    async fn pod_whose_address_another_has_should_not_be_found() {
        let (node, _network) = node_with_pod().await;
        let refused = node.kubelet.port_forward(&pod("gone"), 80).await.err().unwrap();
        assert_eq!(refused.message.as_deref(), Some("pod not found (\"gone_default\")"));
    }
}
