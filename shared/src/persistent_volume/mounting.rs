//! What a node mounts for a claim.
//!
//! Follows `getPVCExtractPV`, `getPVSpec` and `createVolumeSpec` in
//! `pkg/kubelet/volumemanager/populator/desired_state_of_world_populator.go` of kubernetes/kubernetes.

use k8s_openapi::api::core::v1::{Node, PersistentVolume, PersistentVolumeClaim, Pod, Volume};

use super::matching::reaches;
use super::provisioning::{PROVISIONER, path_of};
use super::{
    BIND_COMPLETED, PROVISIONED_BY, annotation, capacity, check_ephemeral, claim_ref, is_fully_bound,
};
use crate::api::quantity::Quantity;

/// A part of the node's own files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The path among the node's files.
    pub path: String,
    /// What must lie there, or be made there, as a `hostPath` says it; a `local` volume must be there.
    pub type_: String,
    /// The size in bytes of what was made for the claim; other directories are as big as the disk they lie on.
    pub size_bytes: Option<u64>,
}

/// Whether the pod may use the claim now, or why not.
pub fn check_claim(pod: &Pod, volume: &Volume, claim: &PersistentVolumeClaim) -> Result<(), String> {
    if volume.ephemeral.is_some() {
        check_ephemeral(pod, claim)?;
    }
    if claim.metadata.deletion_timestamp.is_some() && annotation(&claim.metadata, BIND_COMPLETED).is_none() {
        return Err("PVC is being deleted".to_owned());
    }
    let phase = claim.status.as_ref().and_then(|status| status.phase.as_deref());
    if phase != Some("Bound") || !is_fully_bound(claim) {
        return Err("PVC is not bound".to_owned());
    }
    Ok(())
}

/// What to mount of the volume that a claim is bound to, on this node.
pub fn source(
    claim: &PersistentVolumeClaim,
    volume: &PersistentVolume,
    node: &Node,
) -> Result<Source, String> {
    let spec = volume.spec.clone().unwrap_or_default();
    let name = volume.metadata.name.as_deref().unwrap_or_default();
    let holder = claim_ref(volume).and_then(|reference| reference.uid.as_deref());
    if holder.is_none() || holder != claim.metadata.uid.as_deref() {
        return Err(format!("PV {name} is not bound to the claim"));
    }
    if spec.volume_mode.as_deref() == Some("Block") {
        return Err(format!("PV {name} is a block device, which containers here cannot open"));
    }
    if !reaches(volume, node) {
        return Err("no matching NodeSelectorTerms".to_owned());
    }
    if let Some(local) = spec.local {
        let size_bytes = size_bytes(volume);
        return Ok(Source { path: local.path, type_: "Directory".to_owned(), size_bytes });
    }
    let host = spec.host_path.ok_or_else(|| "no volume plugin matched".to_owned())?;
    Ok(Source { path: host.path, type_: host.type_.unwrap_or_default(), size_bytes: None })
}

/// How many bytes a volume of the local provisioner holds; `None` for those of others.
pub fn size_bytes(volume: &PersistentVolume) -> Option<u64> {
    let is_ours = annotation(&volume.metadata, PROVISIONED_BY) == Some(PROVISIONER);
    let own = path_of(volume).filter(|_| is_ours).and_then(|_| capacity(volume));
    u64::try_from(Quantity::try_from(own?).ok()?.value()).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn claim(status: &str, complete: bool) -> PersistentVolumeClaim {
        let annotations = if complete { json!({ BIND_COMPLETED: "yes" }) } else { json!({}) };
        serde_json::from_value(json!({
            "metadata": { "namespace": "d", "name": "c", "uid": "1", "annotations": annotations },
            "spec": { "volumeName": "v" }, "status": { "phase": status },
        }))
        .unwrap()
    }

    #[test]
    fn pod_should_wait_until_its_claim_is_bound() {
        let volume = Volume::default();
        for (status, complete, expected) in [
            ("Bound", true, Ok(())),
            ("Pending", true, Err("PVC is not bound")),
            ("Bound", false, Err("PVC is not bound")),
            ("Lost", true, Err("PVC is not bound")),
        ] {
            let found = check_claim(&Pod::default(), &volume, &claim(status, complete));
            assert_eq!(found, expected.map_err(str::to_owned), "{status} {complete}");
        }
    }

    #[test]
    fn volume_should_be_mounted_by_its_own_claim_where_it_is() {
        let node: Node = serde_json::from_value(json!({ "metadata": { "name": "node-1" } })).unwrap();
        let on = |name: &str| {
            json!({ "required": { "nodeSelectorTerms": [{ "matchFields": [
                { "key": "metadata.name", "operator": "In", "values": [name] },
            ]}]}})
        };
        let of = |uid: &str| json!({ "namespace": "d", "name": "c", "uid": uid });
        let table: [(Value, Result<&str, &str>); 5] = [
            (
                json!({ "local": { "path": "/a" }, "claimRef": of("1"), "nodeAffinity": on("node-1") }),
                Ok("/a"),
            ),
            (
                json!({ "local": { "path": "/a" }, "claimRef": of("1"), "nodeAffinity": on("node-2") }),
                Err("no matching NodeSelectorTerms"),
            ),
            (json!({ "hostPath": { "path": "/b" }, "claimRef": of("1") }), Ok("/b")),
            (
                json!({ "hostPath": { "path": "/b" }, "claimRef": of("2") }),
                Err("PV v is not bound to the claim"),
            ),
            (
                json!({ "nfs": { "server": "s", "path": "/" }, "claimRef": of("1") }),
                Err("no volume plugin matched"),
            ),
        ];
        for (spec, expected) in table {
            let volume = json!({ "metadata": { "name": "v" }, "spec": spec });
            let volume: PersistentVolume = serde_json::from_value(volume.clone()).unwrap();
            let found = source(&claim("Bound", true), &volume, &node).map(|source| source.path);
            assert_eq!(found, expected.map(str::to_owned).map_err(str::to_owned));
        }
    }
}
