//! How fast pods are evicted: the more of a zone is not well, the slower, since then it is more likely that the
//! control plane is at fault (`handleDisruption` and `ComputeZoneState` upstream).

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Node;

use super::health::is_ready;
use crate::api::object::SharedObject;

/// The time between two nodes of a zone that is well (`--node-eviction-rate` 0.1).
const INTERVAL: SignedDuration = SignedDuration::from_secs(10);
/// The same in a large zone that is not (`--secondary-node-eviction-rate` 0.01).
const SLOW_INTERVAL: SignedDuration = SignedDuration::from_secs(100);
/// How many nodes make a zone large (`--large-cluster-size-threshold`).
const LARGE: usize = 50;
/// The share of nodes that are not ready, in percent, from which a zone is not well (`--unhealthy-zone-threshold`).
const UNHEALTHY_PERCENT: usize = 55;

/// The zones of the cluster.
#[derive(Default)]
pub(super) struct Zones {
    zones: BTreeMap<String, Zone>,
}

#[derive(Default)]
struct Zone {
    ready: usize,
    not_ready: usize,
    /// When the next node may be tainted.
    next: Option<Timestamp>,
}

impl Zone {
    fn is_down(&self) -> bool {
        self.ready == 0 && self.not_ready > 0
    }

    /// The time between two nodes; `None` where nobody is evicted.
    fn interval(&self) -> Option<SignedDuration> {
        let nodes = self.ready + self.not_ready;
        let is_partly_down = self.not_ready > 2 && self.not_ready * 100 >= nodes * UNHEALTHY_PERCENT;
        match (self.is_down(), is_partly_down, nodes > LARGE) {
            (true, ..) | (_, false, _) => Some(INTERVAL),
            (_, true, true) => Some(SLOW_INTERVAL),
            (_, true, false) => None,
        }
    }
}

fn zone_of(node: &Node) -> String {
    let label = |key: &str| node.metadata.labels.as_ref().and_then(|labels| labels.get(key)).cloned();
    let part = |name: &str| label(&format!("topology.kubernetes.io/{name}")).unwrap_or_default();
    format!("{}\0{}", part("region"), part("zone"))
}

impl Zones {
    /// Counts the nodes.
    pub(super) fn look<'a>(&mut self, nodes: impl Iterator<Item = &'a SharedObject>) {
        for zone in self.zones.values_mut() {
            (zone.ready, zone.not_ready) = (0, 0);
        }
        for node in nodes.filter_map(|node| node.downcast_ref::<Node>()) {
            let zone = self.zones.entry(zone_of(node)).or_default();
            match is_ready(node) {
                true => zone.ready += 1,
                false => zone.not_ready += 1,
            }
        }
        self.zones.retain(|_, zone| zone.ready + zone.not_ready > 0);
    }

    /// Whether pods of the node may be evicted; a node whose turn it is takes it. Where no node at all is ready,
    /// nobody is, and those that are being evicted are let off.
    pub(super) fn lets_evict(&mut self, node: &Node, is_evicting: bool, now: Timestamp) -> bool {
        if self.zones.values().all(Zone::is_down) {
            return false;
        }
        if is_evicting {
            return true;
        }
        let Some(zone) = self.zones.get_mut(&zone_of(node)) else { return false };
        let Some(interval) = zone.interval().filter(|_| zone.next.is_none_or(|next| next <= now)) else {
            return false;
        };
        zone.next = now.checked_add(interval).ok();
        true
    }
}
