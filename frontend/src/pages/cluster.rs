//! Editor, topology and details, side by side or one at a time.

use yew::prelude::*;

use crate::components::{ConnectionBanner, Details, EditorPane, Header, PaneTabs, Topology};
use crate::hooks::{use_ui, use_words};
use crate::state::ui::Pane;

/// The one page.
#[component]
pub fn ClusterPage() -> Html {
    let ui = use_ui();
    let words = use_words();
    let pane = |pane: Pane| {
        classes!("pane", format!("pane--{}", pane.slug()), (ui.pane == pane).then_some("pane--current"))
    };
    let shows_details = ui.selection.is_some();
    html! {
        <div class="page">
            <a class="skip-link" href="#topology">{ words.say("page.skip") }</a>
            <Header />
            <ConnectionBanner />
            <main class={classes!("panes", shows_details.then_some("panes--details"))}>
                <section class={pane(Pane::Editor)} aria-label={words.say("pane.editor")}><EditorPane /></section>
                <section class={pane(Pane::Cluster)} id="topology" tabindex="-1" aria-label={words.say("pane.cluster")}><Topology /></section>
                <section class={pane(Pane::Details)} aria-label={words.say("pane.details")}><Details /></section>
            </main>
            <PaneTabs />
        </div>
    }
}
