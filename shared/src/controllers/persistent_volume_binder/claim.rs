//! A claim's next step (`syncUnboundClaim`, `syncBoundClaim`, `bind`, `provisionClaim`).

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ObjectReference, PersistentVolume, PersistentVolumeClaim};
use k8s_openapi::api::storage::v1::StorageClass;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::{Known, Look, Write, key_of, name_of};
use crate::persistent_volume::matching::{find, has_modes, same_mode};
use crate::persistent_volume::{
    BETA_STORAGE_PROVISIONER, BIND_COMPLETED, BOUND_BY_CONTROLLER, SELECTED_NODE, STORAGE_PROVISIONER,
    annotate, annotation, capacity, claim_ref, class_of_claim, class_of_volume, is_bound_to, requested, size,
    volume_name, waits_for_consumer,
};

impl Known {
    pub(super) fn look_at_claim(&self, claim: &PersistentVolumeClaim, now: Timestamp) -> Look {
        if claim.metadata.deletion_timestamp.is_some() && volume_name(claim).is_empty() {
            return Look::default();
        }
        match annotation(&claim.metadata, BIND_COMPLETED) {
            None => self.look_at_unbound_claim(claim, now),
            Some(_) => self.look_at_bound_claim(claim, now),
        }
    }

    fn look_at_unbound_claim(&self, claim: &PersistentVolumeClaim, now: Timestamp) -> Look {
        let pending = phase_of(claim, "Pending");
        if volume_name(claim).is_empty() {
            let class = self.classes.get(&class_of_claim(claim));
            let delayed =
                class.is_some_and(waits_for_consumer) && annotation(&claim.metadata, SELECTED_NODE).is_none();
            return match find(claim, self.volumes.values(), None, delayed) {
                Some(volume) => bind(volume, claim, now),
                None if delayed => {
                    let (reason, message) = self.awaited(claim);
                    Look::normal(reason, message, pending)
                }
                None if class_of_claim(claim).is_empty() => {
                    let message =
                        "no persistent volumes available for this claim and no storage class is set";
                    Look::normal("FailedBinding", message, pending)
                }
                None => provision(claim, class, pending),
            };
        }
        let name = volume_name(claim);
        let Some(volume) = self.volumes.get(name) else { return Look { write: pending, ..Look::default() } };
        match claim_ref(volume) {
            None => match mismatch(volume, claim) {
                None => bind(volume, claim, now),
                Some(why) => {
                    let message = format!("Cannot bind to requested volume {name:?}: {why}");
                    Look::warning("VolumeMismatch", message, pending)
                }
            },
            Some(_) if is_bound_to(volume, claim) => bind(volume, claim, now),
            Some(_) => {
                let message = format!("volume {name:?} already bound to a different claim.");
                Look::warning("FailedBinding", message, pending)
            }
        }
    }

    /// What a claim waits for that is bound to a volume only once its pod has a node
    /// (`emitEventForUnboundDelayBindingClaim`).
    fn awaited(&self, claim: &PersistentVolumeClaim) -> (&'static str, String) {
        let pods = self.unscheduled.pods_of(&key_of(claim));
        let message = match &pods[..] {
            [] => {
                let message = "waiting for first consumer to be created before binding";
                return ("WaitForFirstConsumer", message.to_owned());
            }
            [pod] => format!("waiting for pod {pod} to be scheduled"),
            pods => format!("waiting for pods {} to be scheduled", pods.join(",")),
        };
        ("WaitForPodScheduled", message)
    }

    fn look_at_bound_claim(&self, claim: &PersistentVolumeClaim, now: Timestamp) -> Look {
        let lost = |reason, message: &str| match phase_of(claim, "Lost") {
            None => Look::default(),
            write => Look::warning(reason, message, write),
        };
        let name = volume_name(claim);
        if name.is_empty() {
            return lost(
                "ClaimLost",
                "Bound claim has lost reference to PersistentVolume. Data on the volume is lost!",
            );
        }
        let Some(volume) = self.volumes.get(name) else {
            return lost(
                "ClaimLost",
                "Bound claim has lost its PersistentVolume. Data on the volume is lost!",
            );
        };
        match claim_ref(volume) {
            None => bind(volume, claim, now),
            Some(_) if is_bound_to(volume, claim) => bind(volume, claim, now),
            Some(_) => lost(
                "ClaimMisbound",
                "Two claims are bound to the same volume, this one is bound incorrectly",
            ),
        }
    }
}

/// Why a volume that a claim names does not suit it (`checkVolumeSatisfyClaim`).
fn mismatch(volume: &PersistentVolume, claim: &PersistentVolumeClaim) -> Option<&'static str> {
    if volume.metadata.deletion_timestamp.is_some() {
        return Some("volume is being deleted");
    }
    if size(capacity(volume)) < size(requested(claim)) {
        return Some("requested PV is too small");
    }
    if class_of_volume(volume) != class_of_claim(claim) {
        return Some("storageClassName does not match");
    }
    if !same_mode(volume, claim) {
        return Some("incompatible volumeMode");
    }
    (!has_modes(volume, claim)).then_some("incompatible accessMode")
}

