//! Which pods the picture shows.

use web_sys::HtmlSelectElement;
use yew::prelude::*;

use crate::hooks::{use_cluster, use_ui, use_words};
use crate::state::cluster::Watched;
use crate::state::object::name;
use crate::state::ui::{NamespaceFilter, UiAction};

/// The values of the two choices that are no namespace; a namespace's name has no colon.
const USUAL: &str = ":usual";
const EVERYTHING: &str = ":everything";

/// Chooses the namespace whose pods are shown.
#[component]
pub(super) fn NamespacePicker() -> Html {
    let words = use_words();
    let ui = use_ui();
    let cluster = use_cluster().cluster;
    let current = value_of(&ui.namespaces);
    let onchange = {
        let ui = ui.clone();
        Callback::from(move |event: Event| {
            let Some(select) = event.target_dyn_into::<HtmlSelectElement>() else { return };
            ui.dispatch(UiAction::Namespaces(filter_of(&select.value())));
        })
    };
    let option = |value: &str, label: String| {
        html! { <option value={value.to_owned()} selected={value == current}>{ label }</option> }
    };
    let namespaces = cluster.of(Watched::Namespaces);
    // A namespace that is gone stays to be seen as the choice until there is another.
    let gone = match &ui.namespaces {
        NamespaceFilter::Only(only) if namespaces.values().all(|namespace| name(namespace) != only) => {
            Some(only.clone())
        }
        _ => None,
    };
    html! {
        <label class="field">
            <span class="field__label">{ words.say("header.namespace") }</span>
            <select class="select" {onchange}>
                { option(USUAL, words.say("namespaces.usual")) }
                { option(EVERYTHING, words.say("namespaces.everything")) }
                { for namespaces.values().map(|namespace| option(name(namespace), name(namespace).to_owned())) }
                { for gone.map(|gone| option(&gone, gone.clone())) }
            </select>
        </label>
    }
}

fn value_of(filter: &NamespaceFilter) -> String {
    match filter {
        NamespaceFilter::Usual => USUAL.to_owned(),
        NamespaceFilter::Everything => EVERYTHING.to_owned(),
        NamespaceFilter::Only(namespace) => namespace.clone(),
    }
}

fn filter_of(value: &str) -> NamespaceFilter {
    match value {
        USUAL => NamespaceFilter::Usual,
        EVERYTHING => NamespaceFilter::Everything,
        namespace => NamespaceFilter::Only(namespace.to_owned()),
    }
}
