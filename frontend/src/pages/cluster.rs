//! Editor, topology and details, side by side or one at a time.

use web_sys::HtmlElement;
use yew::prelude::*;

use crate::client::document;
use crate::components::{ConnectionBanner, Details, EditorPane, Header, PaneTabs, Topology};
use crate::hooks::{use_ui, use_words};
use crate::state::ui::{Pane, UiAction};

/// The one page.
#[component]
pub fn ClusterPage() -> Html {
    let ui = use_ui();
    let words = use_words();
    let pane = |pane: Pane| {
        classes!("pane", format!("pane--{}", pane.slug()), (ui.pane == pane).then_some("pane--current"))
    };
    let shows_details = ui.selection.is_some();
    let sections = [use_node_ref(), use_node_ref(), use_node_ref()];
    let shown = Pane::ALL.iter().position(|pane| *pane == ui.pane).map(|index| sections[index].clone());
    let is_new = use_mut_ref(|| true);
    // A part that goes takes the keyboard's place with it: it moves on to the part that is shown now.
    use_effect_with((ui.pane, shows_details), move |_| {
        if is_new.replace(false) {
            return;
        }
        let section = shown.and_then(|shown| shown.cast::<HtmlElement>());
        if let Some(section) = section.filter(|_| document::has_lost_focus()) {
            document::focus(&section);
        }
    });
    let [editor, cluster, details] = sections;
    let on_skip = {
        let (ui, cluster) = (ui.clone(), cluster.clone());
        Callback::from(move |event: MouseEvent| {
            // The address bar belongs to the selection.
            event.prevent_default();
            ui.dispatch(UiAction::Pane(Pane::Cluster));
            if let Some(cluster) = cluster.cast::<HtmlElement>() {
                document::focus(&cluster);
            }
        })
    };
    html! {
        <div class="page">
            <a class="skip-link" href="#topology" onclick={on_skip}>{ words.say("page.skip") }</a>
            <Header />
            <ConnectionBanner />
            <main class={classes!("panes", shows_details.then_some("panes--details"))}>
                <section class={pane(Pane::Editor)} ref={editor} tabindex="-1" aria-label={words.say("pane.editor")}><EditorPane /></section>
                <section class={pane(Pane::Cluster)} ref={cluster} id="topology" tabindex="-1" aria-label={words.say("pane.cluster")}><Topology /></section>
                <section class={pane(Pane::Details)} ref={details} tabindex="-1" aria-label={words.say("pane.details")}><Details /></section>
            </main>
            <PaneTabs />
        </div>
    }
}
