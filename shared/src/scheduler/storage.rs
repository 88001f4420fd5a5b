//! What the scheduler knows of volumes, claims and classes, and what it makes of them for a pod and a node.
//!
//! Follows upstream's `pkg/scheduler/framework/plugins/volumebinding/binder.go` (`GetPodVolumeClaims`,
//! `FindPodVolumes`, `AssumePodVolumes`).

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Node, PersistentVolume, PersistentVolumeClaim, Pod};
use k8s_openapi::api::storage::v1::StorageClass;

use crate::api::object::SharedObject;
use crate::informer::Change;
use crate::persistent_volume::matching::{find, reaches};
use crate::persistent_volume::{
    NO_PROVISIONER, SELECTED_NODE, annotation, claim_name, class_of_claim, is_fully_bound, volume_name,
    waits_for_consumer,
};

/// Namespace and name.
type Key = (String, String);

pub(super) const BIND_CONFLICT: &str = "node(s) didn't find available persistent volumes to bind";
pub(super) const NODE_CONFLICT: &str = "node(s) didn't match PersistentVolume's node affinity";
pub(super) const NO_VOLUME: &str =
    "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)";

/// The volumes of a cluster.
#[derive(Clone, Debug, Default)]
pub struct Storage {
    claims: BTreeMap<Key, PersistentVolumeClaim>,
    volumes: BTreeMap<String, PersistentVolume>,
    classes: BTreeMap<String, StorageClass>,
    /// Volumes that were chosen for a claim, which the watch is yet to tell.
    assumed: BTreeMap<String, Key>,
}

/// What has to be written of a claim before its pod is bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClaimWrite {
    /// Keep this volume for the claim.
    Keep {
        /// The claim's name, in the pod's namespace.
        claim: String,
        /// The volume's name.
        volume: String,
    },
    /// Let the volume be made where this node reaches it.
    Provision {
        /// The claim's name, in the pod's namespace.
        claim: String,
        /// The node's name.
        node: String,
    },
}

/// A claim of a pod, by how far it is.
pub(super) enum Wanted<'a> {
    /// It is bound to a volume.
    Bound(&'a PersistentVolumeClaim),
    /// It waits for the pod's node.
    Delayed(&'a PersistentVolumeClaim, &'a StorageClass),
    /// It is to be bound by others, whatever the pod.
    Immediate,
}

impl Storage {
    /// Takes in a change; objects of other kinds are none of its business.
    pub(super) fn learn(&mut self, change: Change, object: &SharedObject) {
        let key = (object.namespace().to_owned(), object.name().to_owned());
        if let Some(claim) = object.downcast_ref::<PersistentVolumeClaim>() {
            set(&mut self.claims, change, key, claim);
        } else if let Some(volume) = object.downcast_ref::<PersistentVolume>() {
            set(&mut self.volumes, change, key.1, volume);
        } else if let Some(class) = object.downcast_ref::<StorageClass>() {
            set(&mut self.classes, change, key.1, class);
        }
    }

    /// A claim of the pod's namespace.
    pub(super) fn claim(&self, pod: &Pod, name: &str) -> Option<&PersistentVolumeClaim> {
        let namespace = pod.metadata.namespace.clone().unwrap_or_default();
        self.claims.get(&(namespace, name.to_owned()))
    }

    /// The volume that a claim is bound to.
    pub(super) fn volume_of(&self, claim: &PersistentVolumeClaim) -> Option<&PersistentVolume> {
        self.volumes.get(volume_name(claim))
    }

    /// The claims of a pod that are there, in the order of its volumes.
    pub(super) fn wanted<'a>(&'a self, pod: &'a Pod) -> impl Iterator<Item = Wanted<'a>> {
        let volumes = pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
        let names = volumes.filter_map(|volume| claim_name(pod, volume));
        names.filter_map(|name| self.claim(pod, &name)).map(|claim| self.sort(claim))
    }

    fn sort<'a>(&'a self, claim: &'a PersistentVolumeClaim) -> Wanted<'a> {
        if is_fully_bound(claim) {
            return Wanted::Bound(claim);
        }
        match self.classes.get(&class_of_claim(claim)).filter(|class| waits_for_consumer(class)) {
            Some(class) if volume_name(claim).is_empty() => Wanted::Delayed(claim, class),
            _ => Wanted::Immediate,
        }
    }

