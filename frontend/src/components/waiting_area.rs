//! Pods without a node, and why. The area is always there, so that nothing moves when a pod comes.

use shared::topology::Item;
use yew::prelude::*;

use super::icon::{Glyph, Icon};
use super::pod_item::PodItem;
use crate::hooks::use_words;

/// Properties of [`WaitingArea`].
#[derive(Properties, PartialEq)]
pub(super) struct WaitingAreaProps {
    /// The pods that wait, each at its slot.
    pub slots: Vec<Option<Item>>,
}

/// The place of pods that the scheduler has not placed.
#[component]
pub(super) fn WaitingArea(props: &WaitingAreaProps) -> Html {
    let words = use_words();
    let waiting: Vec<_> = props.slots.iter().flatten().collect();
    let class = classes!("waiting", (!waiting.is_empty()).then_some("waiting--busy"));
    let item = |item: &&Item| {
        let reason =
            item.pods.first().and_then(|pod| pod.waiting.as_ref()).map(|waiting| waiting.message.clone());
        html! {
            <li key={item.key.clone()} class="waiting__item">
                <PodItem item={(*item).clone()} node="" />
                <p class="waiting__reason">{ reason.unwrap_or_else(|| words.say("waiting.no-reason")) }</p>
            </li>
        }
    };
    html! {
        <section {class} aria-labelledby="waiting-title">
            <h2 id="waiting-title" class="waiting__title"><Icon glyph={Glyph::Hourglass} />{ words.say("waiting.title") }</h2>
            if waiting.is_empty() {
                <p class="waiting__none">{ words.say("waiting.none") }</p>
            } else {
                <ul class="waiting__list">{ for waiting.iter().map(item) }</ul>
            }
        </section>
    }
}
