//! Static pods: pods of manifest files on a node, and their mirrors in the API.
//!
//! Follows `pkg/kubelet/config/common.go` and `pkg/kubelet/pod/mirror_client.go` of
//! kubernetes/kubernetes.

use k8s_openapi::Resource;
use k8s_openapi::api::core::v1::{Pod, Toleration};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use sha2::{Digest, Sha256};

use crate::api::strict;
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
    let documents = yaml::parse(manifest)
        .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))?;
    let [document] = documents.as_slice() else {
        return Err(format!("a manifest has one pod, this one has {}", documents.len()));
    };
    let mut value = document.value.clone();
    strict::normalize(&mut value, (Pod::API_VERSION, Pod::KIND));
    let mut pod: Pod = serde_json::from_value(value).map_err(|error| error.to_string())?;
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
    let everything = Toleration {
        operator: Some("Exists".into()),
        effect: Some("NoExecute".into()),
        ..Toleration::default()
    };
    let tolerations = spec.tolerations.get_or_insert_default();
    if !tolerations.contains(&everything) {
        tolerations.push(everything);
    }
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

/// Makes the node the mirror's owner, so that it goes with the node.
pub fn own(mirror: &mut Pod, node: &str, node_uid: &str) {
    mirror.metadata.owner_references = Some(vec![OwnerReference {
        api_version: "v1".into(),
        kind: "Node".into(),
        name: node.to_owned(),
        uid: node_uid.to_owned(),
        controller: Some(true),
        ..OwnerReference::default()
    }]);
}

/// Whether `found`, a pod of the API, mirrors `pod` as its manifest is now.
pub fn is_mirror_of(found: &Pod, pod: &Pod) -> bool {
    let annotation =
        |pod: &Pod, name: &str| pod.metadata.annotations.as_ref().and_then(|all| all.get(name).cloned());
    let hash = annotation(pod, HASH_ANNOTATION);
    hash.is_some()
        && annotation(found, MIRROR_ANNOTATION) == hash
        && found.metadata.deletion_timestamp.is_none()
}

/// Whether a pod of the API is a mirror, of whatever static pod.
pub fn is_mirror(pod: &Pod) -> bool {
    pod.metadata.annotations.as_ref().is_some_and(|all| all.contains_key(MIRROR_ANNOTATION))
}

/// Whether the pod is a static one, of a manifest file, rather than one of the API or a mirror in it.
pub fn is_static(pod: &Pod) -> bool {
    let source = pod.metadata.annotations.as_ref().and_then(|all| all.get(SOURCE_ANNOTATION));
    source.is_some_and(|source| source == "file") && !is_mirror(pod)
}

fn hash(pod: &Pod, node: &str) -> String {
    let mut hasher = Sha256::new();
    hasher.update(node.as_bytes());
    hasher.update(serde_json::to_vec(pod).unwrap_or_default());
    hasher.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = "\
apiVersion: v1
kind: Pod
metadata: {name: etcd, namespace: kube-system}
spec:
  tolerations: [{key: a, operator: Exists}]
  containers: [{name: etcd, image: etcd}]
";

    fn pod(manifest: &str) -> Pod {
        static_pod(manifest, "control-plane", jiff::Timestamp::UNIX_EPOCH).unwrap()
    }

    #[test]
    fn manifest_should_become_a_pod_of_its_node() {
        let pod = pod(MANIFEST);
        assert_eq!(pod.metadata.name.as_deref(), Some("etcd-control-plane"));
        assert_eq!(pod.metadata.namespace.as_deref(), Some("kube-system"));
        let spec = pod.spec.as_ref().unwrap();
        assert_eq!(spec.node_name.as_deref(), Some("control-plane"));
        assert_eq!(spec.restart_policy.as_deref(), Some("Always"));
        assert_eq!(spec.tolerations.as_ref().unwrap().len(), 2);
        assert!(is_static(&pod) && !is_mirror(&pod));
    }

    #[test]
    fn manifest_should_be_read_as_the_api_reads_it() {
        let manifest = MANIFEST.replace(
            "image: etcd",
            "image: etcd, args: [~], resources: {requests: {cpu: 0.5, memory: 1024Mi}}",
        );
        let pod = pod(&manifest);
        let container = &pod.spec.as_ref().unwrap().containers[0];
        assert_eq!(container.args.as_deref(), Some(&[String::new()][..]));
        let requests = container.resources.as_ref().unwrap().requests.as_ref().unwrap();
        assert_eq!((requests["cpu"].0.as_str(), requests["memory"].0.as_str()), ("500m", "1Gi"));
    }

    #[test]
    fn mirror_should_show_its_pod_until_the_manifest_changes_or_it_is_deleted() {
        let etcd = pod(MANIFEST);
        let mut shown = mirror(&etcd);
        own(&mut shown, "control-plane", "1b4e28ba");
        assert!(is_mirror(&shown) && !is_static(&shown));
        assert_eq!(shown.metadata.uid, None);
        assert!(is_mirror_of(&shown, &etcd));
        assert!(!is_mirror_of(&shown, &pod(&MANIFEST.replace("image: etcd", "image: other"))));
        shown.metadata.deletion_timestamp =
            Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(jiff::Timestamp::UNIX_EPOCH));
        assert!(!is_mirror_of(&shown, &etcd));
    }

    #[test]
    fn faulty_manifest_should_be_refused_with_its_fault() {
        for (manifest, fault) in [
            ("a: [", ""),
            ("---\na: 1\n---\nb: 2\n", "this one has 2"),
            (&MANIFEST.replace("image: etcd", "x: y"), "image"),
        ] {
            let error = static_pod(manifest, "n", jiff::Timestamp::UNIX_EPOCH).unwrap_err();
            assert!(error.contains(fault), "{error}");
        }
    }
}
