//! One node with its pods, each at its slot.

use shared::topology::{Item, NodeBox as View};
use yew::prelude::*;

use super::icon::{Glyph, Icon};
use super::pod_item::PodItem;
use super::resource_bar::ResourceBar;
use crate::hooks::{use_ui, use_words};
use crate::state::forecast::Usage;
use crate::state::node::status_of;
use crate::state::object::ObjectKey;
use crate::state::ui::{Selection, UiAction};

/// Properties of [`NodeBox`].
#[derive(Properties, PartialEq)]
pub(super) struct NodeBoxProps {
    /// The node.
    pub node: View,
    /// How full it is, with the pods that the filter hides.
    pub usage: Vec<Usage>,
}

/// A node as a box.
#[component]
pub(super) fn NodeBox(props: &NodeBoxProps) -> Html {
    let words = use_words();
    let ui = use_ui();
    let node = &props.node;
    let selection = Selection::Node(ObjectKey::new("", &node.name));
    let is_selected = ui.selection.as_ref() == Some(&selection);
    let onclick = move |_| ui.dispatch(UiAction::Select(selection.clone()));
    let class =
        classes!("node", (!node.ready).then_some("node--not-ready"), is_selected.then_some("node--selected"));
    html! {
        <article {class} aria-label={words.fill("node.label", &[("name", &node.name)])}>
            <button type="button" class="node__head" aria-pressed={is_selected.to_string()} {onclick}>
                <Icon glyph={if node.control_plane { Glyph::Helm } else { Glyph::Node }} />
                <span class="node__name">{ &node.name }</span>
                <span class={classes!("badge", if node.ready { "badge--good" } else { "badge--bad" })}>
                    <Icon glyph={if node.ready { Glyph::Check } else { Glyph::Warning }} />{ status(node) }
                </span>
            </button>
            <div class="node__bars">{ for props.usage.iter().map(|usage| html! { <ResourceBar usage={usage.clone()} /> }) }</div>
            { pods(node, words.say("node.no-pods")) }
        </article>
    }
}

/// The STATUS column of `kubectl get nodes`.
fn status(node: &View) -> String {
    let known = node.conditions.iter().find(|condition| condition.type_ == "Ready");
    status_of(known.map(|condition| condition.status.as_str()), node.cordoned)
}

/// The pods at their slots; a free slot between them keeps its place.
fn pods(node: &View, none: String) -> Html {
    let last = node.slots.iter().rposition(Option::is_some);
    let Some(last) = last else { return html! { <p class="node__empty">{ none }</p> } };
    let slot = |(index, slot): (usize, &Option<Item>)| match slot {
        Some(item) => {
            html! { <li key={item.key.clone()}><PodItem item={item.clone()} node={node.name.clone()} /></li> }
        }
        None => html! { <li key={format!("free-{index}")} class="node__free" aria-hidden="true"></li> },
    };
    html! { <ul class="node__pods">{ for node.slots[..=last].iter().enumerate().map(slot) }</ul> }
}
