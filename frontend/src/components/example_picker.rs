//! Puts an example into the editor.

use web_sys::HtmlSelectElement;
use yew::prelude::*;

use crate::hooks::use_words;
use crate::state::examples::{ALL, Example};

/// Properties of [`ExamplePicker`].
#[derive(Properties, PartialEq)]
pub(super) struct ExamplePickerProps {
    /// An example was chosen.
    pub on_pick: Callback<Example>,
}

/// The choice of examples.
#[component]
pub(super) fn ExamplePicker(props: &ExamplePickerProps) -> Html {
    let words = use_words();
    let on_pick = props.on_pick.clone();
    let onchange = Callback::from(move |event: Event| {
        let Some(select) = event.target_dyn_into::<HtmlSelectElement>() else { return };
        if let Some(example) = ALL.iter().find(|example| example.slug == select.value()) {
            on_pick.emit(*example);
        }
        // Back to the title, so that the same example can be picked again.
        select.set_selected_index(0);
    });
    let option = |example: &Example| html! { <option value={example.slug}>{ words.member("example", example.slug) }</option> };
    html! {
        <select class="select" aria-label={words.say("editor.examples")} {onchange}>
            <option value="" selected=true>{ words.say("editor.examples") }</option>
            { for ALL.iter().map(option) }
        </select>
    }
}
