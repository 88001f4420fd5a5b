//! What the local provisioner has to do, as data: volumes to make, to delete and to let grow.
//!
//! Follows the loops of kubernetes-sigs/sig-storage-lib-external-provisioner (`syncClaim`, `syncVolume`) and, for
//! expansion, `pkg/controller/controller.go` of kubernetes-csi/external-resizer. Whoever acts tells it what came of
//! each job.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Node, PersistentVolume, PersistentVolumeClaim};
use k8s_openapi::api::storage::v1::StorageClass;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::provisioning::{
    PROVISIONER, hostname_of, is_host, path_of, should_delete, should_provision, volume_for,
};
use super::{
    PROVISIONED_BY, SELECTED_NODE, annotation, capacity, class_of_claim, is_bound_to, is_fully_bound,
    requested, size, volume_name,
};
use crate::api::object::SharedObject;
use crate::informer::Change;

/// How long a job that failed waits at first; each time twice as long.
const RETRY: SignedDuration = SignedDuration::from_secs(5);
/// How often the wait is doubled.
const DOUBLINGS: u32 = 6;

/// Something to do, which is done once.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// What it is, and of which object; unique.
    pub id: String,
    /// What to do.
    pub work: Work,
}

/// What to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Work {
    /// Make a directory on a node, and then this volume of it; or tell why there can be none.
    Provision {
        /// The claim that it is for.
        claim: Box<PersistentVolumeClaim>,
        /// The node's name and the volume, or why there is none.
        volume: Result<(String, Box<PersistentVolume>), String>,
    },
    /// Remove a directory of a node, and then the volume.
    Delete {
        /// The volume.
        volume: Box<PersistentVolume>,
        /// The node's name and the path among its files, or why it cannot be removed.
        place: Result<(String, String), String>,
    },
    /// Say that the volume holds so much, and then that the claim has it.
    Expand {
        /// The claim.
        claim: Box<PersistentVolumeClaim>,
        /// The volume's name.
        volume: String,
        /// How much.
        size: Quantity,
    },
}

/// What is known of the cluster, and what was done.
#[derive(Default)]
pub struct Provisioner {
    claims: BTreeMap<(String, String), PersistentVolumeClaim>,
    volumes: BTreeMap<String, PersistentVolume>,
    classes: BTreeMap<String, StorageClass>,
    nodes: BTreeMap<String, Node>,
    done: BTreeSet<String>,
    failed: BTreeMap<String, (u32, Timestamp)>,
}

impl Provisioner {
    /// Takes in a change of a claim, a volume, a class or a node.
    pub fn on_change(&mut self, change: Change, object: &SharedObject) {
        let name = object.name().to_owned();
        if let Some(claim) = object.downcast_ref::<PersistentVolumeClaim>() {
            set(&mut self.claims, change, (object.namespace().to_owned(), name), claim);
        } else if let Some(volume) = object.downcast_ref::<PersistentVolume>() {
            set(&mut self.volumes, change, name, volume);
        } else if let Some(class) = object.downcast_ref::<StorageClass>() {
            set(&mut self.classes, change, name, class);
        } else if let Some(node) = object.downcast_ref::<Node>() {
            set(&mut self.nodes, change, name, node);
        }
    }

    /// What is to be done now.
    pub fn jobs(&self, now: Timestamp) -> Vec<Job> {
        let ready = |job: &Job| {
            !self.done.contains(&job.id) && self.failed.get(&job.id).is_none_or(|(_, due)| *due <= now)
        };
        self.all_jobs().filter(ready).collect()
    }

    /// When a job that failed is to be tried again.
    pub fn next_due(&self, now: Timestamp) -> Option<Timestamp> {
        let open: BTreeSet<String> = self.all_jobs().map(|job| job.id).collect();
        let due = self.failed.iter().filter(|(id, _)| open.contains(*id));
        due.map(|(_, (_, due))| (*due).max(now)).min()
    }

