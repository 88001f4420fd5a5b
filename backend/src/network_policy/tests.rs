//! Policies on a network with two nodes: what is written to the API counts for connections.

use std::net::SocketAddrV4;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use shared::apiserver::ApiServer;
use shared::apiserver::user::{MASTERS, User};
use shared::store::memory::MemoryStore;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::*;
use crate::clock::{ClusterClock, SystemEntropy};
use crate::network::{DialError, PodIdentity, PodNetwork};
use crate::runtime::logs::{LogConfig, LogWriter};

const WEB: Ipv4Addr = Ipv4Addr::new(10, 244, 1, 2);
const DB: Ipv4Addr = Ipv4Addr::new(10, 244, 2, 2);
const NODE: Ipv4Addr = Ipv4Addr::new(172, 18, 0, 3);
const ANY: Ipv4Addr = Ipv4Addr::UNSPECIFIED;
/// Longer than a connection takes that is allowed, shorter than one that is tried again.
const SOON: Duration = Duration::from_millis(200);
const LIMIT: Duration = Duration::from_secs(30);

struct World {
    server: ApiServer,
    admin: Client,
    network: Network,
    policies: Policies,
    web: PodNetwork,
    db: PodNetwork,
    directory: tempfile::TempDir,
}

impl World {
    /// Two nodes with a pod each: `web` on node-1 and `db` on node-2.
    async fn new() -> World {
        let clock = Arc::new(ClusterClock::default());
        let server = ApiServer::new(Arc::new(MemoryStore::new()), clock, Arc::new(SystemEntropy));
        server.bootstrap(([172, 18, 0, 2], 6443).into()).await.unwrap();
        let admin = Client::new(server.clone(), User::new("admin", &[MASTERS]), "test");
        let (network, mut policies) = (Network::new(), Policies::default());
        for (node, address) in [("node-1", NODE), ("node-2", Ipv4Addr::new(172, 18, 0, 4))] {
            policies.install(&network, node, address);
        }
        let web = network.add_pod(identity("web", "node-1"), WEB).unwrap();
        let db = network.add_pod(identity("db", "node-2"), DB).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let world = World { server, admin, network, policies, web, db, directory };
        world.pod("web", "node-1", WEB).await;
        world.pod("db", "node-2", DB).await;
        world
    }

    /// Writes a pod as its kubelet would, address and all.
    async fn pod(&self, name: &str, node: &str, address: Ipv4Addr) {
        let pod: Pod = read(json!({
            "metadata": { "name": name, "namespace": "kube-system", "labels": { "app": name } },
            "spec": { "nodeName": node, "containers": [{ "name": "c", "image": "nginx" }] },
        }));
        let account = json!({ "metadata": { "name": "default", "namespace": "kube-system" } });
        let account: k8s_openapi::api::core::v1::ServiceAccount = read(account);
        let _it_may_be_there = self.admin.create(account).await;
        let created = self.admin.create(pod).await.unwrap();
        let mut pod = created.downcast_ref::<Pod>().unwrap().clone();
        pod.status.as_mut().unwrap().pod_ip = Some(address.to_string());
        self.admin.update_status(pod).await.unwrap();
    }

    fn start(&self, node: &str) -> JoinHandle<()> {
        let user = User::new("system:serviceaccount:kube-system:kube-network-policies", &[]);
        let client = Client::new(self.server.clone(), user, "kube-network-policies");
        let policies = self.policies.of(node).unwrap().clone();
        tokio::spawn(run(client, policies, log(self.directory.path(), node)))
    }

    async fn policy(&self, name: &str, spec: Value) {
        let metadata = json!({ "name": name, "namespace": "kube-system" });
        let policy: NetworkPolicy = read(json!({ "metadata": metadata, "spec": spec }));
        self.admin.create(policy).await.unwrap();
    }
}

fn identity(name: &str, node: &str) -> PodIdentity {
    let (namespace, name, node) = ("kube-system".to_owned(), name.to_owned(), node.to_owned());
    PodIdentity { namespace, name, node, ..PodIdentity::default() }
}

fn read<K: serde::de::DeserializeOwned>(value: Value) -> K {
    serde_json::from_value(value).unwrap()
}

fn log(directory: &Path, node: &str) -> ComponentLog {
    let time: crate::runtime::Clock = Arc::new(jiff::Timestamp::now);
    let file = directory.join(format!("{node}.log"));
    ComponentLog::new(LogWriter::create(file, LogConfig::default(), time.clone()).unwrap(), time)
}

fn at(ip: Ipv4Addr, port: u16) -> SocketAddr {
    SocketAddrV4::new(ip, port).into()
}