    /// What has to be written so that the pod's claims can be mounted on this node, or why they cannot.
    pub(super) fn find(&self, pod: &Pod, node: &Node) -> Result<Vec<ClaimWrite>, Vec<&'static str>> {
        let (mut writes, mut reasons, mut taken) = (Vec::new(), Vec::new(), Vec::new());
        for wanted in self.wanted(pod) {
            match wanted {
                Wanted::Bound(claim) => match self.volume_of(claim) {
                    None => reasons.push(NO_VOLUME),
                    Some(volume) if !reaches(volume, node) => reasons.push(NODE_CONFLICT),
                    Some(_) => {}
                },
                Wanted::Delayed(claim, class) => match self.choose(claim, class, node, &taken) {
                    None => reasons.push(BIND_CONFLICT),
                    Some(write) => {
                        if let ClaimWrite::Keep { volume, .. } = &write {
                            taken.push(volume.clone());
                        }
                        writes.push(write);
                    }
                },
                Wanted::Immediate => reasons.push(BIND_CONFLICT),
            }
        }
        reasons.sort_unstable();
        reasons.dedup();
        if reasons.is_empty() { Ok(writes) } else { Err(reasons) }
    }

    /// A volume of the node for a claim, or that one is to be made there.
    fn choose(
        &self,
        claim: &PersistentVolumeClaim,
        class: &StorageClass,
        node: &Node,
        taken: &[String],
    ) -> Option<ClaimWrite> {
        let text = |part: &Option<String>| part.clone().unwrap_or_default();
        let (name, node_name) = (text(&claim.metadata.name), text(&node.metadata.name));
        let provision = ClaimWrite::Provision { claim: name.clone(), node: node_name.clone() };
        if let Some(selected) = annotation(&claim.metadata, SELECTED_NODE) {
            return (selected == node_name).then_some(provision);
        }
        let key = (text(&claim.metadata.namespace), name.clone());
        let free = self.volumes.values().filter(|volume| {
            let volume = volume.metadata.name.as_deref().unwrap_or_default();
            !taken.iter().any(|other| other == volume)
                && self.assumed.get(volume).is_none_or(|holder| *holder == key)
        });
        if let Some(volume) = find(claim, free, Some(node), true) {
            return Some(ClaimWrite::Keep { claim: name, volume: text(&volume.metadata.name) });
        }
        let makes = !class.provisioner.is_empty() && class.provisioner != NO_PROVISIONER;
        (makes && is_allowed(class, node)).then_some(provision)
    }

    /// Counts chosen volumes as taken, until they are bound or given back.
    pub(super) fn assume(&mut self, pod: &Pod, writes: &[ClaimWrite]) {
        let namespace = pod.metadata.namespace.clone().unwrap_or_default();
        for write in writes {
            if let ClaimWrite::Keep { claim, volume } = write {
                self.assumed.insert(volume.clone(), (namespace.clone(), claim.clone()));
            }
        }
    }

    /// Nothing is assumed of the pod's claims any more.
    pub(super) fn forget(&mut self, pod: &Pod) {
        let namespace = pod.metadata.namespace.clone().unwrap_or_default();
        let claims = crate::persistent_volume::claims_of(pod);
        self.assumed.retain(|_, (place, name)| *place != namespace || !claims.contains(name));
    }

    /// Whether all claims of the pod are bound, or why they will not be.
    pub(super) fn are_bound(&self, pod: &Pod, writes: &[ClaimWrite]) -> Result<bool, String> {
        for write in writes {
            let (ClaimWrite::Keep { claim, .. } | ClaimWrite::Provision { claim, .. }) = write;
            let Some(found) = self.claim(pod, claim) else {
                return Err(format!("claim {claim:?} not found"));
            };
            if found.metadata.deletion_timestamp.is_some() {
                return Err(format!("claim {claim:?} is being deleted"));
            }
            if !is_fully_bound(found) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether every claim that a volume is to be made for bears the chosen node, or is bound. A provisioner
    /// that cannot make the volume takes the node back (`checkBindings`).
    pub(super) fn are_selected(&self, pod: &Pod, writes: &[ClaimWrite]) -> bool {
        writes.iter().all(|write| match write {
            ClaimWrite::Provision { claim, .. } => self.claim(pod, claim).is_some_and(|found| {
                is_fully_bound(found) || annotation(&found.metadata, SELECTED_NODE).is_some()
            }),
            ClaimWrite::Keep { .. } => true,
        })
    }
}

fn set<K: Ord, V: Clone>(all: &mut BTreeMap<K, V>, change: Change, key: K, value: &V) {
    match change {
        Change::Deleted => drop(all.remove(&key)),
        _ => drop(all.insert(key, value.clone())),
    }
}

/// Whether volumes of the class may be made for this node (`allowedTopologies`).
fn is_allowed(class: &StorageClass, node: &Node) -> bool {
    let terms = class.allowed_topologies.as_deref().unwrap_or_default();
    let label = |key: &str| node.metadata.labels.as_ref().and_then(|labels| labels.get(key));
    terms.is_empty()
        || terms.iter().any(|term| {
            let mut requirements = term.match_label_expressions.iter().flatten();
            requirements.all(|each| label(&each.key).is_some_and(|value| each.values.contains(value)))
        })
}
