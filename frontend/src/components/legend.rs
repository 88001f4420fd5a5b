//! What the icons mean.

use shared::topology::PodState;
use yew::prelude::*;

use super::icon::{Glyph, Icon};
use crate::hooks::use_words;
use crate::state::pod::state_slug;

/// The states of pods with their icons.
#[component]
pub(super) fn Legend() -> Html {
    let words = use_words();
    let item = |state: PodState| {
        html! {
            <li class={classes!("legend__item", format!("pod--{}", state_slug(state)))}>
                <span class="pod__icon"><Icon glyph={Glyph::of_pod(state)} /></span>{ words.member("state", state_slug(state)) }
            </li>
        }
    };
    html! { <ul class="legend" aria-label={words.say("legend.label")}>{ for PodState::ALL.map(item) }</ul> }
}
