//! The control plane's pods are no picture: their containers are the components.

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{DeleteParams, PostParams};
use tests::objects::{in_phase, pod, takes_pods};
use tests::{Server, eventually};

const SCHEDULER: &str = "kube-scheduler-control-plane";
const MANIFEST: &str = "nodes/control-plane/etc/kubernetes/manifests/kube-scheduler.yaml";

#[tokio::test]
async fn a_deleted_mirror_pod_should_come_back() {
    let server = Server::start();
    let client = server.client().await.unwrap();
    takes_pods(&client, "default").await;
    let system = Api::<Pod>::namespaced(client.clone(), "kube-system");
    let before = in_phase(&system, SCHEDULER, "Running").await;
    system.delete(SCHEDULER, &DeleteParams::default().grace_period(0)).await.unwrap();
    eventually("the mirror pod is back", async || {
        let after = system.get(SCHEDULER).await?;
        anyhow::ensure!(after.metadata.uid != before.metadata.uid, "it is still there");
        Ok(())
    })
    .await;
    in_phase(&system, SCHEDULER, "Running").await;
    let pods = Api::<Pod>::default_namespaced(client);
    pods.create(&PostParams::default(), &pod("web", "nginx", None)).await.unwrap();
    in_phase(&pods, "web", "Running").await;
}

#[tokio::test]
async fn without_the_schedulers_manifest_nothing_should_be_scheduled() {
    let server = Server::start();
    let client = server.client().await.unwrap();
    takes_pods(&client, "default").await;
    let system = Api::<Pod>::namespaced(client.clone(), "kube-system");
    in_phase(&system, SCHEDULER, "Running").await;
    let manifest = server.data_dir().join(MANIFEST);
    let text = std::fs::read(&manifest).unwrap();
    std::fs::remove_file(&manifest).unwrap();
    eventually("the scheduler is gone", async || {
        anyhow::ensure!(system.get_opt(SCHEDULER).await?.is_none(), "its pod is there");
        Ok(())
    })
    .await;
    let pods = Api::<Pod>::default_namespaced(client);
    pods.create(&PostParams::default(), &pod("web", "nginx", None)).await.unwrap();
    // Another pod, placed by hand, has long been done while nobody placed this one.
    let mut placed = pod("placed", "busybox", Some("true"));
    placed.spec.as_mut().unwrap().node_name = Some("node-1".into());
    pods.create(&PostParams::default(), &placed).await.unwrap();
    in_phase(&pods, "placed", "Succeeded").await;
    assert_eq!(pods.get("web").await.unwrap().spec.unwrap().node_name, None);
    std::fs::write(&manifest, text).unwrap();
    in_phase(&pods, "web", "Running").await;
}
