//! What a container prints, as it prints it.

use std::rc::Rc;

use serde_json::Value;
use web_sys::{Element, HtmlSelectElement};
use yew::prelude::*;

use crate::client::document;
use crate::client::http::RequestError;
use crate::client::log::LogRequest;
use crate::hooks::{LogState, use_log, use_words};
use crate::state::object::{items, name, namespace, text};
use crate::state::pod::container_names;

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
    let containers = container_names(pod);
    let chosen = use_state(|| None::<String>);
    let previous = use_state(|| false);
    let default = text(pod, "/spec/containers/0/name").to_owned();
    let container = chosen.as_ref().filter(|chosen| containers.contains(chosen)).cloned().unwrap_or(default);
    let request = LogRequest {
        namespace: namespace(pod).to_owned(),
        pod: name(pod).to_owned(),
        container: container.clone(),
        previous: *previous,
    };
    let log = use_log(&request, &run_of(pod, &container));
    let onchange = Callback::from(move |event: Event| {
        chosen.set(event.target_dyn_into::<HtmlSelectElement>().map(|select| select.value()));
    });
    let toggle = {
        let previous = previous.clone();
        Callback::from(move |_: Event| previous.set(!*previous))
    };
    let option = |name: &String| html! { <option value={name.clone()} selected={*name == container}>{ name }</option> };
    html! {
        <div class="logs">
            <div class="logs__tools">
                <label class="field">
                    <span class="field__label">{ words.say("logs.container") }</span>
                    <select class="select" {onchange}>{ for containers.iter().map(option) }</select>
                </label>
                <label class="check"><input type="checkbox" checked={*previous} onchange={toggle} />{ words.say("logs.previous") }</label>
                <span class={classes!("logs__state", log.following.then_some("logs__state--live"))}>
                    { words.say(if log.following { "logs.live" } else { "logs.ended" }) }
                </span>
            </div>
            <LogText {log} />
        </div>
    }
}

/// The ID of the container's run, so that a restarted container's log is followed anew.
fn run_of(pod: &Value, container: &str) -> String {
    let lists = ["/status/initContainerStatuses", "/status/containerStatuses"];
    let statuses = lists.into_iter().flat_map(|list| items(pod, list));
    let own = statuses.into_iter().find(|status| text(status, "/name") == container);
    own.map(|status| text(status, "/containerID").to_owned()).unwrap_or_default()
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
