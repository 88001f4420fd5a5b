//! What an `emptyDir` lies on, and how big it is (`calculateEmptyDirMemorySize` in
//! `pkg/volume/emptydir/empty_dir.go` of kubernetes/kubernetes).

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Pod, Volume};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as WireQuantity;

use crate::api::quantity::Quantity;

const MEMORY_MEDIUM: &str = "Memory";
const MEMORY: &str = "memory";

fn is_in_memory(volume: &Volume) -> bool {
    volume.empty_dir.as_ref().is_some_and(|source| source.medium.as_deref() == Some(MEMORY_MEDIUM))
}

/// Whether the volume lies on the node's disk and is as old as its pod (`IsLocalEphemeralVolume` in
/// `pkg/volume/util/util.go`).
pub fn is_local_scratch(volume: &Volume) -> bool {
    volume.empty_dir.is_some() && !is_in_memory(volume)
}

/// The size in bytes of a volume in memory: the least of what the node has for pods, what the pod may have where
/// all its containers have a limit, and what it says itself. `None` for volumes that are not in memory.
pub fn memory_bytes(pod: &Pod, volume: &Volume, allocatable: &BTreeMap<String, WireQuantity>) -> Option<u64> {
    let source = volume.empty_dir.as_ref().filter(|_| is_in_memory(volume))?;
    let bytes = |quantity: &WireQuantity| u64::try_from(Quantity::try_from(quantity).ok()?.value()).ok();
    let node = allocatable.get(MEMORY).and_then(bytes);
    let own = source.size_limit.as_ref().and_then(bytes);
    let bounds = [node, pod_limit_bytes(pod), own].into_iter().flatten().filter(|bound| *bound > 0);
    Some(bounds.min().unwrap_or(u64::MAX))
}

/// The memory of all containers together; `None` where one of them has no limit.
fn pod_limit_bytes(pod: &Pod) -> Option<u64> {
    let limit = |container: &k8s_openapi::api::core::v1::Container| {
        let limit = container.resources.as_ref()?.limits.as_ref()?.get(MEMORY)?;
        u64::try_from(Quantity::try_from(limit).ok()?.value()).ok().filter(|bytes| *bytes > 0)
    };
    let spec = pod.spec.as_ref()?;
    spec.containers.iter().map(limit).try_fold(0_u64, |sum, bytes| Some(sum.saturating_add(bytes?)))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn volume_in_memory_should_be_as_big_as_the_least_of_its_bounds() {
        const MI: u64 = 1 << 20;
        let allocatable = BTreeMap::from([(MEMORY.to_owned(), WireQuantity("512Mi".to_owned()))]);
        let table: [(Value, &[&str], Option<u64>); 6] = [
            (json!({ "medium": "Memory" }), &["", "64Mi"], Some(512 * MI)),
            (json!({ "medium": "Memory" }), &["64Mi", "32Mi"], Some(96 * MI)),
            (json!({ "medium": "Memory", "sizeLimit": "10Mi" }), &["64Mi"], Some(10 * MI)),
            (json!({ "medium": "Memory", "sizeLimit": "1Gi" }), &["64Mi"], Some(64 * MI)),
            (json!({ "medium": "Memory", "sizeLimit": "0" }), &["1Gi"], Some(512 * MI)),
            (json!({ "sizeLimit": "10Mi" }), &["64Mi"], None),
        ];
        for (source, limits, expected) in table {
            let containers = limits.iter().enumerate().map(|(index, limit)| {
                let limits = if limit.is_empty() { json!({}) } else { json!({ "memory": limit }) };
                json!({ "name": format!("c{index}"), "resources": { "limits": limits } })
            });
            let containers: Vec<Value> = containers.collect();
            let volume = json!({ "name": "v", "emptyDir": source });
            let pod: Pod = serde_json::from_value(json!({
                "metadata": { "name": "p" }, "spec": { "containers": containers, "volumes": [volume] },
            }))
            .unwrap();
            let volume = &pod.spec.as_ref().unwrap().volumes.as_ref().unwrap()[0];
            assert_eq!(memory_bytes(&pod, volume, &allocatable), expected, "{source} {limits:?}");
            assert_eq!(is_local_scratch(volume), expected.is_none());
        }
    }
}
