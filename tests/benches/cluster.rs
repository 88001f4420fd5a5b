//! The figures of the whole: `cargo bench -p tests --bench cluster`.
//!
//! The start of the binary until all nodes are ready, a pod from its creation until it runs beside one
//! durable write of the same run, and the resident memory idle and with pods.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::{ConfigMap, Node, Pod};
use kube::api::{DeleteParams, ListParams, PostParams, WatchEvent, WatchParams};
use kube::{Api, Client};
use tests::Server;
use tests::figures::{line, milliseconds, percentile};
use tests::objects::{from_json, pod};
use tests::process::resident_mebibytes;

const STARTS: usize = 10;
const PODS: usize = 100;
const WRITES: usize = 100;
const RESIDENT_PODS: usize = 50;

#[tokio::main]
async fn main() -> Result<()> {
    let mut server = Server::start();
    report_starts(&mut server).await?;
    let client = server.client().await?;
    report_pods(&client).await?;
    report_memory(&server, &client).await
}

async fn report_starts(server: &mut Server) -> Result<()> {
    let (mut fresh, mut again) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let start = Instant::now();
        let first = Server::start();
        wait_for_nodes(&first).await?;
        fresh.push(start.elapsed());
    }
    for _ in 0..STARTS {
        server.stop();
        let start = Instant::now();
        server.start_again();
        wait_for_nodes(server).await?;
        again.push(start.elapsed());
    }
    line("start to all nodes ready, new data directory, p50", milliseconds(percentile(&mut fresh, 0.5)));
    line("start to all nodes ready, existing directory, p50", milliseconds(percentile(&mut again, 0.5)));
    Ok(())
}

async fn wait_for_nodes(server: &Server) -> Result<()> {
    let nodes = Api::<Node>::all(server.page_client()?);
    loop {
        let list = nodes.list(&ListParams::default()).await?;
        if list.items.len() == 3 && list.iter().all(is_ready) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

fn is_ready(node: &Node) -> bool {
    let conditions = node.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.into_iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

async fn report_pods(client: &Client) -> Result<()> {
    let mut writes = write_times(client).await?;
    let pods = Api::<Pod>::default_namespaced(client.clone());
    let mut times = Vec::new();
    for number in 0..PODS {
        times.push(time_to_running(&pods, &format!("web-{number}")).await?);
    }
    let write = percentile(&mut writes, 0.5);
    line("one durable write through the API, p50", milliseconds(write));
    for share in [0.5, 0.99] {
        let time = percentile(&mut times, share);
        let what = format!("nginx pod, create to Running, p{:.0}", share * 100.0);
        line(&what, milliseconds(time));
        line("  in durable writes", format!("{:.1}", time.as_secs_f64() / write.as_secs_f64()));
    }
    Ok(())
}

async fn write_times(client: &Client) -> Result<Vec<Duration>> {
    let maps = Api::<ConfigMap>::default_namespaced(client.clone());
    let mut times = Vec::new();
    for number in 0..WRITES {
        let map: ConfigMap =
            from_json(serde_json::json!({ "metadata": { "name": format!("write-{number}") } }));
        let start = Instant::now();
        maps.create(&PostParams::default(), &map).await?;
        times.push(start.elapsed());
    }
    Ok(times)
}

/// From the request that creates the pod to the event that shows it running; the pod is deleted after.
async fn time_to_running(pods: &Api<Pod>, name: &str) -> Result<Duration> {
    let version = pods.list_metadata(&ListParams::default().limit(1)).await?.metadata.resource_version;
    let params = WatchParams::default().fields(&format!("metadata.name={name}"));
    let mut events = pods.watch(&params, &version.unwrap_or_default()).await?.boxed();
    let start = Instant::now();
    pods.create(&PostParams::default(), &pod(name, "nginx", None)).await?;
    while let Some(event) = events.try_next().await? {
        if matches!(event, WatchEvent::Modified(pod) if is_running(&pod)) {
            let time = start.elapsed();
            pods.delete(name, &DeleteParams::default().grace_period(0)).await?;
            return Ok(time);
        }
    }
    anyhow::bail!("the watch ended before pod {name} ran")
}

fn is_running(pod: &Pod) -> bool {
    pod.status.as_ref().is_some_and(|status| status.phase.as_deref() == Some("Running"))
}

async fn report_memory(server: &Server, client: &Client) -> Result<()> {
    let idle = Server::start();
    wait_for_nodes(&idle).await?;
    let Some(mebibytes) = resident(&idle)? else {
        line("resident memory", "Linux only");
        return Ok(());
    };
    line("resident memory, idle", format!("{mebibytes:.0} MiB"));
    let pods = Api::<Pod>::default_namespaced(client.clone());
    for number in 0..RESIDENT_PODS {
        pods.create(&PostParams::default(), &pod(&format!("resident-{number}"), "nginx", None)).await?;
    }
    for number in 0..RESIDENT_PODS {
        tests::objects::in_phase(&pods, &format!("resident-{number}"), "Running").await;
    }
    if let Some(mebibytes) = resident(server)? {
        line(
            &format!("resident memory, {RESIDENT_PODS} nginx pods, after {PODS} others"),
            format!("{mebibytes:.0} MiB"),
        );
    }
    Ok(())
}

fn resident(server: &Server) -> Result<Option<f64>> {
    resident_mebibytes(server.process_id().context("the server does not run")?)
}
