//! CoreDNS on a network of its own, asked by a pod.

use std::net::SocketAddr;

use k8s_openapi::Resource;
use serde_json::{Value, json};
use shared::apiserver::ApiServer;
use shared::apiserver::user::User;
use shared::dns::hosts::Hosts;
use shared::dns::resolv_conf::ResolvConf;
use shared::given::Clock;
use shared::store::memory::MemoryStore;

use super::*;
use crate::clock::{ClusterClock, SystemEntropy};
use crate::network::{Attempt, ConnectionRule, Network, PodIdentity, PodNames, Stage, Verdict};
use crate::runtime::logs::{LogConfig, LogWriter};

const SERVER: Ipv4Addr = Ipv4Addr::new(10, 244, 0, 2);
const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 244, 1, 2);
const CLUSTER_DNS: Ipv4Addr = Ipv4Addr::new(10, 96, 0, 10);

/// What kube-proxy does for the one Service of this test.
struct ToServer;

impl ConnectionRule for ToServer {
    fn decide(&self, attempt: &mut Attempt) -> Verdict {
        if attempt.target.ip() == CLUSTER_DNS {
            attempt.target.set_ip(SERVER.into());
        }
        Verdict::Continue
    }
}

struct Cluster {
    admin: Client,
    pod: PodNetwork,
    _network: Network,
    log: std::path::PathBuf,
    task: tokio::task::JoinHandle<()>,
    _directory: tempfile::TempDir,
}

impl Cluster {
    async fn start() -> Cluster {
        let clock = Arc::new(ClusterClock::default());
        let server = ApiServer::new(Arc::new(MemoryStore::new()), clock.clone(), Arc::new(SystemEntropy));
        server.bootstrap(([172, 18, 0, 2], 6443).into()).await.unwrap();
        let client =
            |name: &str, groups: &[&str]| Client::new(server.clone(), User::new(name, groups), "test");
        let network = Network::new();
        network.add_rule(Stage::Translate, Arc::new(ToServer));
        let names = PodNames {
            hosts: Hosts::default(),
            resolv_conf: ResolvConf::parse(
                "search default.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\n\
                 options ndots:5\n",
            ),
        };
        let pod = network.add_pod(PodIdentity { names, ..PodIdentity::default() }, CLIENT).unwrap();
        let of_server = network.add_pod(PodIdentity::default(), SERVER).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let log = directory.path().join("0.log");
        let time: crate::runtime::Clock = Arc::new(move || clock.now());
        let writer = LogWriter::create(log.clone(), LogConfig::default(), time.clone()).unwrap();
        let coredns = client("system:serviceaccount:kube-system:coredns", &[]);
        let task = tokio::spawn(run(coredns, of_server, ComponentLog::new(writer, time), None));
        let admin = client("admin", &["system:masters"]);
        Cluster { admin, pod, _network: network, log, task, _directory: directory }
    }

    async fn create<K>(&self, value: Value)
    where
        K: Resource + shared::api::object::ApiObject + serde::de::DeserializeOwned,
    {
        self.admin.create(serde_json::from_value::<K>(value).unwrap()).await.unwrap();
    }

    /// Looks a name up until it is what it should be.
    async fn expect(&self, name: &str, expected: &str) {
        let mut last = String::new();
        for _ in 0..500 {
            last = match self.pod.resolve(name).await {
                Ok(addresses) => format!("{addresses:?}"),
                Err(error) => error.to_string(),
            };
            if last == expected {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(last, expected, "{name}");
    }

    async fn get(&self, port: u16, path: &str) -> String {
        let mut connection = self.pod.dial(SocketAddr::from((SERVER, port))).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        connection.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).await.unwrap();
        answer.lines().next().unwrap_or_default().to_owned()
    }
}

fn service(name: &str, spec: Value) -> Value {
    json!({"metadata": {"name": name, "namespace": "default"}, "spec": spec})
}

#[tokio::test]
async fn coredns_should_answer_pods_and_follow_the_cluster() {
    let cluster = Cluster::start().await;
    cluster.expect("kubernetes", "[10.96.0.1]").await;
    cluster.expect("kubernetes.default.svc.cluster.local", "[10.96.0.1]").await;
    cluster.expect("kube-dns.kube-system", "[10.96.0.10]").await;
    cluster.expect("db", "name does not resolve").await;
    let spec = json!({"clusterIP": "10.96.0.77", "ports": [{"port": 80}]});
    cluster.create::<Service>(service("db", spec)).await;
    cluster.expect("db", "[10.96.0.77]").await;
    let spec = json!({"clusterIP": "None", "ports": [{"port": 80}]});
    cluster.create::<Service>(service("pets", spec)).await;
    let slice = json!({
        "metadata": {
            "name": "pets-a",
            "namespace": "default",
            "labels": {"kubernetes.io/service-name": "pets"},
        },
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["10.244.2.7"], "hostname": "pet-0", "conditions": {"ready": true}}],
        "ports": [{"name": "", "port": 80, "protocol": "TCP"}],
    });
    cluster.create::<EndpointSlice>(slice).await;
    cluster.expect("pet-0.pets", "[10.244.2.7]").await;
    cluster.expect("10-244-9-9.default.pod", "[10.244.9.9]").await;
    let reason = "example.com. is not a name of this cluster, and this DNS asks no other server: \
                  containers have no way out of the cluster";
    cluster.expect("example.com", &format!("name resolution refused: {reason}")).await;
    let log = std::fs::read_to_string(&cluster.log).unwrap();
    assert!(log.contains(&format!("\"A IN example.com. tcp\" REFUSED: {reason}")), "{log}");
    assert!(log.contains("10.244.1.2:"), "who asked is told: {log}");
}

#[tokio::test]
async fn coredns_should_say_that_it_is_there_and_take_names_with_it_when_it_ends() {
    let cluster = Cluster::start().await;
    cluster.expect("kubernetes", "[10.96.0.1]").await;
    assert_eq!(cluster.get(HEALTH_PORT, "/health").await, "HTTP/1.1 200 OK");
    assert_eq!(cluster.get(READY_PORT, "/ready").await, "HTTP/1.1 200 OK");
    assert_eq!(cluster.get(READY_PORT, "/").await, "HTTP/1.1 404 Not Found");
    cluster.task.abort();
    cluster.expect("kubernetes", "temporary failure in name resolution").await;
}

#[tokio::test]
async fn client_that_talks_nonsense_should_not_stop_others() {
    let cluster = Cluster::start().await;
    cluster.expect("kubernetes", "[10.96.0.1]").await;
    let dns = SocketAddr::from((CLUSTER_DNS, PORT));
    let mut nonsense = cluster.pod.dial(dns).await.unwrap();
    nonsense.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let mut short = cluster.pod.dial(dns).await.unwrap();
    short.write_all(&[0, 2, 1, 1]).await.unwrap();
    assert_eq!(short.read(&mut [0; 8]).await.unwrap(), 0, "what is no request is not answered");
    cluster.expect("kubernetes", "[10.96.0.1]").await;
}

#[test]
fn one_client_should_not_keep_the_others_out() {
    let guests = Guests::default();
    let (one, other) = (IpAddr::V4(CLIENT), IpAddr::V4(SERVER));
    let mut held: Vec<_> = (0..MOST_OF_ONE).map(|_| guests.admit(one).unwrap()).collect();
    assert!(guests.admit(one).is_none());
    assert!(guests.admit(other).is_some());
    held.pop();
    assert!(guests.admit(one).is_some(), "there is room again");
}
