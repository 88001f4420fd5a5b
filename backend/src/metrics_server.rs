//! metrics-server: reads the meters of every node and publishes what pods and nodes use as `metrics.k8s.io`, for
//! `kubectl top` and the page. What is made of the readings is decided in `shared::metrics`.
//!
//! Follows kubernetes-sigs/metrics-server (`pkg/scraper`, `pkg/server`), with its least resolution.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::SignedDuration;
use k8s_openapi::api::core::v1::{Node, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use shared::api::object::SharedObject;
use shared::api::scheme;
use shared::apiserver::Result;
use shared::apiserver::measured::Measures;
use shared::apiserver::request::ListOptions;
use shared::client::Client;
use shared::metrics::{Measurements, Meter, NodeReading, PodReading};

use crate::cluster::CONTROL_PLANE;
use crate::component_log::ComponentLog;
use crate::kubelet::Nodes;
use crate::machine;

/// How often the meters are read, and thus over how long is measured.
pub(crate) const RESOLUTION: Duration = Duration::from_secs(10);

/// Reads and publishes until it is stopped; then nothing is published any more.
pub(crate) async fn run(client: Client, nodes: Arc<Nodes>, log: ComponentLog) {
    let published = Publication { measures: client.server().measures.clone() };
    let scraper = Scraper { client, nodes, begun: Instant::now() };
    let mut measurements = Measurements::default();
    loop {
        match scraper.scrape().await {
            Ok((pods, nodes)) => {
                let now = scraper.client.server().clock().now();
                published.measures.publish(measurements.add(&pods, &nodes, now));
            }
            Err(status) => log.error(&format!(
                "Failed to scrape: {}",
                status.message.as_deref().unwrap_or("the API server does not answer")
            )),
        }
        tokio::time::sleep(RESOLUTION).await;
    }
}

/// What is published is so as long as somebody measures.
struct Publication {
    measures: Arc<Measures>,
}

impl Drop for Publication {
    fn drop(&mut self) {
        self.measures.withdraw();
    }
}

struct Scraper {
    client: Client,
    nodes: Arc<Nodes>,
    begun: Instant,
}

impl Scraper {
    async fn scrape(&self) -> Result<(Vec<PodReading>, Vec<NodeReading>)> {
        let nodes: Vec<ObjectMeta> =
            self.list::<Node>().await?.iter().map(|node| node.metadata().clone()).collect();
        let pods = self.list::<Pod>().await?;
        let mut containers = BTreeMap::new();
        let mut used = BTreeMap::new();
        for node in &nodes {
            let name = node.name.clone().unwrap_or_default();
            let usage = self.nodes.get(&name).map(|kubelet| kubelet.usage()).unwrap_or_default();
            used.insert(name, Totals { cpu: usage.cpu, memory_bytes: usage.memory_bytes });
            containers.extend(usage.pods);
        }
        let pods = pods.iter().filter_map(|pod| {
            let containers = containers.remove(pod.metadata().uid.as_deref()?)?;
            Some(PodReading { metadata: pod.metadata().clone(), containers })
        });
        let pods = pods.collect();
        let program = program(used.values());
        let nodes = nodes.into_iter().map(|metadata| {
            let name = metadata.name.as_deref().unwrap_or_default();
            let guests = used.get(name).copied().unwrap_or_default();
            let own = if name == CONTROL_PLANE { program } else { Totals::default() };
            NodeReading { meter: self.meter(guests, own), metadata }
        });
        Ok((pods, nodes.collect()))
    }

    async fn list<K: k8s_openapi::Resource>(&self) -> Result<Vec<SharedObject>> {
        let Some(kind) = scheme::of_type::<K>() else { return Ok(Vec::new()) };
        Ok(self.client.list(kind, "", ListOptions::default()).await?.items)
    }

    fn meter(&self, guests: Totals, own: Totals) -> Meter {
        Meter {
            run: 0,
            age: SignedDuration::try_from(self.begun.elapsed()).unwrap_or_default(),
            cpu: guests.cpu + own.cpu,
            memory_bytes: guests.memory_bytes + own.memory_bytes,
        }
    }
}

#[derive(Clone, Copy, Default)]
struct Totals {
    cpu: SignedDuration,
    memory_bytes: u64,
}

/// What this program needs beside its guests: that is what the control plane's node uses.
fn program<'a>(nodes: impl Iterator<Item = &'a Totals>) -> Totals {
    let Some((cpu, memory_bytes)) = machine::used_by_this_program() else { return Totals::default() };
    let mut own = Totals { cpu: SignedDuration::try_from(cpu).unwrap_or_default(), memory_bytes };
    for usage in nodes {
        own.cpu = (own.cpu - usage.cpu).max(SignedDuration::ZERO);
        own.memory_bytes = own.memory_bytes.saturating_sub(usage.memory_bytes);
    }
    own
}
