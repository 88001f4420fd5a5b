//! What the local provisioner makes: directories of a node, each a volume for one claim.
//!
//! Follows the contract between Kubernetes and external provisioners (`ShouldProvision` and
//! `ProvisionClaim` of kubernetes-sigs/sig-storage-lib-external-provisioner); names and paths are those of the
//! provisioner of a kind cluster, rancher/local-path-provisioner.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    LocalVolumeSource, Node, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, ObjectReference,
    PersistentVolume, PersistentVolumeClaim, PersistentVolumeSpec, VolumeNodeAffinity,
};
use k8s_openapi::api::storage::v1::StorageClass;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{
    DEFAULT_CLASS, PROVISIONED_BY, SELECTED_NODE, STORAGE_PROVISIONER, annotation, class_of_claim, requested,
    volume_name, waits_for_consumer,
};

/// The provisioner's name in classes and annotations: this program's own, which makes directories.
pub const PROVISIONER: &str = "kijabi/local-path";
/// The class of a new cluster, as a kind cluster has it.
pub const STANDARD_CLASS: &str = "standard";
/// Where the volumes of a node lie, among the node's own files.
pub const VOLUMES_DIRECTORY: &str = "/var/local-path-provisioner";
const HOSTNAME: &str = "kubernetes.io/hostname";

/// The class `standard`, which is the default.
pub fn standard_class() -> StorageClass {
    let annotations = BTreeMap::from([(DEFAULT_CLASS.to_owned(), "true".to_owned())]);
    StorageClass {
        metadata: ObjectMeta {
            name: Some(STANDARD_CLASS.to_owned()),
            annotations: Some(annotations),
            ..ObjectMeta::default()
        },
        provisioner: PROVISIONER.to_owned(),
        reclaim_policy: Some("Delete".to_owned()),
        volume_binding_mode: Some("WaitForFirstConsumer".to_owned()),
        allow_volume_expansion: Some(true),
        ..StorageClass::default()
    }
}

/// Whether a volume is to be made here and now for a claim of this class.
pub fn should_provision(claim: &PersistentVolumeClaim, class: &StorageClass) -> bool {
    let asked = annotation(&claim.metadata, STORAGE_PROVISIONER) == Some(PROVISIONER);
    let has_node = annotation(&claim.metadata, SELECTED_NODE).is_some_and(|node| !node.is_empty());
    asked
        && class.provisioner == PROVISIONER
        && class.metadata.name.as_deref() == Some(class_of_claim(claim).as_str())
        && volume_name(claim).is_empty()
        && claim.metadata.deletion_timestamp.is_none()
        && (has_node || !waits_for_consumer(class))
}

/// The name of the volume that is made for a claim.
pub fn volume_name_for(claim: &PersistentVolumeClaim) -> String {
    format!("pvc-{}", claim.metadata.uid.as_deref().unwrap_or_default())
}

