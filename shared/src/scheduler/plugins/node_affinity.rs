//! `NodeAffinity`: nodes by their labels, and by name.
//!
//! Follows upstream's `pkg/scheduler/framework/plugins/nodeaffinity/node_affinity.go` and
//! `component-helpers/scheduling/corev1/nodeaffinity/nodeaffinity.go`.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Node, NodeSelectorTerm, Pod, PreferredSchedulingTerm};

use super::node_selector_term::{self, NAME_FIELD};
use crate::scheduler::decision::{Detail, Rejection};
use crate::scheduler::framework::{Cycle, Plugin, PreFilter, default_normalize};
use crate::scheduler::hints::ClusterEvent;
use crate::scheduler::snapshot::NodeInfo;

/// Refuses nodes that `spec.nodeSelector` or the required node affinity does not match; scores by
/// the weights of the preferred terms that match.
pub(crate) struct NodeAffinity;

fn required_terms(pod: &Pod) -> Option<&[NodeSelectorTerm]> {
    let affinity = pod.spec.as_ref()?.affinity.as_ref()?.node_affinity.as_ref()?;
    let required = affinity.required_during_scheduling_ignored_during_execution.as_ref()?;
    Some(&required.node_selector_terms)
}

fn preferred_terms(pod: &Pod) -> &[PreferredSchedulingTerm] {
    let affinity = pod.spec.as_ref().and_then(|spec| spec.affinity.as_ref()?.node_affinity.as_ref());
    affinity
        .and_then(|affinity| affinity.preferred_during_scheduling_ignored_during_execution.as_deref())
        .unwrap_or_default()
}

/// What of the pod's selector and required terms the node does not meet; `None` if it matches.
fn mismatch(pod: &Pod, node: &Node) -> Option<Vec<Detail>> {
    let selector = selector_mismatches(pod, node);
    if !selector.is_empty() {
        return Some(selector);
    }
    let terms = required_terms(pod)?;
    let mut details = Vec::new();
    for (index, term) in terms.iter().enumerate() {
        match node_selector_term::mismatch(index, term, node) {
            Ok(()) => return None,
            Err(detail) => details.extend(detail),
        }
    }
    Some(details)
}

fn selector_mismatches(pod: &Pod, node: &Node) -> Vec<Detail> {
    let selector = pod.spec.as_ref().and_then(|spec| spec.node_selector.as_ref());
    let found = |key: &String| node.metadata.labels.as_ref().and_then(|labels| labels.get(key));
    selector
        .into_iter()
        .flatten()
        .filter(|(key, wanted)| found(key) != Some(wanted))
        .map(|(key, wanted)| Detail::NodeSelector {
            key: key.clone(),
            wanted: wanted.clone(),
            found: found(key).cloned(),
        })
        .collect()
}

/// The nodes that the terms name; `None` where a term leaves the name open.
fn named_nodes(terms: &[NodeSelectorTerm]) -> Option<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for term in terms {
        let mut of_term: Option<BTreeSet<String>> = None;
        for field in term.match_fields.iter().flatten() {
            if field.key == NAME_FIELD && field.operator == "In" {
                let values: BTreeSet<String> = field.values.iter().flatten().cloned().collect();
                of_term = Some(match of_term {
                    Some(earlier) => earlier.intersection(&values).cloned().collect(),
                    None => values,
                });
            }
        }
        names.extend(of_term?);
    }
    Some(names)
}

impl Plugin for NodeAffinity {
    fn name(&self) -> &'static str {
        "NodeAffinity"
    }

    fn pre_filter(&self, cycle: &Cycle) -> PreFilter {
        let selector = cycle.pod.spec.as_ref().and_then(|spec| spec.node_selector.as_ref());
        let Some(terms) = required_terms(cycle.pod).filter(|terms| !terms.is_empty()) else {
            let nothing = selector.is_none() && required_terms(cycle.pod).is_none();
            return if nothing { PreFilter::Skip } else { PreFilter::EveryNode };
        };
        match named_nodes(terms) {
            None => PreFilter::EveryNode,
            Some(names) if names.is_empty() => {
                let details = vec![Detail::NodesByName { wanted: Vec::new() }];
                PreFilter::Reject(Rejection::unresolvable("pod affinity terms conflict", details))
            }
            Some(names) => PreFilter::Only(names),
        }
    }

    fn filter(&self, cycle: &Cycle, node: &NodeInfo) -> Vec<Rejection> {
        let reason = "node(s) didn't match Pod's node affinity/selector";
        let details = mismatch(cycle.pod, node.node());
        details.map(|details| Rejection::unresolvable(reason, details)).into_iter().collect()
    }

    fn pre_score(&self, cycle: &Cycle, _nodes: &[&NodeInfo]) -> bool {
        !preferred_terms(cycle.pod).is_empty()
    }

    /// The sum of the weights of the preferred terms that match.
    fn score(&self, cycle: &Cycle, node: &NodeInfo) -> i64 {
        preferred_terms(cycle.pod)
            .iter()
            .filter(|term| node_selector_term::mismatch(0, &term.preference, node.node()).is_ok())
            .map(|term| i64::from(term.weight))
            .sum()
    }

    fn normalize(&self, scores: &mut [i64]) {
        default_normalize(scores, false);
    }

    fn helps(&self, pod: &Pod, event: &ClusterEvent) -> bool {
        event.node_becomes(|node| mismatch(pod, node).is_none())
    }
}
