//! Where the pod in the editor would land if it were applied now.

use serde_json::Value;
use shared::scheduler::decision::Verdict;
use shared::scheduler::{Decision, Outcome};
use yew::prelude::*;

use super::decision_table::DecisionTable;
use super::icon::{Glyph, Icon};
use crate::hooks::{use_cluster, use_words};
use crate::i18n::Words;
use crate::state::forecast::forecast;

/// Properties of [`ForecastStrip`].
#[derive(Properties, PartialEq)]
pub(super) struct ForecastStripProps {
    /// The pod in the editor, if there is a good one.
    pub pod: Option<Value>,
}

/// The forecast, to be unfolded to the whole decision.
#[component]
pub(super) fn ForecastStrip(props: &ForecastStripProps) -> Html {
    let words = use_words();
    let decoded = use_cluster().decoded;
    let decision = use_memo((decoded, props.pod.clone()), |(decoded, pod)| {
        let has_nodes = decoded.snapshot.nodes().len() > 0;
        pod.as_ref().filter(|_| has_nodes).and_then(|pod| forecast(&decoded.snapshot, pod))
    });
    let Some(decision) = &*decision else { return Html::default() };
    let (class, glyph) = match decision.outcome {
        Outcome::Bound { .. } => ("forecast forecast--lands", Glyph::Node),
        Outcome::Unschedulable { .. } => ("forecast forecast--waits", Glyph::Hourglass),
    };
    html! {
        <details {class}>
            <summary><Icon {glyph} /><span>{ sentence(&words, decision) }</span></summary>
            <DecisionTable decision={decision.clone()} />
        </details>
    }
}

fn sentence(words: &Words, decision: &Decision) -> Html {
    let node = match &decision.outcome {
        Outcome::Unschedulable { message, .. } => {
            return html! { <><strong>{ words.say("forecast.waits") }</strong>{ " " }{ message }</> };
        }
        Outcome::Bound { node } => node,
    };
    let feasible =
        decision.nodes.iter().filter(|node| matches!(node.verdict, Verdict::Feasible { .. })).count();
    let why = match (decision.tied.is_empty(), feasible) {
        (false, _) => words.fill("forecast.tied", &[("nodes", &decision.tied.join(", "))]),
        (true, 1) => words.say("forecast.only"),
        (true, _) => words.fill("forecast.best", &[("count", &feasible.to_string())]),
    };
    let lands = if decision.tied.is_empty() { node.clone() } else { decision.tied.join(" / ") };
    html! { <><strong>{ words.fill("forecast.lands", &[("node", &lands)]) }</strong>{ " " }{ why }</> }
}
