//! The first tab of a Service.

use std::rc::Rc;

use serde_json::Value;
use yew::prelude::*;

use super::facts::Facts;
use crate::hooks::{use_clock, use_cluster, use_ui, use_words};
use crate::state::cluster::Watched;
use crate::state::object::{ObjectKey, moment, namespace, text};
use crate::state::service::{self, Endpoint, EndpointState};
use crate::state::time::age;
use crate::state::ui::{Selection, UiAction};

/// Properties of [`ServiceStatus`].
#[derive(Properties, PartialEq)]
pub(super) struct ServiceStatusProps {
    /// The Service.
    pub service: Rc<Value>,
}

/// How a Service is reached, and where it leads.
#[component]
pub(super) fn ServiceStatus(props: &ServiceStatusProps) -> Html {
    let words = use_words();
    let now = use_clock();
    let ui = use_ui();
    let cluster = use_cluster().cluster;
    let object = &*props.service;
    let endpoints = service::endpoints(&cluster.of(Watched::EndpointSlices), object);
    let own = |pointer| text(object, pointer).to_owned();
    let affinity = Some(text(object, "/spec/sessionAffinity"))
        .filter(|affinity| *affinity != "None")
        .unwrap_or_default();
    let facts = vec![
        (words.say("services.type"), own("/spec/type")),
        (words.say("services.cluster-ip"), own("/spec/clusterIP")),
        (words.say("services.external"), service::external(object).join(", ")),
        (words.say("services.ports"), service::ports(object).join(", ")),
        (words.say("services.selector"), service::selector(object)),
        (words.say("services.affinity"), affinity.to_owned()),
        (words.say("pod.age"), age(moment(object, "/metadata/creationTimestamp"), now)),
    ];
    let row = |endpoint: &Endpoint| {
        let (pod, _) = &endpoint.pod;
        let selection = Selection::Pod(ObjectKey::new(namespace(object), pod));
        let ui = ui.clone();
        let onclick = move |_| ui.dispatch(UiAction::Select(selection.clone()));
        let class = if endpoint.state == EndpointState::Ready { "mark mark--good" } else { "mark mark--bad" };
        html! {
            <tr key={endpoint.address.clone()}>
                <th scope="row">{ &endpoint.address }</th>
                <td>
                    if pod.is_empty() { { "–" } } else { <button type="button" class="link" {onclick}>{ pod }</button> }
                </td>
                <td>{ &endpoint.node }</td>
                <td><span {class}>{ words.member("endpoint", endpoint.state.slug()) }</span></td>
            </tr>
        }
    };
    html! {
        <div class="status">
            <Facts {facts} />
            <section class="block">
                <h3>{ words.say("services.endpoints") }</h3>
                if endpoints.is_empty() {
                    <p class="note note--warning">{ words.say("services.no-endpoints") }</p>
                } else {
                    <div class="scroll-x"><table class="table">
                        <thead><tr>
                            <th scope="col">{ words.say("services.address") }</th><th scope="col">{ words.say("services.pod") }</th>
                            <th scope="col">{ words.say("pod.node") }</th><th scope="col">{ words.say("services.state") }</th>
                        </tr></thead>
                        <tbody>{ for endpoints.iter().map(row) }</tbody>
                    </table></div>
                }
            </section>
        </div>
    }
}
