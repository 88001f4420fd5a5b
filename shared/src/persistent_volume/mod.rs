//! Persistent volumes and the claims to them: what the controllers, the scheduler and the kubelet read from
//! these objects alike.
//!
//! Follows `component-helpers/storage/volume` and `pkg/apis/core/v1/helper` of kubernetes/kubernetes.

use k8s_openapi::api::core::v1::{ObjectReference, PersistentVolume, PersistentVolumeClaim, Pod, Volume};
use k8s_openapi::api::storage::v1::StorageClass;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::validation::amount::Amount;

pub mod matching;
pub mod mounting;
pub mod provisioner;
pub mod provisioning;

/// Set on a claim once its binding is complete.
pub const BIND_COMPLETED: &str = "pv.kubernetes.io/bind-completed";
/// Set on a claim or volume that a controller bound, so that it may unbind it again.
pub const BOUND_BY_CONTROLLER: &str = "pv.kubernetes.io/bound-by-controller";
/// Set on a volume that was made for a claim: by whom.
pub const PROVISIONED_BY: &str = "pv.kubernetes.io/provisioned-by";
/// Set on a claim for which a volume is to be made: by whom.
pub const STORAGE_PROVISIONER: &str = "volume.kubernetes.io/storage-provisioner";
/// The same under its older name.
pub const BETA_STORAGE_PROVISIONER: &str = "volume.beta.kubernetes.io/storage-provisioner";
/// Set by the scheduler on a claim whose class waits for a pod: the pod's node.
pub const SELECTED_NODE: &str = "volume.kubernetes.io/selected-node";
/// The class, as it was named before there was a field for it.
const BETA_CLASS: &str = "volume.beta.kubernetes.io/storage-class";
/// Marks the class of claims that name none.
pub const DEFAULT_CLASS: &str = "storageclass.kubernetes.io/is-default-class";
const BETA_DEFAULT_CLASS: &str = "storageclass.beta.kubernetes.io/is-default-class";
/// Keeps a claim while a pod uses it.
pub const CLAIM_PROTECTION: &str = "kubernetes.io/pvc-protection";
/// Keeps a volume while a claim is bound to it.
pub const VOLUME_PROTECTION: &str = "kubernetes.io/pv-protection";
/// The provisioner of volumes that nobody makes.
pub const NO_PROVISIONER: &str = "kubernetes.io/no-provisioner";

/// An annotation, possibly empty.
pub fn annotation<'a>(metadata: &'a ObjectMeta, name: &str) -> Option<&'a str> {
    metadata.annotations.as_ref()?.get(name).map(String::as_str)
}

/// Sets an annotation.
pub fn annotate(metadata: &mut ObjectMeta, name: &str, value: &str) {
    metadata.annotations.get_or_insert_default().insert(name.to_owned(), value.to_owned());
}

/// The name of a claim's class, empty where it has none.
pub fn class_of_claim(claim: &PersistentVolumeClaim) -> String {
    let field = || claim.spec.as_ref().and_then(|spec| spec.storage_class_name.clone());
    annotation(&claim.metadata, BETA_CLASS).map(str::to_owned).or_else(field).unwrap_or_default()
}

/// Whether a claim says anything of its class, be it that it wants none.
pub fn names_class(claim: &PersistentVolumeClaim) -> bool {
    annotation(&claim.metadata, BETA_CLASS).is_some()
        || claim.spec.as_ref().is_some_and(|spec| spec.storage_class_name.is_some())
}

/// The name of a volume's class, empty where it has none.
pub fn class_of_volume(volume: &PersistentVolume) -> String {
    let field = || volume.spec.as_ref().and_then(|spec| spec.storage_class_name.clone());
    annotation(&volume.metadata, BETA_CLASS).map(str::to_owned).or_else(field).unwrap_or_default()
}

/// Whether claims that name no class get this one.
pub fn is_default_class(class: &StorageClass) -> bool {
    [DEFAULT_CLASS, BETA_DEFAULT_CLASS].iter().any(|name| annotation(&class.metadata, name) == Some("true"))
}

