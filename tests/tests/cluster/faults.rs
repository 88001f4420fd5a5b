//! Faults made on purpose: links are cut and mended, nodes stop and come back, containers are killed.

use anyhow::{Context as _, ensure};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Pod, Service};
use kube::api::{LogParams, PostParams};
use kube::{Api, Client};
use serde_json::{Value, json};
use tests::Server;
use tests::eventually::eventually;
use tests::objects::{from_json, in_phase, namespace, pod, restart_counts};
use tests::programs::printer;
use tests::registry::Pusher;

async fn call(client: &Client, method: &str, path: &str, body: Value) -> kube::Result<Value> {
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    let request = http::Request::builder().method(method).uri(path).body(body).unwrap();
    client.request(request).await
}

async fn add(client: &Client, fault: Value) -> String {
    let added = call(client, "POST", "/kijabi/faults", fault).await.unwrap();
    added["name"].as_str().unwrap().to_owned()
}

async fn remove(client: &Client, name: &str) {
    call(client, "DELETE", &format!("/kijabi/faults/{name}"), Value::Null).await.unwrap();
}

/// Waits until the last three attempts of a pod all went so.
async fn until_all(pods: &Api<Pod>, name: &str, outcome: &str) {
    let before = pods.logs(name, &LogParams::default()).await.unwrap_or_default().lines().count();
    eventually(&format!("{name} is {outcome}"), async || {
        let log = pods.logs(name, &LogParams::default()).await?;
        let after: Vec<&str> = log.lines().skip(before).collect();
        let outcomes = after.iter().rev().filter(|line| ["served", "failed"].contains(line)).take(3);
        let outcomes: Vec<_> = outcomes.collect();
        ensure!(outcomes.len() == 3 && outcomes.iter().all(|line| **line == outcome), "{outcomes:?}");
        Ok(())
    })
    .await;
}

/// A database on node-2 that a web application on node-1 asks for ever.
async fn application(client: &Client, within: &str) -> Api<Pod> {
    namespace(client, within).await.unwrap();
    let pods = Api::<Pod>::namespaced(client.clone(), within);
    let spec = json!({ "selector": { "app": "db" }, "ports": [{ "port": 80 }] });
    let service = from_json(json!({ "metadata": { "name": "db" }, "spec": spec }));
    Api::<Service>::namespaced(client.clone(), within)
        .create(&PostParams::default(), &service)
        .await
        .unwrap();
    let asking =
        "while true; do wget -q -T 1 -O /tmp/page http://db/ && echo served || echo failed; sleep 0.05; done";
    for (name, image, script, node) in
        [("db", "nginx", None, "node-2"), ("web", "busybox", Some(asking), "node-1")]
    {
        let mut pod = pod(name, image, script);
        let spec = pod.spec.as_mut().unwrap();
        spec.node_name = Some(node.into());
        spec.restart_policy = Some("Always".into());
        pods.create(&PostParams::default(), &pod).await.unwrap();
        in_phase(&pods, name, "Running").await;
    }
    until_all(&pods, "web", "served").await;
    pods
}

#[tokio::test]
async fn a_cut_link_should_part_two_nodes_until_it_is_mended() {
    let server = Server::start();
    let client = server.client().await.unwrap();
    let pods = application(&client, "cut").await;
    let cut = add(&client, json!({ "type": "CutLink", "between": ["node-2", "node-1"] })).await;
    until_all(&pods, "web", "failed").await;
    let listed = call(&client, "GET", "/kijabi/faults", Value::Null).await.unwrap();
    assert_eq!(listed["items"][0]["type"], "CutLink", "{listed}");
    remove(&client, &cut).await;
    until_all(&pods, "web", "served").await;

    let kill = json!({ "type": "KillContainer", "namespace": "cut", "pod": "db", "container": "main" });
    add(&client, kill).await;
    eventually("the container was started again", async || {
        let db = pods.get("db").await?;
        ensure!(restart_counts(&db) == [1], "{:?}", restart_counts(&db));
        let last = db.status.context("no status")?.container_statuses.context("no containers")?;
        let ended = last[0].last_state.clone().and_then(|state| state.terminated).context("no end")?;
        ensure!(ended.exit_code == 137, "{ended:?}");
        Ok(())
    })
    .await;
    until_all(&pods, "web", "served").await;

    let nonsense = json!({ "type": "CutLink", "between": ["node-1", "node-9"] });
    let refused = call(&client, "POST", "/kijabi/faults", nonsense).await.unwrap_err().to_string();
    assert!(refused.contains("between[1]: Not found: \"node-9\""), "{refused}");
    let nobody = server.anonymous_client().await.unwrap();
    assert!(call(&nobody, "GET", "/kijabi/faults", Value::Null).await.is_err());
}

