//! `persistentvolumeclaim-protection-controller` and `persistentvolume-protection-controller`: a claim stays as
//! long as a pod uses it, and a volume as long as it is bound.
//!
//! Follows `pkg/controller/volume/pvcprotection/pvc_protection_controller.go` and
//! `pkg/controller/volume/pvprotection/pv_protection_controller.go` of kubernetes/kubernetes.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim, Pod};

use crate::api::object::SharedObject;
use crate::apiserver::Result;
use crate::apiserver::request::{Answer, Request};
use crate::given::Entropy;
use crate::informer::Change;
use crate::persistent_volume::{CLAIM_PROTECTION, VOLUME_PROTECTION, claims_of};
use crate::scheduler::snapshot::assigned_node;

use super::own_writes::{Key, key_of};
use super::reconciler::Reconciler;
use super::{Controller, Step, Token};

/// Lets go of claims that no pod uses.
pub struct ClaimProtectionController {
    known: Claims,
    to_look_at: Reconciler<Key>,
}

/// Claims and who uses them.
#[derive(Default)]
struct Claims {
    claims: BTreeMap<Key, SharedObject>,
    /// The claims that each pod with a node uses.
    used: BTreeMap<Key, BTreeSet<Key>>,
}

/// Lets go of volumes that are not bound.
pub struct VolumeProtectionController {
    volumes: BTreeMap<Key, SharedObject>,
    to_look_at: Reconciler<Key>,
}

impl Default for ClaimProtectionController {
    fn default() -> Self {
        ClaimProtectionController { known: Claims::default(), to_look_at: Reconciler::new(&["NotFound"]) }
    }
}

impl Default for VolumeProtectionController {
    fn default() -> Self {
        VolumeProtectionController { volumes: BTreeMap::new(), to_look_at: Reconciler::new(&["NotFound"]) }
    }
}

fn is_going(object: &SharedObject, finalizer: &str) -> bool {
    let metadata = object.metadata();
    metadata.deletion_timestamp.is_some() && metadata.finalizers.iter().flatten().any(|own| own == finalizer)
}

/// The request that writes an object without the finalizer.
fn without(object: &SharedObject, finalizer: &str) -> Option<Request> {
    let strip = |finalizers: &mut Option<Vec<String>>| {
        finalizers.iter_mut().for_each(|all| all.retain(|own| own != finalizer));
    };
    if let Some(claim) = object.downcast_ref::<PersistentVolumeClaim>() {
        let mut claim = claim.clone();
        strip(&mut claim.metadata.finalizers);
        return Request::update(claim).ok();
    }
    let mut volume = object.downcast_ref::<PersistentVolume>()?.clone();
    strip(&mut volume.metadata.finalizers);
    Request::update(volume).ok()
}

impl ClaimProtectionController {
    fn on_pod(&mut self, change: Change, pod: &Pod, key: Key) {
        // Claims of pods without a node are not kept: a kubelet starts no pod whose claim is going.
        let uses = change != Change::Deleted && assigned_node(pod).is_some();
        let claims = if uses { claims_of(pod) } else { Vec::new() };
        let now: BTreeSet<Key> = claims.into_iter().map(|name| (key.0.clone(), name)).collect();
        let used = &mut self.known.used;
        let before = if now.is_empty() { used.remove(&key) } else { used.insert(key, now) };
        before.into_iter().flatten().for_each(|claim| self.to_look_at.add(claim));
    }
}

impl Claims {
    fn removal(&self, key: &Key) -> Option<Request> {
        let claim = self.claims.get(key).filter(|claim| is_going(claim, CLAIM_PROTECTION))?;
        if self.used.values().any(|claims| claims.contains(key)) {
            return None;
        }
        without(claim, CLAIM_PROTECTION)
    }
}

