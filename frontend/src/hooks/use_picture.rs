//! The cluster as the picture shows it: `shared`'s topology, each picture made from the one before,
//! so that what stays keeps its place.

use std::rc::Rc;

use k8s_openapi::api::core::v1::{Node, Pod};
use serde::de::DeserializeOwned;
use shared::topology::{Objects, Topology};
use yew::prelude::*;

use super::{use_cluster, use_ui};
use crate::state::cluster::Watched;
use crate::state::collection::Collection;
use crate::state::node::roles;
use crate::state::object::{ObjectKey, namespace};
use crate::state::pod::node_name;
use crate::state::ui::NamespaceFilter;

/// Equal pods on one node are stacked when there are more of them than this.
const STACK_ABOVE: usize = 6;

struct Inputs {
    nodes: Rc<Collection>,
    pods: Rc<Collection>,
    filter: NamespaceFilter,
}

impl PartialEq for Inputs {
    /// Collections are replaced, never changed, so the allocation tells.
    fn eq(&self, other: &Inputs) -> bool {
        Rc::ptr_eq(&self.nodes, &other.nodes)
            && Rc::ptr_eq(&self.pods, &other.pods)
            && self.filter == other.filter
    }
}

impl Inputs {
    fn shown_pods(&self) -> Vec<Pod> {
        let on_control_plane = |node: &str| {
            let node = self.nodes.get(&ObjectKey::new("", node));
            node.is_some_and(|node| roles(node).contains(&"control-plane"))
        };
        let is_shown =
            |pod: &serde_json::Value| self.filter.shows(namespace(pod), on_control_plane(node_name(pod)));
        self.pods.values().filter(|pod| is_shown(pod)).filter_map(|pod| typed(pod)).collect()
    }

    fn picture(&self, before: &Topology) -> Topology {
        let nodes: Vec<Node> = self.nodes.values().filter_map(|node| typed(node)).collect();
        let pods = self.shown_pods();
        before.next(&Objects {
            nodes: &nodes.iter().collect::<Vec<_>>(),
            pods: &pods.iter().collect::<Vec<_>>(),
            services: &[],
            stack_above: STACK_ABOVE,
        })
    }
}

fn typed<T: DeserializeOwned>(value: &serde_json::Value) -> Option<T> {
    T::deserialize(value).ok()
}

/// The picture of what the page knows and the user wants to see.
#[hook]
pub fn use_picture() -> Rc<Topology> {
    let cluster = use_cluster().cluster;
    let filter = use_ui().namespaces.clone();
    let before = use_mut_ref(Topology::default);
    let inputs = Inputs { nodes: cluster.of(Watched::Nodes), pods: cluster.of(Watched::Pods), filter };
    use_memo(inputs, |inputs| {
        let picture = inputs.picture(&before.borrow());
        before.replace(picture.clone());
        picture
    })
}