/// The default class: the newest of them, and of several the first by name (`GetDefaultClass`).
pub fn default_class<'a>(classes: impl Iterator<Item = &'a StorageClass>) -> Option<&'a StorageClass> {
    let created = |class: &StorageClass| class.metadata.creation_timestamp.as_ref().map(|time| time.0);
    classes
        .filter(|class| is_default_class(class))
        .min_by(|a, b| created(b).cmp(&created(a)).then_with(|| a.metadata.name.cmp(&b.metadata.name)))
}

/// Whether volumes of this class wait for the node of their first pod.
pub fn waits_for_consumer(class: &StorageClass) -> bool {
    class.volume_binding_mode.as_deref() == Some("WaitForFirstConsumer")
}

/// How much a claim asks for.
pub fn requested(claim: &PersistentVolumeClaim) -> Option<&Quantity> {
    claim.spec.as_ref()?.resources.as_ref()?.requests.as_ref()?.get("storage")
}

/// How much a volume holds.
pub fn capacity(volume: &PersistentVolume) -> Option<&Quantity> {
    volume.spec.as_ref()?.capacity.as_ref()?.get("storage")
}

/// A quantity to compare; nothing is zero.
pub(crate) fn size(quantity: Option<&Quantity>) -> Amount {
    quantity.and_then(Amount::of).unwrap_or_default()
}

/// The name of the volume that the claim is bound to, or asks for.
pub fn volume_name(claim: &PersistentVolumeClaim) -> &str {
    claim.spec.as_ref().and_then(|spec| spec.volume_name.as_deref()).unwrap_or_default()
}

/// The claim that a volume is bound to, or kept for.
pub fn claim_ref(volume: &PersistentVolume) -> Option<&ObjectReference> {
    volume.spec.as_ref()?.claim_ref.as_ref()
}

/// Whether a volume is bound to this claim, or kept for one of that name (`IsVolumeBoundToClaim`).
pub fn is_bound_to(volume: &PersistentVolume, claim: &PersistentVolumeClaim) -> bool {
    let Some(reference) = claim_ref(volume) else { return false };
    let uid = reference.uid.as_deref().unwrap_or_default();
    reference.name == claim.metadata.name
        && reference.namespace == claim.metadata.namespace
        && (uid.is_empty() || Some(uid) == claim.metadata.uid.as_deref())
}

/// Whether the binding of a claim is complete, so that it can be mounted.
pub fn is_fully_bound(claim: &PersistentVolumeClaim) -> bool {
    !volume_name(claim).is_empty() && annotation(&claim.metadata, BIND_COMPLETED).is_some()
}

/// The name of the claim behind a volume of a pod: the one that it names, or the one that is made for it.
pub fn claim_name(pod: &Pod, volume: &Volume) -> Option<String> {
    if let Some(source) = &volume.persistent_volume_claim {
        return Some(source.claim_name.clone());
    }
    volume.ephemeral.as_ref()?;
    Some(format!("{}-{}", pod.metadata.name.as_deref().unwrap_or_default(), volume.name))
}

/// The names of all claims that a pod uses, in its namespace.
pub fn claims_of(pod: &Pod) -> Vec<String> {
    let volumes = pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
    volumes.filter_map(|volume| claim_name(pod, volume)).collect()
}

/// Whether a claim belongs to the pod that it was made for; a sentence where it does not
/// (`component-helpers/storage/ephemeral`).
pub fn check_ephemeral(pod: &Pod, claim: &PersistentVolumeClaim) -> Result<(), String> {
    let owners = claim.metadata.owner_references.iter().flatten();
    let uid = pod.metadata.uid.as_deref().unwrap_or_default();
    if owners.into_iter().any(|owner| owner.controller == Some(true) && owner.uid == uid) {
        return Ok(());
    }
    let name = |metadata: &ObjectMeta| {
        let text = |part: &Option<String>| part.clone().unwrap_or_default();
        format!("{}/{}", text(&metadata.namespace), text(&metadata.name))
    };
    Err(format!(
        "PVC {} was not created for pod {} (pod is not owner)",
        name(&claim.metadata),
        name(&pod.metadata)
    ))
}
