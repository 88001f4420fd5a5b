//! One step of a pod's life: an arrow between two actors, what happened, and when.

use web_sys::Element;
use yew::prelude::*;

use super::icon::{Glyph, Icon};
use super::life_tab::LANES;
use crate::client::document;
use crate::hooks::use_words;
use crate::state::life::{Actor, Progress, Step};
use crate::state::time::clock;

/// Properties of [`LifeStep`].
#[derive(Properties, PartialEq)]
pub(super) struct LifeStepProps {
    /// The step.
    pub step: Step,
    /// Its number, from 1.
    pub number: usize,
    /// How long after the first step it came.
    pub after: String,
    /// Whether the replay has not come to it.
    pub hidden: bool,
    /// Whether the replay is at it.
    pub active: bool,
    /// More about it.
    #[prop_or_default]
    pub children: Children,
}

/// A step as a row.
#[component]
pub(super) fn LifeStep(props: &LifeStepProps) -> Html {
    let words = use_words();
    let LifeStepProps { step, number, after, hidden, active, .. } = props;
    let row = use_node_ref();
    use_effect_with((*active, row.clone()), |(active, row)| {
        if let Some(row) = row.cast::<Element>().filter(|_| *active) {
            document::reveal(&row);
        }
    });
    let (state, glyph) = match step.progress {
        Progress::Done => ("done", Glyph::Check),
        Progress::Current => ("current", Glyph::Progress),
        Progress::Troubled => ("troubled", Glyph::Warning),
        Progress::Ahead => ("ahead", Glyph::HalfCircle),
    };
    let class = classes!(
        "step",
        format!("step--{state}"),
        hidden.then_some("step--hidden"),
        active.then_some("step--active")
    );
    let fact = |(label, value): &(&str, String)| html! { <span class="step__fact"><b>{ words.member("fact", label) }</b>{ " " }{ value }</span> };
    html! {
        <li {class} ref={row} aria-current={active.then_some("step")}>
            <div class="step__lanes" aria-hidden="true">{ arrow(step) }</div>
            <div class="step__text">
                <h4><span class="step__number">{ number }</span>{ words.say(&format!("step.{}.title", step.slug)) }
                    <span class={classes!("mark", format!("mark--{state}"))}><Icon {glyph} /><span class="visually-hidden">{ words.member("progress", state) }</span></span>
                </h4>
                <p>{ words.say(&format!("step.{}.text", step.slug)) }</p>
                <p class="step__facts">{ for step.facts.iter().map(fact) }</p>
                { props.children.clone() }
            </div>
            <time class="step__time" title={step.at.map(clock)}>{ after }</time>
        </li>
    }
}

/// The arrow from lane to lane; an actor that thinks for itself has a dot.
fn arrow(step: &Step) -> Html {
    let (from, to) = (lane(step.from), lane(step.to));
    let (left, right) = (from.min(to), from.max(to));
    let class = match from.cmp(&to) {
        std::cmp::Ordering::Less => "arrow arrow--right",
        std::cmp::Ordering::Equal => "arrow arrow--self",
        std::cmp::Ordering::Greater => "arrow arrow--left",
    };
    let style = format!("--left: {left}; --right: {right}");
    html! { <span {class} {style}></span> }
}

fn lane(actor: Actor) -> usize {
    LANES.iter().position(|lane| *lane == actor).unwrap_or_default()
}
