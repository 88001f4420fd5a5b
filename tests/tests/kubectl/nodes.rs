//! Nodes: what they show, and what keeps pods from them. The changes need a server of their own.

use tests::{Server, eventually};

#[tokio::test]
async fn nodes_should_be_ready_and_described() {
    let server = Server::shared();
    let kubectl = server.kubectl();
    let rows = eventually("three nodes are ready", async || {
        let rows = kubectl.ok("get nodes --no-headers").await;
        let ready = rows.lines().filter(|row| row.split_whitespace().nth(1) == Some("Ready")).count();
        if ready == 3 { Ok(rows) } else { anyhow::bail!("{rows}") }
    })
    .await;
    let names: Vec<_> = rows.lines().filter_map(|row| row.split_whitespace().next()).collect();
    assert_eq!(names, ["control-plane", "node-1", "node-2"]);
    let description = kubectl.ok("describe node control-plane").await;
    for part in [
        "Taints:             node-role.kubernetes.io/control-plane:NoSchedule",
        "KubeletReady",
        "Allocatable:",
        "kube-apiserver-control-plane",
        "PodCIDR:                      10.244.0.0/24",
    ] {
        assert!(description.contains(part), "{part:?} is not in\n{description}");
    }
}

#[tokio::test]
async fn a_cordon_and_a_taint_should_keep_pods_away() {
    let server = Server::start();
    let client = server.client().await.unwrap();
    tests::objects::takes_pods(&client, "default").await;
    let kubectl = server.kubectl();
    eventually("the nodes are there", async || kubectl.json("get node node-2").await).await;
    assert_eq!(kubectl.ok("cordon node-1").await, "node/node-1 cordoned\n");
    assert!(kubectl.ok("get node node-1").await.contains("Ready,SchedulingDisabled"));
    assert_eq!(kubectl.ok("taint node node-2 kind=special:NoSchedule").await, "node/node-2 tainted\n");
    kubectl.ok("run web --image=nginx").await;
    let message = "get events --field-selector reason=FailedScheduling -o jsonpath='{.items[*].message}'";
    eventually("the scheduler says why not", async || {
        let message = kubectl.ok(message).await;
        let expected =
            "0/3 nodes are available: 1 node(s) were unschedulable, 2 node(s) had untolerated taint(s). ";
        anyhow::ensure!(message.starts_with(expected), "{message}");
        Ok(())
    })
    .await;
    assert_eq!(kubectl.ok("uncordon node-1").await, "node/node-1 uncordoned\n");
    crate::status(&kubectl, "web", "Running").await;
    let node = kubectl.ok("get pod web -o jsonpath='{.spec.nodeName}'").await;
    assert_eq!(node, "node-1");
    assert_eq!(kubectl.ok("taint node node-2 kind-").await, "node/node-2 untainted\n");
}
