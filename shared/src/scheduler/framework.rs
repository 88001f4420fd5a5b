//! One scheduling cycle: filter the nodes, score those that are left, choose.
//!
//! Follows upstream's `pkg/scheduler/framework/interface.go` (extension points) and
//! `pkg/scheduler/schedule_one.go` (`schedulePod`, `findNodesThatFitPod`, `prioritizeNodes`,
//! `selectHost`). Every node is examined: upstream samples only in clusters of 100 nodes and more.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::Pod;

use super::decision::{Decision, NodeDecision, Outcome, PluginScore, PodReference, Rejection, Verdict};
use super::fit_error::{Diagnosis, NO_NODES};
use super::hints::ClusterEvent;
use super::plugins::{PLUGINS, Registered};
use super::resources::{Resources, non_zero_pod_requests, pod_requests};
use super::snapshot::{NodeInfo, Snapshot, pod_uid};

/// The best score that a plugin gives a node.
pub const MAX_NODE_SCORE: i64 = 100;

/// What all plugins of one cycle look at.
pub struct Cycle<'a> {
    /// The cluster.
    pub snapshot: &'a Snapshot,
    /// The pod that looks for a node.
    pub pod: &'a Pod,
    /// What it asks for.
    pub requests: Resources,
    /// What it counts for in scores.
    pub non_zero_requests: Resources,
}

impl<'a> Cycle<'a> {
    /// A cycle for one pod.
    pub fn new(snapshot: &'a Snapshot, pod: &'a Pod) -> Cycle<'a> {
        let (requests, non_zero_requests) = (pod_requests(pod), non_zero_pod_requests(pod));
        Cycle { snapshot, pod, requests, non_zero_requests }
    }
}

/// What a plugin says before any node is looked at.
pub enum PreFilter {
    /// It has nothing to do with this pod; its `filter` is not called.
    Skip,
    /// It looks at each node.
    EveryNode,
    /// Only these nodes come into question.
    Only(BTreeSet<String>),
    /// No node will do.
    Reject(Rejection),
}

/// One concern of the scheduler, with upstream's name.
///
/// A plugin holds no state: what it needs it reads from the [`Cycle`].
pub trait Plugin: Sync {
    /// Upstream's name of the plugin.
    fn name(&self) -> &'static str;

    /// What can be said before any node is looked at.
    fn pre_filter(&self, _cycle: &Cycle) -> PreFilter {
        PreFilter::Skip
    }

    /// What speaks against a node; nothing if the node will do.
    fn filter(&self, _cycle: &Cycle, _node: &NodeInfo) -> Vec<Rejection> {
        Vec::new()
    }

    /// Whether the plugin tells the nodes that are left apart; if not, `score` is not called.
    fn pre_score(&self, _cycle: &Cycle, _nodes: &[&NodeInfo]) -> bool {
        false
    }

    /// How well a node suits the pod, in the plugin's own measure.
    fn score(&self, _cycle: &Cycle, _node: &NodeInfo) -> i64 {
        0
    }

    /// Brings the plugin's scores of all nodes to 0 to [`MAX_NODE_SCORE`].
    fn normalize(&self, _scores: &mut [i64]) {}

    /// Whether an event may help a pod that this plugin refused.
    fn helps(&self, _pod: &Pod, _event: &ClusterEvent) -> bool {
        false
    }
}

/// Finds a node for `pod`, and says why that one, or why none.
///
/// Of several nodes with the best total the one at `tie_break_entropy` modulo their number, in
/// order of name, is taken; upstream draws one at random.
pub fn schedule(snapshot: &Snapshot, pod: &Pod, tie_break_entropy: u64) -> Decision {
    let cycle = Cycle::new(snapshot, pod);
    let (mut nodes, diagnosis) = filter_nodes(&cycle);
    let best = score_nodes(&cycle, &mut nodes);
    let outcome = match draw(&best, tie_break_entropy) {
        Some(node) => Outcome::Bound { node: node.to_owned() },
        None => {
            let message = message(&cycle, &nodes, &diagnosis);
            Outcome::Unschedulable { message, plugins: diagnosis.plugins.into_iter().collect() }
        }
    };
    let tied = if best.len() > 1 { best } else { Vec::new() };
    Decision { pod: pod_reference(pod), outcome, nodes, tied }
}

/// Names a pod.
pub fn pod_reference(pod: &Pod) -> PodReference {
    PodReference {
        namespace: pod.metadata.namespace.clone().unwrap_or_default(),
        name: pod.metadata.name.clone().unwrap_or_default(),
        uid: pod_uid(pod),
    }
}

fn message(cycle: &Cycle, nodes: &[NodeDecision], diagnosis: &Diagnosis) -> String {
    if nodes.is_empty() { NO_NODES.to_owned() } else { diagnosis.sentence(cycle, nodes) }
}

fn draw(best: &[String], entropy: u64) -> Option<&str> {
    let index = entropy.checked_rem(best.len() as u64)?;
    best.get(index as usize).map(String::as_str)
}

