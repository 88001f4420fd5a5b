//! Pods without a node, and why.

use std::rc::Rc;

use serde_json::Value;
use yew::prelude::*;

use super::icon::{Glyph, Icon};
use super::pod_chip::PodChip;
use crate::hooks::use_words;
use crate::state::object::uid;
use crate::state::pod::unscheduled_reason;

/// Properties of [`WaitingArea`].
#[derive(Properties, PartialEq)]
pub(super) struct WaitingAreaProps {
    /// The pods that wait.
    pub pods: Vec<Rc<Value>>,
}

/// The place of pods that the scheduler has not placed.
#[component]
pub(super) fn WaitingArea(props: &WaitingAreaProps) -> Html {
    let words = use_words();
    if props.pods.is_empty() {
        return Html::default();
    }
    let waiting = |pod: &Rc<Value>| {
        let reason = unscheduled_reason(pod);
        let reason = if reason.is_empty() { words.say("waiting.no-reason") } else { reason.to_owned() };
        html! {
            <li key={uid(pod)} class="waiting__item">
                <PodChip pod={pod.clone()} />
                <p class="waiting__reason">{ reason }</p>
            </li>
        }
    };
    html! {
        <section class="waiting" aria-labelledby="waiting-title">
            <h2 id="waiting-title" class="waiting__title"><Icon glyph={Glyph::Hourglass} />{ words.say("waiting.title") }</h2>
            <ul class="waiting__list">{ for props.pods.iter().map(waiting) }</ul>
        </section>
    }
}
