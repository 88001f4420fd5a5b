//! What the containers of a node use, read from their meters: what upstream's kubelet serves at `/metrics/resource`.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use shared::metrics::Meter;

use super::launch::Running;
use super::node::Kubelet;

/// The meters of a node's guests.
#[derive(Debug, Default)]
pub struct NodeUsage {
    /// Of those that run: by the pod's uid, then by container.
    pub pods: BTreeMap<String, BTreeMap<String, Meter>>,
    /// The processor time of all that ran.
    pub cpu: SignedDuration,
    /// The memory of those that run, in bytes.
    pub memory_bytes: u64,
}

impl Kubelet {
    /// What the node's guests use. Components of the cluster are no guests: they are parts of this program.
    pub fn usage(&self) -> NodeUsage {
        let mut usage = NodeUsage { cpu: self.running.cpu_of_the_ended(), ..NodeUsage::default() };
        for ((uid, container), running) in self.running.all() {
            let Running::Guest(guest) = &running.running else { continue };
            let stats = guest.handle.stats();
            let cpu = SignedDuration::try_from(stats.cpu).unwrap_or_default();
            usage.cpu += cpu;
            usage.memory_bytes += stats.memory_bytes;
            let age = SignedDuration::try_from(stats.age).unwrap_or_default();
            let meter = Meter { run: running.attempt, age, cpu, memory_bytes: stats.memory_bytes };
            usage.pods.entry(uid).or_default().insert(container, meter);
        }
        usage
    }
}
