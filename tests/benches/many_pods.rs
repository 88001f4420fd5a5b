//! Many pods at once: `cargo bench -p tests --bench many_pods`.
//!
//! From the request that creates a pod to the event that shows it running, for 1, 100 and 500 pods that are
//! created at once; containers started a second, beside processes of this machine in the same run; and what a
//! pod costs in memory beyond what it asked for itself.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, ListParams, PostParams, WatchEvent, WatchParams};
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};
use shared::api::quantity::Quantity;
use tests::Server;
use tests::eventually::eventually;
use tests::figures::{line, milliseconds, percentile};
use tests::objects::{from_json, pod, takes_pods};
use tests::process::resident_mebibytes;

/// Workers enough for all the pods: each node takes 110.
const NODES: &str = "6";
/// Requests that the client makes at once.
const CLIENTS: usize = 32;
const AT_ONCE: [usize; 3] = [1, 100, 500];
const CONTAINERS: usize = 500;
const CONTAINERS_OF_A_POD: usize = 10;
const PROCESSES: u32 = 200;

#[tokio::main]
async fn main() -> Result<()> {
    let server = Server::start_with(&["--nodes".to_owned(), NODES.to_owned()]);
    let client = server.client().await?;
    takes_pods(&client, "default").await;
    let pods = Api::<Pod>::default_namespaced(client.clone());
    for count in AT_ONCE {
        report_starts(&pods, count).await?;
    }
    report_containers(&pods).await?;
    report_memory().await
}

async fn report_starts(pods: &Api<Pod>, count: usize) -> Result<()> {
    let definitions = (0..count).map(|number| pod(&format!("web-{number}"), "nginx", None)).collect();
    let mut times = start(pods, definitions).await?;
    let last = *times.iter().max().context("no pod")?;
    for share in [0.5, 0.99] {
        let what = format!("{count} nginx at once, create to Running, p{:.0}", share * 100.0);
        line(&what, milliseconds(percentile(&mut times, share)));
    }
    line(&format!("{count} nginx at once, the last one"), milliseconds(last));
    clear(pods).await
}

/// Creates the pods, and says how long after its own creation each of them ran.
async fn start(pods: &Api<Pod>, definitions: Vec<Pod>) -> Result<Vec<Duration>> {
    let version = pods.list_metadata(&ListParams::default().limit(1)).await?.metadata.resource_version;
    let mut events = pods.watch(&WatchParams::default(), &version.unwrap_or_default()).await?.boxed();
    let mut running = BTreeMap::new();
    let count = definitions.len();
    let watching = async {
        while running.len() < count {
            let event = events.try_next().await?.context("the watch ended before all pods ran")?;
            if let WatchEvent::Modified(pod) = event
                && pod.status.as_ref().is_some_and(|status| status.phase.as_deref() == Some("Running"))
            {
                running.entry(pod.name_any()).or_insert_with(Instant::now);
            }
        }
        anyhow::Ok(())
    };
    let parameters = PostParams::default();
    let creating = stream::iter(&definitions)
        .map(async |pod| {
            let start = Instant::now();
            pods.create(&parameters, pod).await.map(|pod| (pod.name_any(), start))
        })
        .buffer_unordered(CLIENTS)
        .try_collect::<Vec<_>>();
    let ((), created) = tokio::try_join!(watching, async { Ok(creating.await?) })?;
    Ok(created.into_iter().filter_map(|(name, start)| Some(*running.get(&name)? - start)).collect())
}

async fn clear(pods: &Api<Pod>) -> Result<()> {
    pods.delete_collection(&DeleteParams::default().grace_period(0), &ListParams::default()).await?;
    eventually("all pods are gone", async || {
        anyhow::ensure!(pods.list_metadata(&ListParams::default().limit(1)).await?.items.is_empty());
        Ok(())
    })
    .await;
    Ok(())
}

/// Pods of many containers, so that the containers count and not what is written of the pods.
async fn report_containers(pods: &Api<Pod>) -> Result<()> {
    let processes = processes_a_second()?;
    let definitions = (0..CONTAINERS / CONTAINERS_OF_A_POD).map(crowd).collect();
    let begin = Instant::now();
    start(pods, definitions).await?;
    let containers = CONTAINERS as f64 / begin.elapsed().as_secs_f64();
    line(&format!("containers a second, {CONTAINERS_OF_A_POD} a pod"), format!("{containers:.0}"));
    line("  processes a second on this machine", format!("{processes:.0}"));
    line("  containers a process", format!("{:.2}", containers / processes));
    clear(pods).await
}

fn crowd(number: usize) -> Pod {
    let container = |at| json!({"name": format!("c{at}"), "image": "busybox", "command": ["sleep", "3600"]});
    let containers: Vec<_> = (0..CONTAINERS_OF_A_POD).map(container).collect();
    from_json(json!({"metadata": {"name": format!("crowd-{number}")}, "spec": {"containers": containers}}))
}

/// How fast this machine starts programs of its own, one after the other.
fn processes_a_second() -> Result<f64> {
    let start = Instant::now();
    for _ in 0..PROCESSES {
        Command::new("true").status()?;
    }
    Ok(f64::from(PROCESSES) / start.elapsed().as_secs_f64())
}

/// On a server that has run nothing yet: memory of earlier pods would be used again.
async fn report_memory() -> Result<()> {
    let server = Server::start_with(&["--nodes".to_owned(), NODES.to_owned()]);
    let client = server.client().await?;
    takes_pods(&client, "default").await;
    let pods = &Api::<Pod>::default_namespaced(client.clone());
    let process = server.process_id().context("the server does not run")?;
    let Some(before) = resident_mebibytes(process)? else {
        line("resident memory", "Linux only");
        return Ok(());
    };
    let count = AT_ONCE[AT_ONCE.len() - 1];
    start(pods, (0..count).map(|number| pod(&format!("web-{number}"), "nginx", None)).collect()).await?;
    let own = eventually("all pods are measured", async || own_mebibytes(&client, count).await).await;
    let after = resident_mebibytes(process)?.context("it was Linux before")?;
    let pod = (after - before) / count as f64;
    line(&format!("resident memory, {count} nginx pods"), format!("{after:.0} MiB"));
    line("  grown by, a pod", format!("{pod:.2} MiB"));
    line("  what a pod's containers asked for", format!("{:.2} MiB", own / count as f64));
    Ok(())
}

/// The memory of all pods, as the metrics API tells it, once it knows so many.
async fn own_mebibytes(client: &Client, count: usize) -> Result<f64> {
    let path = "/apis/metrics.k8s.io/v1beta1/namespaces/default/pods";
    let measured: Value = client.request(http::Request::get(path).body(Vec::new())?).await?;
    let pods = measured["items"].as_array().context("no items")?;
    anyhow::ensure!(pods.len() == count, "{} pods are measured", pods.len());
    let containers = pods.iter().flat_map(|pod| pod["containers"].as_array().into_iter().flatten());
    let memory = containers.filter_map(|container| container["usage"]["memory"].as_str());
    memory.map(|memory| Ok(memory.parse::<Quantity>()?.as_f64() / f64::from(1 << 20))).sum()
}
