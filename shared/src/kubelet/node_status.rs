//! What a kubelet says of its node: `pkg/kubelet/nodestatus/setters.go` of kubernetes/kubernetes.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{
    ContainerImage, Node, NodeAddress, NodeCondition, NodeDaemonEndpoints, NodeSpec, NodeStatus,
    NodeSystemInfo, Taint,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};

/// The label and taint of nodes that run the control plane, as kubeadm sets them.
pub const CONTROL_PLANE: &str = "node-role.kubernetes.io/control-plane";

/// What a node is.
#[derive(Clone, Debug)]
pub struct Machine {
    /// The node's name.
    pub name: String,
    /// The node's address.
    pub address: String,
    /// Whether the control plane runs here.
    pub control_plane: bool,
    /// Processors.
    pub cpus: u64,
    /// Memory in bytes.
    pub memory_bytes: u64,
    /// Disk space in bytes.
    pub storage_bytes: u64,
    /// The processor's architecture as Go names it, for example `amd64`.
    pub architecture: String,
    /// The operating system as Go names it, for example `linux`.
    pub operating_system: String,
    /// What the operating system calls itself.
    pub os_image: String,
    /// Facts that identify the machine: ids and versions.
    pub info: NodeSystemInfo,
    /// The most pods that may run here.
    pub max_pods: u32,
    /// The images that are on the node.
    pub images: Vec<ContainerImage>,
}

impl Machine {
    /// The Node to register.
    pub fn node(&self, now: Timestamp) -> Node {
        Node {
            metadata: ObjectMeta {
                name: Some(self.name.clone()),
                labels: Some(self.labels()),
                ..ObjectMeta::default()
            },
            spec: Some(NodeSpec { taints: self.taints(), ..NodeSpec::default() }),
            status: Some(self.status(&[], now)),
        }
    }

    fn labels(&self) -> BTreeMap<String, String> {
        let mut labels = BTreeMap::new();
        for prefix in ["kubernetes.io", "beta.kubernetes.io"] {
            labels.insert(format!("{prefix}/arch"), self.architecture.clone());
            labels.insert(format!("{prefix}/os"), self.operating_system.clone());
        }
        labels.insert("kubernetes.io/hostname".into(), self.name.clone());
        if self.control_plane {
            labels.insert(CONTROL_PLANE.into(), String::new());
            labels.insert("node.kubernetes.io/exclude-from-external-load-balancers".into(), String::new());
        }
        labels
    }

    fn taints(&self) -> Option<Vec<Taint>> {
        let taint = Taint { key: CONTROL_PLANE.into(), effect: "NoSchedule".into(), ..Taint::default() };
        self.control_plane.then(|| vec![taint])
    }

    /// The node's status now; `before` are the conditions as they were, for when each last changed.
    pub fn status(&self, before: &[NodeCondition], now: Timestamp) -> NodeStatus {
        let resources = self.resources();
        NodeStatus {
            addresses: Some(vec![
                NodeAddress { type_: "InternalIP".into(), address: self.address.clone() },
                NodeAddress { type_: "Hostname".into(), address: self.name.clone() },
            ]),
            allocatable: Some(resources.clone()),
            capacity: Some(resources),
            conditions: Some(conditions(before, now)),
            daemon_endpoints: Some(NodeDaemonEndpoints::default()),
            images: Some(self.images.clone()),
            node_info: Some(self.info.clone()),
            ..NodeStatus::default()
        }
    }

    fn resources(&self) -> BTreeMap<String, Quantity> {
        let kibibytes = |bytes: u64| format!("{}Ki", bytes / 1024);
        BTreeMap::from([
            ("cpu".to_owned(), Quantity(self.cpus.to_string())),
            ("ephemeral-storage".to_owned(), Quantity(kibibytes(self.storage_bytes))),
            ("memory".to_owned(), Quantity(kibibytes(self.memory_bytes))),
            ("pods".to_owned(), Quantity(self.max_pods.to_string())),
        ])
    }
}

/// Type, status, reason and message of each condition of a node that is well.
const HEALTHY: [(&str, &str, &str, &str); 4] = [
    ("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
];

fn conditions(before: &[NodeCondition], now: Timestamp) -> Vec<NodeCondition> {
    let condition = |(type_, status, reason, message): (&str, &str, &str, &str)| {
        let same = before.iter().find(|old| old.type_ == type_ && old.status == status);
        NodeCondition {
            type_: type_.to_owned(),
            status: status.to_owned(),
            reason: Some(reason.to_owned()),
            message: Some(message.to_owned()),
            last_heartbeat_time: Some(Time(now)),
            last_transition_time: same.and_then(|old| old.last_transition_time.clone()).or(Some(Time(now))),
        }
    };
    HEALTHY.into_iter().map(condition).collect()
}
