//! From meters that only count up to what containers and nodes use now.
//!
//! Follows `pkg/storage/pod.go`, `pkg/storage/node.go` and `pkg/storage/types.go` of
//! kubernetes-sigs/metrics-server: processor time between two readings, over the time between them; a container
//! that started since the last reading is measured from its start.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as WireQuantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};

use crate::api::metrics::{ContainerMetrics, NodeMetrics, PodMetrics, Usage};
use crate::api::quantity::Quantity;

/// A container that runs for less than this is not measured yet.
const LEAST_WINDOW: SignedDuration = SignedDuration::from_secs(1);

/// The state of a meter at a moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Meter {
    /// Which run it counts: a container that is started again begins anew.
    pub run: i32,
    /// For how long it counts, by the clock that programs run by.
    pub age: SignedDuration,
    /// Processor time since it counts.
    pub cpu: SignedDuration,
    /// Memory in use, in bytes.
    pub memory_bytes: u64,
}

/// The meters of a pod.
#[derive(Clone, Debug)]
pub struct PodReading {
    /// The pod's metadata, of which name, namespace, labels and uid count.
    pub metadata: ObjectMeta,
    /// Those of its containers that run, by name.
    pub containers: BTreeMap<String, Meter>,
}

/// The meter of a node.
#[derive(Clone, Debug)]
pub struct NodeReading {
    /// The node's metadata, of which name and labels count.
    pub metadata: ObjectMeta,
    /// What it uses altogether.
    pub meter: Meter,
}

/// What was last read.
#[derive(Default)]
pub struct Measurements {
    /// By uid of the pod and container.
    containers: BTreeMap<(String, String), Meter>,
    nodes: BTreeMap<String, Meter>,
}

/// What is known of pods and nodes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measured {
    /// Pods all of whose running containers were measured.
    pub pods: Vec<PodMetrics>,
    /// Nodes that were read twice.
    pub nodes: Vec<NodeMetrics>,
}

impl Measurements {
    /// Takes in new readings, which take the place of the last ones, and says what comes of both.
    pub fn add(&mut self, pods: &[PodReading], nodes: &[NodeReading], now: Timestamp) -> Measured {
        let measured = Measured {
            pods: pods.iter().filter_map(|pod| self.pod(pod, now)).collect(),
            nodes: nodes.iter().filter_map(|node| self.node(node, now)).collect(),
        };
        self.containers = pods
            .iter()
            .flat_map(|pod| pod.containers.iter().map(|(name, meter)| (key(pod, name), *meter)))
            .collect();
        self.nodes = nodes.iter().map(|node| (name(&node.metadata), node.meter)).collect();
        measured
    }

    fn pod(&self, pod: &PodReading, now: Timestamp) -> Option<PodMetrics> {
        let mut window = None;
        let mut containers = Vec::new();
        for (name, meter) in &pod.containers {
            let (took, usage) = usage(self.containers.get(&key(pod, name)), meter)?;
            window = Some(took);
            containers.push(ContainerMetrics { name: name.clone(), usage });
        }
        let window = in_seconds(window?);
        Some(PodMetrics::new(described(&pod.metadata, now), Time(now), window, containers))
    }

    fn node(&self, node: &NodeReading, now: Timestamp) -> Option<NodeMetrics> {
        let (took, usage) = usage(self.nodes.get(&name(&node.metadata)), &node.meter)?;
        Some(NodeMetrics::new(described(&node.metadata, now), Time(now), in_seconds(took), usage))
    }
}

fn key(pod: &PodReading, container: &str) -> (String, String) {
    (pod.metadata.uid.clone().unwrap_or_default(), container.to_owned())
}

fn name(metadata: &ObjectMeta) -> String {
    metadata.name.clone().unwrap_or_default()
}

/// The metadata of what was measured, as old as the measurement.
fn described(of: &ObjectMeta, at: Timestamp) -> ObjectMeta {
    ObjectMeta {
        name: of.name.clone(),
        namespace: of.namespace.clone(),
        labels: of.labels.clone(),
        creation_timestamp: Some(Time(at)),
        ..ObjectMeta::default()
    }
}

