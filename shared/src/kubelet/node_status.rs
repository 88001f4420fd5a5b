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
            status: Some(self.status(&NodeStatus::default(), now)),
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

    /// The node's status now, of the one `before`: when each condition last changed, and what others
    /// wrote. Resources that somebody gave the node beside its own can be used, too.
    pub fn status(&self, before: &NodeStatus, now: Timestamp) -> NodeStatus {
        let mut resources = before.capacity.clone().unwrap_or_default();
        resources.extend(self.resources());
        NodeStatus {
            addresses: Some(vec![
                NodeAddress { type_: "InternalIP".into(), address: self.address.clone() },
                NodeAddress { type_: "Hostname".into(), address: self.name.clone() },
            ]),
            allocatable: Some(resources.clone()),
            capacity: Some(resources),
            conditions: Some(conditions(before.conditions.as_deref().unwrap_or_default(), now)),
            daemon_endpoints: Some(NodeDaemonEndpoints::default()),
            images: Some(self.images.clone()),
            node_info: Some(self.info.clone()),
            ..before.clone()
        }
    }

    /// Whether the node's status says of its own conditions what this kubelet says: while it was silent, the control
    /// plane may have said something else.
    pub fn is_told(&self, status: &NodeStatus) -> bool {
        let told = status.conditions.as_deref().unwrap_or_default();
        HEALTHY.iter().all(|(type_, status, ..)| {
            told.iter().any(|condition| condition.type_ == *type_ && condition.status == *status)
        })
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
    let is_own = |old: &NodeCondition| HEALTHY.iter().any(|(type_, ..)| *type_ == old.type_);
    let others = before.iter().filter(|old| !is_own(old)).cloned();
    HEALTHY.into_iter().map(condition).chain(others).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn machine() -> Machine {
        Machine {
            name: "node-1".into(),
            address: "172.18.0.3".into(),
            control_plane: false,
            cpus: 2,
            memory_bytes: 4 << 30,
            storage_bytes: 8 << 30,
            architecture: "amd64".into(),
            operating_system: "linux".into(),
            os_image: "Kijabi".into(),
            info: NodeSystemInfo::default(),
            max_pods: 110,
            images: vec![],
        }
    }

    #[test]
    fn status_should_keep_what_others_gave_the_node() {
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        let mut before = machine().status(&NodeStatus::default(), at(1));
        let network = json!({"type": "NetworkUnavailable", "status": "False"});
        before.conditions.as_mut().unwrap().insert(0, serde_json::from_value(network).unwrap());
        let capacity = before.capacity.as_mut().unwrap();
        capacity.insert("example.com/dongle".into(), Quantity("3".into()));
        capacity.insert("cpu".into(), Quantity("64".into()));
        let status = machine().status(&before, at(2));
        let allocatable = status.allocatable.unwrap();
        assert_eq!(allocatable["example.com/dongle"].0, "3");
        assert_eq!(allocatable["cpu"].0, "2");
        let conditions = status.conditions.unwrap();
        assert_eq!(conditions.len(), HEALTHY.len() + 1);
        assert!(conditions.iter().any(|condition| condition.type_ == "NetworkUnavailable"));
        let ready = conditions.iter().find(|condition| condition.type_ == "Ready").unwrap();
        assert_eq!(ready.last_transition_time, Some(Time(at(1))));
        assert_eq!(ready.last_heartbeat_time, Some(Time(at(2))));
    }
}
