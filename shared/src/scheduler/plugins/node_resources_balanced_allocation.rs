//! `NodeResourcesBalancedAllocation`: CPU and memory of a node should run out together.
//!
//! Follows upstream's
//! `pkg/scheduler/framework/plugins/noderesources/balanced_allocation.go`.

use crate::scheduler::framework::{Cycle, MAX_NODE_SCORE, Plugin};
use crate::scheduler::resources::{CPU, MEMORY};
use crate::scheduler::snapshot::NodeInfo;

/// Scores a node by how much the pod brings its use of CPU and of memory together or apart:
/// 75 of 100 where it changes nothing.
pub(crate) struct NodeResourcesBalancedAllocation;

/// How close the used fractions `(used, allocatable)` are to each other, of [`MAX_NODE_SCORE`].
fn balance(used: [(i64, i64); 2]) -> i64 {
    let fraction = |(used, allocatable): (i64, i64)| (used as f64 / allocatable as f64).min(1.0);
    let apart = match used.map(|each| (each.1 != 0).then(|| fraction(each))) {
        [Some(cpu), Some(memory)] => (cpu - memory).abs() / 2.0,
        _ => 0.0,
    };
    ((1.0 - apart) * MAX_NODE_SCORE as f64) as i64
}

impl Plugin for NodeResourcesBalancedAllocation {
    fn name(&self) -> &'static str {
        "NodeResourcesBalancedAllocation"
    }

    /// A pod that asks for nothing changes no balance and would pile up on one node.
    fn pre_score(&self, cycle: &Cycle, _nodes: &[&NodeInfo]) -> bool {
        [CPU, MEMORY].iter().any(|name| cycle.requests.get(name) > 0)
    }

    fn score(&self, cycle: &Cycle, node: &NodeInfo) -> i64 {
        let used = |name, more: i64| (node.requested.get(name) + more, node.allocatable.get(name));
        let with = balance([CPU, MEMORY].map(|name| used(name, cycle.requests.get(name))));
        let without = balance([CPU, MEMORY].map(|name| used(name, 0)));
        MAX_NODE_SCORE / 2 + (MAX_NODE_SCORE / 2 + with - without) / 2
    }
}
