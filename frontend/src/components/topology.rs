//! The cluster as a picture: the pods that wait for a node, and the nodes with their pods.

use yew::prelude::*;

use super::legend::Legend;
use super::node_box::NodeBox;
use super::service_list::ServiceList;
use super::waiting_area::WaitingArea;
use crate::hooks::{LedTo, use_cluster, use_led_to, use_picture, use_words};
use crate::state::cluster::Watched;
use crate::state::forecast::usage;

/// The picture.
#[component]
pub fn Topology() -> Html {
    let words = use_words();
    let context = use_cluster();
    let picture = use_picture();
    let led_to = use_led_to();
    if picture.nodes.is_empty() {
        let is_listed = context.cluster.of(Watched::Nodes).is_listed();
        let text = words.say(if is_listed { "topology.no-nodes" } else { "topology.unknown" });
        return html! { <div class="empty" role="status"><p>{ text }</p></div> };
    }
    html! {
        <div class="topology">
            <WaitingArea slots={picture.waiting.clone()} />
            <ServiceList />
            <ContextProvider<LedTo> context={led_to}><div class="topology__nodes">
                { for picture.nodes.iter().map(|node| html! {
                    <NodeBox key={node.name.clone()} node={node.clone()} usage={usage(&context.decoded.snapshot, &node.name, context.cluster.measured.node(&node.name))} />
                }) }
            </div></ContextProvider<LedTo>>
            <Legend />
        </div>
    }
}