/// The verdict on every node in order of name, feasible nodes still without scores.
fn filter_nodes(cycle: &Cycle) -> (Vec<NodeDecision>, Diagnosis) {
    let mut diagnosis = Diagnosis::default();
    let (active, restriction) = run_pre_filters(cycle, &mut diagnosis);
    let mut nodes = Vec::with_capacity(cycle.snapshot.nodes().len());
    for node in cycle.snapshot.nodes() {
        let verdict = match &restriction {
            Restriction::Reject(plugin, rejection) => filtered(plugin, vec![rejection.clone()]),
            Restriction::Only(plugin, names, rejection) if !names.contains(node.name()) => {
                filtered(plugin, vec![rejection.clone()])
            }
            _ => run_filters(cycle, node, &active),
        };
        if let Verdict::Filtered { plugin, .. } = &verdict {
            diagnosis.plugins.insert(plugin.clone());
        }
        nodes.push(NodeDecision { node: node.name().to_owned(), verdict });
    }
    (nodes, diagnosis)
}

/// What the pre-filters leave of the nodes.
enum Restriction {
    None,
    Only(&'static str, BTreeSet<String>, Rejection),
    Reject(&'static str, Rejection),
}

fn run_pre_filters(cycle: &Cycle, diagnosis: &mut Diagnosis) -> (Vec<&'static Registered>, Restriction) {
    let mut active = Vec::new();
    let mut restriction = Restriction::None;
    for entry in PLUGINS {
        let name = entry.plugin.name();
        match entry.plugin.pre_filter(cycle) {
            PreFilter::Skip => {}
            PreFilter::EveryNode => active.push(entry),
            PreFilter::Only(names) => {
                active.push(entry);
                restriction = only(name, names);
                diagnosis.plugins.insert(name.to_owned());
            }
            PreFilter::Reject(rejection) => {
                diagnosis.plugins.insert(name.to_owned());
                diagnosis.pre_filter = Some(rejection.reason.clone());
                return (active, Restriction::Reject(name, rejection));
            }
        }
    }
    (active, restriction)
}

fn only(plugin: &'static str, names: BTreeSet<String>) -> Restriction {
    let details = vec![super::decision::Detail::NodesByName { wanted: names.iter().cloned().collect() }];
    let reason = format!("node(s) didn't satisfy plugin(s) [{plugin}]");
    Restriction::Only(plugin, names, Rejection::unresolvable(reason, details))
}

/// The first plugin's objections to a node, in the plugins' order.
pub(super) fn first_objection(cycle: &Cycle, node: &NodeInfo) -> Vec<Rejection> {
    let active = run_pre_filters(cycle, &mut Diagnosis::default()).0;
    match run_filters(cycle, node, &active) {
        Verdict::Filtered { rejections, .. } => rejections,
        Verdict::Feasible { .. } => Vec::new(),
    }
}

fn run_filters(cycle: &Cycle, node: &NodeInfo, active: &[&'static Registered]) -> Verdict {
    for entry in active {
        let rejections = entry.plugin.filter(cycle, node);
        if !rejections.is_empty() {
            return filtered(entry.plugin.name(), rejections);
        }
    }
    Verdict::Feasible { scores: Vec::new(), total: 0 }
}

fn filtered(plugin: &str, rejections: Vec<Rejection>) -> Verdict {
    Verdict::Filtered { plugin: plugin.to_owned(), rejections }
}

/// Fills in the scores of the feasible nodes and names the best of them.
fn score_nodes(cycle: &Cycle, decisions: &mut [NodeDecision]) -> Vec<String> {
    let mut feasible = Vec::new();
    for (index, decision) in decisions.iter().enumerate() {
        if matches!(decision.verdict, Verdict::Feasible { .. })
            && let Some(node) = cycle.snapshot.node(&decision.node)
        {
            feasible.push((index, node));
        }
    }
    let nodes: Vec<&NodeInfo> = feasible.iter().map(|(_, node)| *node).collect();
    let mut columns = vec![Vec::new(); nodes.len()];
    for entry in PLUGINS.iter().filter(|entry| entry.weight > 0 && entry.plugin.pre_score(cycle, &nodes)) {
        for (column, score) in columns.iter_mut().zip(plugin_scores(cycle, entry, &nodes)) {
            column.push(score);
        }
    }
    let mut best: (i64, Vec<String>) = (i64::MIN, Vec::new());
    for ((index, node), scores) in feasible.iter().zip(columns) {
        let total = scores.iter().map(|score| score.weighted).sum();
        if total > best.0 {
            best = (total, Vec::new());
        }
        if total == best.0 {
            best.1.push(node.name().to_owned());
        }
        decisions[*index].verdict = Verdict::Feasible { scores, total };
    }
    best.1
}

fn plugin_scores(cycle: &Cycle, entry: &Registered, nodes: &[&NodeInfo]) -> Vec<PluginScore> {
    let raw: Vec<i64> = nodes.iter().map(|node| entry.plugin.score(cycle, node)).collect();
    let mut normalized = raw.clone();
    entry.plugin.normalize(&mut normalized);
    let score = |(raw, normalized): (i64, i64)| PluginScore {
        plugin: entry.plugin.name().to_owned(),
        raw,
        normalized,
        weight: entry.weight,
        weighted: normalized * entry.weight,
    };
    raw.into_iter().zip(normalized).map(score).collect()
}

/// Scales scores so that the largest becomes [`MAX_NODE_SCORE`]; with `reverse`, 0 counts most.
///
/// Follows upstream's `pkg/scheduler/framework/plugins/helper/normalize_score.go`.
pub fn default_normalize(scores: &mut [i64], reverse: bool) {
    let largest = scores.iter().copied().max().unwrap_or(0);
    for score in scores {
        let scaled = if largest == 0 { 0 } else { MAX_NODE_SCORE * *score / largest };
        *score = if reverse { MAX_NODE_SCORE - scaled } else { scaled };
    }
}
