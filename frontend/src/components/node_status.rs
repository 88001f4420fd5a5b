//! The first tab of a node.

use std::rc::Rc;

use serde_json::Value;
use yew::prelude::*;

use super::condition_list::ConditionList;
use super::facts::Facts;
use crate::hooks::{use_clock, use_cluster, use_words};
use crate::state::node;
use crate::state::object::{items, moment, name, text};
use crate::state::time::age;

/// Properties of [`NodeStatus`].
#[derive(Properties, PartialEq)]
pub(super) struct NodeStatusProps {
    /// The node.
    pub node: Rc<Value>,
}

/// A node's status.
#[component]
pub(super) fn NodeStatus(props: &NodeStatusProps) -> Html {
    let words = use_words();
    let now = use_clock();
    let node = &*props.node;
    let own = |pointer| text(node, pointer).to_owned();
    let used = use_cluster().cluster.measured.node(name(node));
    let address =
        items(node, "/status/addresses").iter().find(|address| text(address, "/type") == "InternalIP");
    let system = format!(
        "{} · {}",
        text(node, "/status/nodeInfo/operatingSystem"),
        text(node, "/status/nodeInfo/architecture")
    );
    let facts = vec![
        (words.say("node.roles"), node::roles(node).join(", ")),
        (
            words.say("node.address"),
            address.map(|address| text(address, "/address").to_owned()).unwrap_or_default(),
        ),
        (words.say("node.pod-cidr"), own("/spec/podCIDR")),
        (words.say("node.taints"), node::taints(node).join(", ")),
        (words.say("node.kubelet"), own("/status/nodeInfo/kubeletVersion")),
        (words.say("node.runtime"), own("/status/nodeInfo/containerRuntimeVersion")),
        (words.say("node.system"), system.trim_matches([' ', '·']).to_owned()),
        (words.say("node.cpu"), own("/status/allocatable/cpu")),
        (words.say("node.memory"), own("/status/allocatable/memory")),
        (words.say("node.cpu-used"), used.map(|used| used.cpu()).unwrap_or_default()),
        (words.say("node.memory-used"), used.map(|used| used.memory()).unwrap_or_default()),
        (words.say("node.pods"), own("/status/allocatable/pods")),
        (words.say("pod.age"), age(moment(node, "/metadata/creationTimestamp"), now)),
    ];
    html! {
        <div class="status">
            <Facts {facts} />
            <ConditionList conditions={items(node, "/status/conditions").to_vec()} />
        </div>
    }
}