/// The time that was measured over, and the use in it; a meter that began anew is measured from there.
fn usage(before: Option<&Meter>, now: &Meter) -> Option<(SignedDuration, Usage)> {
    let start = Meter { age: SignedDuration::ZERO, cpu: SignedDuration::ZERO, ..*now };
    let before = before.filter(|before| before.run == now.run).unwrap_or(&start);
    let took = now.age - before.age;
    let used = now.cpu - before.cpu;
    if took < LEAST_WINDOW || used < SignedDuration::ZERO {
        return None;
    }
    let nanocores = used.as_nanos().saturating_mul(1_000_000_000) / took.as_nanos();
    let cpu: Quantity = format!("{nanocores}n").parse().ok()?;
    let memory = Quantity::from_bytes(i64::try_from(now.memory_bytes).unwrap_or(i64::MAX));
    let wire = |quantity: Quantity| WireQuantity(quantity.canonical());
    let usage = [("cpu".to_owned(), wire(cpu)), ("memory".to_owned(), wire(memory))];
    Some((took, usage.into()))
}

/// As Go prints a duration of some seconds: `10.002s`.
fn in_seconds(duration: SignedDuration) -> String {
    let millis = duration.as_millis();
    let (minutes, millis) = (millis / 60_000, millis % 60_000);
    let seconds = format!("{}.{:03}", millis / 1000, millis % 1000);
    let seconds = seconds.trim_end_matches('0').trim_end_matches('.');
    if minutes > 0 { format!("{minutes}m{seconds}s") } else { format!("{seconds}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meter(run: i32, age: i64, cpu_millis: i64, memory_bytes: u64) -> Meter {
        Meter {
            run,
            age: SignedDuration::from_secs(age),
            cpu: SignedDuration::from_millis(cpu_millis),
            memory_bytes,
        }
    }

    fn pod(containers: &[(&str, Meter)]) -> PodReading {
        let metadata = ObjectMeta { uid: Some("u".into()), name: Some("p".into()), ..ObjectMeta::default() };
        let containers = containers.iter().map(|(name, meter)| ((*name).to_owned(), *meter)).collect();
        PodReading { metadata, containers }
    }

    /// `container cpu memory`, or nothing where the pod was not measured.
    fn in_short(measured: &Measured) -> Vec<String> {
        let containers = measured.pods.iter().flat_map(|pod| &pod.containers);
        let line = |container: &ContainerMetrics| {
            format!("{} {} {}", container.name, container.usage["cpu"].0, container.usage["memory"].0)
        };
        containers.map(line).collect()
    }

    #[test]
    fn use_should_be_counted_between_two_readings() {
        let mut measurements = Measurements::default();
        let mut read = |containers: &[(&str, Meter)]| {
            in_short(&measurements.add(&[pod(containers)], &[], Timestamp::UNIX_EPOCH))
        };
        // Half a core since the start, five seconds before.
        assert_eq!(read(&[("a", meter(0, 5, 2500, 1024))]), ["a 500m 1Ki"]);
        assert_eq!(read(&[("a", meter(0, 15, 3500, 2048))]), ["a 100m 2Ki"]);
        // It was started again.
        assert_eq!(read(&[("a", meter(1, 2, 500, 1000))]), ["a 250m 1k"]);
        // A second container just began: the pod is told of when both are known.
        let none: [&str; 0] = [];
        assert_eq!(read(&[("a", meter(1, 12, 500, 0)), ("b", meter(0, 0, 0, 0))]), none);
        assert_eq!(read(&[("a", meter(1, 22, 500, 0)), ("b", meter(0, 10, 1, 0))]), ["a 0 0", "b 100u 0"]);
    }

    #[test]
    fn windows_should_be_written_as_go_does() {
        for (millis, expected) in [(10_000, "10s"), (10_002, "10.002s"), (75_500, "1m15.5s")] {
            assert_eq!(in_seconds(SignedDuration::from_millis(millis)), expected);
        }
    }

    #[test]
    fn a_node_should_be_measured_over_all_of_its_life_at_first() {
        let metadata = ObjectMeta { name: Some("n".into()), ..ObjectMeta::default() };
        let node = |meter| NodeReading { metadata: metadata.clone(), meter };
        let mut measurements = Measurements::default();
        let mut cpu = |meter| {
            measurements.add(&[], &[node(meter)], Timestamp::UNIX_EPOCH).nodes[0].usage["cpu"].0.clone()
        };
        assert_eq!(cpu(meter(0, 10, 1000, 0)), "100m");
        assert_eq!(cpu(meter(0, 20, 6000, 0)), "500m");
    }
}
