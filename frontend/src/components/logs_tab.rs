//! What a container prints, as it prints it.

use std::rc::Rc;

use serde_json::Value;
use web_sys::Element;
use yew::prelude::*;

use super::container_picker::ContainerPicker;
use crate::client::document;
use crate::client::http::RequestError;
use crate::client::log::LogRequest;
use crate::hooks::{LogState, use_log, use_words};
use crate::state::containers::{containers, meant};
use crate::state::object::{name, namespace};

/// Properties of [`LogsTab`].
#[derive(Properties, PartialEq)]
pub(super) struct LogsTabProps {
    /// The pod.
    pub pod: Rc<Value>,
}

/// The log of one container of a pod.
#[component]
pub(super) fn LogsTab(props: &LogsTabProps) -> Html {
    let words = use_words();
    let pod = &*props.pod;
    let containers = containers(pod);
    let chosen = use_state(|| None::<String>);
    let previous = use_state(|| false);
    let container = meant(pod, &containers, chosen.as_deref());
    let current = container.map(|container| container.name.clone()).unwrap_or_default();
    let run = container.map(|container| container.run.clone()).unwrap_or_default();
    let request = LogRequest {
        namespace: namespace(pod).to_owned(),
        pod: name(pod).to_owned(),
        container: current.clone(),
        previous: *previous,
    };
    let log = use_log(&request, &run);
    let on_choose = {
        let chosen = chosen.setter();
        Callback::from(move |name| chosen.set(Some(name)))
    };
    let toggle = {
        let previous = previous.clone();
        Callback::from(move |_: Event| previous.set(!*previous))
    };
    html! {
        <div class="logs">
            <div class="logs__tools">
                <ContainerPicker {containers} {current} {on_choose} />
                <label class="check"><input type="checkbox" checked={*previous} onchange={toggle} />{ words.say("logs.previous") }</label>
                <span class={classes!("logs__state", log.following.then_some("logs__state--live"))}>
                    { words.say(if log.following { "logs.live" } else { "logs.ended" }) }
                </span>
            </div>
            <LogText {log} />
        </div>
    }
}

#[derive(Properties, PartialEq)]
struct LogTextProps {
    log: Rc<LogState>,
}

/// The lines; the end stays in sight as long as the reader is there.
#[component]
fn LogText(props: &LogTextProps) -> Html {
    let words = use_words();
    let text = use_node_ref();
    let follows = use_mut_ref(|| true);
    let last_line = props.log.lines.numbered().last().map(|(number, line)| (number, line.len()));
    {
        let (text, follows) = (text.clone(), follows.clone());
        use_effect_with(last_line, move |_| {
            if let Some(element) = text.cast::<Element>().filter(|_| *follows.borrow()) {
                document::scroll_to_end(&element);
            }
        });
    }
    let onscroll = {
        let text = text.clone();
        Callback::from(move |_: Event| {
            *follows.borrow_mut() =
                text.cast::<Element>().is_none_or(|element| document::is_at_end(&element));
        })
    };
    let line = |(number, line): (usize, &str)| html! { <span key={number} class="log__line">{ line }{ "\n" }</span> };
    html! {
        <pre class="log" ref={text} {onscroll} tabindex="0" aria-label={words.say("logs.label")}>
            if let Some(error) = &props.log.error {
                <span class="log__note">{ explain(error, &words.say("error.unreachable")) }</span>
            } else if props.log.lines.is_empty() {
                <span class="log__note">{ words.say("logs.empty") }</span>
            }
            { for props.log.lines.numbered().map(line) }
        </pre>
    }
}

fn explain(error: &RequestError, unreachable: &str) -> String {
    match error {
        RequestError::Unreachable => unreachable.to_owned(),
        RequestError::Unsent(message) => (*message).to_owned(),
        RequestError::Status { message, .. } => message.clone(),
    }
}
