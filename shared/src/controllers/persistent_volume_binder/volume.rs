//! A volume's next step (`syncVolume`, `unbindVolume`, `reclaimVolume`).

use jiff::Timestamp;
use k8s_openapi::api::core::v1::PersistentVolume;

use super::claim::set_phase;
use super::{Item, Known, Look, Write, key_of, name_of};
use crate::persistent_volume::matching::same_mode;
use crate::persistent_volume::{BOUND_BY_CONTROLLER, PROVISIONED_BY, annotation, claim_ref, volume_name};

impl Known {
    pub(super) fn look_at_volume(&self, volume: &PersistentVolume, now: Timestamp) -> Look {
        let Some(reference) = claim_ref(volume) else {
            return Look { write: set_phase(volume, "Available", now), ..Look::default() };
        };
        let uid = reference.uid.as_deref().unwrap_or_default();
        if uid.is_empty() {
            return Look { write: set_phase(volume, "Available", now), ..Look::default() };
        }
        let text = |part: &Option<String>| part.clone().unwrap_or_default();
        let claim = self.claims.get(&(text(&reference.namespace), text(&reference.name)));
        let Some(claim) = claim.filter(|claim| claim.metadata.uid.as_deref() == Some(uid)) else {
            return release(volume, now);
        };
        let name = name_of(volume);
        match volume_name(claim) {
            // The claim is yet to be told; a look at it goes on.
            "" if same_mode(volume, claim) => Look::default(),
            "" => {
                let message = format!(
                    "Cannot bind PersistentVolume to requested PersistentVolumeClaim {:?} due to incompatible volumeMode.",
                    text(&reference.name)
                );
                let to_claim = format!(
                    "Cannot bind PersistentVolume {name:?} to requested PersistentVolumeClaim due to incompatible volumeMode."
                );
                let beside = (Item::Claim(key_of(claim)), ("Warning", "VolumeMismatch", to_claim));
                Look { beside: Some(beside), ..Look::warning("VolumeMismatch", message, None) }
            }
            bound if bound == name => Look { write: set_phase(volume, "Bound", now), ..Look::default() },
            _ if annotation(&volume.metadata, PROVISIONED_BY).is_some() && policy(volume) == "Delete" => {
                release(volume, now)
            }
            _ => unbind(volume),
        }
    }
}

fn policy(volume: &PersistentVolume) -> &str {
    let spec = volume.spec.as_ref();
    spec.and_then(|spec| spec.persistent_volume_reclaim_policy.as_deref()).unwrap_or_default()
}

/// The volume's claim is gone.
fn release(volume: &PersistentVolume, now: Timestamp) -> Look {
    let phase = volume.status.as_ref().and_then(|status| status.phase.as_deref());
    if !matches!(phase, Some("Released" | "Failed")) {
        return Look { write: set_phase(volume, "Released", now), ..Look::default() };
    }
    if phase == Some("Failed") || volume.metadata.deletion_timestamp.is_some() {
        return Look::default();
    }
    match policy(volume) {
        "Recycle" => {
            fail(volume, "VolumeFailedRecycle", "No recycler plugin found for the volume!".to_owned(), now)
        }
        // Whoever made it deletes it.
        "Delete" if annotation(&volume.metadata, PROVISIONED_BY).is_some() => Look::default(),
        "Delete" => {
            let message = format!(
                "error getting deleter volume plugin for volume {:?}: no deletable volume plugin matched",
                name_of(volume)
            );
            fail(volume, "VolumeFailedDelete", message, now)
        }
        _ => Look::default(),
    }
}

fn fail(volume: &PersistentVolume, reason: &'static str, message: String, now: Timestamp) -> Look {
    let write = match set_phase(volume, "Failed", now) {
        Some(Write::VolumeStatus(mut told)) => {
            told.status.get_or_insert_default().message = Some(message.clone());
            Some(Write::VolumeStatus(told))
        }
        other => other,
    };
    Look::warning(reason, message, write)
}

/// The claim took another volume: this one is free again, or kept for the claim's name as someone wanted.
fn unbind(volume: &PersistentVolume) -> Look {
    let mut free = volume.clone();
    let spec = free.spec.get_or_insert_default();
    if annotation(&volume.metadata, BOUND_BY_CONTROLLER).is_some() {
        spec.claim_ref = None;
        free.metadata.annotations.iter_mut().for_each(|all| drop(all.remove(BOUND_BY_CONTROLLER)));
    } else if let Some(reference) = &mut spec.claim_ref {
        reference.uid = None;
    }
    Look::write(Write::Volume(Box::new(free)))
}
