//! The cluster as the picture shows it: `shared`'s topology, each picture made from the one before,
//! so that what stays keeps its place.

use std::rc::Rc;

use k8s_openapi::api::core::v1::{Node, Pod};
use shared::scheduler::snapshot::assigned_node;
use shared::topology::{Objects, Topology};
use yew::prelude::*;

use super::use_decoded::SharedDecoded;
use super::{use_cluster, use_ui};
use crate::state::ui::NamespaceFilter;

/// Equal pods on one node are stacked when there are more of them than this.
const STACK_ABOVE: usize = 6;
/// The label of nodes that run the control plane.
const CONTROL_PLANE_LABEL: &str = "node-role.kubernetes.io/control-plane";

/// The picture of what the page knows and the user wants to see.
#[hook]
pub fn use_picture() -> Rc<Topology> {
    let decoded = use_cluster().decoded;
    let filter = use_ui().namespaces.clone();
    let before = use_mut_ref(Topology::default);
    use_memo((decoded, filter), |(decoded, filter)| {
        let picture = next(&before.borrow(), decoded, filter);
        before.replace(picture.clone());
        picture
    })
}

fn next(before: &Topology, decoded: &SharedDecoded, filter: &NamespaceFilter) -> Topology {
    let nodes: Vec<&Node> = decoded.nodes.iter().filter_map(|node| node.downcast_ref()).collect();
    let pods = decoded.pods.iter().filter_map(|pod| pod.downcast_ref());
    let pods: Vec<&Pod> = pods.filter(|pod| is_shown(pod, decoded, filter)).collect();
    before.next(&Objects { nodes: &nodes, pods: &pods, services: &[], stack_above: STACK_ABOVE })
}

fn is_shown(pod: &Pod, decoded: &SharedDecoded, filter: &NamespaceFilter) -> bool {
    let node = assigned_node(pod).and_then(|name| decoded.snapshot.node(name));
    let labels = node.and_then(|info| info.node().metadata.labels.as_ref());
    let on_control_plane = labels.is_some_and(|labels| labels.contains_key(CONTROL_PLANE_LABEL));
    filter.shows(pod.metadata.namespace.as_deref().unwrap_or_default(), on_control_plane)
}
