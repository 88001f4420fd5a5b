//! What each kind does to an object before it is stored: upstream's strategies
//! (`pkg/registry/*/*/strategy.go` of kubernetes/kubernetes).

use k8s_openapi::api::apps::v1::{Deployment, DeploymentStatus, ReplicaSet, ReplicaSetStatus};
use k8s_openapi::api::core::v1::{
    LoadBalancerStatus, Namespace, NamespaceStatus, Node, PersistentVolume, PersistentVolumeClaim,
    PersistentVolumeClaimStatus, PersistentVolumeStatus, Pod, PodStatus, Service, ServiceStatus,
};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::{Ingress, IngressClass, IngressStatus, NetworkPolicy};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::api::object::ApiObject;
use crate::api::scheme::Kind;
use crate::defaults;
use crate::kubelet::quality_of_service;

pub(crate) mod service;

/// The finalizer that keeps a namespace until its content is gone.
pub const NAMESPACE_FINALIZER: &str = "kubernetes";

/// The finalizer that keeps an object until what blocks its deletion is gone.
pub const FOREGROUND_FINALIZER: &str = "foregroundDeletion";
/// The finalizer that keeps an object until its dependents are let go.
pub const ORPHAN_FINALIZER: &str = "orphan";

/// Clears what a client may not set when it creates the object, and sets what the server gives.
pub fn prepare_for_create(object: &mut dyn ApiObject) {
    if let Some(pod) = object.downcast_mut::<Pod>() {
        pod.metadata.generation = Some(1);
        let qos_class = pod.spec.as_ref().map(|spec| quality_of_service::class(spec).to_owned());
        pod.status = Some(PodStatus { phase: Some("Pending".into()), qos_class, ..PodStatus::default() });
    } else if let Some(namespace) = object.downcast_mut::<Namespace>() {
        let spec = namespace.spec.get_or_insert_default();
        let finalizers = spec.finalizers.get_or_insert_default();
        if !finalizers.iter().any(|finalizer| finalizer == NAMESPACE_FINALIZER) {
            finalizers.push(NAMESPACE_FINALIZER.into());
        }
        namespace.status =
            Some(NamespaceStatus { phase: Some("Active".into()), ..NamespaceStatus::default() });
    } else if let Some(service) = object.downcast_mut::<Service>() {
        let load_balancer = Some(LoadBalancerStatus::default());
        service.status = Some(ServiceStatus { load_balancer, ..ServiceStatus::default() });
    } else if let Some(claim) = object.downcast_mut::<PersistentVolumeClaim>() {
        let phase = Some("Pending".into());
        claim.status = Some(PersistentVolumeClaimStatus { phase, ..PersistentVolumeClaimStatus::default() });
    } else if let Some(volume) = object.downcast_mut::<PersistentVolume>() {
        // Upstream also says since when the volume is pending: since it was created.
        let since = volume.metadata.creation_timestamp.clone();
        volume.status = Some(PersistentVolumeStatus {
            phase: Some("Pending".into()),
            last_phase_transition_time: since,
            ..PersistentVolumeStatus::default()
        });
    } else if let Some(set) = object.downcast_mut::<ReplicaSet>() {
        set.metadata.generation = Some(1);
        set.status = Some(ReplicaSetStatus::default());
    } else if let Some(deployment) = object.downcast_mut::<Deployment>() {
        deployment.metadata.generation = Some(1);
        deployment.status = Some(DeploymentStatus::default());
    } else if let Some(slice) = object.downcast_mut::<EndpointSlice>() {
        slice.metadata.generation = Some(1);
        drop_topology(slice);
    } else if let Some(policy) = object.downcast_mut::<NetworkPolicy>() {
        policy.metadata.generation = Some(1);
    } else if let Some(class) = object.downcast_mut::<IngressClass>() {
        class.metadata.generation = Some(1);
    } else if let Some(ingress) = object.downcast_mut::<Ingress>() {
        ingress.metadata.generation = Some(1);
        // The load balancer is no pointer upstream: it is written though it is empty.
        ingress.status = Some(IngressStatus { load_balancer: Some(Default::default()) });
    }
}

/// Sets what follows from the name of a new object, which may have been generated.
pub fn canonicalize(object: &mut dyn ApiObject) {
    if let Some(namespace) = object.downcast_mut::<Namespace>() {
        defaults::label_with_name(namespace);
    }
}

