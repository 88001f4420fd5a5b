//! Static pods: pods of manifest files on a node, and their mirrors in the API.
//!
//! Follows `pkg/kubelet/config/common.go` and `pkg/kubelet/pod/mirror_client.go` of
//! kubernetes/kubernetes.

use k8s_openapi::api::core::v1::{Pod, Toleration};
use sha2::{Digest, Sha256};

use crate::yaml;
use crate::{defaults, validation};

/// Where a pod comes from: `file` for static pods, `api` for all others.
pub const SOURCE_ANNOTATION: &str = "kubernetes.io/config.source";
/// The hash of a static pod's manifest; it is the uid under which the kubelet runs it.
pub const HASH_ANNOTATION: &str = "kubernetes.io/config.hash";
/// On a mirror: the hash of the static pod that it shows.
pub const MIRROR_ANNOTATION: &str = "kubernetes.io/config.mirror";
/// When the kubelet first saw the manifest.
pub const SEEN_ANNOTATION: &str = "kubernetes.io/config.seen";

/// The static pod of a manifest, as this node runs it; the error names the file's fault.
pub fn static_pod(manifest: &str, node: &str, now: jiff::Timestamp) -> Result<Pod, String> {
    let documents = yaml::parse(manifest).map_err(|errors| {
        errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    })?;
    let [document] = documents.as_slice() else {
        return Err(format!("a manifest has one pod, this one has {}", documents.len()));
    };
    let mut pod: Pod = serde_json::from_value(document.value.clone()).map_err(|error| error.to_string())?;
    let hash = hash(&pod, node);
    let metadata = &mut pod.metadata;
    metadata.name = metadata.name.take().map(|name| format!("{name}-{node}"));
    metadata.namespace.get_or_insert_with(|| "default".into());
    metadata.uid = Some(hash.clone());
    let annotations = metadata.annotations.get_or_insert_default();
    annotations.insert(HASH_ANNOTATION.into(), hash);
    annotations.insert(SOURCE_ANNOTATION.into(), "file".into());
    annotations.insert(SEEN_ANNOTATION.into(), now.to_string());
    let spec = pod.spec.get_or_insert_default();
    spec.node_name = Some(node.to_owned());
    let everything = Toleration { operator: Some("Exists".into()), effect: Some("NoExecute".into()), ..Toleration::default() };
    spec.tolerations = Some(vec![everything]);
    defaults::apply(&mut pod);
    let errors = validation::validate_create(&pod);
    if errors.is_empty() { Ok(pod) } else { Err(errors.to_string()) }
}

/// The mirror of a static pod: what the kubelet creates in the API, so that others see the pod.
pub fn mirror(pod: &Pod) -> Pod {
    let mut mirror = pod.clone();
    let annotations = mirror.metadata.annotations.get_or_insert_default();
    if let Some(hash) = annotations.get(HASH_ANNOTATION).cloned() {
        annotations.insert(MIRROR_ANNOTATION.into(), hash);
    }
    mirror.metadata.uid = None;
    mirror.status = None;
    mirror
}

/// Whether `found`, a pod of the API, mirrors `pod` as its manifest is now.
pub fn is_mirror_of(found: &Pod, pod: &Pod) -> bool {
    let annotation = |pod: &Pod, name: &str| pod.metadata.annotations.as_ref().and_then(|all| all.get(name).cloned());
    let hash = annotation(pod, HASH_ANNOTATION);
    hash.is_some() && annotation(found, MIRROR_ANNOTATION) == hash && found.metadata.deletion_timestamp.is_none()
}

/// Whether a pod of the API is a mirror, of whatever static pod.
pub fn is_mirror(pod: &Pod) -> bool {
    pod.metadata.annotations.as_ref().is_some_and(|all| all.contains_key(MIRROR_ANNOTATION))
}

fn hash(pod: &Pod, node: &str) -> String {
    let mut hasher = Sha256::new();
    hasher.update(node.as_bytes());
    hasher.update(serde_json::to_vec(pod).unwrap_or_default());
    hasher.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
