//! What containers, pods and nodes use: the objects of `metrics.k8s.io/v1beta1`.
//!
//! Follows `staging/src/k8s.io/metrics/pkg/apis/metrics/v1beta1/types.go` of kubernetes/kubernetes.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use k8s_openapi::{ClusterResourceScope, ListableResource, Metadata, NamespaceResourceScope, Resource};
use serde::{Deserialize, Serialize};

/// The group of these objects.
pub const GROUP: &str = "metrics.k8s.io";
const VERSION: &str = "v1beta1";
const API_VERSION: &str = "metrics.k8s.io/v1beta1";

/// Amounts by resource: `cpu` in cores, `memory` in bytes of the working set.
pub type Usage = BTreeMap<String, Quantity>;

/// What the containers of a pod use.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodMetrics {
    kind: String,
    api_version: String,
    /// Name, namespace and labels of the pod.
    #[serde(default)]
    pub metadata: ObjectMeta,
    /// When it was measured.
    pub timestamp: Time,
    /// Over how long, as `10.002s`.
    pub window: String,
    /// The containers that run.
    pub containers: Vec<ContainerMetrics>,
}

/// What a container uses.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ContainerMetrics {
    /// The container's name.
    pub name: String,
    /// What it uses.
    pub usage: Usage,
}

/// What a node uses.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeMetrics {
    kind: String,
    api_version: String,
    /// Name and labels of the node.
    #[serde(default)]
    pub metadata: ObjectMeta,
    /// When it was measured.
    pub timestamp: Time,
    /// Over how long, as `10.002s`.
    pub window: String,
    /// What it uses.
    pub usage: Usage,
}

impl PodMetrics {
    /// What was measured of a pod.
    #[must_use]
    pub fn new(
        metadata: ObjectMeta,
        timestamp: Time,
        window: String,
        containers: Vec<ContainerMetrics>,
    ) -> Self {
        let (kind, api_version) = (Self::KIND.to_owned(), API_VERSION.to_owned());
        PodMetrics { kind, api_version, metadata, timestamp, window, containers }
    }
}

impl NodeMetrics {
    /// What was measured of a node.
    #[must_use]
    pub fn new(metadata: ObjectMeta, timestamp: Time, window: String, usage: Usage) -> Self {
        let (kind, api_version) = (Self::KIND.to_owned(), API_VERSION.to_owned());
        NodeMetrics { kind, api_version, metadata, timestamp, window, usage }
    }
}

impl Resource for PodMetrics {
    const API_VERSION: &'static str = API_VERSION;
    const GROUP: &'static str = GROUP;
    const KIND: &'static str = "PodMetrics";
    const VERSION: &'static str = VERSION;
    const URL_PATH_SEGMENT: &'static str = "pods";
    type Scope = NamespaceResourceScope;
}

impl ListableResource for PodMetrics {
    const LIST_KIND: &'static str = "PodMetricsList";
}

impl Metadata for PodMetrics {
    type Ty = ObjectMeta;

    fn metadata(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn metadata_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

impl Resource for NodeMetrics {
    const API_VERSION: &'static str = API_VERSION;
    const GROUP: &'static str = GROUP;
    const KIND: &'static str = "NodeMetrics";
    const VERSION: &'static str = VERSION;
    const URL_PATH_SEGMENT: &'static str = "nodes";
    type Scope = ClusterResourceScope;
}

impl ListableResource for NodeMetrics {
    const LIST_KIND: &'static str = "NodeMetricsList";
}

impl Metadata for NodeMetrics {
    type Ty = ObjectMeta;

    fn metadata(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn metadata_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}
