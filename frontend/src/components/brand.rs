//! The name and the helm.

use yew::prelude::*;

/// The page's name with its sign.
#[component]
pub(super) fn Brand() -> Html {
    html! {
        <span class="brand">
            <svg class="brand__helm" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
                <circle cx="16" cy="16" r="8.5" /><circle cx="16" cy="16" r="2.6" />
                <path d="M16 1.5v29M1.5 16h29M5.75 5.75l20.5 20.5M26.25 5.75L5.75 26.25" />
            </svg>
            <span class="brand__name">{ "Kijabi" }</span>
        </span>
    }
}
