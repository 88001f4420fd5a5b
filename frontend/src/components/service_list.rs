//! The Services of the picture. Without one there is nothing to see.

use std::rc::Rc;

use serde_json::Value;
use yew::prelude::*;

use super::icon::{Glyph, Icon};
use crate::hooks::{use_cluster, use_ui, use_words};
use crate::state::cluster::Watched;
use crate::state::object::{ObjectKey, name, namespace, text, uid};
use crate::state::service::{endpoints, ports, ready, shown};
use crate::state::ui::{Selection, UiAction};

/// Services that can be opened, each with how many of its pods are ready.
#[component]
pub(super) fn ServiceList() -> Html {
    let words = use_words();
    let ui = use_ui();
    let cluster = use_cluster().cluster;
    let services = shown(&cluster.of(Watched::Services), &ui.namespaces);
    if services.is_empty() {
        return Html::default();
    }
    let slices = cluster.of(Watched::EndpointSlices);
    let chip = |service: &Rc<Value>| {
        let endpoints = endpoints(&slices, service);
        let (ready, total) = (ready(&endpoints).to_string(), endpoints.len().to_string());
        let selection = Selection::Service(ObjectKey::of(service));
        let is_selected = ui.selection.as_ref() == Some(&selection);
        let count = words.fill("services.ready", &[("ready", &ready), ("total", &total)]);
        let place = [("name", name(service)), ("namespace", namespace(service)), ("ready", &count)];
        let label = words.fill("services.label", &place);
        let ui = ui.clone();
        let onclick = move |_| ui.dispatch(UiAction::Select(selection.clone()));
        let reached = [vec![text(service, "/spec/type").to_owned()], ports(service)].concat().join(" · ");
        html! {
            <li key={uid(service)}>
                <button type="button" class={classes!("service", (ready == "0").then_some("service--idle"))}
                    aria-pressed={is_selected.to_string()} aria-label={label} title={name(service).to_owned()} {onclick}>
                    <Icon glyph={Glyph::Service} />
                    <span class="service__name">{ name(service) }</span>
                    <span class="service__ready">{ count }</span>
                    <span class="service__ports">{ reached }</span>
                    if namespace(service) != "default" {
                        <span class="service__namespace">{ namespace(service) }</span>
                    }
                </button>
            </li>
        }
    };
    html! {
        <section class="services" aria-labelledby="services-title">
            <h2 id="services-title" class="services__title"><Icon glyph={Glyph::Service} />{ words.say("services.title") }</h2>
            <ul class="services__list">{ for services.iter().map(chip) }</ul>
        </section>
    }
}
