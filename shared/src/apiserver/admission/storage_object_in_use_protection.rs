//! `StorageObjectInUseProtection`: a new claim or volume waits, when it is deleted, for whoever uses it
//! (`plugin/pkg/admission/storage/storageobjectinuseprotection` of kubernetes/kubernetes).

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};

use crate::api::object::ApiObject;
use crate::persistent_volume::{CLAIM_PROTECTION, VOLUME_PROTECTION};

/// Adds the finalizer of the object's kind.
pub(super) fn admit(object: &mut dyn ApiObject) {
    let finalizer = if object.downcast_ref::<PersistentVolumeClaim>().is_some() {
        CLAIM_PROTECTION
    } else if object.downcast_ref::<PersistentVolume>().is_some() {
        VOLUME_PROTECTION
    } else {
        return;
    };
    let finalizers = object.metadata_mut().finalizers.get_or_insert_default();
    if !finalizers.iter().any(|own| own == finalizer) {
        finalizers.push(finalizer.to_owned());
    }
}
