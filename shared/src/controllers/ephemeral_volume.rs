//! `ephemeral-volume-controller`: the claims of pods' generic ephemeral volumes.
//!
//! Follows `pkg/controller/volume/ephemeral/controller.go` of kubernetes/kubernetes. The garbage
//! collector deletes these claims with their pods.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::api::object::SharedObject;
use crate::apiserver::Result;
use crate::apiserver::request::{Answer, Request};
use crate::given::Entropy;
use crate::informer::Change;
use crate::persistent_volume::claim_name;

use super::own_writes::{Key, key_of};
use super::ownership::reference_to;
use super::reconciler::Reconciler;
use super::{Controller, Step, Token};

/// Makes claims.
pub struct EphemeralVolumeController {
    known: Known,
    claims_to_look_at: Reconciler<Key>,
}

/// What the watches told.
#[derive(Default)]
struct Known {
    pods: BTreeMap<Key, Pod>,
    claims: BTreeSet<Key>,
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
        let metadata = ObjectMeta {
            name: claim_name(pod, volume),
            namespace: pod.metadata.namespace.clone(),
            labels: own.labels,
            annotations: own.annotations,
            owner_references: Some(vec![reference_to::<Pod>(&pod.metadata)]),
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
        if self.claims.contains(key) {
            return None;
        }
        let pods = self.pods.values().filter(|pod| pod.metadata.deletion_timestamp.is_none());
        let mut claims = pods.flat_map(wanted);
        Request::create(claims.find(|claim| key_of_claim(claim) == *key)?).ok()
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
        } else {
            match change {
                Change::Deleted => drop(self.known.claims.remove(&key)),
                _ => drop(self.known.claims.insert(key.clone())),
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
    fn ephemeral_volume_should_have_a_claim_that_belongs_to_its_pod() {
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
        assert_eq!(claim.metadata.labels.clone().unwrap()["a"], "b");
        let owner = claim.metadata.owner_references.unwrap().remove(0);
        assert_eq!((owner.kind.as_str(), Some(owner.uid)), ("Pod", pod.metadata.uid));
    }
}