/// Keeps what an update of the object itself may not change.
pub fn prepare_for_update(new: &mut dyn ApiObject, old: &dyn ApiObject) {
    new.metadata_mut().generation = old.metadata().generation;
    if let (Some(new), Some(old)) = (new.downcast_mut::<Pod>(), old.downcast_ref::<Pod>()) {
        new.status.clone_from(&old.status);
        if new.spec != old.spec {
            new.metadata.generation = Some(old.metadata.generation.unwrap_or(0) + 1);
        }
    } else if let (Some(new), Some(old)) = (new.downcast_mut::<Node>(), old.downcast_ref::<Node>()) {
        new.status.clone_from(&old.status);
    } else if let (Some(new), Some(old)) = (new.downcast_mut::<Namespace>(), old.downcast_ref::<Namespace>())
    {
        new.spec.clone_from(&old.spec);
        new.status.clone_from(&old.status);
    } else if let (Some(new), Some(old)) = (new.downcast_mut::<Service>(), old.downcast_ref::<Service>()) {
        service::prepare_for_update(new, old);
    } else if let (Some(new), Some(old)) =
        (new.downcast_mut::<EndpointSlice>(), old.downcast_ref::<EndpointSlice>())
    {
        prepare_slice_for_update(new, old);
    } else if let (Some(new), Some(old)) =
        (new.downcast_mut::<ReplicaSet>(), old.downcast_ref::<ReplicaSet>())
    {
        new.status.clone_from(&old.status);
        count_generation(&mut new.metadata, &old.metadata, new.spec != old.spec);
    } else if let (Some(new), Some(old)) =
        (new.downcast_mut::<Deployment>(), old.downcast_ref::<Deployment>())
    {
        new.status.clone_from(&old.status);
        // What controllers read from annotations counts as a change of the spec.
        let annotations = |metadata: &ObjectMeta| metadata.annotations.clone().unwrap_or_default();
        let is_other = new.spec != old.spec || annotations(&new.metadata) != annotations(&old.metadata);
        count_generation(&mut new.metadata, &old.metadata, is_other);
    } else if let (Some(new), Some(old)) =
        (new.downcast_mut::<NetworkPolicy>(), old.downcast_ref::<NetworkPolicy>())
    {
        count_generation(&mut new.metadata, &old.metadata, new.spec != old.spec);
    } else if let (Some(new), Some(old)) =
        (new.downcast_mut::<IngressClass>(), old.downcast_ref::<IngressClass>())
    {
        count_generation(&mut new.metadata, &old.metadata, new.spec != old.spec);
    } else if let (Some(new), Some(old)) = (new.downcast_mut::<Ingress>(), old.downcast_ref::<Ingress>()) {
        new.status.clone_from(&old.status);
        count_generation(&mut new.metadata, &old.metadata, new.spec != old.spec);
    } else if let (Some(new), Some(old)) =
        (new.downcast_mut::<PersistentVolumeClaim>(), old.downcast_ref::<PersistentVolumeClaim>())
    {
        new.status.clone_from(&old.status);
    } else if let (Some(new), Some(old)) =
        (new.downcast_mut::<PersistentVolume>(), old.downcast_ref::<PersistentVolume>())
    {
        new.status.clone_from(&old.status);
    }
}

fn count_generation(new: &mut ObjectMeta, old: &ObjectMeta, changed: bool) {
    new.generation = Some(old.generation.unwrap_or(0) + i64::from(changed));
}

/// Counts the generation up where the slice says something else, or bears other labels.
fn prepare_slice_for_update(new: &mut EndpointSlice, old: &EndpointSlice) {
    if new.endpoints != old.endpoints {
        drop_topology(new);
    }
    let body = |slice: &EndpointSlice| EndpointSlice { metadata: ObjectMeta::default(), ..slice.clone() };
    let labels = |slice: &EndpointSlice| slice.metadata.labels.clone().unwrap_or_default();
    if body(new) != body(old) || labels(new) != labels(old) {
        new.metadata.generation = Some(old.metadata.generation.unwrap_or(0) + 1);
    }
}

/// Clears what the older version of the API wrote and this one only shows.
fn drop_topology(slice: &mut EndpointSlice) {
    for endpoint in slice.endpoints.iter_mut().flatten() {
        endpoint.deprecated_topology = None;
    }
}

