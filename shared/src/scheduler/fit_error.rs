//! Upstream's sentence for a pod that fits nowhere.
//!
//! Follows `FitError.Error` of upstream's `pkg/scheduler/framework/types.go` and what the two
//! post-filter plugins of a default cluster add: `DynamicResources` (no claims to free) and
//! `DefaultPreemption` (`pkg/scheduler/framework/preemption/preemption.go`).

use std::collections::{BTreeMap, BTreeSet};

use super::decision::{NodeDecision, Verdict};
use super::framework::{Cycle, first_objection};
use super::snapshot::pod_priority;

/// What upstream says when the cluster has no node at all.
pub const NO_NODES: &str = "no nodes available to schedule pods";

const NO_CLAIMS: &str = "no new claims to deallocate";
const NOT_HELPFUL: &str = "Preemption is not helpful for scheduling";
const NO_VICTIMS: &str = "No preemption victims found for incoming pod";
const NOT_SUPPORTED: &str = "Preemption is not supported";
const NEVER_PREEMPTS: &str = "not eligible due to preemptionPolicy=Never.";

/// What the filters found out besides the verdicts.
#[derive(Default)]
pub struct Diagnosis {
    /// The plugins that refused.
    pub plugins: BTreeSet<String>,
    /// The reason of a plugin that refused all nodes at once.
    pub pre_filter: Option<String>,
}

impl Diagnosis {
    /// `0/3 nodes are available: 1 node(s) had untolerated taint(s), 2 Insufficient cpu. …`
    pub fn sentence(&self, cycle: &Cycle, nodes: &[NodeDecision]) -> String {
        let reasons = match &self.pre_filter {
            Some(reason) => format!(" {reason}."),
            None => histogram(nodes.iter().flat_map(reasons)),
        };
        format!(
            "0/{} nodes are available:{reasons} {NO_CLAIMS}, preemption: {}",
            nodes.len(),
            preemption(cycle, nodes)
        )
    }
}

fn reasons(node: &NodeDecision) -> Vec<String> {
    match &node.verdict {
        Verdict::Filtered { rejections, .. } => rejections.iter().map(|each| each.reason.clone()).collect(),
        Verdict::Feasible { .. } => Vec::new(),
    }
}

/// Reasons with how often each occurs, sorted as text, as upstream does: ` 1 a, 2 b.`
fn histogram(reasons: impl Iterator<Item = String>) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for reason in reasons {
        *counts.entry(reason).or_default() += 1;
    }
    let mut parts: Vec<String> = counts.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
    parts.sort();
    if parts.is_empty() { String::new() } else { format!(" {}.", parts.join(", ")) }
}

/// Why removing pods of lower priority makes no room.
fn preemption(cycle: &Cycle, nodes: &[NodeDecision]) -> String {
    let policy = cycle.pod.spec.as_ref().and_then(|spec| spec.preemption_policy.as_deref());
    if policy == Some("Never") {
        return NEVER_PREEMPTS.to_owned();
    }
    let answers = histogram(nodes.iter().flat_map(|node| without_victims(cycle, node)));
    format!("0/{} nodes are available:{answers}", nodes.len())
}

fn without_victims(cycle: &Cycle, decision: &NodeDecision) -> Vec<String> {
    let Verdict::Filtered { rejections, .. } = &decision.verdict else { return Vec::new() };
    let Some(node) =
        cycle.snapshot.node(&decision.node).filter(|_| rejections.iter().all(|each| each.resolvable))
    else {
        return vec![NOT_HELPFUL.to_owned()];
    };
    let priority = pod_priority(cycle.pod);
    if node.pods().all(|pod| pod.priority >= priority) {
        return vec![NO_VICTIMS.to_owned()];
    }
    let objections = first_objection(cycle, &node.without_pods(|pod| pod.priority < priority));
    if objections.is_empty() {
        return vec![NOT_SUPPORTED.to_owned()];
    }
    objections.into_iter().map(|objection| objection.reason).collect()
}
