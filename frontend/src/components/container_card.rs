//! One container: what it runs and how it fares.

use serde_json::Value;
use yew::prelude::*;

use super::facts::Facts;
use super::icon::{Glyph, Icon};
use crate::hooks::{use_clock, use_words};
use crate::i18n::Words;
use crate::state::measured::Amounts;
use crate::state::object::{integer, items, moment, text, truth};
use crate::state::time::age;

/// Properties of [`ContainerCard`].
#[derive(Properties, PartialEq)]
pub(super) struct ContainerCardProps {
    /// The container of the pod's spec.
    pub spec: Value,
    /// Its status, null before there is one.
    pub status: Value,
    /// What it uses, where that is measured.
    pub used: Option<Amounts>,
}

/// A container's card.
#[component]
pub(super) fn ContainerCard(props: &ContainerCardProps) -> Html {
    let words = use_words();
    let now = use_clock();
    let ContainerCardProps { spec, status, used } = props;
    let state = state_word(status);
    let class = if truth(status, "/ready") { "badge badge--good" } else { "badge" };
    let glyph = if truth(status, "/ready") { Glyph::Play } else { Glyph::HalfCircle };
    let since =
        moment(status, "/state/running/startedAt").or_else(|| moment(status, "/state/terminated/finishedAt"));
    let facts = vec![
        (words.say("container.image"), text(spec, "/image").to_owned()),
        (words.say("container.command"), command(spec)),
        (words.say("container.ports"), ports(spec)),
        (words.say("container.since"), since.map(|since| age(Some(since), now)).unwrap_or_default()),
        (words.say("container.restarts"), integer(status, "/restartCount").to_string()),
        (words.say("container.exit"), exit(&words, status.pointer("/state/terminated"))),
        (words.say("container.last"), exit(&words, status.pointer("/lastState/terminated"))),
        (words.say("container.message"), text(status, "/state/waiting/message").to_owned()),
        (words.say("container.requests"), quantities(spec, "/resources/requests")),
        (words.say("container.limits"), quantities(spec, "/resources/limits")),
        (words.say("container.used"), used.map(said).unwrap_or_default()),
        (words.say("container.mounts"), mounts(spec)),
    ];
    html! {
        <article class="card">
            <h4 class="card__title">{ text(spec, "/name") }<span {class}><Icon {glyph} />{ state }</span></h4>
            <Facts {facts} />
        </article>
    }
}

/// `Running`, or why it does not run.
fn state_word(status: &Value) -> String {
    let reasons = ["/state/waiting/reason", "/state/terminated/reason"];
    let reason = reasons.into_iter().map(|pointer| text(status, pointer)).find(|reason| !reason.is_empty());
    let is_running = status.pointer("/state/running").is_some();
    reason.unwrap_or(if is_running { "Running" } else { "Waiting" }).to_owned()
}

fn exit(words: &Words, terminated: Option<&Value>) -> String {
    let Some(terminated) = terminated else { return String::new() };
    let code = integer(terminated, "/exitCode").to_string();
    words.fill("container.exited", &[("reason", text(terminated, "/reason")), ("code", &code)])
}

fn command(spec: &Value) -> String {
    let parts = items(spec, "/command").iter().chain(items(spec, "/args"));
    parts.filter_map(Value::as_str).collect::<Vec<_>>().join(" ")
}

fn ports(spec: &Value) -> String {
    let port = |port: &Value| {
        let protocol = text(port, "/protocol");
        format!("{}/{}", integer(port, "/containerPort"), if protocol.is_empty() { "TCP" } else { protocol })
    };
    items(spec, "/ports").iter().map(port).collect::<Vec<_>>().join(", ")
}

/// In the words of requests and limits.
fn said(used: Amounts) -> String {
    format!("cpu {}, memory {}", used.cpu(), used.memory())
}

fn quantities(spec: &Value, pointer: &str) -> String {
    let map = spec.pointer(pointer).and_then(Value::as_object);
    let print = |(name, amount): (&String, &Value)| {
        format!("{name} {}", amount.as_str().map_or_else(|| amount.to_string(), str::to_owned))
    };
    map.into_iter().flatten().map(print).collect::<Vec<_>>().join(", ")
}

fn mounts(spec: &Value) -> String {
    let mount = |mount: &Value| format!("{} ← {}", text(mount, "/mountPath"), text(mount, "/name"));
    items(spec, "/volumeMounts").iter().map(mount).collect::<Vec<_>>().join(", ")
}
