//! `VolumeBinding`: nodes that can reach the volumes of a pod's claims, or have some for those that wait.
//!
//! Follows upstream's `pkg/scheduler/framework/plugins/volumebinding/volume_binding.go`.

use k8s_openapi::api::core::v1::Pod;

use crate::persistent_volume::{check_ephemeral, claim_name, claims_of, volume_name};
use crate::scheduler::decision::Rejection;
use crate::scheduler::framework::{Cycle, Plugin, PreFilter};
use crate::scheduler::hints::ClusterEvent;
use crate::scheduler::snapshot::NodeInfo;
use crate::scheduler::storage::{BIND_CONFLICT, Storage, Wanted};

/// Looks for volumes, where volumes are known.
pub(crate) struct VolumeBinding;

/// Why no node can take a pod whose claims are like this (`podHasPVCs`).
fn objection(pod: &Pod, storage: &Storage) -> Option<String> {
    for volume in pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten()) {
        let Some(name) = claim_name(pod, volume) else { continue };
        let Some(claim) = storage.claim(pod, &name) else {
            return Some(match volume.ephemeral {
                Some(_) => {
                    format!(
                        "waiting for ephemeral volume controller to create the persistentvolumeclaim {name:?}"
                    )
                }
                None => format!("persistentvolumeclaim {name:?} not found"),
            });
        };
        if claim.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Lost") {
            let volume = volume_name(claim);
            return Some(format!(
                "persistentvolumeclaim {name:?} bound to non-existent persistentvolume {volume:?}"
            ));
        }
        if claim.metadata.deletion_timestamp.is_some() {
            return Some(format!("persistentvolumeclaim {name:?} is being deleted"));
        }
        if volume.ephemeral.is_some()
            && let Err(why) = check_ephemeral(pod, claim)
        {
            return Some(why);
        }
    }
    let immediate = storage.wanted(pod).any(|wanted| matches!(wanted, Wanted::Immediate));
    immediate.then(|| "pod has unbound immediate PersistentVolumeClaims".to_owned())
}

impl Plugin for VolumeBinding {
    fn name(&self) -> &'static str {
        "VolumeBinding"
    }

    fn pre_filter(&self, cycle: &Cycle) -> PreFilter {
        let Some(storage) = cycle.snapshot.storage().filter(|_| !claims_of(cycle.pod).is_empty()) else {
            return PreFilter::Skip;
        };
        match objection(cycle.pod, storage) {
            Some(reason) => PreFilter::Reject(Rejection::unresolvable(reason, Vec::new())),
            None => PreFilter::EveryNode,
        }
    }

    fn filter(&self, cycle: &Cycle, node: &NodeInfo) -> Vec<Rejection> {
        let Some(storage) = cycle.snapshot.storage() else { return Vec::new() };
        let reasons = storage.find(cycle.pod, node.node()).err().unwrap_or_default();
        let rejection = |reason: &str| Rejection {
            reason: reason.to_owned(),
            // Only a volume that another pod's claim has could become free.
            resolvable: reason == BIND_CONFLICT,
            details: Vec::new(),
        };
        reasons.into_iter().map(rejection).collect()
    }

    fn helps(&self, pod: &Pod, event: &ClusterEvent) -> bool {
        match event {
            ClusterEvent::Claim { namespace, name } => {
                pod.metadata.namespace.as_deref() == Some(*namespace)
                    && claims_of(pod).iter().any(|claim| claim == name)
            }
            ClusterEvent::Volume | ClusterEvent::Node { .. } => true,
            ClusterEvent::AssignedPodDeleted(_) | ClusterEvent::TargetPod { .. } => false,
        }
    }
}