    /// What came of a job.
    pub fn on_outcome(&mut self, id: &str, success: bool, now: Timestamp) {
        if success {
            self.failed.remove(id);
            self.done.insert(id.to_owned());
            return;
        }
        let failures = self.failed.get(id).map_or(0, |(failures, _)| *failures);
        let wait = RETRY.checked_mul(1 << failures.min(DOUBLINGS)).unwrap_or(RETRY);
        let due = now.checked_add(wait).unwrap_or(Timestamp::MAX);
        self.failed.insert(id.to_owned(), (failures + 1, due));
    }

    fn all_jobs(&self) -> impl Iterator<Item = Job> {
        let provisions = self.claims.values().filter_map(|claim| self.provision(claim));
        let expansions = self.claims.values().filter_map(|claim| self.expand(claim));
        let deletions = self.volumes.values().filter_map(|volume| self.delete(volume));
        provisions.chain(expansions).chain(deletions)
    }

    fn provision(&self, claim: &PersistentVolumeClaim) -> Option<Job> {
        let class = self.classes.get(&class_of_claim(claim))?;
        if !should_provision(claim, class) {
            return None;
        }
        let volume = self.node_for(claim).and_then(|node| {
            let name = node.metadata.name.clone().unwrap_or_default();
            Ok((name, Box::new(volume_for(claim, class, node)?)))
        });
        let id = format!("provision/{}", claim.metadata.uid.as_deref().unwrap_or_default());
        Some(Job { id, work: Work::Provision { claim: Box::new(claim.clone()), volume } })
    }

    /// The node that the scheduler chose; for a claim that waits for none, one that takes pods and has the fewest
    /// volumes.
    fn node_for(&self, claim: &PersistentVolumeClaim) -> Result<&Node, String> {
        if let Some(name) = annotation(&claim.metadata, SELECTED_NODE).filter(|name| !name.is_empty()) {
            return self.nodes.get(name).ok_or_else(|| format!("node {name:?} not found"));
        }
        let nodes = self.nodes.values().filter(|node| takes_pods(node));
        nodes
            .min_by_key(|node| self.volumes_of(node))
            .ok_or_else(|| "no node takes pods without being asked to".to_owned())
    }

    fn volumes_of(&self, node: &Node) -> usize {
        let on_node =
            |volume: &&PersistentVolume| hostname_of(volume).is_some_and(|host| is_host(node, host));
        self.volumes.values().filter(on_node).count()
    }

    fn delete(&self, volume: &PersistentVolume) -> Option<Job> {
        if !should_delete(volume) {
            return None;
        }
        let host = hostname_of(volume).unwrap_or_default();
        let node = self.nodes.values().find(|node| is_host(node, host));
        let place = match (node, path_of(volume)) {
            (None, _) => Err(format!("node {host:?} not found")),
            (_, None) => Err(format!("the volume is no directory that {PROVISIONER} made")),
            (Some(node), Some(path)) => Ok((node.metadata.name.clone().unwrap_or_default(), path.to_owned())),
        };
        let id = format!("delete/{}", volume.metadata.uid.as_deref().unwrap_or_default());
        Some(Job { id, work: Work::Delete { volume: Box::new(volume.clone()), place } })
    }

    fn expand(&self, claim: &PersistentVolumeClaim) -> Option<Job> {
        let volume = self.volumes.get(volume_name(claim)).filter(|volume| is_bound_to(volume, claim))?;
        let wanted = requested(claim)?;
        let has = claim.status.as_ref().and_then(|status| status.capacity.as_ref()?.get("storage"));
        let own = annotation(&volume.metadata, PROVISIONED_BY) == Some(PROVISIONER);
        let grows = size(Some(wanted)) > size(has) && size(capacity(volume)) > size(None);
        if !own || !grows || has.is_none() || !is_fully_bound(claim) {
            return None;
        }
        let id = format!("expand/{}/{}", claim.metadata.uid.as_deref().unwrap_or_default(), wanted.0);
        let (claim, volume) = (Box::new(claim.clone()), volume_name(claim).to_owned());
        Some(Job { id, work: Work::Expand { claim, volume, size: wanted.clone() } })
    }
}

