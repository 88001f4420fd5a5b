//! `VolumeZone`: a bound volume that names its zone is reached from there alone.
//!
//! Follows upstream's `pkg/scheduler/framework/plugins/volumezone/volume_zone.go`.

use k8s_openapi::api::core::v1::{Node, PersistentVolume, Pod};

use crate::persistent_volume::claims_of;
use crate::scheduler::decision::Rejection;
use crate::scheduler::framework::{Cycle, Plugin, PreFilter};
use crate::scheduler::hints::ClusterEvent;
use crate::scheduler::snapshot::NodeInfo;
use crate::scheduler::storage::Wanted;

/// The labels that say where volumes and nodes are.
const LABELS: [&str; 4] = [
    "topology.kubernetes.io/zone",
    "topology.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region",
];

/// Compares the places of bound volumes with the node's.
pub(crate) struct VolumeZone;

/// Whether the node is where the volume is; one that names no place is everywhere.
fn is_there(volume: &PersistentVolume, node: &Node) -> bool {
    let of = |labels: &Option<std::collections::BTreeMap<String, String>>, key: &str| {
        labels.as_ref().and_then(|labels| labels.get(key)).cloned()
    };
    LABELS.iter().all(|key| match of(&volume.metadata.labels, key) {
        None => true,
        Some(places) => {
            let place = of(&node.metadata.labels, key);
            place.is_some_and(|place| places.split("__").any(|one| one == place))
        }
    })
}

impl Plugin for VolumeZone {
    fn name(&self) -> &'static str {
        "VolumeZone"
    }

    fn pre_filter(&self, cycle: &Cycle) -> PreFilter {
        if claims_of(cycle.pod).is_empty() { PreFilter::Skip } else { PreFilter::EveryNode }
    }

    fn filter(&self, cycle: &Cycle, node: &NodeInfo) -> Vec<Rejection> {
        let Some(storage) = cycle.snapshot.storage() else { return Vec::new() };
        let elsewhere = storage.wanted(cycle.pod).any(|wanted| match wanted {
            Wanted::Bound(claim) => {
                storage.volume_of(claim).is_some_and(|volume| !is_there(volume, node.node()))
            }
            _ => false,
        });
        let reason = "node(s) had no available volume zone";
        if elsewhere { vec![Rejection::unresolvable(reason, Vec::new())] } else { Vec::new() }
    }

    fn helps(&self, _pod: &Pod, event: &ClusterEvent) -> bool {
        matches!(event, ClusterEvent::Volume | ClusterEvent::Claim { .. } | ClusterEvent::Node { .. })
    }
}
