//! Nodes: what they show, and what keeps pods from them. The changes need a server of their own.

use tests::{Server, eventually};

use crate::{status, world};

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

#[tokio::test]
async fn what_pods_and_nodes_use_should_be_shown() {
    let (_server, kubectl) = world("top").await;
    let limits = r#"--overrides={"spec":{"containers":[{"name":"busy","image":"busybox","command":["sh","-c","while true; do :; done"],"resources":{"limits":{"cpu":"200m","memory":"64Mi"}}}]}}"#;
    kubectl.ok(&format!("run busy --image=busybox --restart=Never '{limits}'")).await;
    status(&kubectl, "busy", "Running").await;
    let row = eventually("the busy pod was measured over a whole window", async || {
        let rows = kubectl.run("top pod busy --no-headers").await;
        let row: Vec<String> = rows.stdout.split_whitespace().map(str::to_owned).collect();
        let cpu: u32 = row.get(1).and_then(|cpu| cpu.strip_suffix('m')?.parse().ok()).unwrap_or(0);
        // Its limit, as far as a machine with other work lets it.
        anyhow::ensure!((20..=230).contains(&cpu), "{rows:?}");
        Ok(row)
    });
    let row = row.await;
    assert!(row[0] == "busy" && row[2].ends_with("Mi") && row[2] != "0Mi", "{row:?}");
    let nodes = kubectl.ok("top node --no-headers").await;
    let used = |node: &str| nodes.lines().find(|row| row.starts_with(node)).map(str::to_owned);
    for node in ["control-plane", "node-1", "node-2"] {
        let row = used(node).unwrap_or_default();
        assert!(row.contains('%') && !row.contains("unknown"), "{nodes}");
    }
    let raw = kubectl.ok("get --raw /apis/metrics.k8s.io/v1beta1/nodes/control-plane").await;
    assert!(raw.contains(r#""kind":"NodeMetrics""#) && raw.contains(r#""window":"#), "{raw}");
    let table = kubectl.ok("get podmetrics busy").await;
    assert!(table.starts_with("NAME") && table.contains("WINDOW"), "{table}");
    let missing = kubectl.run("get --raw /apis/metrics.k8s.io/v1beta1/namespaces/top/pods/none").await;
    assert!(missing.stderr.contains("NotFound"), "{missing:?}");
}
