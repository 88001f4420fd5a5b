//! A pod that fits nowhere waits, and is placed when there is room.

use k8s_openapi::api::core::v1::{Node, Pod};
use kube::Api;
use kube::api::{DeleteParams, PostParams};
use serde_json::json;
use tests::objects::{from_json, in_phase, takes_pods};
use tests::{Server, eventually};

/// A pod that asks for this much memory.
fn pod_of(name: &str, memory_kibibytes: u64) -> Pod {
    from_json(json!({
        "metadata": {"name": name},
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "containers": [{
                "name": "main", "image": "nginx",
                "resources": {"requests": {"memory": format!("{memory_kibibytes}Ki")}},
            }],
        },
    }))
}

/// A node's allocatable memory, in KiB.
fn memory(node: &Node) -> Option<u64> {
    node.status.as_ref()?.allocatable.as_ref()?.get("memory")?.0.strip_suffix("Ki")?.parse().ok()
}

#[tokio::test]
async fn a_pod_should_be_placed_when_another_makes_room() {
    let server = Server::start();
    let client = server.client().await.unwrap();
    takes_pods(&client, "default").await;
    let nodes = Api::<Node>::all(client.clone());
    let node_memory = eventually("the workers tell their memory", async || {
        nodes.get("node-2").await?;
        memory(&nodes.get("node-1").await?).ok_or(anyhow::anyhow!("no memory yet"))
    })
    .await;
    let pods = Api::<Pod>::default_namespaced(client);
    for name in ["big-1", "big-2"] {
        pods.create(&PostParams::default(), &pod_of(name, node_memory * 3 / 4)).await.unwrap();
        in_phase(&pods, name, "Running").await;
    }
    pods.create(&PostParams::default(), &pod_of("late", node_memory / 2)).await.unwrap();
    eventually("the scheduler says why not", async || {
        let late = pods.get("late").await?;
        let conditions = late.status.and_then(|status| status.conditions).unwrap_or_default();
        let condition = conditions.iter().find(|condition| condition.type_ == "PodScheduled");
        let message = condition.and_then(|condition| condition.message.as_deref()).unwrap_or_default();
        let expected = "0/3 nodes are available: 1 node(s) had untolerated taint(s), 2 Insufficient memory. ";
        anyhow::ensure!(message.starts_with(expected), "{message:?}");
        Ok(())
    })
    .await;
    pods.delete("big-2", &DeleteParams::default()).await.unwrap();
    in_phase(&pods, "late", "Running").await;
}
