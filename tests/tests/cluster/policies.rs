//! NetworkPolicies on real pods: a database that only its application may ask, by its name.

use k8s_openapi::api::core::v1::{Pod, Service};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::api::{DeleteParams, LogParams, PostParams};
use kube::{Api, Client};
use serde_json::json;
use tests::Server;
use tests::eventually::eventually;
use tests::objects::{from_json, in_phase, namespace, pod};

/// Asks the database for ever and prints how each attempt went.
const ASKING: &str =
    "while true; do wget -q -T 1 -O /tmp/page http://db/ && echo served || echo failed; sleep 0.05; done";

async fn policy(client: &Client, within: &str, name: &str, spec: serde_json::Value) -> Api<NetworkPolicy> {
    let policies = Api::<NetworkPolicy>::namespaced(client.clone(), within);
    let policy = from_json(json!({ "metadata": { "name": name }, "spec": spec }));
    policies.create(&PostParams::default(), &policy).await.unwrap();
    policies
}

/// Waits until the last three attempts of a pod all went so.
async fn until_all(pods: &Api<Pod>, name: &str, outcome: &str) {
    let before = pods.logs(name, &LogParams::default()).await.unwrap_or_default().lines().count();
    eventually(&format!("{name} is {outcome}"), async || {
        let log = pods.logs(name, &LogParams::default()).await?;
        let outcomes: Vec<&str> =
            log.lines().skip(before).filter(|line| ["served", "failed"].contains(line)).collect();
        let last = outcomes.iter().rev().take(3);
        anyhow::ensure!(last.len() == 3 && last.clone().all(|line| *line == outcome), "{outcomes:?}");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_policy_should_keep_strangers_from_a_database_and_no_probe() {
    let server = Server::shared();
    let client = server.client().await.unwrap();
    namespace(&client, "policies").await.unwrap();
    let pods = Api::<Pod>::namespaced(client.clone(), "policies");
    let service = from_json::<Service>(json!({
        "metadata": { "name": "db" },
        "spec": { "selector": { "app": "db" }, "ports": [{ "port": 80 }] },
    }));
    let services = Api::<Service>::namespaced(client.clone(), "policies");
    services.create(&PostParams::default(), &service).await.unwrap();
    let mut database = pod("db", "nginx", None);
    let spec = database.spec.as_mut().unwrap();
    spec.node_name = Some("node-2".into());
    spec.containers[0].readiness_probe =
        Some(from_json(json!({ "httpGet": { "path": "/", "port": 80 }, "periodSeconds": 1 })));
    pods.create(&PostParams::default(), &database).await.unwrap();
    for name in ["web", "spy"] {
        let mut asking = pod(name, "busybox", Some(ASKING));
        asking.spec.as_mut().unwrap().node_name = Some("node-1".into());
        pods.create(&PostParams::default(), &asking).await.unwrap();
        in_phase(&pods, name, "Running").await;
        until_all(&pods, name, "served").await;
    }
    let web = json!({ "podSelector": { "matchLabels": { "app": "web" } } });
    let from_web = json!({
        "podSelector": { "matchLabels": { "app": "db" } },
        "ingress": [{ "from": [web], "ports": [{ "port": 80 }] }],
    });
    let policies = policy(&client, "policies", "db", from_web).await;
    until_all(&pods, "spy", "failed").await;
    until_all(&pods, "web", "served").await;
    let silent = json!({
        "podSelector": { "matchLabels": { "app": "web" } },
        "policyTypes": ["Egress"],
        "egress": [{ "to": [{ "podSelector": {} }] }],
    });
    policy(&client, "policies", "no-dns", silent).await;
    until_all(&pods, "web", "failed").await;
    let dns = json!({
        "podSelector": {},
        "policyTypes": ["Egress"],
        "egress": [{ "ports": [{ "port": 53, "protocol": "UDP" }, { "port": 53 }] }],
    });
    policy(&client, "policies", "dns", dns).await;
    until_all(&pods, "web", "served").await;
    policies.delete("db", &DeleteParams::default()).await.unwrap();
    policies.delete("dns", &DeleteParams::default()).await.unwrap();
    until_all(&pods, "spy", "served").await;
    let database = pods.get("db").await.unwrap();
    let status = database.status.unwrap();
    let ready = status.conditions.unwrap().into_iter().find(|condition| condition.type_ == "Ready").unwrap();
    assert_eq!(ready.status, "True", "the kubelet's probes always arrive");
    let log = server.kubectl().ok("logs -n kube-system kube-network-policies-node-2").await;
    assert!(log.contains("Syncing network policies"), "{log}");
}
