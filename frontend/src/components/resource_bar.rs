//! How much of a resource of a node is asked for.

use yew::prelude::*;

use crate::hooks::use_words;
use crate::state::forecast::Usage;

/// Properties of [`ResourceBar`].
#[derive(Properties, PartialEq)]
pub(super) struct ResourceBarProps {
    /// The resource.
    pub usage: Usage,
}

/// A bar with its figures.
#[component]
pub(super) fn ResourceBar(props: &ResourceBarProps) -> Html {
    let words = use_words();
    let Usage { resource, .. } = props.usage;
    let percent = props.usage.percent();
    let label = words.member("resource", resource);
    let full = (percent >= 90).then_some("bar--full");
    html! {
        <div class={classes!("bar", full)} title={words.fill("resource.title", &[("resource", &label), ("amounts", &props.usage.label())])}>
            <span class="bar__label">{ label.clone() }</span>
            <span class="bar__track" role="meter" aria-label={label} aria-valuemin="0" aria-valuemax="100" aria-valuenow={percent.to_string()}>
                <span class="bar__fill" style={format!("width: {}%", percent.min(100))}></span>
            </span>
            <span class="bar__amount">{ props.usage.label() }</span>
        </div>
    }
}