/// The volume for a claim on this node, or why there can be none.
pub fn volume_for(
    claim: &PersistentVolumeClaim,
    class: &StorageClass,
    node: &Node,
) -> Result<PersistentVolume, String> {
    let spec = claim.spec.clone().unwrap_or_default();
    if spec.volume_mode.as_deref() == Some("Block") {
        return Err(format!("{PROVISIONER} makes directories, and no block devices"));
    }
    if spec.selector.is_some() {
        return Err("claim.Spec.Selector is not supported".to_owned());
    }
    if spec.data_source_ref.is_some() {
        return Err(format!("{PROVISIONER} makes empty volumes, and none from a data source"));
    }
    let modes = spec.access_modes.unwrap_or_default();
    if let Some(mode) = modes.iter().find(|mode| !mode.starts_with("ReadWriteOnce")) {
        return Err(format!(
            "a volume on one node cannot be {mode}: only ReadWriteOnce and ReadWriteOncePod"
        ));
    }
    let text = |part: &Option<String>| part.clone().unwrap_or_default();
    let (namespace, name) = (text(&claim.metadata.namespace), text(&claim.metadata.name));
    let volume = volume_name_for(claim);
    let path = format!("{VOLUMES_DIRECTORY}/{volume}_{namespace}_{name}");
    let claim_ref = ObjectReference {
        api_version: Some("v1".into()),
        kind: Some("PersistentVolumeClaim".into()),
        namespace: Some(namespace),
        name: Some(name),
        uid: claim.metadata.uid.clone(),
        resource_version: claim.metadata.resource_version.clone(),
        ..ObjectReference::default()
    };
    let capacity = requested(claim).map(|size| BTreeMap::from([("storage".to_owned(), size.clone())]));
    let annotations = BTreeMap::from([(PROVISIONED_BY.to_owned(), PROVISIONER.to_owned())]);
    Ok(PersistentVolume {
        metadata: ObjectMeta { name: Some(volume), annotations: Some(annotations), ..ObjectMeta::default() },
        spec: Some(PersistentVolumeSpec {
            access_modes: Some(modes),
            capacity,
            claim_ref: Some(claim_ref),
            local: Some(LocalVolumeSource { path, fs_type: None }),
            mount_options: class.mount_options.clone(),
            node_affinity: Some(on_node(node)),
            persistent_volume_reclaim_policy: class.reclaim_policy.clone(),
            storage_class_name: class.metadata.name.clone(),
            volume_mode: Some("Filesystem".into()),
            ..PersistentVolumeSpec::default()
        }),
        status: None,
    })
}

/// Where alone the volume can be mounted: on the node whose directory it is.
fn on_node(node: &Node) -> VolumeNodeAffinity {
    let name = node.metadata.name.clone().unwrap_or_default();
    let label = node.metadata.labels.as_ref().and_then(|labels| labels.get(HOSTNAME));
    let requirement = NodeSelectorRequirement {
        key: HOSTNAME.into(),
        operator: "In".into(),
        values: Some(vec![label.unwrap_or(&name).clone()]),
    };
    let term = NodeSelectorTerm { match_expressions: Some(vec![requirement]), match_fields: None };
    VolumeNodeAffinity { required: Some(NodeSelector { node_selector_terms: vec![term] }) }
}

/// Whether the volume's directory and then the volume itself are to go.
pub fn should_delete(volume: &PersistentVolume) -> bool {
    let spec = volume.spec.as_ref();
    let phase = volume.status.as_ref().and_then(|status| status.phase.as_deref());
    annotation(&volume.metadata, PROVISIONED_BY) == Some(PROVISIONER)
        && phase == Some("Released")
        && spec.and_then(|spec| spec.persistent_volume_reclaim_policy.as_deref()) == Some("Delete")
        && volume.metadata.deletion_timestamp.is_none()
}

/// The volume's path among the files of its node, where it is one that was made here.
pub fn path_of(volume: &PersistentVolume) -> Option<&str> {
    let path = volume.spec.as_ref()?.local.as_ref()?.path.as_str();
    let name = path.strip_prefix(VOLUMES_DIRECTORY)?.strip_prefix('/')?;
    (!name.is_empty() && !name.contains('/') && name != "..").then_some(path)
}

/// The label of the node whose directory a volume is.
pub fn hostname_of(volume: &PersistentVolume) -> Option<&str> {
    let required = volume.spec.as_ref()?.node_affinity.as_ref()?.required.as_ref()?;
    let term = required.node_selector_terms.first()?;
    let requirement = term.match_expressions.as_ref()?.iter().find(|each| each.key == HOSTNAME)?;
    requirement.values.as_ref()?.first().map(String::as_str)
}

/// Whether a node bears this hostname.
pub fn is_host(node: &Node, hostname: &str) -> bool {
    let label = node.metadata.labels.as_ref().and_then(|labels| labels.get(HOSTNAME));
    label.map_or(node.metadata.name.as_deref() == Some(hostname), |label| label == hostname)
}
