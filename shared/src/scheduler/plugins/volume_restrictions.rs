//! `VolumeRestrictions`: a claim that one pod alone may use is used by one.
//!
//! Follows upstream's `pkg/scheduler/framework/plugins/volumerestrictions/volume_restrictions.go`; the
//! conflicts of clouds' disks are left out, for no node here has any.

use k8s_openapi::api::core::v1::Pod;

use crate::persistent_volume::claims_of;
use crate::scheduler::decision::Rejection;
use crate::scheduler::framework::{Cycle, Plugin, PreFilter};
use crate::scheduler::hints::ClusterEvent;
use crate::scheduler::snapshot::{NodeInfo, PodInfo};

/// Looks for other pods with the same claim.
pub(crate) struct VolumeRestrictions;

/// The pod's claims with the access mode `ReadWriteOncePod`.
fn exclusive(cycle: &Cycle) -> Vec<String> {
    let Some(storage) = cycle.snapshot.storage() else { return Vec::new() };
    let is_exclusive = |name: &String| {
        let spec = storage.claim(cycle.pod, name).and_then(|claim| claim.spec.as_ref());
        let mut modes = spec.into_iter().flat_map(|spec| spec.access_modes.iter().flatten());
        modes.any(|mode| mode == "ReadWriteOncePod")
    };
    claims_of(cycle.pod).into_iter().filter(is_exclusive).collect()
}

fn shares(pod: &Pod, claims: &[String], other: &PodInfo) -> bool {
    pod.metadata.namespace.as_deref().unwrap_or_default() == other.namespace
        && other.claims.iter().any(|claim| claims.contains(claim))
}

impl Plugin for VolumeRestrictions {
    fn name(&self) -> &'static str {
        "VolumeRestrictions"
    }

    fn pre_filter(&self, cycle: &Cycle) -> PreFilter {
        if exclusive(cycle).is_empty() { PreFilter::Skip } else { PreFilter::EveryNode }
    }

    fn filter(&self, cycle: &Cycle, node: &NodeInfo) -> Vec<Rejection> {
        let claims = exclusive(cycle);
        let taken = |pod: &PodInfo| shares(cycle.pod, &claims, pod);
        let reason =
            "node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode";
        if node.pods().any(taken) {
            return vec![Rejection::resolvable(reason, Vec::new())];
        }
        // One pod on any node is one too many; preempting here would not help.
        if cycle.snapshot.nodes().any(|other| other.pods().any(taken)) {
            return vec![Rejection::unresolvable(reason, Vec::new())];
        }
        Vec::new()
    }

    fn helps(&self, pod: &Pod, event: &ClusterEvent) -> bool {
        match event {
            ClusterEvent::AssignedPodDeleted(gone) => shares(pod, &claims_of(pod), gone),
            ClusterEvent::Claim { namespace, .. } => pod.metadata.namespace.as_deref() == Some(*namespace),
            _ => false,
        }
    }
}
