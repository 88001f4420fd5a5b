//! What the scheduler knows of the cluster: each node with the pods that count on it.
//!
//! Follows upstream's `pkg/scheduler/framework/types.go` (`NodeInfo`, `HostPortInfo`) and
//! `pkg/scheduler/backend/cache`. Built incrementally from events of pods and nodes, or at once
//! with [`Snapshot::of`].

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Node, Pod};

use super::host_ports::{HostPort, HostPorts, host_ports};
use super::resources::{PODS, Resources, non_zero_pod_requests, pod_requests};
use super::storage::Storage;
use super::typed::Typed;
use crate::api::object::SharedObject;
use crate::persistent_volume::claims_of;

/// What a pod that has a node takes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodInfo {
    /// The pod's namespace.
    pub namespace: String,
    /// The pod's name.
    pub name: String,
    /// The pod's uid, by which the snapshot knows it.
    pub uid: String,
    /// The node it runs on or is assumed to run on.
    pub node: String,
    /// Its priority, 0 where none is set.
    pub priority: i32,
    /// What it asks for.
    pub requests: Resources,
    /// What it counts for in scores.
    pub non_zero_requests: Resources,
    /// The ports of the node that it takes.
    pub host_ports: Vec<HostPort>,
    /// The claims that it uses, in its namespace.
    pub claims: Vec<String>,
}

impl PodInfo {
    /// What `pod` takes of `node`.
    pub fn new(pod: &Pod, node: &str) -> PodInfo {
        PodInfo {
            namespace: pod.metadata.namespace.clone().unwrap_or_default(),
            name: pod.metadata.name.clone().unwrap_or_default(),
            uid: pod_uid(pod),
            node: node.to_owned(),
            priority: pod_priority(pod),
            requests: pod_requests(pod),
            non_zero_requests: non_zero_pod_requests(pod),
            host_ports: host_ports(pod),
            claims: claims_of(pod),
        }
    }
}

/// The pod's uid, or `namespace/name` for a pod that was never stored.
pub fn pod_uid(pod: &Pod) -> String {
    let metadata = &pod.metadata;
    metadata.uid.clone().unwrap_or_else(|| {
        let namespace = metadata.namespace.as_deref().unwrap_or_default();
        format!("{namespace}/{}", metadata.name.as_deref().unwrap_or_default())
    })
}

/// The pod's priority, 0 where none is set.
pub fn pod_priority(pod: &Pod) -> i32 {
    pod.spec.as_ref().and_then(|spec| spec.priority).unwrap_or(0)
}

/// A node and what is taken of it.
#[derive(Clone, Debug)]
pub struct NodeInfo {
    node: Typed<Node>,
    /// What the node has for pods.
    pub allocatable: Resources,
    /// The sum of what its pods ask for, assumed pods included.
    pub requested: Resources,
    /// As `requested`, with defaults for containers that ask for nothing; for scores.
    pub non_zero_requested: Resources,
    /// The node's ports that its pods take.
    pub used_ports: HostPorts,
    /// The images on the node by each of their names, with their size in bytes.
    pub images: BTreeMap<String, i64>,
    pods: BTreeMap<String, Arc<PodInfo>>,
}

impl NodeInfo {
    fn new(node: Typed<Node>) -> NodeInfo {
        let mut info = NodeInfo {
            node: node.clone(),
            allocatable: Resources::default(),
            requested: Resources::default(),
            non_zero_requested: Resources::default(),
            used_ports: HostPorts::default(),
            images: BTreeMap::new(),
            pods: BTreeMap::new(),
        };
        info.set_node(node);
        info
    }

    /// A node without any pods, to ask whether a pod could ever fit.
    pub fn empty(node: &Node) -> Option<NodeInfo> {
        Typed::new(crate::api::object::Object::of(node.clone())).map(NodeInfo::new)
    }

    /// The node object.
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// The node's name.
    pub fn name(&self) -> &str {
        self.node.metadata.name.as_deref().unwrap_or_default()
    }

    /// The pods on the node, assumed ones included, in order of uid.
    pub fn pods(&self) -> impl ExactSizeIterator<Item = &PodInfo> {
        self.pods.values().map(Arc::as_ref)
    }

    /// How many pods the node takes.
    pub fn allowed_pods(&self) -> i64 {
        self.allocatable.get(PODS)
    }

    /// The node as it would be without the pods for which `gone` holds.
    pub fn without_pods(&self, gone: impl Fn(&PodInfo) -> bool) -> NodeInfo {
        let mut info = self.clone();
        for pod in self.pods.values().filter(|pod| gone(pod)) {
            info.remove_pod(&pod.uid);
        }
        info
    }

    fn set_node(&mut self, node: Typed<Node>) {
        let status = node.status.as_ref();
        self.allocatable = Resources::of(status.and_then(|status| status.allocatable.as_ref()));
        let images = status.and_then(|status| status.images.as_deref()).unwrap_or_default();
        self.images = images
            .iter()
            .flat_map(|image| {
                let size = image.size_bytes.unwrap_or(0);
                image.names.iter().flatten().map(move |name| (name.clone(), size))
            })
            .collect();
        self.node = node;
    }