/// Keeps what an update of `status` may not change: everything but the status, and of the metadata
/// what upstream lets such an update change.
pub fn prepare_for_status_update(new: &mut dyn ApiObject, old: &dyn ApiObject) {
    let deletion_timestamp = old.metadata().deletion_timestamp.clone();
    let metadata = new.metadata_mut();
    metadata.deletion_timestamp = deletion_timestamp;
    metadata.generation = old.metadata().generation;
    if let (Some(new), Some(old)) = (new.downcast_mut::<Pod>(), old.downcast_ref::<Pod>()) {
        new.spec.clone_from(&old.spec);
        new.metadata.owner_references.clone_from(&old.metadata.owner_references);
        let qos_class = old.status.as_ref().and_then(|status| status.qos_class.clone());
        if let Some(status) = &mut new.status {
            status.qos_class = qos_class;
        }
    } else if let (Some(new), Some(old)) = (new.downcast_mut::<Node>(), old.downcast_ref::<Node>()) {
        new.spec.clone_from(&old.spec);
    } else if let (Some(new), Some(old)) = (new.downcast_mut::<Namespace>(), old.downcast_ref::<Namespace>())
    {
        new.spec.clone_from(&old.spec);
    } else if let (Some(new), Some(old)) = (new.downcast_mut::<Service>(), old.downcast_ref::<Service>()) {
        new.spec.clone_from(&old.spec);
    } else if let (Some(new), Some(old)) =
        (new.downcast_mut::<ReplicaSet>(), old.downcast_ref::<ReplicaSet>())
    {
        new.spec.clone_from(&old.spec);
    } else if let (Some(new), Some(old)) =
        (new.downcast_mut::<Deployment>(), old.downcast_ref::<Deployment>())
    {
        new.spec.clone_from(&old.spec);
        new.metadata.labels.clone_from(&old.metadata.labels);
    } else if let (Some(new), Some(old)) = (new.downcast_mut::<Ingress>(), old.downcast_ref::<Ingress>()) {
        new.spec.clone_from(&old.spec);
    } else if let (Some(new), Some(old)) =
        (new.downcast_mut::<PersistentVolumeClaim>(), old.downcast_ref::<PersistentVolumeClaim>())
    {
        new.spec.clone_from(&old.spec);
    } else if let (Some(new), Some(old)) =
        (new.downcast_mut::<PersistentVolume>(), old.downcast_ref::<PersistentVolume>())
    {
        new.spec.clone_from(&old.spec);
    }
}

/// Keeps what `ephemeralcontainers` may not change: everything but the list of these containers
/// (`dropNonEphemeralContainerUpdates` upstream).
pub fn prepare_for_ephemeral_containers(new: &mut dyn ApiObject, old: &dyn ApiObject) {
    let (Some(new), Some(old)) = (new.downcast_mut::<Pod>(), old.downcast_ref::<Pod>()) else { return };
    let asked = std::mem::replace(new, old.clone());
    new.metadata.resource_version = asked.metadata.resource_version;
    let containers = asked.spec.and_then(|spec| spec.ephemeral_containers);
    new.spec.get_or_insert_default().ephemeral_containers = containers;
    if new.spec != old.spec {
        new.metadata.generation = Some(old.metadata.generation.unwrap_or(0) + 1);
    }
}

/// Keeps what `finalize` may not change: everything but a namespace's `spec.finalizers`.
pub fn prepare_for_finalize(new: &mut dyn ApiObject, old: &dyn ApiObject) {
    if let (Some(new), Some(old)) = (new.downcast_mut::<Namespace>(), old.downcast_ref::<Namespace>()) {
        new.status.clone_from(&old.status);
        new.metadata.deletion_timestamp.clone_from(&old.metadata.deletion_timestamp);
    }
}

/// Whether an update of an object that does not exist creates it.
pub fn allows_create_on_update(kind: &Kind) -> bool {
    matches!(kind.kind, "Endpoints" | "Event" | "Lease" | "Service")
}

/// Whether an update may leave out the `resourceVersion`.
pub fn allows_unconditional_update(kind: &Kind) -> bool {
    kind.kind != "Lease"
}

/// Whether a delete answers with the object that went, and not with a `Status`.
pub fn returns_deleted_object(kind: &Kind) -> bool {
    const KINDS: [&str; 7] = [
        "Namespace",
        "PersistentVolume",
        "PersistentVolumeClaim",
        "Pod",
        "Service",
        "ServiceAccount",
        "StorageClass",
    ];
    KINDS.contains(&kind.kind)
}

/// Whether something must happen before the object can go: finalizers.
pub fn waits_for_finalizers(object: &dyn ApiObject) -> bool {
    let finalizers = object.metadata().finalizers.as_ref();
    finalizers.is_some_and(|finalizers| !finalizers.is_empty()) || has_own_finalizers(object)
}

/// Whether the kind's own finalizers, beside those of the metadata, hold the object: a namespace's.
fn has_own_finalizers(object: &dyn ApiObject) -> bool {
    let spec = object.downcast_ref::<Namespace>().and_then(|namespace| namespace.spec.as_ref());
    spec.and_then(|spec| spec.finalizers.as_ref()).is_some_and(|finalizers| !finalizers.is_empty())
}
