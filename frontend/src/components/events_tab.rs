//! What components reported about an object, the newest last.

use std::rc::Rc;

use serde_json::Value;
use yew::prelude::*;

use super::icon::{Glyph, Icon};
use crate::hooks::{use_clock, use_cluster, use_words};
use crate::state::cluster::Watched;
use crate::state::event::{about, count, last_seen, reporter};
use crate::state::object::{ObjectKey, text, uid};
use crate::state::time::age;

/// Properties of [`EventsTab`].
#[derive(Properties, PartialEq)]
pub(super) struct EventsTabProps {
    /// The object the events are about.
    pub object: Rc<Value>,
}

/// The events of an object, live.
#[component]
pub(super) fn EventsTab(props: &EventsTabProps) -> Html {
    let words = use_words();
    let now = use_clock();
    let cluster = use_cluster().cluster;
    let object = &*props.object;
    let events =
        about(&cluster.of(Watched::Events), text(object, "/kind"), &ObjectKey::of(object), uid(object));
    if events.is_empty() {
        return html! { <p class="empty">{ words.say("events.none") }</p> };
    }
    let row = |event: &Rc<Value>| {
        let is_warning = text(event, "/type") == "Warning";
        let (class, glyph) =
            if is_warning { ("mark mark--bad", Glyph::Warning) } else { ("mark mark--good", Glyph::Check) };
        let times = count(event);
        html! {
            <tr key={uid(event)}>
                <td class="table__number">{ age(last_seen(event), now) }{ if times > 1 { format!(" ×{times}") } else { String::new() } }</td>
                <th scope="row"><span {class}><Icon {glyph} />{ text(event, "/reason") }</span></th>
                <td>{ reporter(event) }</td>
                <td class="table__wide">{ text(event, "/message") }</td>
            </tr>
        }
    };
    html! {
        <div class="scroll-x">
            <table class="table">
                <thead><tr>
                    <th scope="col">{ words.say("events.age") }</th><th scope="col">{ words.say("events.reason") }</th>
                    <th scope="col">{ words.say("events.from") }</th><th scope="col">{ words.say("events.message") }</th>
                </tr></thead>
                <tbody>{ for events.iter().map(row) }</tbody>
            </table>
        </div>
    }
}
