//! Which volume suits a claim best.
//!
//! Follows `FindMatchingVolume` and `CheckVolumeModeMismatches` in
//! `component-helpers/storage/volume/pv_helpers.go` of kubernetes/kubernetes.

use k8s_openapi::api::core::v1::{Node, PersistentVolume, PersistentVolumeClaim};

use super::{capacity, claim_ref, class_of_claim, class_of_volume, is_bound_to, requested, size};
use crate::api::labels::Selector;
use crate::scheduler::plugins::node_selector_matches;

/// Whether both want files, or both want blocks.
pub fn same_mode(volume: &PersistentVolume, claim: &PersistentVolumeClaim) -> bool {
    let of_volume = volume.spec.as_ref().and_then(|spec| spec.volume_mode.as_deref());
    let of_claim = claim.spec.as_ref().and_then(|spec| spec.volume_mode.as_deref());
    of_volume.unwrap_or("Filesystem") == of_claim.unwrap_or("Filesystem")
}

/// Whether the volume can be mounted in every way that the claim asks for.
pub fn has_modes(volume: &PersistentVolume, claim: &PersistentVolumeClaim) -> bool {
    let given = volume.spec.as_ref().and_then(|spec| spec.access_modes.as_deref()).unwrap_or_default();
    let wanted = claim.spec.as_ref().and_then(|spec| spec.access_modes.as_deref()).unwrap_or_default();
    wanted.iter().all(|mode| given.contains(mode))
}

/// Whether a node can reach the volume.
pub fn reaches(volume: &PersistentVolume, node: &Node) -> bool {
    let affinity = volume.spec.as_ref().and_then(|spec| spec.node_affinity.as_ref());
    affinity
        .and_then(|affinity| affinity.required.as_ref())
        .is_none_or(|required| node_selector_matches(required, node))
}

/// The volume that was made for the claim or kept for it, or the smallest free one that suits; only of those
/// that `node` reaches where one is given.
pub fn find<'a>(
    claim: &PersistentVolumeClaim,
    volumes: impl Iterator<Item = &'a PersistentVolume>,
    node: Option<&Node>,
    delayed: bool,
) -> Option<&'a PersistentVolume> {
    let selector = claim.spec.as_ref().and_then(|spec| spec.selector.as_ref());
    let selector = Selector::from_label_selector(selector).ok()?;
    let wants_all = claim.spec.as_ref().is_none_or(|spec| spec.selector.is_none());
    let wanted = size(requested(claim));
    let mut best: Option<&PersistentVolume> = None;
    for volume in volumes.filter(|volume| same_mode(volume, claim)) {
        let kept = is_bound_to(volume, claim);
        if claim_ref(volume).is_some() && !kept || volume.metadata.deletion_timestamp.is_some() {
            continue;
        }
        if size(capacity(volume)) < wanted || node.is_some_and(|node| !reaches(volume, node)) {
            continue;
        }
        if kept {
            return Some(volume);
        }
        let labels = volume.metadata.labels.clone().unwrap_or_default();
        let available =
            volume.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Available");
        let suits = available
            && (node.is_some() || !delayed)
            && (wants_all || selector.matches(&labels))
            && class_of_volume(volume) == class_of_claim(claim)
            && has_modes(volume, claim);
        if suits && best.is_none_or(|best| size(capacity(volume)) < size(capacity(best))) {
            best = Some(volume);
        }
    }
    best
}
