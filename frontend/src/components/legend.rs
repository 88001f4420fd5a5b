//! What the icons mean.

use yew::prelude::*;

use super::icon::{Glyph, Icon};
use crate::hooks::use_words;
use crate::state::pod::PodState;

/// The states of pods with their icons.
#[component]
pub(super) fn Legend() -> Html {
    let words = use_words();
    let item = |state: PodState| {
        html! {
            <li class={classes!("legend__item", format!("pod--{}", state.slug()))}>
                <span class="pod__icon"><Icon glyph={Glyph::of_pod(state)} /></span>{ words.member("state", state.slug()) }
            </li>
        }
    };
    html! { <ul class="legend" aria-label={words.say("legend.label")}>{ for PodState::ALL.map(item) }</ul> }
}