/// The claim with this phase, if it has another one.
fn phase_of(claim: &PersistentVolumeClaim, phase: &str) -> Option<Write> {
    let status = claim.status.as_ref();
    if status.and_then(|status| status.phase.as_deref()) == Some(phase) {
        return None;
    }
    let mut told = claim.clone();
    told.status.get_or_insert_default().phase = Some(phase.to_owned());
    Some(Write::ClaimStatus(Box::new(told)))
}

/// Asks the class's provisioner for a volume.
fn provision(claim: &PersistentVolumeClaim, class: Option<&StorageClass>, pending: Option<Write>) -> Look {
    let Some(class) = class else {
        let message = format!("storageclass.storage.k8s.io {:?} not found", class_of_claim(claim));
        return Look::warning("ProvisioningFailed", message, pending);
    };
    let name = class.provisioner.as_str();
    if name.starts_with("kubernetes.io/") {
        let message = format!("no volume plugin matched name: {name}");
        return Look::warning("ProvisioningFailed", message, pending);
    }
    if annotation(&claim.metadata, STORAGE_PROVISIONER) != Some(name) {
        let mut asked = claim.clone();
        annotate(&mut asked.metadata, BETA_STORAGE_PROVISIONER, name);
        annotate(&mut asked.metadata, STORAGE_PROVISIONER, name);
        return Look::write(Write::Claim(Box::new(asked)));
    }
    let message = format!(
        "Waiting for a volume to be created either by the external provisioner '{name}' or manually by the system \
         administrator. If volume creation is delayed, please verify that the provisioner is running and correctly \
         registered."
    );
    Look::normal("ExternalProvisioning", message, pending)
}

/// The next write that binds both, nothing where they are bound.
fn bind(volume: &PersistentVolume, claim: &PersistentVolumeClaim, now: Timestamp) -> Look {
    let write = bind_volume(volume, claim)
        .or_else(|| set_phase(volume, "Bound", now))
        .or_else(|| bind_claim(volume, claim))
        .or_else(|| tell_bound(volume, claim));
    Look { write, ..Look::default() }
}

fn bind_volume(volume: &PersistentVolume, claim: &PersistentVolumeClaim) -> Option<Write> {
    let reference = claim_ref(volume);
    if is_bound_to(volume, claim) && reference.is_some_and(|reference| reference.uid.is_some()) {
        return None;
    }
    let (namespace, name) = key_of(claim);
    let mut bound = volume.clone();
    if reference.is_none() {
        annotate(&mut bound.metadata, BOUND_BY_CONTROLLER, "yes");
    }
    bound.spec.get_or_insert_default().claim_ref = Some(ObjectReference {
        api_version: Some("v1".into()),
        kind: Some("PersistentVolumeClaim".into()),
        namespace: Some(namespace),
        name: Some(name),
        uid: claim.metadata.uid.clone(),
        resource_version: claim.metadata.resource_version.clone(),
        ..ObjectReference::default()
    });
    Some(Write::Volume(Box::new(bound)))
}

fn bind_claim(volume: &PersistentVolume, claim: &PersistentVolumeClaim) -> Option<Write> {
    let complete = annotation(&claim.metadata, BIND_COMPLETED).is_some();
    if complete && volume_name(claim) == name_of(volume) {
        return None;
    }
    let mut bound = claim.clone();
    if volume_name(claim).is_empty() {
        annotate(&mut bound.metadata, BOUND_BY_CONTROLLER, "yes");
    }
    annotate(&mut bound.metadata, BIND_COMPLETED, "yes");
    bound.spec.get_or_insert_default().volume_name = Some(name_of(volume));
    Some(Write::Claim(Box::new(bound)))
}

/// The status of a bound claim. How much it has is said once; from then on whoever expands it says so.
fn tell_bound(volume: &PersistentVolume, claim: &PersistentVolumeClaim) -> Option<Write> {
    let mut told = claim.clone();
    let status = told.status.get_or_insert_default();
    let spec = volume.spec.as_ref()?;
    status.access_modes.clone_from(&spec.access_modes);
    if status.phase.as_deref() != Some("Bound") || status.capacity.is_none() {
        status.capacity.clone_from(&spec.capacity);
    }
    status.phase = Some("Bound".to_owned());
    (told.status != claim.status).then(|| Write::ClaimStatus(Box::new(told)))
}

/// The volume with this phase, if it has another one.
pub(super) fn set_phase(volume: &PersistentVolume, phase: &str, now: Timestamp) -> Option<Write> {
    if volume.status.as_ref().and_then(|status| status.phase.as_deref()) == Some(phase) {
        return None;
    }
    let mut told = volume.clone();
    let status = told.status.get_or_insert_default();
    status.phase = Some(phase.to_owned());
    status.message = None;
    status.last_phase_transition_time = Some(Time(Timestamp::from_second(now.as_second()).unwrap_or(now)));
    Some(Write::VolumeStatus(Box::new(told)))
}
