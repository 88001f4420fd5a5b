//! What of a report reaches the API.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::json;
use shared::api::scheme::GroupResource;
use shared::apiserver::user::User;
use shared::client::Client;

use super::*;
use crate::kubelet::Components;
use crate::kubelet::testing::{NAME, Node};

/// A node, a pod on it as the API has it, and an administrator.
struct Bench {
    node: Node,
    administrator: Client,
    pod: Identity,
}

impl Bench {
    async fn new() -> Bench {
        let node = Node::new(Components::default()).await;
        let server = node.kubelet.client.server().clone();
        let administrator = Client::new(server, User::new("admin", &["system:masters"]), "test");
        let pod = json!({
            "metadata": {"name": "p", "namespace": "default"},
            "spec": {"nodeName": NAME, "containers": [{"name": "c", "image": "nginx"}]},
        });
        let pod = administrator.create(serde_json::from_value::<Pod>(pod).unwrap()).await.unwrap();
        let uid = pod.metadata().uid.clone().unwrap();
        let identity = Identity { namespace: "default".into(), name: "p".into(), worker: uid.clone(), uid };
        Bench { node, administrator, pod: identity }
    }

    async fn stored(&self) -> PodStatus {
        let stored = self.administrator.get::<Pod>("default", "p").await.unwrap();
        stored.downcast_ref::<Pod>().unwrap().status.clone().unwrap()
    }

    /// Reports a status, and returns whether it is to be reported again.
    async fn write(&self, status: serde_json::Value) -> bool {
        let (inputs, mut received) = mpsc::unbounded_channel();
        write(&self.node.kubelet, &self.pod, serde_json::from_value(status).unwrap(), &inputs).await;
        received.try_recv().is_ok()
    }
}

#[tokio::test]
async fn status_should_leave_what_others_wrote_and_take_back_what_the_kubelet_did() {
    let bench = Bench::new().await;
    assert!(!bench.write(json!({"phase": "Pending", "reason": "Waiting"})).await);
    let gate = json!({"status": {"conditions": [{"type": "x/y", "status": "True"}]}});
    bench.administrator.patch_status::<Pod>("default", "p", gate).await.unwrap();
    let ready = json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]});
    assert!(!bench.write(ready).await);
    let stored = bench.stored().await;
    let types: Vec<&str> = stored.conditions.iter().flatten().map(|found| found.type_.as_str()).collect();
    assert_eq!(types, ["x/y", "Ready"]);
    assert_eq!((stored.phase.as_deref(), stored.reason), (Some("Running"), None));
}

#[tokio::test]
async fn status_should_not_be_written_to_another_pod_of_the_same_name() {
    let mut bench = Bench::new().await;
    bench.pod.uid = "another".into();
    assert!(!bench.write(json!({"phase": "Failed"})).await);
    assert_eq!(bench.stored().await.phase.as_deref(), Some("Pending"));
}

#[tokio::test]
async fn write_that_others_overtake_should_be_tried_again_and_then_be_told() {
    let stale = || Err(Box::new(status::stale(GroupResource { group: "", resource: "pods" }, "p")));
    let tries = AtomicU32::new(0);
    let third = insist(|| {
        tries.fetch_add(1, Ordering::Relaxed);
        let outcome = if tries.load(Ordering::Relaxed) < 3 { stale() } else { Ok(()) };
        async { outcome }.boxed()
    });
    assert!(third.await.is_ok());
    tries.store(0, Ordering::Relaxed);
    let never = insist(|| {
        tries.fetch_add(1, Ordering::Relaxed);
        async { stale() }.boxed()
    });
    assert!(never.await.is_err_and(|error| status::is(&error, "Conflict")));
    assert_eq!(tries.into_inner(), ATTEMPTS);
}

#[tokio::test]
async fn only_the_pod_itself_should_be_deleted() {
    let mut bench = Bench::new().await;
    let uid = std::mem::replace(&mut bench.pod.uid, "another".into());
    try_delete(&bench.node.kubelet, &bench.pod).await.unwrap();
    bench.stored().await;
    bench.pod.uid = uid;
    assert!(exists(&bench.node.kubelet, &bench.pod).await.unwrap());
    try_delete(&bench.node.kubelet, &bench.pod).await.unwrap();
    assert!(!exists(&bench.node.kubelet, &bench.pod).await.unwrap());
    try_delete(&bench.node.kubelet, &bench.pod).await.unwrap();
    let elsewhere = json!({
        "metadata": {"name": "p", "namespace": "default"},
        "spec": {"nodeName": "another", "containers": [{"name": "c", "image": "nginx"}]},
    });
    bench.administrator.create(serde_json::from_value::<Pod>(elsewhere).unwrap()).await.unwrap();
    try_delete(&bench.node.kubelet, &bench.pod).await.unwrap();
    bench.stored().await;
}