/// Whether a connection is made soon.
async fn connects(from: &PodNetwork, to: SocketAddr) -> bool {
    timeout(SOON, from.dial(to)).await.is_ok_and(|outcome| outcome.is_ok())
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let waited = timeout(LIMIT, async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    assert!(waited.await.is_ok(), "never: {what}");
}

fn from_web() -> Value {
    let web = json!({ "podSelector": { "matchLabels": { "app": "web" } } });
    json!({ "podSelector": { "matchLabels": { "app": "db" } }, "ingress": [{ "from": [web] }] })
}

#[tokio::test]
async fn a_connection_that_no_policy_allows_should_get_no_answer_until_one_does() {
    let world = World::new().await;
    let mut listener = world.db.listen(SocketAddrV4::new(ANY, 6379)).unwrap();
    let (_one, _two) = (world.start("node-1"), world.start("node-2"));
    let open = world.web.dial(at(DB, 6379)).await.unwrap();
    let mut accepted = listener.accept().await.unwrap();
    world.policy("deny", json!({ "podSelector": {} })).await;
    until("the policy counts", async || !connects(&world.web, at(DB, 6379)).await).await;
    let waiting = tokio::spawn({
        let web = world.web.clone();
        async move { web.dial(at(DB, 6379)).await.map(drop) }
    });
    let node = world.network.add_node("node-2", Ipv4Addr::new(172, 18, 0, 4)).unwrap();
    assert!(connects(&node, at(DB, 6379)).await, "the pod's own node may always ask it");
    let other = world.network.add_node("node-1", NODE).unwrap();
    assert!(!connects(&other, at(DB, 6379)).await, "another node may not");
    tokio::io::AsyncWriteExt::write_all(&mut { open }, b"still here").await.unwrap();
    let mut said = [0; 10];
    tokio::io::AsyncReadExt::read_exact(&mut accepted, &mut said).await.unwrap();
    assert!(!waiting.is_finished(), "a denied connection is not refused");
    world.policy("allow", from_web()).await;
    let outcome = timeout(LIMIT, waiting).await.unwrap().unwrap();
    assert_eq!(outcome, Ok(()), "what was sent again arrives");
}

#[tokio::test]
async fn a_pod_should_be_held_from_going_out_and_still_reach_itself() {
    let world = World::new().await;
    let _listener = world.db.listen(SocketAddrV4::new(ANY, 6379)).unwrap();
    let _agent = world.start("node-1");
    world.policy("no-way-out", json!({ "podSelector": {}, "policyTypes": ["Egress"] })).await;
    until("the policy counts", async || !connects(&world.web, at(DB, 6379)).await).await;
    assert!(connects(&world.db, at(DB, 6379)).await, "its own port");
    assert_eq!(world.web.dial(at(WEB, 80)).await.err(), Some(DialError::Refused), "a pod reaches itself");
}

#[tokio::test]
async fn datagrams_should_be_held_to_policies_and_answers_should_not() {
    let world = World::new().await;
    let (_one, _two) = (world.start("node-1"), world.start("node-2"));
    let mut server = world.db.bind_datagrams(SocketAddrV4::new(ANY, 53)).unwrap();
    let mut client = world.web.bind_datagrams(SocketAddrV4::new(ANY, 0)).unwrap();
    let out = json!({ "podSelector": { "matchLabels": { "app": "db" } }, "policyTypes": ["Egress"] });
    world.policy("db-says-nothing", out).await;
    let stranger = world.web.bind_datagrams(SocketAddrV4::new(ANY, 9)).unwrap();
    let mut stray = world.db.bind_datagrams(SocketAddrV4::new(ANY, 0)).unwrap();
    let mut receiver = stranger;
    until("the policy counts", async || {
        stray.send(at(WEB, 9), &Bytes::from_static(b"unasked")).unwrap();
        timeout(SOON, receiver.receive()).await.is_err()
    })
    .await;
    client.send(at(DB, 53), &Bytes::from_static(b"name?")).unwrap();
    let asked = timeout(LIMIT, server.receive()).await.unwrap().unwrap();
    server.send(asked.from.into(), &Bytes::from_static(b"address")).unwrap();
    let answer = timeout(LIMIT, client.receive()).await.unwrap().unwrap();
    assert_eq!(answer.data, Bytes::from_static(b"address"));
    world.policy("db-hears-nothing", json!({ "podSelector": { "matchLabels": { "app": "db" } } })).await;
    until("the policy counts", async || {
        let mut fresh = world.web.bind_datagrams(SocketAddrV4::new(ANY, 0)).unwrap();
        fresh.send(at(DB, 53), &Bytes::from_static(b"name?")).unwrap();
        timeout(SOON, server.receive()).await.is_err()
    })
    .await;
}