fn set<K: Ord, V: Clone>(all: &mut BTreeMap<K, V>, change: Change, key: K, value: &V) {
    match change {
        Change::Deleted => drop(all.remove(&key)),
        _ => drop(all.insert(key, value.clone())),
    }
}

/// Whether pods come to the node that tolerate nothing.
fn takes_pods(node: &Node) -> bool {
    let spec = node.spec.clone().unwrap_or_default();
    let repels = |effect: &str| matches!(effect, "NoSchedule" | "NoExecute");
    spec.unschedulable != Some(true) && !spec.taints.iter().flatten().any(|taint| repels(&taint.effect))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::api::object::{ApiObject, Object};
    use crate::persistent_volume::provisioning::standard_class;

    fn world() -> Provisioner {
        let mut provisioner = Provisioner::default();
        tell(&mut provisioner, standard_class());
        let mut now = standard_class();
        now.metadata.name = Some("now".into());
        now.volume_binding_mode = Some("Immediate".into());
        now.reclaim_policy = Some("Retain".into());
        tell(&mut provisioner, now);
        for (name, spec) in [
            ("control-plane", json!({ "taints": [{ "key": "a", "effect": "NoSchedule" }] })),
            ("node-1", json!({})),
            ("node-2", json!({})),
        ] {
            let labels = json!({ "kubernetes.io/hostname": name });
            let node = json!({ "metadata": { "name": name, "labels": labels }, "spec": spec });
            tell(&mut provisioner, serde_json::from_value::<Node>(node).unwrap());
        }
        provisioner
    }

    fn tell(provisioner: &mut Provisioner, object: impl ApiObject) {
        provisioner.on_change(Change::Added, &Object::of(object));
    }

    fn claim(class: &str, annotations: Value, spec: Value) -> PersistentVolumeClaim {
        let mut whole = json!({
            "metadata": { "namespace": "d", "name": "c", "uid": "1", "annotations": annotations },
            "spec": {
                "storageClassName": class, "accessModes": ["ReadWriteOnce"],
                "resources": { "requests": { "storage": "1Gi" } },
            },
        });
        for (field, value) in spec.as_object().cloned().unwrap_or_default() {
            whole["spec"][field] = value;
        }
        serde_json::from_value(whole).unwrap()
    }

    /// What is to be made of a claim: `node path policy`.
    fn made(claim: PersistentVolumeClaim) -> Vec<String> {
        let mut provisioner = world();
        tell(&mut provisioner, claim);
        let told = |job: Job| match job.work {
            Work::Provision { volume: Ok((node, volume)), .. } => {
                assert_eq!(hostname_of(&volume), Some(node.as_str()));
                let spec = volume.spec.clone().unwrap();
                let policy = spec.persistent_volume_reclaim_policy.unwrap();
                format!("{node} {} {policy}", path_of(&volume).unwrap())
            }
            Work::Provision { volume: Err(why), .. } => why,
            other => panic!("{other:?}"),
        };
        provisioner.jobs(Timestamp::UNIX_EPOCH).into_iter().map(told).collect()
    }

    #[test]
    fn volume_should_be_made_where_and_when_its_class_says() {
        let ours = "volume.kubernetes.io/storage-provisioner";
        let asked = json!({ ours: PROVISIONER });
        let on = |node: &str| json!({ ours: PROVISIONER, "volume.kubernetes.io/selected-node": node });
        let path = "/var/local-path-provisioner/pvc-1_d_c";
        let table = [
            (claim("standard", json!({}), json!({})), vec![]),
            (claim("standard", asked.clone(), json!({})), vec![]),
            (claim("standard", on("node-2"), json!({})), vec![format!("node-2 {path} Delete")]),
            (claim("standard", on("node-2"), json!({ "volumeName": "v" })), vec![]),
            (claim("standard", json!({ ours: "others" }), json!({})), vec![]),
            (claim("now", asked.clone(), json!({})), vec![format!("node-1 {path} Retain")]),
            (claim("standard", on("gone"), json!({})), vec!["node \"gone\" not found".to_owned()]),
            (
                claim("now", asked, json!({ "accessModes": ["ReadWriteMany"] })),
                vec![
                    "a volume on one node cannot be ReadWriteMany: only ReadWriteOnce and ReadWriteOncePod"
                        .to_owned(),
                ],
            ),
        ];
        for (claim, expected) in table {
            let shown = format!("{claim:?}");
            assert_eq!(made(claim), expected, "{shown}");
        }
    }

    fn volume(provisioner: &str, phase: &str, policy: &str) -> PersistentVolume {
        serde_json::from_value(json!({
            "metadata": { "name": "pvc-1", "uid": "2", "annotations": { PROVISIONED_BY: provisioner } },
            "spec": {
                "persistentVolumeReclaimPolicy": policy, "capacity": { "storage": "1Gi" },
                "claimRef": { "namespace": "d", "name": "c", "uid": "1" },
                "local": { "path": "/var/local-path-provisioner/pvc-1_d_c" },
                "nodeAffinity": { "required": { "nodeSelectorTerms": [{ "matchExpressions": [
                    { "key": "kubernetes.io/hostname", "operator": "In", "values": ["node-1"] },
                ]}]}},
            },
            "status": { "phase": phase },
        }))
        .unwrap()
    }

    #[test]
    fn released_volumes_that_were_made_here_should_be_deleted() {
        for (volume, expected) in [
            (volume(PROVISIONER, "Released", "Delete"), 1),
            (volume(PROVISIONER, "Released", "Retain"), 0),
            (volume(PROVISIONER, "Bound", "Delete"), 0),
            (volume("others", "Released", "Delete"), 0),
        ] {
            let mut provisioner = world();
            tell(&mut provisioner, volume);
            let jobs = provisioner.jobs(Timestamp::UNIX_EPOCH);
            assert_eq!(jobs.len(), expected);
            for job in jobs {
                let Work::Delete { place, .. } = job.work else { panic!("{job:?}") };
                assert_eq!(place, Ok(("node-1".into(), "/var/local-path-provisioner/pvc-1_d_c".into())));
            }
        }
    }

    #[test]
    fn bound_claim_that_wants_more_should_get_it() {
        let mut provisioner = world();
        tell(&mut provisioner, volume(PROVISIONER, "Bound", "Delete"));
        let mut bound = claim(
            "standard",
            json!({ "pv.kubernetes.io/bind-completed": "yes" }),
            json!({ "volumeName": "pvc-1", "resources": { "requests": { "storage": "2Gi" } } }),
        );
        let status = json!({ "phase": "Bound", "capacity": { "storage": "1Gi" } });
        bound.status = serde_json::from_value(status).unwrap();
        tell(&mut provisioner, bound);
        let jobs = provisioner.jobs(Timestamp::UNIX_EPOCH);
        let [Job { id, work: Work::Expand { volume, size, .. } }] = jobs.as_slice() else {
            panic!("{jobs:?}")
        };
        assert_eq!((volume.as_str(), size.0.as_str()), ("pvc-1", "2Gi"));
        provisioner.on_outcome(id, false, Timestamp::UNIX_EPOCH);
        assert_eq!(provisioner.jobs(Timestamp::UNIX_EPOCH), []);
        let due = provisioner.next_due(Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(provisioner.jobs(due).len(), 1);
        provisioner.on_outcome(id, true, due);
        assert_eq!((provisioner.jobs(due).len(), provisioner.next_due(due)), (0, None));
    }
}
