//! The life of a pod: seven steps between five actors, replayed from what the cluster recorded.

use std::rc::Rc;

use gloo::timers::callback::Timeout;
use serde_json::Value;
use yew::prelude::*;

use super::decision_table::DecisionTable;
use super::icon::{Glyph, Icon};
use super::life_step::LifeStep;
use crate::hooks::{use_cluster, use_decision, use_words};
use crate::state::cluster::Watched;
use crate::state::event::about;
use crate::state::life::{Actor, Progress, Sources, Step, tell};
use crate::state::object::{ObjectKey, uid};
use crate::state::pod::condition;
use crate::state::time::{clock, span};

/// How long a step of the replay is shown.
const STEP_MILLIS: u32 = 1_100;
/// How many steps there are.
const STEPS: usize = 7;

/// Properties of [`LifeTab`].
#[derive(Properties, PartialEq)]
pub(super) struct LifeTabProps {
    /// The pod.
    pub pod: Rc<Value>,
}

/// The steps, with a button that plays them one after the other.
#[component]
pub(super) fn LifeTab(props: &LifeTabProps) -> Html {
    let words = use_words();
    let cluster = use_cluster().cluster;
    let shown = use_state(|| STEPS);
    let key = ObjectKey::of(&props.pod);
    let events = about(&cluster.of(Watched::Events), "Pod", &key, uid(&props.pod));
    let steps = tell(&Sources {
        pod: &props.pod,
        audit: cluster.audit.of_pod(&key.namespace, &key.name).collect(),
        events: &events,
        sightings: cluster.sightings(uid(&props.pod)),
    });
    use_effect_with(shown.clone(), |shown| {
        let shown = shown.clone();
        let timer = (*shown < STEPS).then(|| Timeout::new(STEP_MILLIS, move || shown.set(*shown + 1)));
        move || drop(timer)
    });
    let scheduled = condition(&props.pod, "PodScheduled").map(Value::to_string).unwrap_or_default();
    let decision = use_decision(uid(&props.pod), &scheduled);
    let is_playing = *shown < STEPS;
    let replay = {
        let shown = shown.clone();
        Callback::from(move |_: MouseEvent| shown.set(0))
    };
    let actor = |actor: Actor| html! { <li class={format!("life__actor life__actor--{}", actor.slug())}>{ words.member("actor", actor.slug()) }</li> };
    html! {
        <div class={classes!("life", is_playing.then_some("life--playing"))}>
            <div class="life__head">
                <p>{ words.say("life.intro") }</p>
                <button type="button" class="button button--quiet" onclick={replay} disabled={is_playing}>
                    <Icon glyph={Glyph::Replay} />{ words.say("life.replay") }
                </button>
            </div>
            <ul class="life__actors">{ for LANES.map(actor) }</ul>
            <ol class="life__steps">
                { for steps.iter().enumerate().map(|(index, step)| html! {
                    <LifeStep key={step.slug} step={step.clone()} number={index + 1} after={after(&steps, step)}
                        hidden={index > *shown} active={is_playing && index == *shown}>
                        if let Some(decision) = decision.as_ref().filter(|_| step.slug == "decided") {
                            <details class="step__decision">
                                <summary>{ words.say("life.decision") }</summary>
                                <DecisionTable decision={decision.clone()} />
                            </details>
                        }
                    </LifeStep>
                }) }
            </ol>
        </div>
    }
}

/// The actors from left to right.
pub(super) const LANES: [Actor; 5] =
    [Actor::User, Actor::ApiServer, Actor::Store, Actor::Scheduler, Actor::Kubelet];

/// How long after the first step a step came; of the first, the time of day (UTC).
fn after(steps: &[Step], step: &Step) -> String {
    let first = steps.first().and_then(|first| first.at);
    match (first, step.at) {
        (Some(first), Some(at)) if step.progress == Progress::Done => {
            if first == at {
                clock(at)
            } else {
                format!("+{}", span(first, at))
            }
        }
        _ => String::new(),
    }
}
