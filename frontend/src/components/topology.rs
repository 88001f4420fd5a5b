//! The cluster as a picture: nodes with their pods, and the pods that wait for a node.

use std::rc::Rc;

use serde_json::Value;
use yew::prelude::*;

use super::legend::Legend;
use super::node_box::NodeBox;
use super::waiting_area::WaitingArea;
use crate::hooks::{use_cluster, use_snapshot, use_ui, use_words};
use crate::state::cluster::{Cluster, Watched};
use crate::state::forecast::usage;
use crate::state::node;
use crate::state::object::{name, namespace, text, uid};
use crate::state::pod::node_name;
use crate::state::ui::NamespaceFilter;

/// The picture.
#[component]
pub fn Topology() -> Html {
    let cluster = use_cluster().cluster;
    let ui = use_ui();
    let words = use_words();
    let snapshot = use_snapshot();
    let nodes = nodes_in_place(&cluster);
    let pods = pods_in_order(&cluster);
    if nodes.is_empty() {
        let is_listed = cluster.of(Watched::Nodes).is_listed();
        let key = if is_listed { "topology.no-nodes" } else { "topology.unknown" };
        return html! { <div class="empty"><p>{ words.say(key) }</p></div> };
    }
    let shown_on = |node: &Value| shown(&pods, node, &ui.namespaces);
    let is_placed = |pod: &Rc<Value>| nodes.iter().any(|node| name(node) == node_name(pod));
    let waiting: Vec<_> = pods
        .iter()
        .filter(|pod| !is_placed(pod) && ui.namespaces.shows(namespace(pod), false))
        .cloned()
        .collect();
    html! {
        <div class="topology">
            <div class="topology__nodes">
                { for nodes.iter().map(|node| html! {
                    <NodeBox key={uid(node)} node={node.clone()} pods={shown_on(node)} hidden={hidden(&pods, node, &ui.namespaces)}
                        usage={usage(&snapshot, name(node))} />
                }) }
            </div>
            <WaitingArea pods={waiting} />
            <Legend />
        </div>
    }
}

fn nodes_in_place(cluster: &Cluster) -> Vec<Rc<Value>> {
    let mut nodes: Vec<_> = cluster.of(Watched::Nodes).values().cloned().collect();
    nodes.sort_by_key(|node| node::place(node));
    nodes
}

/// Oldest first, so that a pod keeps its place when others come.
fn pods_in_order(cluster: &Cluster) -> Vec<Rc<Value>> {
    let mut pods: Vec<_> = cluster.of(Watched::Pods).values().cloned().collect();
    pods.sort_by_cached_key(|pod| {
        (text(pod, "/metadata/creationTimestamp").to_owned(), name(pod).to_owned())
    });
    pods
}

fn shown(pods: &[Rc<Value>], node: &Value, filter: &NamespaceFilter) -> Vec<Rc<Value>> {
    let on_control_plane = node::is_control_plane(node);
    let is_shown =
        |pod: &&Rc<Value>| node_name(pod) == name(node) && filter.shows(namespace(pod), on_control_plane);
    pods.iter().filter(is_shown).cloned().collect()
}

/// How many pods of the node the filter leaves out.
fn hidden(pods: &[Rc<Value>], node: &Value, filter: &NamespaceFilter) -> usize {
    let all = pods.iter().filter(|pod| node_name(pod) == name(node)).count();
    all - shown(pods, node, filter).len()
}
