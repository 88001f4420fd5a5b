//! Pods as `get`, `describe` and `run` show them.

use crate::{book_pod, status, world};

#[tokio::test]
async fn get_should_show_the_pods_way() {
    let (_server, kubectl) = world("watching").await;
    let mut watch = kubectl.follow("get pods -o wide -w");
    kubectl.ok_with("apply -f -", &book_pod("nginx")).await;
    let columns = |row: &str| row.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    watch.until("Pending", |row| columns(row).get(2).is_some_and(|status| status == "Pending")).await;
    let row =
        watch.until("Running", |row| columns(row).get(1..3).is_some_and(|c| c == ["1/1", "Running"])).await;
    let columns = columns(&row);
    assert!(columns[5].starts_with("10.244."), "{row}");
    assert!(columns[6].starts_with("node-"), "{row}");
}

#[tokio::test]
async fn describe_should_tell_state_and_events() {
    let (_server, kubectl) = world("described").await;
    kubectl.ok_with("apply -f -", &book_pod("nginx")).await;
    status(&kubectl, "myapp-pod", "Running").await;
    let description = tests::eventually("the events", async || {
        let description = kubectl.ok("describe pod myapp-pod").await;
        anyhow::ensure!(description.contains("Container started"), "{description}");
        Ok(description)
    })
    .await;
    for part in [
        "Labels:           app=myapp\n                  type=front-end",
        "Status:           Running",
        "    State:          Running",
        "QoS Class:                    BestEffort",
        "node.kubernetes.io/not-ready:NoExecute op=Exists for 300s",
        "Successfully assigned described/myapp-pod to node-",
        "default-scheduler",
    ] {
        assert!(description.contains(part), "{part:?} is not in\n{description}");
    }
}

#[tokio::test]
async fn run_should_start_a_pod() {
    let (_server, kubectl) = world("run").await;
    assert_eq!(kubectl.ok("run nginx --image=nginx").await, "pod/nginx created\n");
    assert_eq!(kubectl.ok("run b --image=busybox -- sleep 3600").await, "pod/b created\n");
    status(&kubectl, "nginx", "Running").await;
    status(&kubectl, "b", "Running").await;
    let labels = kubectl.ok("get pods --show-labels --no-headers").await;
    assert!(labels.contains("run=nginx") && labels.contains("run=b"), "{labels}");
}

#[tokio::test]
async fn wait_should_return_when_the_pod_is_ready() {
    let (_server, kubectl) = world("wait").await;
    kubectl.ok("run nginx --image=nginx").await;
    assert_eq!(
        kubectl.ok("wait pod/nginx --for=condition=Ready --timeout=60s").await,
        "pod/nginx condition met\n"
    );
}
