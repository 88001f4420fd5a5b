//! The first tab of a pod: where it is, what it runs, what it still lacks.

use std::rc::Rc;

use serde_json::Value;
use yew::prelude::*;

use super::condition_list::ConditionList;
use super::container_card::ContainerCard;
use super::facts::Facts;
use crate::hooks::{use_clock, use_cluster, use_words};
use crate::state::measured::Measured;
use crate::state::object::{ObjectKey, entries, items, moment, text};
use crate::state::pod::{columns, node_name, unscheduled_reason};
use crate::state::time::age;

/// Properties of [`PodStatus`].
#[derive(Properties, PartialEq)]
pub(super) struct PodStatusProps {
    /// The pod.
    pub pod: Rc<Value>,
}

/// A pod's status.
#[component]
pub(super) fn PodStatus(props: &PodStatusProps) -> Html {
    let words = use_words();
    let measured = use_cluster().cluster.measured.clone();
    let now = use_clock();
    let pod = &*props.pod;
    let columns = columns(pod);
    let own = |pointer| text(pod, pointer).to_owned();
    let labels = entries(pod, "/metadata/labels")
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect::<Vec<_>>();
    let facts = vec![
        (words.say("pod.node"), node_name(pod).to_owned()),
        (words.say("pod.ip"), own("/status/podIP")),
        (words.say("pod.ready"), format!("{}/{}", columns.ready, columns.total)),
        (words.say("pod.restarts"), columns.restarts.to_string()),
        (words.say("pod.age"), age(moment(pod, "/metadata/creationTimestamp"), now)),
        (words.say("pod.qos"), own("/status/qosClass")),
        (words.say("pod.restart-policy"), own("/spec/restartPolicy")),
        (words.say("pod.labels"), labels.join(", ")),
        (words.say("pod.message"), own("/status/message")),
    ];
    let waiting = if node_name(pod).is_empty() { unscheduled_reason(pod) } else { "" };
    html! {
        <div class="status">
            if !waiting.is_empty() {
                <p class="note note--warning">{ waiting }</p>
            }
            <Facts {facts} />
            <section class="block">
                <h3>{ words.say("details.containers") }</h3>
                <div class="cards">{ containers(pod, &measured, "/spec/initContainers", "/status/initContainerStatuses") }{ containers(pod, &measured, "/spec/containers", "/status/containerStatuses") }</div>
            </section>
            <ConditionList conditions={items(pod, "/status/conditions").to_vec()} />
        </div>
    }
}

fn containers(pod: &Value, measured: &Measured, specs: &str, statuses: &str) -> Html {
    let status_of = |spec: &Value| {
        let statuses = items(pod, statuses).iter();
        statuses
            .into_iter()
            .find(|status| text(status, "/name") == text(spec, "/name"))
            .cloned()
            .unwrap_or_default()
    };
    let key = ObjectKey::of(pod);
    let card = |spec: &Value| html! { <ContainerCard key={text(spec, "/name")} spec={spec.clone()} status={status_of(spec)} used={measured.container(&key, text(spec, "/name"))} /> };
    items(pod, specs).iter().map(card).collect()
}
