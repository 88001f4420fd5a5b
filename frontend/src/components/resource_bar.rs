//! How much of a resource of a node is asked for, and how much is used.

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
    let asked = words.fill("resource.title", &[("resource", &label), ("amounts", &props.usage.label())]);
    let used = props.usage.used_label().map(|amount| words.fill("resource.used", &[("amount", &amount)]));
    let title = [Some(asked), used].into_iter().flatten().collect::<Vec<_>>().join(" · ");
    let full = (percent >= 90).then_some("bar--full");
    html! {
        <div class={classes!("bar", full)} {title}>
            <span class="bar__label">{ label.clone() }</span>
            <span class="bar__track" role="meter" aria-label={label} aria-valuemin="0" aria-valuemax="100" aria-valuenow={percent.to_string()}>
                <span class="bar__fill" style={format!("width: {}%", percent.min(100))}></span>
                if let Some(used) = props.usage.used_percent() {
                    <span class="bar__used" style={format!("left: {}%", used.min(100))}></span>
                }
            </span>
            <span class="bar__amount">{ props.usage.label() }</span>
        </div>
    }
}
