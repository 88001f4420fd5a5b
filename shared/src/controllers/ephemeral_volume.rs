//! `ephemeral-volume-controller`: the claims of pods' generic ephemeral volumes.
//!
//! Follows `pkg/controller/volume/ephemeral/controller.go` of kubernetes/kubernetes. Upstream's garbage
//! collector deletes these claims with their pods; as long as there is none, this controller does.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{
    DeleteOptions, ObjectMeta, OwnerReference, Preconditions,
};

use crate::api::object::SharedObject;
use crate::apiserver::Result;
use crate::apiserver::request::{Answer, Request};
use crate::given::Entropy;
use crate::informer::Change;
use crate::persistent_volume::claim_name;

use super::own_writes::{Key, key_of};
use super::reconciler::Reconciler;
use super::{Controller, Step, Token};

/// Makes claims, and deletes those whose pods are gone.
pub struct EphemeralVolumeController {
    known: Known,
    claims_to_look_at: Reconciler<Key>,
}

/// What the watches told.
#[derive(Default)]
struct Known {
    pods: BTreeMap<Key, Pod>,
    claims: BTreeMap<Key, PersistentVolumeClaim>,
}

impl Default for EphemeralVolumeController {
    fn default() -> Self {
        let claims_to_look_at = Reconciler::new(&["NotFound", "AlreadyExists"]);
        EphemeralVolumeController { known: Known::default(), claims_to_look_at }
    }
}

/// The claims that a pod's ephemeral volumes want.
fn wanted(pod: &Pod) -> Vec<PersistentVolumeClaim> {
    let volumes = pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
    let claim = |volume: &k8s_openapi::api::core::v1::Volume| {
        let template = volume.ephemeral.as_ref()?.volume_claim_template.as_ref()?;
        let own = template.metadata.clone().unwrap_or_default();
        let owner = OwnerReference {
            api_version: "v1".to_owned(),
            kind: "Pod".to_owned(),
            name: pod.metadata.name.clone().unwrap_or_default(),
            uid: pod.metadata.uid.clone().unwrap_or_default(),
            controller: Some(true),
            block_owner_deletion: Some(true),
        };
        let metadata = ObjectMeta {
            name: claim_name(pod, volume),
            namespace: pod.metadata.namespace.clone(),
            labels: own.labels,
            annotations: own.annotations,
            owner_references: Some(vec![owner]),
            ..ObjectMeta::default()
        };
        Some(PersistentVolumeClaim { metadata, spec: Some(template.spec.clone()), status: None })
    };
    volumes.filter_map(claim).collect()
}

fn key_of_claim(claim: &PersistentVolumeClaim) -> Key {
    let text = |part: &Option<String>| part.clone().unwrap_or_default();
    (text(&claim.metadata.namespace), text(&claim.metadata.name))
}

impl Known {
    fn request(&self, key: &Key) -> Option<Request> {
        match self.claims.get(key) {
            Some(claim) => self.deletion(key, claim),
            None => self.creation(key),
        }
    }

    fn creation(&self, key: &Key) -> Option<Request> {
        let pods = self.pods.values().filter(|pod| pod.metadata.deletion_timestamp.is_none());
        let mut claims = pods.flat_map(wanted);
        Request::create(claims.find(|claim| key_of_claim(claim) == *key)?).ok()
    }

    /// The request that deletes a claim whose pod is gone.
    fn deletion(&self, key: &Key, claim: &PersistentVolumeClaim) -> Option<Request> {
        let owners = claim.metadata.owner_references.iter().flatten();
        let owner = owners.into_iter().find(|owner| owner.kind == "Pod" && owner.controller == Some(true))?;
        let pod = self.pods.get(&(key.0.clone(), owner.name.clone()));
        let alive = pod.is_some_and(|pod| pod.metadata.uid.as_deref() == Some(owner.uid.as_str()));
        if alive || claim.metadata.deletion_timestamp.is_some() {
            return None;
        }
        let preconditions = Preconditions { uid: claim.metadata.uid.clone(), resource_version: None };
        let options = DeleteOptions { preconditions: Some(preconditions), ..DeleteOptions::default() };
        Request::delete::<PersistentVolumeClaim>(&key.0, &key.1, options).ok()
    }
}

impl EphemeralVolumeController {
    fn on_pod(&mut self, change: Change, key: Key, pod: &Pod) {
        for claim in wanted(pod) {
            self.claims_to_look_at.add(key_of_claim(&claim));
        }
        match change {
            Change::Deleted => drop(self.known.pods.remove(&key)),
            _ => drop(self.known.pods.insert(key, pod.clone())),
        }
    }
}

impl Controller for EphemeralVolumeController {
    fn name(&self) -> &'static str {
        "ephemeral-volume-controller"
    }

    fn watches(&self) -> &'static [(&'static str, &'static str)] {
        &[("v1", "Pod"), ("v1", "PersistentVolumeClaim")]
    }

    fn on_delta(&mut self, change: Change, object: &SharedObject) {
        let key = key_of(object);
        if let Some(pod) = object.downcast_ref::<Pod>() {
            self.on_pod(change, key, pod);
        } else if let Some(claim) = object.downcast_ref::<PersistentVolumeClaim>() {
            match change {
                Change::Deleted => drop(self.known.claims.remove(&key)),
                _ => drop(self.known.claims.insert(key.clone(), claim.clone())),
            }
            self.claims_to_look_at.add(key);
        }
    }

    fn step(&mut self, now: Timestamp, _: &dyn Entropy) -> Step {
        self.claims_to_look_at.step(now, |key| self.known.request(key))
    }

    fn on_response(&mut self, token: Token, response: Result<Answer>, now: Timestamp) {
        self.claims_to_look_at.on_response(token, &response, now);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::controllers::test_pump::{Pump, pod};

    #[test]
    fn ephemeral_volume_should_have_a_claim_as_long_as_its_pod() {
        let mut pump = Pump::new(EphemeralVolumeController::default());
        let mut web = pod("default", "web", None);
        let volume = json!({ "name": "scratch", "ephemeral": { "volumeClaimTemplate": {
            "metadata": { "labels": { "a": "b" } },
            "spec": { "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": "1Gi" } } },
        }}});
        web.spec.as_mut().unwrap().volumes = Some(vec![serde_json::from_value(volume).unwrap()]);
        pump.create(web);
        pump.run();
        let claim: PersistentVolumeClaim = pump.get("default", "web-scratch").unwrap();
        let pod: Pod = pump.get("default", "web").unwrap();
        assert_eq!(crate::persistent_volume::check_ephemeral(&pod, &claim), Ok(()));
        assert_eq!(claim.metadata.labels.unwrap()["a"], "b");
        pump.delete_now::<Pod>("default", "web");
        pump.run();
        let claim: PersistentVolumeClaim = pump.get("default", "web-scratch").unwrap();
        assert!(claim.metadata.deletion_timestamp.is_some());
    }
}
