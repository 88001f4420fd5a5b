//! A scheduler's decision in full: every node, what refused it or how each plugin scored it.

use shared::scheduler::decision::{Detail, NodeDecision, PluginScore, Rejection, Verdict};
use shared::scheduler::{Decision, Outcome};
use yew::prelude::*;

use super::decision_detail::explain;
use super::icon::{Glyph, Icon};
use crate::hooks::use_words;
use crate::i18n::Words;

/// Properties of [`DecisionTable`].
#[derive(Properties, PartialEq)]
pub(super) struct DecisionTableProps {
    /// The decision.
    pub decision: Decision,
}

/// One block for each node.
#[component]
pub(super) fn DecisionTable(props: &DecisionTableProps) -> Html {
    let words = use_words();
    let chosen = match &props.decision.outcome {
        Outcome::Bound { node } => Some(node),
        Outcome::Unschedulable { .. } => None,
    };
    let node = |decision: &NodeDecision| {
        let is_chosen = props.decision.tied.contains(&decision.node) || chosen == Some(&decision.node);
        let body = match &decision.verdict {
            Verdict::Filtered { plugin, rejections } => {
                rejections.iter().map(|rejection| refusal(&words, plugin, rejection)).collect::<Html>()
            }
            Verdict::Feasible { scores, total } => html! {
                <>
                    { for scores.iter().map(score) }
                    <tr class="decision__total"><th scope="row">{ words.say("forecast.total") }</th><td></td><td class="table__number">{ total }</td></tr>
                </>
            },
        };
        let glyph = match (&decision.verdict, is_chosen) {
            (Verdict::Filtered { .. }, _) => Glyph::Close,
            (_, true) => Glyph::Check,
            _ => Glyph::HalfCircle,
        };
        html! {
            <tbody key={decision.node.clone()} class={classes!("decision__node", is_chosen.then_some("decision__node--chosen"))}>
                <tr><th scope="rowgroup" colspan="3"><Icon {glyph} />{ &decision.node }</th></tr>
                { body }
            </tbody>
        }
    };
    html! { <div class="scroll-x"><table class="table decision">{ for props.decision.nodes.iter().map(node) }</table></div> }
}

fn refusal(words: &Words, plugin: &str, rejection: &Rejection) -> Html {
    let detail = |detail: &Detail| html! { <p class="decision__detail">{ explain(words, detail) }</p> };
    html! {
        <tr>
            <th scope="row">{ plugin }</th>
            <td class="table__wide" colspan="2">{ &rejection.reason }{ for rejection.details.iter().map(detail) }</td>
        </tr>
    }
}

fn score(score: &PluginScore) -> Html {
    html! {
        <tr>
            <th scope="row">{ &score.plugin }</th>
            <td class="table__number">{ format!("{} × {}", score.normalized, score.weight) }</td>
            <td class="table__number">{ score.weighted }</td>
        </tr>
    }
}
