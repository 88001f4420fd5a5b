//! The pod network: each pod has an address that others reach, and a localhost that is its own.

use k8s_openapi::api::core::v1::Pod;
use kube::api::{LogParams, PostParams};
use kube::{Api, Client};
use tests::Server;
use tests::objects::{in_phase, namespace, pod, pod_ip};

/// Runs a script on a node to its end, and returns what it printed.
async fn run_on(pods: &Api<Pod>, name: &str, node: &str, script: &str) -> String {
    let mut pod = pod(name, "busybox", Some(script));
    pod.spec.as_mut().unwrap().node_name = Some(node.into());
    pods.create(&PostParams::default(), &pod).await.unwrap();
    in_phase(pods, name, "Succeeded").await;
    pods.logs(name, &LogParams::default()).await.unwrap()
}

/// A web server on node-1, and its address.
async fn web(client: &Client, name: &str) -> (Api<Pod>, String) {
    namespace(client, name).await.unwrap();
    let pods = Api::<Pod>::namespaced(client.clone(), name);
    let mut web = pod("web", "nginx", None);
    web.spec.as_mut().unwrap().node_name = Some("node-1".into());
    pods.create(&PostParams::default(), &web).await.unwrap();
    let address = pod_ip(&in_phase(&pods, "web", "Running").await).to_owned();
    (pods, address)
}

#[tokio::test]
async fn a_pod_should_be_reached_by_its_address_from_every_node() {
    let server = Server::shared();
    let (pods, address) = web(&server.client().await.unwrap(), "addresses").await;
    assert!(address.starts_with("10.244.1."), "{address} is not of node-1");
    for node in ["node-1", "node-2"] {
        let script = format!(
            "until wget -q -O /tmp/page http://{address}/; do sleep 0.05; done; grep -c '<title>' /tmp/page"
        );
        assert_eq!(run_on(&pods, &format!("from-{node}"), node, &script).await, "1\n");
    }
    let log = pods.logs("web", &LogParams::default()).await.unwrap();
    assert!(
        log.lines().any(|line| line.starts_with("10.244.2.")),
        "the server does not see who asks:\n{log}"
    );
}

#[tokio::test]
async fn a_pods_localhost_should_be_nobody_elses() {
    let server = Server::shared();
    let client = server.client().await.unwrap();
    let (pods, _) = web(&client, "localhosts").await;
    let outcome =
        run_on(&pods, "other", "node-1", "wget -q -O - http://127.0.0.1/ 2>&1; echo ended $?").await;
    assert!(outcome.ends_with("ended 1\n") && outcome.contains("refused"), "{outcome}");
}

#[tokio::test]
async fn a_guest_should_not_reach_the_machine() {
    let server = Server::shared();
    let (pods, _) = web(&server.client().await.unwrap(), "machine").await;
    let script = format!("wget -q -T 2 -O - http://{}/version 2>&1; echo ended $?", server.address());
    let outcome = run_on(&pods, "spy", "node-2", &script).await;
    assert!(outcome.ends_with("ended 1\n") && !outcome.contains("gitVersion"), "{outcome}");
}
