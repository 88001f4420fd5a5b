//! The book's failure: a node dies, its pods run elsewhere, and its return is clean.

use anyhow::{Context as _, ensure};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Node, Pod};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::{ListParams, PostParams};
use kube::{Api, Client};
use serde_json::{Value, json};
use tests::Server;
use tests::eventually::eventually;
use tests::objects::{from_json, namespace};

const NODE: &str = "node-2";

async fn call(client: &Client, method: &str, path: &str, body: String) -> Value {
    let request = http::Request::builder().method(method).uri(path).body(body.into_bytes()).unwrap();
    client.request(request).await.unwrap()
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_deref());
    let is_ready =
        conditions.unwrap_or_default().iter().any(|one| one.type_ == "Ready" && one.status == "True");
    is_ready && pod.metadata.deletion_timestamp.is_none()
}

fn node_of(pod: &Pod) -> &str {
    pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()).unwrap_or_default()
}

/// Waits until so many pods are ready; all pods there are then.
async fn ready_pods(pods: &Api<Pod>, count: usize) -> Vec<Pod> {
    eventually(&format!("{count} pods are ready"), async || {
        let all = pods.list(&ListParams::default()).await?.items;
        let ready = all.iter().filter(|pod| is_ready(pod)).count();
        ensure!(ready == count, "{ready} of {}", all.len());
        Ok(all)
    })
    .await
}

async fn node_is(nodes: &Api<Node>, status: &str, taints: &[&str]) {
    eventually(&format!("{NODE} is {status}"), async || {
        let node = nodes.get(NODE).await?;
        let conditions = node.status.context("no status")?.conditions.context("no conditions")?;
        let ready = conditions.iter().find(|one| one.type_ == "Ready").context("not told")?;
        let found = node.spec.and_then(|spec| spec.taints).unwrap_or_default();
        let found: Vec<_> = found.iter().map(|taint| format!("{}:{}", taint.key, taint.effect)).collect();
        ensure!(ready.status == status && found == taints, "{} {found:?}", ready.status);
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn pods_of_a_node_that_dies_should_run_elsewhere_and_its_return_be_clean() {
    let server = Server::start_with(&["--clock-rate=10".to_owned()]);
    let client = server.client().await.unwrap();
    namespace(&client, "loss").await.unwrap();
    let pods = Api::<Pod>::namespaced(client.clone(), "loss");
    let nodes = Api::<Node>::all(client.clone());
    let labels = json!({ "app": "web" });
    let deployment: Deployment = from_json(json!({
        "metadata": { "name": "web" },
        "spec": { "replicas": 4, "selector": { "matchLabels": labels }, "template": {
            "metadata": { "labels": labels },
            "spec": { "containers": [{ "name": "main", "image": "nginx" }] },
        }},
    }));
    Api::<Deployment>::namespaced(client.clone(), "loss")
        .create(&PostParams::default(), &deployment)
        .await
        .unwrap();
    let service = from_json(json!({
        "metadata": { "name": "web" }, "spec": { "selector": labels, "ports": [{ "port": 80 }] },
    }));
    Api::<k8s_openapi::api::core::v1::Service>::namespaced(client.clone(), "loss")
        .create(&PostParams::default(), &service)
        .await
        .unwrap();
    let before = ready_pods(&pods, 4).await;
    let lost = before.iter().filter(|pod| node_of(pod) == NODE).count();
    assert!((1..4).contains(&lost), "both nodes run some: {lost}");

    let fault =
        call(&client, "POST", "/kijabi/faults", json!({ "type": "CrashNode", "node": NODE }).to_string())
            .await;
    let taints = ["NoSchedule", "NoExecute"].map(|effect| format!("node.kubernetes.io/unreachable:{effect}"));
    node_is(&nodes, "Unknown", &taints.each_ref().map(String::as_str)).await;
    let slices = Api::<EndpointSlice>::namespaced(client.clone(), "loss");
    eventually("the Service leads to no pod of the lost node", async || {
        let slices = slices.list(&ListParams::default()).await?.items;
        let endpoints = slices.into_iter().flat_map(|slice| slice.endpoints.unwrap_or_default());
        let is_ready = |one: &k8s_openapi::api::discovery::v1::Endpoint| {
            one.conditions.as_ref().and_then(|conditions| conditions.ready) == Some(true)
        };
        let stale = endpoints.filter(|one| one.node_name.as_deref() == Some(NODE) && is_ready(one)).count();
        ensure!(stale == 0, "{stale}");
        Ok(())
    })
    .await;
    let after = ready_pods(&pods, 4).await;
    assert!(after.iter().filter(|pod| is_ready(pod)).all(|pod| node_of(pod) != NODE));
    let leaving: Vec<&Pod> = after.iter().filter(|pod| node_of(pod) == NODE).collect();
    assert_eq!(leaving.len(), lost, "nobody confirmed that they ended");
    assert!(leaving.iter().all(|pod| pod.metadata.deletion_timestamp.is_some()));

    let name = fault["name"].as_str().unwrap();
    call(&client, "DELETE", &format!("/kijabi/faults/{name}"), String::new()).await;
    node_is(&nodes, "True", &[]).await;
    eventually("what was evicted is gone", async || {
        let all = pods.list(&ListParams::default()).await?.items;
        ensure!(all.len() == 4 && all.iter().all(is_ready), "{} pods", all.len());
        Ok(())
    })
    .await;
}
