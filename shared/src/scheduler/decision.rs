//! The scheduler's answer for one pod, with every reason in structured form.
//!
//! Sentences are upstream's wire format and English; what people read in their own language is
//! made of the structured parts.

use serde::{Deserialize, Serialize};

use super::host_ports::HostPort;

/// What was decided for a pod, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    /// The pod.
    pub pod: PodReference,
    /// The choice.
    pub outcome: Outcome,
    /// Every node in order of name, with what spoke against it or for it.
    pub nodes: Vec<NodeDecision>,
    /// The nodes that shared the best score, in order of name, where there were several; one of
    /// them was drawn.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tied: Vec<String>,
}

/// Names one pod, and which of the pods that ever had that name.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodReference {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid; empty for a pod that was never stored.
    pub uid: String,
}

/// The choice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Outcome {
    /// The pod goes to this node.
    Bound {
        /// The node's name.
        node: String,
    },
    /// No node takes the pod.
    Unschedulable {
        /// Upstream's sentence: `0/3 nodes are available: …`.
        message: String,
        /// The plugins that refused nodes, in order of name; events that they care about bring
        /// the pod back.
        plugins: Vec<String>,
    },
}

/// One node's part in a decision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeDecision {
    /// The node's name.
    pub node: String,
    /// What became of it.
    pub verdict: Verdict,
}

/// What became of one node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Verdict {
    /// A plugin refused it; the plugins after it were not asked.
    Filtered {
        /// The plugin's name.
        plugin: String,
        /// All that the plugin held against it.
        rejections: Vec<Rejection>,
    },
    /// It could take the pod.
    Feasible {
        /// What each plugin gave, in the plugins' order.
        scores: Vec<PluginScore>,
        /// The sum of the weighted scores.
        total: i64,
    },
}

/// One plugin's score of one node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PluginScore {
    /// The plugin's name.
    pub plugin: String,
    /// What the plugin counted, in its own measure.
    pub raw: i64,
    /// The count brought to 0 to 100.
    pub normalized: i64,
    /// How much the plugin counts.
    pub weight: i64,
    /// `normalized` times `weight`.
    pub weighted: i64,
}

/// One thing that a plugin held against a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rejection {
    /// Upstream's words, counted over all nodes in the sentence.
    pub reason: String,
    /// Whether taking pods away from the node could help.
    pub resolvable: bool,
    /// What exactly: the key and the value in question.
    pub details: Vec<Detail>,
}

impl Rejection {
    /// A rejection that no preemption can help.
    pub fn unresolvable(reason: impl Into<String>, details: Vec<Detail>) -> Rejection {
        Rejection { reason: reason.into(), resolvable: false, details }
    }

    /// A rejection that ends when pods leave the node.
    pub fn resolvable(reason: impl Into<String>, details: Vec<Detail>) -> Rejection {
        Rejection { reason: reason.into(), resolvable: true, details }
    }
}

/// The key and the value in question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Detail {
    /// The node is cordoned: `spec.unschedulable`.
    Unschedulable,
    /// The pod names another node.
    NodeName {
        /// `spec.nodeName`.
        wanted: String,
    },
    /// The pod does not tolerate this taint.
    Taint {
        /// The taint's key.
        key: String,
        /// The taint's value, possibly empty.
        value: String,
        /// `NoSchedule` or `NoExecute`.
        effect: String,
    },
    /// The node lacks a label that `spec.nodeSelector` names.
    NodeSelector {
        /// The label's key.
        key: String,
        /// The value that the pod wants.
        wanted: String,
        /// The value that the node has.
        found: Option<String>,
    },
    /// The node does not meet this requirement of a term of the pod's node affinity.
    NodeAffinity {
        /// Which of the terms, counted from 0; one would have to hold as a whole.
        term: usize,
        /// The label's key, or the field's path.
        key: String,
        /// `In`, `NotIn`, `Exists`, `DoesNotExist`, `Gt` or `Lt`.
        operator: String,
        /// The values that the operator takes.
        wanted: Vec<String>,
        /// The value that the node has.
        found: Option<String>,
    },
    /// The pod's affinity names no node that could exist, or none of these.
    NodesByName {
        /// The nodes that the pod's affinity leaves.
        wanted: Vec<String>,
    },
    /// A port of the node is taken.
    HostPort {
        /// The port that the pod wants.
        wanted: HostPort,
        /// The port that is taken.
        taken: HostPort,
    },
    /// The node has too little left.
    Resource {
        /// The resource's name; `pods` for the number of pods.
        resource: String,
        /// What the pod asks for.
        requested: String,
        /// What is left; below zero where more is taken than there is.
        free: String,
        /// What the node's pods take.
        used: String,
        /// What the node has.
        allocatable: String,
    },
}