impl Controller for ClaimProtectionController {
    fn name(&self) -> &'static str {
        "persistentvolumeclaim-protection-controller"
    }

    fn watches(&self) -> &'static [(&'static str, &'static str)] {
        &[("v1", "Pod"), ("v1", "PersistentVolumeClaim")]
    }

    fn on_delta(&mut self, change: Change, object: &SharedObject) {
        let key = key_of(object);
        if let Some(pod) = object.downcast_ref::<Pod>() {
            return self.on_pod(change, pod, key);
        }
        match change {
            Change::Deleted => drop(self.known.claims.remove(&key)),
            _ => drop(self.known.claims.insert(key.clone(), object.clone())),
        }
        self.to_look_at.add(key);
    }

    fn step(&mut self, now: Timestamp, _: &dyn Entropy) -> Step {
        self.to_look_at.step(now, |key| self.known.removal(key))
    }

    fn on_response(&mut self, token: Token, response: Result<Answer>, now: Timestamp) {
        self.to_look_at.on_response(token, &response, now);
    }
}

impl Controller for VolumeProtectionController {
    fn name(&self) -> &'static str {
        "persistentvolume-protection-controller"
    }

    fn watches(&self) -> &'static [(&'static str, &'static str)] {
        &[("v1", "PersistentVolume")]
    }

    fn on_delta(&mut self, change: Change, object: &SharedObject) {
        let key = key_of(object);
        match change {
            Change::Deleted => drop(self.volumes.remove(&key)),
            _ => drop(self.volumes.insert(key.clone(), object.clone())),
        }
        self.to_look_at.add(key);
    }

    fn step(&mut self, now: Timestamp, _: &dyn Entropy) -> Step {
        self.to_look_at.step(now, |key| {
            let volume = self.volumes.get(key).filter(|volume| is_going(volume, VOLUME_PROTECTION));
            let free = volume.filter(|volume| !is_bound(volume));
            free.and_then(|volume| without(volume, VOLUME_PROTECTION))
        })
    }

    fn on_response(&mut self, token: Token, response: Result<Answer>, now: Timestamp) {
        self.to_look_at.on_response(token, &response, now);
    }
}

fn is_bound(object: &SharedObject) -> bool {
    let volume = object.downcast_ref::<PersistentVolume>();
    volume.and_then(|volume| volume.status.as_ref()?.phase.as_deref()) == Some("Bound")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::controllers::test_pump::{Pump, pod};

    #[test]
    fn claim_should_stay_until_no_pod_with_a_node_uses_it() {
        let mut pump = Pump::new(ClaimProtectionController::default());
        let claim: PersistentVolumeClaim = serde_json::from_value(json!({
            "metadata": { "namespace": "default", "name": "c" },
            "spec": { "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": "1Gi" } } },
        }))
        .unwrap();
        pump.create(claim);
        for (name, node) in [("runs", Some("node-1")), ("waits", None)] {
            let mut user = pod("default", name, node);
            let volume = json!({ "name": "v", "persistentVolumeClaim": { "claimName": "c" } });
            user.spec.as_mut().unwrap().volumes = Some(vec![serde_json::from_value(volume).unwrap()]);
            pump.create(user);
        }
        pump.run();
        pump.delete::<PersistentVolumeClaim>("default", "c");
        pump.run();
        assert!(pump.exists::<PersistentVolumeClaim>("default", "c"));
        pump.delete_now::<Pod>("default", "runs");
        pump.run();
        assert!(!pump.exists::<PersistentVolumeClaim>("default", "c"));
    }

    #[test]
    fn volume_should_stay_while_it_is_bound() {
        let mut pump = Pump::new(VolumeProtectionController::default());
        let volume: PersistentVolume = serde_json::from_value(json!({
            "metadata": { "name": "v" },
            "spec": {
                "accessModes": ["ReadWriteOnce"], "capacity": { "storage": "1Gi" }, "hostPath": { "path": "/a" },
            },
        }))
        .unwrap();
        pump.create(volume);
        pump.patch_status::<PersistentVolume>("", "v", json!({ "phase": "Bound" }));
        pump.delete::<PersistentVolume>("", "v");
        pump.run();
        assert!(pump.exists::<PersistentVolume>("", "v"));
        pump.patch_status::<PersistentVolume>("", "v", json!({ "phase": "Released" }));
        pump.run();
        assert!(!pump.exists::<PersistentVolume>("", "v"));
    }
}
