//! Many clusters in one process: a cluster is a value, and none hears of another.

use std::path::Path;

use backend::cluster::{Cluster, ClusterOptions, StoreEngine};
use futures::future::try_join_all;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{ListParams, LogParams, PostParams};
use kube::{Api, Client};
use tempfile::TempDir;
use tests::objects::{in_phase, pod, takes_pods};

const CLUSTERS: usize = 10;

async fn start(folder: &Path, number: usize) -> anyhow::Result<Cluster> {
    let any_port = ([127, 0, 0, 1], 0).into();
    Cluster::start(ClusterOptions {
        listen: any_port,
        secure_listen: any_port,
        data_dir: folder.join(number.to_string()),
        store: StoreEngine::Memory,
        nodes: 1,
        clock_rate: 1.0,
        publish: true,
        allow_outbound: Vec::new(),
        registries: backend::images::RegistryOptions::default(),
    })
    .await
}

fn client(cluster: &Cluster) -> Client {
    let url = format!("http://{}", cluster.address).parse().unwrap();
    Client::try_from(kube::Config::new(url)).unwrap()
}

/// Runs a pod that says the cluster's number, and returns what its log says.
async fn say(client: Client, number: usize) -> String {
    takes_pods(&client, "default").await;
    let pods = Api::<Pod>::default_namespaced(client);
    let pod = pod("who", "busybox", Some(&format!("echo cluster {number}")));
    pods.create(&PostParams::default(), &pod).await.unwrap();
    in_phase(&pods, "who", "Succeeded").await;
    pods.logs("who", &LogParams::default()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_clusters_should_live_in_one_process_and_not_hear_of_each_other() {
    let folder = TempDir::with_prefix("kijabi-").unwrap();
    let clusters = try_join_all((0..CLUSTERS).map(|number| start(folder.path(), number))).await.unwrap();
    let clients: Vec<_> = clusters.iter().map(client).collect();
    let said = clients.iter().enumerate().map(|(number, client)| say(client.clone(), number));
    let said = futures::future::join_all(said).await;
    for (number, (log, client)) in said.iter().zip(&clients).enumerate() {
        assert_eq!(log, &format!("cluster {number}\n"));
        let pods = Api::<Pod>::default_namespaced(client.clone()).list(&ListParams::default()).await.unwrap();
        assert_eq!(pods.items.len(), 1, "cluster {number}");
    }
    for cluster in clusters {
        cluster.stop().await;
    }
}
