//! The pod network beside the network of this machine, in one run: `cargo bench -p tests --bench pod_network`.
//!
//! Requests to an HTTP component behind a Service, and to the same component under plain wasmtime-wasi-http on a
//! socket of the loopback interface, by the same client; then connections and bulk between two programs through a
//! Service, and the same between two threads over the loopback interface.

mod http_requests;
mod plain;
mod streams;

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context, Result, ensure};
use backend::cluster::{Cluster, ClusterOptions, StoreEngine};
use backend::images::RegistryOptions;
use k8s_openapi::api::core::v1::{Pod, Service};
use kube::api::PostParams;
use kube::{Api, Client};
use serde_json::json;
use tests::eventually::eventually;
use tests::objects::{from_json, in_phase, takes_pods};
use tests::programs::test_program;

/// A cluster in this process, so that the client is the same for both sides.
struct Bench {
    cluster: Cluster,
    client: Client,
    pods: Api<Pod>,
    _folder: tempfile::TempDir,
}

#[tokio::main]
async fn main() -> Result<()> {
    let bench = Bench::start().await?;
    http_requests::report(&bench).await?;
    streams::report(&bench).await
}

impl Bench {
    async fn start() -> Result<Bench> {
        let folder = tempfile::TempDir::with_prefix("kijabi-")?;
        let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let cluster = Cluster::start(ClusterOptions {
            listen: any_port,
            secure_listen: any_port,
            data_dir: folder.path().to_owned(),
            store: StoreEngine::Memory,
            nodes: 2,
            clock_rate: 1.0,
            publish: true,
            allow_outbound: Vec::new(),
            registries: RegistryOptions::default(),
        })
        .await?;
        let url = format!("http://{}", cluster.address).parse()?;
        let client = Client::try_from(kube::Config::new(url))?;
        takes_pods(&client, "default").await;
        let pods = Api::default_namespaced(client.clone());
        Ok(Bench { cluster, client, pods, _folder: folder })
    }

    /// Gives the cluster's own registry a program as the image of the same name.
    async fn push(&self, name: &str) -> Result<Vec<u8>> {
        let program = test_program(name);
        let put = http::Request::put(format!("/kijabi/images/{name}")).body(program.clone())?;
        self.client.request_text(put).await?;
        Ok(program)
    }

    /// Runs a container of an image on a worker node.
    async fn run(&self, name: &str, image: &str, arguments: &[&str], node: &str) -> Result<()> {
        let container = json!({
            "name": "main", "image": format!("registry.kijabi/{image}"), "args": arguments,
            "ports": [{"containerPort": 8080}],
        });
        let pod = from_json(json!({
            "metadata": {"name": name, "labels": {"app": name}},
            "spec": {
                "nodeName": node, "restartPolicy": "Never", "terminationGracePeriodSeconds": 0,
                "containers": [container],
            },
        }));
        self.pods.create(&PostParams::default(), &pod).await?;
        Ok(())
    }

    /// A Service over the port 8080 of the pod of the same name: its address, once all nodes know the way.
    async fn expose(&self, name: &str) -> Result<SocketAddr> {
        in_phase(&self.pods, name, "Running").await;
        let service: Service = from_json(json!({
            "metadata": {"name": name},
            "spec": {"selector": {"app": name}, "ports": [{"port": 80, "targetPort": 8080}]},
        }));
        let services = Api::<Service>::default_namespaced(self.client.clone());
        let service = services.create(&PostParams::default(), &service).await?;
        let ip = service.spec.and_then(|spec| spec.cluster_ip).context("a Service without an address")?;
        for node in ["control-plane", "node-2"] {
            eventually("the node has rules for the Service", async || self.knows(node, name).await).await;
        }
        Ok(SocketAddr::new(ip.parse()?, 80))
    }

    async fn knows(&self, node: &str, service: &str) -> Result<()> {
        let rules = http::Request::get(format!("/kijabi/proxy/{node}/rules")).body(Vec::new())?;
        let rules = self.client.request_text(rules).await?;
        ensure!(rules.contains(&format!("default/{service} -> ")), "{rules}");
        Ok(())
    }
}
