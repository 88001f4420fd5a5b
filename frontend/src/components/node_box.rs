//! One node with its pods.

use std::rc::Rc;

use serde_json::Value;
use yew::prelude::*;

use super::icon::{Glyph, Icon};
use super::pod_chip::PodChip;
use super::resource_bar::ResourceBar;
use crate::hooks::{use_ui, use_words};
use crate::state::forecast::Usage;
use crate::state::node;
use crate::state::object::{ObjectKey, name, uid};
use crate::state::ui::{Selection, UiAction};

/// Properties of [`NodeBox`].
#[derive(Properties, PartialEq)]
pub(super) struct NodeBoxProps {
    /// The node.
    pub node: Rc<Value>,
    /// Its pods, in order.
    pub pods: Vec<Rc<Value>>,
    /// How many more the filter leaves out.
    pub hidden: usize,
    /// How full it is.
    pub usage: Vec<Usage>,
}

/// A node as a box.
#[component]
pub(super) fn NodeBox(props: &NodeBoxProps) -> Html {
    let words = use_words();
    let ui = use_ui();
    let node = &*props.node;
    let selection = Selection::Node(ObjectKey::of(node));
    let is_selected = ui.selection.as_ref() == Some(&selection);
    let is_ready = node::is_ready(node);
    let is_control_plane = node::is_control_plane(node);
    let onclick = move |_| ui.dispatch(UiAction::Select(selection.clone()));
    let class = classes!(
        "node",
        is_control_plane.then_some("node--control-plane"),
        (!is_ready).then_some("node--not-ready"),
        is_selected.then_some("node--selected"),
    );
    let glyph = if is_control_plane { Glyph::Helm } else { Glyph::Node };
    html! {
        <article {class} aria-label={words.fill("node.label", &[("name", name(node))])}>
            <button type="button" class="node__head" aria-pressed={is_selected.to_string()} {onclick}>
                <Icon {glyph} />
                <span class="node__name">{ name(node) }</span>
                <span class={classes!("badge", if is_ready { "badge--good" } else { "badge--bad" })}>
                    <Icon glyph={if is_ready { Glyph::Check } else { Glyph::Warning }} />{ node::status_word(node) }
                </span>
            </button>
            <div class="node__bars">{ for props.usage.iter().map(|usage| html! { <ResourceBar usage={usage.clone()} /> }) }</div>
            if props.pods.is_empty() {
                <p class="node__empty">{ words.say("node.no-pods") }</p>
            } else {
                <ul class="node__pods">
                    { for props.pods.iter().map(|pod| html! { <li key={uid(pod)}><PodChip pod={pod.clone()} /></li> }) }
                </ul>
            }
            if props.hidden > 0 {
                <p class="node__hidden">{ words.fill("node.hidden", &[("count", &props.hidden.to_string())]) }</p>
            }
        </article>
    }
}
