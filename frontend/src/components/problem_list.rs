//! What is wrong in the text, each with its line.

use yew::prelude::*;

use super::icon::{Glyph, Icon};
use crate::hooks::use_words;
use crate::state::draft::{Problem, Severity};

/// Properties of [`ProblemList`].
#[derive(Properties, PartialEq)]
pub(super) struct ProblemListProps {
    /// The problems, in the order of the text.
    pub problems: Vec<Problem>,
    /// One was chosen: line and column.
    pub on_reveal: Callback<(usize, usize)>,
}

/// The problems as a list of buttons that lead to their lines.
#[component]
pub(super) fn ProblemList(props: &ProblemListProps) -> Html {
    let words = use_words();
    let item = |problem: &Problem| {
        let (class, glyph) = match problem.severity {
            Severity::Error => ("problem problem--error", Glyph::Warning),
            Severity::Warning => ("problem problem--warning", Glyph::HalfCircle),
        };
        let from = problem.from;
        let onclick = props.on_reveal.reform(move |_| from);
        html! {
            <li {class}>
                <button type="button" {onclick}>
                    <Icon {glyph} />
                    <span class="problem__line">{ words.fill("editor.line", &[("line", &from.0.to_string())]) }</span>
                    <span>{ &problem.message }</span>
                </button>
            </li>
        }
    };
    html! { <ul class="problems" aria-live="polite" aria-label={words.say("editor.problems")}>{ for props.problems.iter().map(item) }</ul> }
}
