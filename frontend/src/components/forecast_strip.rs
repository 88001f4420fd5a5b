//! Where the pod in the editor would land if it were applied now.

use serde_json::Value;
use shared::scheduler::decision::Verdict;
use shared::scheduler::{Decision, Outcome};
use yew::prelude::*;

use super::decision_table::DecisionTable;
use super::icon::{Glyph, Icon};
use crate::hooks::{use_cluster, use_words};
use crate::i18n::Words;
use crate::state::cluster::Watched;
use crate::state::collection::Collection;
use crate::state::forecast::forecast;
use crate::state::object::ObjectKey;
use crate::state::pod::node_name;

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
    let context = use_cluster();
    let decoded = context.decoded.clone();
    let decision = use_memo((decoded, props.pod.clone()), |(decoded, pod)| {
        let has_nodes = decoded.snapshot.nodes().len() > 0;
        pod.as_ref().filter(|_| has_nodes).and_then(|pod| forecast(&decoded.snapshot, pod))
    });
    if let Some(node) =
        props.pod.as_ref().and_then(|pod| present_node(&context.cluster.of(Watched::Pods), pod))
    {
        return html! {
            <p class="forecast forecast--present">
                <Icon glyph={Glyph::Node} /><span>{ words.fill("forecast.present", &[("node", &node)]) }</span>
            </p>
        };
    }
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

/// The node of the pod if it is there already: a pod is never moved, so there is nothing to foretell.
fn present_node(pods: &Collection, pod: &Value) -> Option<String> {
    let mut key = ObjectKey::of(pod);
    if key.namespace.is_empty() {
        key.namespace = "default".to_owned();
    }
    let node = node_name(pods.get(&key)?);
    (!node.is_empty()).then(|| node.to_owned())
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