#[tokio::test]
async fn a_crashed_node_should_come_back_with_its_pods() {
    let server = Server::start();
    let client = server.client().await.unwrap();
    let pods = application(&client, "crash").await;
    let crash = add(&client, json!({ "type": "CrashNode", "node": "node-2" })).await;
    until_all(&pods, "web", "failed").await;
    remove(&client, &crash).await;
    until_all(&pods, "web", "served").await;
}

#[tokio::test]
async fn a_full_disk_should_be_met_by_writers_of_its_node_until_it_is_mended() {
    let server = Server::start();
    let client = server.client().await.unwrap();
    namespace(&client, "full").await.unwrap();
    let pods = Api::<Pod>::namespaced(client.clone(), "full");
    let writing = "while true; do echo text > /tmp/file && echo served || echo failed; sleep 0.05; done";
    for node in ["node-1", "node-2"] {
        let mut pod = pod(node, "busybox", Some(writing));
        pod.spec.as_mut().unwrap().node_name = Some(node.into());
        pods.create(&PostParams::default(), &pod).await.unwrap();
        in_phase(&pods, node, "Running").await;
        until_all(&pods, node, "served").await;
    }
    let fill = add(&client, json!({ "type": "FillDisk", "node": "node-1" })).await;
    assert_eq!(fill, "fill-disk-node-1");
    until_all(&pods, "node-1", "failed").await;
    until_all(&pods, "node-2", "served").await;
    let log = pods.logs("node-1", &LogParams::default()).await.unwrap();
    assert!(log.contains("No space left on device"), "{log}");
    remove(&client, &fill).await;
    until_all(&pods, "node-1", "served").await;
}

#[tokio::test]
async fn a_registry_that_refuses_should_be_said_by_pods_that_need_it() {
    let server = Server::start();
    let client = server.client().await.unwrap();
    namespace(&client, "refused").await.unwrap();
    let pods = Api::<Pod>::namespaced(client.clone(), "refused");
    let name = format!("localhost:{}/team/printer:1", server.address().port());
    Pusher::new(None).push_program(&name, &printer("printed\n", "wasi_snapshot_preview1")).await.unwrap();
    let registry = name.split_once('/').unwrap().0;
    let refuse = add(&client, json!({ "type": "RefuseRegistry", "registry": registry })).await;
    let asking = pod("printer", &name, None);
    pods.create(&PostParams::default(), &asking).await.unwrap();
    eventually("the pod says why it waits", async || {
        let status = pods.get("printer").await?.status.context("no status")?;
        let container = status.container_statuses.context("no containers")?.remove(0);
        let waiting = container.state.and_then(|state| state.waiting).context("it does not wait")?;
        ensure!(["ErrImagePull", "ImagePullBackOff"].contains(&waiting.reason.unwrap_or_default().as_str()));
        let message = waiting.message.unwrap_or_default();
        ensure!(
            message.contains("/v2/team/printer/manifests/1\": dial tcp: connect: connection refused"),
            "{message}"
        );
        Ok(())
    })
    .await;
    remove(&client, &refuse).await;
    in_phase(&pods, "printer", "Succeeded").await;
}

#[tokio::test]
async fn a_paused_node_should_start_nothing_and_not_be_heard_of_while_its_containers_go_on() {
    let server = Server::start();
    let client = server.client().await.unwrap();
    let pods = application(&client, "pause").await;
    let pause = add(&client, json!({ "type": "PauseNode", "node": "node-2" })).await;
    let mut late = pod("late", "busybox", Some("true"));
    late.spec.as_mut().unwrap().node_name = Some("node-2".into());
    pods.create(&PostParams::default(), &late).await.unwrap();
    let leases = Api::<Lease>::namespaced(client.clone(), "kube-node-lease");
    let renewed = async |node: &str| leases.get(node).await.unwrap().spec.unwrap().renew_time;
    let (one, two) = (renewed("node-1").await, renewed("node-2").await);
    eventually("the other node is heard of", async || {
        ensure!(renewed("node-1").await != one);
        Ok(())
    })
    .await;
    until_all(&pods, "web", "served").await;
    assert_eq!(renewed("node-2").await, two, "the paused node is silent");
    let phase = pods.get("late").await.unwrap().status.and_then(|status| status.phase);
    assert_eq!(phase.as_deref(), Some("Pending"), "nothing is started");
    remove(&client, &pause).await;
    in_phase(&pods, "late", "Succeeded").await;
}
