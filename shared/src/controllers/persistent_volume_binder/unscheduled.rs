//! Pods without a node that name claims (`findNonScheduledPodsByPVC`).

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::Pod;

use super::Key;
use crate::informer::Change;
use crate::kubelet::volume::volumes;
use crate::persistent_volume::claim_name;

/// The pods that are yet to be scheduled, by the claims that they name.
#[derive(Default)]
pub(super) struct Unscheduled {
    pods: BTreeMap<Key, BTreeSet<String>>,
}

impl Unscheduled {
    /// Takes in a revision of a pod; the claims of which something else is true now.
    pub(super) fn learn(&mut self, change: Change, pod: &Pod) -> Vec<Key> {
        let waits = change != Change::Deleted && is_unscheduled(pod);
        let name = pod.metadata.name.clone().unwrap_or_default();
        let mut changed = Vec::new();
        for claim in claims_of(pod) {
            let pods = self.pods.entry(claim.clone()).or_default();
            if if waits { pods.insert(name.clone()) } else { pods.remove(&name) } {
                changed.push(claim.clone());
            }
            if pods.is_empty() {
                self.pods.remove(&claim);
            }
        }
        changed
    }

    /// The names of the pods that wait with this claim, in order.
    pub(super) fn pods_of(&self, claim: &Key) -> Vec<&str> {
        self.pods.get(claim).into_iter().flatten().map(String::as_str).collect()
    }
}

fn is_unscheduled(pod: &Pod) -> bool {
    let has_node =
        pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()).is_some_and(|node| !node.is_empty());
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    !has_node && !matches!(phase, Some("Succeeded" | "Failed"))
}

fn claims_of(pod: &Pod) -> BTreeSet<Key> {
    let namespace = pod.metadata.namespace.clone().unwrap_or_default();
    volumes(pod).filter_map(|volume| Some((namespace.clone(), claim_name(pod, volume)?))).collect()
}
