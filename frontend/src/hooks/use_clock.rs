//! The present, once a second.

use gloo::timers::callback::Interval;
use jiff::Timestamp;
use yew::prelude::*;

use crate::client::clock;

/// The present moment; the component is drawn again each second.
#[hook]
pub fn use_clock() -> Timestamp {
    let now = use_state(clock::now);
    let tick = now.setter();
    use_effect_with((), move |()| {
        let interval = Interval::new(1_000, move || tick.set(clock::now()));
        move || drop(interval)
    });
    *now
}
