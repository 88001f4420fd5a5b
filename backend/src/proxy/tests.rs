//! kube-proxy on a network with two nodes: what it writes counts there, and outlives it.

use std::path::Path;

use serde_json::{Value, json};
use shared::apiserver::ApiServer;
use shared::apiserver::user::{MASTERS, User};
use shared::store::memory::MemoryStore;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinHandle;

use super::*;
use crate::network::{PodIdentity, PodNetwork};
use crate::runtime::logs::{LogConfig, LogWriter};

const SERVICE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 96, 0, 7)), 80);
const NODE: Ipv4Addr = Ipv4Addr::new(172, 18, 0, 3);
const POD: Ipv4Addr = Ipv4Addr::new(10, 244, 1, 2);

struct World {
    server: ApiServer,
    admin: Client,
    network: Network,
    node: PodNetwork,
    rules: ProxyRules,
    directory: tempfile::TempDir,
}

impl World {
    async fn new() -> World {
        let clock = Arc::new(ClusterClock::default());
        let server = ApiServer::new(Arc::new(MemoryStore::new()), clock.clone(), Arc::new(SystemEntropy));
        server.bootstrap(([172, 18, 0, 2], 6443).into()).await.unwrap();
        let admin = Client::new(server.clone(), User::new("admin", &[MASTERS]), "test");
        let (network, mut rules) = (Network::new(), ProxyRules::default());
        let node = network.add_node("node-1", NODE).unwrap();
        rules.install(&network, "node-1", NODE, "10.244.0.0/16".parse().unwrap(), clock);
        let directory = tempfile::tempdir().unwrap();
        World { server, admin, network, node, rules, directory }
    }

    /// Starts kube-proxy on the node.
    fn start(&self) -> JoinHandle<()> {
        let client = Client::new(self.server.clone(), User::new("system:kube-proxy", &[]), "kube-proxy");
        let rules = self.rules.of("node-1").unwrap().clone();
        tokio::spawn(run(client, rules, self.node.clone(), log(self.directory.path())))
    }

    async fn apply(&self, service: Value, ready: bool) {
        let service: Service = serde_json::from_value(service).unwrap();
        self.admin.create(service).await.unwrap();
        let slice = json!({
            "metadata": {
                "name": "web-a", "namespace": "default", "labels": { "kubernetes.io/service-name": "web" },
            },
            "addressType": "IPv4",
            "ports": [{ "name": "", "port": 8080, "protocol": "TCP" }],
            "endpoints": [{ "addresses": [POD], "nodeName": "node-1", "conditions": { "ready": ready } }],
        });
        let slice: EndpointSlice = serde_json::from_value(slice).unwrap();
        self.admin.create(slice).await.unwrap();
    }

    async fn until_dialled(&self, from: &PodNetwork, to: SocketAddr) -> crate::network::Connection {
        let dialled = async {
            loop {
                match from.dial(to).await {
                    Ok(connection) => return connection,
                    Err(_) => tokio::time::sleep(std::time::Duration::from_millis(5)).await,
                }
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(30), dialled).await.unwrap()
    }
}

fn log(directory: &Path) -> ComponentLog {
    let time: crate::runtime::Clock = Arc::new(jiff::Timestamp::now);
    let writer = LogWriter::create(directory.join("0.log"), LogConfig::default(), time.clone());
    ComponentLog::new(writer.unwrap(), time)
}

fn service(spec: Value) -> Value {
    let mut whole = json!({
        "metadata": { "name": "web", "namespace": "default" },
        "spec": { "clusterIP": SERVICE.ip(), "ports": [{ "port": 80, "targetPort": 8080 }] },
    });
    for (field, value) in spec.as_object().cloned().unwrap_or_default() {
        whole["spec"][field] = value;
    }
    whole
}

#[tokio::test]
async fn rules_should_lead_to_endpoints_and_stay_when_kube_proxy_is_gone() {
    let world = World::new().await;
    let on = |node: &str| PodIdentity { node: node.into(), ..PodIdentity::default() };
    let web = world.network.add_pod(on("node-1"), POD).unwrap();
    let client = world.network.add_pod(on("node-1"), Ipv4Addr::new(10, 244, 1, 3)).unwrap();
    let stranger = world.network.add_pod(on("node-2"), Ipv4Addr::new(10, 244, 2, 3)).unwrap();
    let mut listener = web.listen(std::net::SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 8080)).unwrap();
    world.apply(service(json!({})), true).await;
    assert_eq!(client.dial(SERVICE).await.err(), Some(DialError::Unreachable), "nobody wrote rules yet");
    let proxy = world.start();
    let connection = world.until_dialled(&client, SERVICE).await;
    assert_eq!(connection.peer_address(), SERVICE, "the client sees the Service");
    assert_eq!(
        listener.accept().await.unwrap().peer_address().ip(),
        client.ip(),
        "the server sees the client"
    );
    proxy.abort();
    assert!(proxy.await.unwrap_err().is_cancelled());
    assert!(client.dial(SERVICE).await.is_ok());
    assert_eq!(stranger.dial(SERVICE).await.err(), Some(DialError::Unreachable), "the rules are node-1's");
}

#[tokio::test]
async fn health_check_should_tell_whether_the_node_has_endpoints() {
    let world = World::new().await;
    let spec =
        json!({ "type": "LoadBalancer", "externalTrafficPolicy": "Local", "healthCheckNodePort": 30999 });
    world.apply(service(spec), true).await;
    let _proxy = world.start();
    let mut connection = world.until_dialled(&world.node, SocketAddr::from((NODE, 30999))).await;
    connection.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(answer.contains("x-load-balancing-endpoint-weight: 1"), "{answer}");
    assert!(answer.contains(r#""localEndpoints":1"#), "{answer}");
}
