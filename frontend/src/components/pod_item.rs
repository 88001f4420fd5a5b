//! What takes one slot of the picture: a pod, or a stack of equal ones that unfolds.

use shared::topology::Item;
use yew::prelude::*;

use super::icon::{Glyph, Icon};
use super::pod_chip::PodChip;
use crate::hooks::use_words;
use crate::state::pod::state_slug;

/// Properties of [`PodItem`].
#[derive(Properties, PartialEq)]
pub(super) struct PodItemProps {
    /// The pod or pods.
    pub item: Item,
    /// The node they are on, empty for none.
    pub node: AttrValue,
}

/// A pod, or a stack.
#[component]
pub(super) fn PodItem(props: &PodItemProps) -> Html {
    let words = use_words();
    let chip = |pod: &shared::topology::PodView| html! { <PodChip key={pod.uid.clone()} pod={pod.clone()} node={props.node.clone()} /> };
    let [first, _, ..] = props.item.pods.as_slice() else {
        return props.item.pods.iter().map(chip).collect();
    };
    let owner = first.name.rsplit_once('-').map_or(first.name.as_str(), |(owner, _)| owner);
    let count = props.item.count().to_string();
    let state = |(state, count): (shared::topology::PodState, usize)| {
        html! {
            <span class={classes!("stack__state", format!("pod--{}", state_slug(state)))} title={words.member("state", state_slug(state))}>
                <span class="pod__icon"><Icon glyph={Glyph::of_pod(state)} /></span>{ count }
            </span>
        }
    };
    html! {
        <details class="stack">
            <summary>
                <span class="stack__name">{ owner }</span>
                <span class="stack__count">{ words.fill("stack.count", &[("count", &count)]) }</span>
                <span class="stack__states">{ for props.item.states().into_iter().map(state) }</span>
            </summary>
            <div class="stack__pods">{ for props.item.pods.iter().map(chip) }</div>
        </details>
    }
}
