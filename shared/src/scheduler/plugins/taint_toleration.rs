//! `TaintToleration`: a taint keeps pods away that do not tolerate it.
//!
//! Follows upstream's `pkg/scheduler/framework/plugins/tainttoleration/taint_toleration.go`.

use k8s_openapi::api::core::v1::{Node, Pod, Taint};

use super::toleration::{tolerated, tolerations};
use crate::scheduler::decision::{Detail, Rejection};
use crate::scheduler::framework::{Cycle, Plugin, PreFilter, default_normalize};
use crate::scheduler::hints::ClusterEvent;
use crate::scheduler::snapshot::NodeInfo;

/// Refuses nodes with a `NoSchedule` or `NoExecute` taint that the pod does not tolerate, and
/// scores the others the better the fewer untolerated `PreferNoSchedule` taints they have.
pub(crate) struct TaintToleration;

fn taints(node: &Node) -> &[Taint] {
    node.spec.as_ref().and_then(|spec| spec.taints.as_deref()).unwrap_or_default()
}

fn untolerated<'a>(node: &'a Node, pod: &Pod) -> Option<&'a Taint> {
    let repels = |taint: &&Taint| matches!(taint.effect.as_str(), "NoSchedule" | "NoExecute");
    taints(node).iter().filter(repels).find(|taint| !tolerated(tolerations(pod), taint))
}

impl Plugin for TaintToleration {
    fn name(&self) -> &'static str {
        "TaintToleration"
    }

    fn pre_filter(&self, _cycle: &Cycle) -> PreFilter {
        PreFilter::EveryNode
    }

    fn filter(&self, cycle: &Cycle, node: &NodeInfo) -> Vec<Rejection> {
        let Some(taint) = untolerated(node.node(), cycle.pod) else { return Vec::new() };
        let detail = Detail::Taint {
            key: taint.key.clone(),
            value: taint.value.clone().unwrap_or_default(),
            effect: taint.effect.clone(),
        };
        vec![Rejection::unresolvable("node(s) had untolerated taint(s)", vec![detail])]
    }

    fn pre_score(&self, _cycle: &Cycle, _nodes: &[&NodeInfo]) -> bool {
        true
    }

    /// How many `PreferNoSchedule` taints the pod does not tolerate.
    fn score(&self, cycle: &Cycle, node: &NodeInfo) -> i64 {
        let soft = taints(node.node()).iter().filter(|taint| taint.effect == "PreferNoSchedule");
        soft.filter(|taint| !tolerated(tolerations(cycle.pod), taint)).count() as i64
    }

    fn normalize(&self, scores: &mut [i64]) {
        default_normalize(scores, true);
    }

    fn helps(&self, pod: &Pod, event: &ClusterEvent) -> bool {
        match event {
            ClusterEvent::TargetPod { old, new } => tolerations(old) != tolerations(new),
            _ => event.node_becomes(|node| untolerated(node, pod).is_none()),
        }
    }
}
