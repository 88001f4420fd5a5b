//! The plugins, one a file, in upstream's order.

mod image_locality;
mod node_affinity;
mod node_name;
mod node_ports;
mod node_resources_balanced_allocation;
mod node_resources_fit;
mod node_selector_term;
mod node_unschedulable;
pub(crate) mod scheduling_gates;
mod taint_toleration;
pub(crate) mod toleration;
mod volume_binding;
mod volume_restrictions;
mod volume_zone;

#[cfg(test)]
mod tests;

use k8s_openapi::api::core::v1::{Node, NodeSelector};

use super::framework::Plugin;

/// A plugin and how much its score counts; 0 for plugins that give none.
pub struct Registered {
    /// The plugin.
    pub plugin: &'static dyn Plugin,
    /// Upstream's default weight.
    pub weight: i64,
}

/// The plugins in the order in which they are asked, with upstream's weights.
///
/// See `getDefaultPlugins` in upstream's `pkg/scheduler/apis/config/v1/default_plugins.go`.
pub const PLUGINS: &[Registered] = &[
    Registered { plugin: &scheduling_gates::SchedulingGates, weight: 0 },
    Registered { plugin: &node_unschedulable::NodeUnschedulable, weight: 0 },
    Registered { plugin: &node_name::NodeName, weight: 0 },
    Registered { plugin: &taint_toleration::TaintToleration, weight: 3 },
    Registered { plugin: &node_affinity::NodeAffinity, weight: 2 },
    Registered { plugin: &node_ports::NodePorts, weight: 0 },
    Registered { plugin: &node_resources_fit::NodeResourcesFit, weight: 1 },
    Registered { plugin: &volume_restrictions::VolumeRestrictions, weight: 0 },
    Registered { plugin: &volume_binding::VolumeBinding, weight: 0 },
    Registered { plugin: &volume_zone::VolumeZone, weight: 0 },
    Registered { plugin: &node_resources_balanced_allocation::NodeResourcesBalancedAllocation, weight: 1 },
    Registered { plugin: &image_locality::ImageLocality, weight: 1 },
];

/// Whether a node meets one of the selector's terms.
pub(crate) fn node_selector_matches(selector: &NodeSelector, node: &Node) -> bool {
    let mut terms = selector.node_selector_terms.iter();
    terms.any(|term| node_selector_term::mismatch(0, term, node).is_ok())
}

/// The plugin of that name.
pub fn plugin(name: &str) -> Option<&'static dyn Plugin> {
    PLUGINS.iter().map(|entry| entry.plugin).find(|plugin| plugin.name() == name)
}
