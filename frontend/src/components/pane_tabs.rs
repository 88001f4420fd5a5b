//! On a narrow screen: which part of the page is shown.

use yew::prelude::*;

use crate::hooks::{use_ui, use_words};
use crate::state::ui::{Pane, UiAction};

/// The bar at the bottom of narrow screens.
#[component]
pub fn PaneTabs() -> Html {
    let words = use_words();
    let ui = use_ui();
    let button = |pane: Pane| {
        let is_current = ui.pane == pane;
        let ui = ui.clone();
        let onclick = move |_| ui.dispatch(UiAction::Pane(pane));
        html! {
            <button type="button" aria-current={is_current.then_some("true")} {onclick}>
                { words.member("pane", pane.slug()) }
            </button>
        }
    };
    html! { <nav class="pane-tabs" aria-label={words.say("pane.label")}>{ for Pane::ALL.map(button) }</nav> }
}
