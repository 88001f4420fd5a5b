//! What the server answered to the last apply or delete.

use yew::prelude::*;

use super::icon::{Glyph, Icon};
use crate::client::apply::Outcome;
use crate::hooks::use_words;

/// Properties of [`OutcomeList`].
#[derive(Properties, PartialEq)]
pub(super) struct OutcomeListProps {
    /// One for each document that was sent.
    pub outcomes: Vec<Outcome>,
}

/// The answers, in kubectl's words.
#[component]
pub(super) fn OutcomeList(props: &OutcomeListProps) -> Html {
    let words = use_words();
    let item = |outcome: &Outcome| {
        let (class, glyph) = match outcome.succeeded {
            true => ("outcome outcome--good", Glyph::Check),
            false => ("outcome outcome--bad", Glyph::Warning),
        };
        html! {
            <li {class}>
                <Icon {glyph} /><span class="outcome__message">{ &outcome.message }</span>
                { for outcome.warnings.iter().map(|warning| html! { <span class="outcome__warning">{ words.fill("editor.warning", &[("warning", warning)]) }</span> }) }
            </li>
        }
    };
    html! { <ul class="outcomes" role="status" aria-label={words.say("editor.outcomes")}>{ for props.outcomes.iter().map(item) }</ul> }
}