    fn add_pod(&mut self, pod: Arc<PodInfo>) {
        self.remove_pod(&pod.uid);
        self.requested.add(&pod.requests);
        self.non_zero_requested.add(&pod.non_zero_requests);
        self.used_ports.add(&pod.host_ports);
        self.pods.insert(pod.uid.clone(), pod);
    }

    fn remove_pod(&mut self, uid: &str) {
        let Some(pod) = self.pods.remove(uid) else { return };
        self.requested.subtract(&pod.requests);
        self.non_zero_requested.subtract(&pod.non_zero_requests);
        self.used_ports.remove(&pod.host_ports);
    }
}

/// The nodes, and the pods that have one.
///
/// A pod whose node is not known (yet) is kept and counts as soon as the node appears.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    nodes: BTreeMap<String, NodeInfo>,
    pods: BTreeMap<String, Arc<PodInfo>>,
    image_nodes: BTreeMap<String, usize>,
    storage: Option<Storage>,
}

impl Snapshot {
    /// A snapshot of these objects; what is neither a node nor a pod with a node is left out, and
    /// so are pods that have ended.
    pub fn of(objects: impl IntoIterator<Item = SharedObject>) -> Snapshot {
        let mut snapshot = Snapshot::default();
        for object in objects {
            if let Some(pod) = object.downcast_ref::<Pod>() {
                if let Some(node) = assigned_node(pod).filter(|_| !is_terminated(pod)) {
                    snapshot.set_pod(PodInfo::new(pod, node));
                }
            } else if let Some(node) = Typed::new(object) {
                snapshot.set_node(node);
            }
        }
        snapshot
    }

    /// The nodes in order of name.
    pub fn nodes(&self) -> impl ExactSizeIterator<Item = &NodeInfo> {
        self.nodes.values()
    }

    /// One node.
    pub fn node(&self, name: &str) -> Option<&NodeInfo> {
        self.nodes.get(name)
    }

    /// What is known of a pod that has a node, or is assumed to have one.
    pub fn pod(&self, uid: &str) -> Option<&PodInfo> {
        self.pods.get(uid).map(Arc::as_ref)
    }

    /// What is known of volumes; `None` where nobody tells of them, so that nothing is judged by them.
    pub fn storage(&self) -> Option<&Storage> {
        self.storage.as_ref()
    }

    /// The same, to be told of changes.
    pub(super) fn storage_mut(&mut self) -> &mut Storage {
        self.storage.get_or_insert_default()
    }

    /// On how many nodes an image lies.
    pub fn image_nodes(&self, image: &str) -> usize {
        self.image_nodes.get(image).copied().unwrap_or(0)
    }

    /// Adds or replaces a node.
    pub fn set_node(&mut self, node: Typed<Node>) {
        let name = node.metadata.name.clone().unwrap_or_default();
        if let Some(info) = self.nodes.get_mut(&name) {
            count_images(&mut self.image_nodes, &info.images, false);
            info.set_node(node);
            count_images(&mut self.image_nodes, &info.images, true);
            return;
        }
        let mut info = NodeInfo::new(node);
        for pod in self.pods.values().filter(|pod| pod.node == name) {
            info.add_pod(pod.clone());
        }
        count_images(&mut self.image_nodes, &info.images, true);
        self.nodes.insert(name, info);
    }

    /// Removes a node; its pods are remembered until they go themselves.
    pub fn remove_node(&mut self, name: &str) {
        if let Some(info) = self.nodes.remove(name) {
            count_images(&mut self.image_nodes, &info.images, false);
        }
    }

    /// Adds a pod to its node, or replaces what was known of it.
    pub fn set_pod(&mut self, pod: PodInfo) {
        self.remove_pod(&pod.uid);
        let pod = Arc::new(pod);
        if let Some(info) = self.nodes.get_mut(&pod.node) {
            info.add_pod(pod.clone());
        }
        self.pods.insert(pod.uid.clone(), pod);
    }

    /// Removes a pod and returns what was known of it.
    pub fn remove_pod(&mut self, uid: &str) -> Option<Arc<PodInfo>> {
        let pod = self.pods.remove(uid)?;
        if let Some(info) = self.nodes.get_mut(&pod.node) {
            info.remove_pod(uid);
        }
        Some(pod)
    }
}

fn count_images(counts: &mut BTreeMap<String, usize>, images: &BTreeMap<String, i64>, added: bool) {
    for image in images.keys() {
        let count = counts.entry(image.clone()).or_default();
        *count = if added { *count + 1 } else { count.saturating_sub(1) };
        if *count == 0 {
            counts.remove(image);
        }
    }
}

/// The node a pod was bound to.
pub fn assigned_node(pod: &Pod) -> Option<&str> {
    pod.spec.as_ref()?.node_name.as_deref().filter(|node| !node.is_empty())
}

/// Whether a pod has ended and takes nothing of its node any more.
pub fn is_terminated(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed"))
}
