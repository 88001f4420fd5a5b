//! The selected object, in tabs.

use std::rc::Rc;

use serde_json::Value;
use shared::topology::PodState;
use yew::prelude::*;

use super::events_tab::EventsTab;
use super::icon::{Glyph, Icon};
use super::life_tab::LifeTab;
use super::logs_tab::LogsTab;
use super::node_status::NodeStatus;
use super::pod_links::PodLinks;
use super::pod_status::PodStatus;
use super::service_links::ServiceLinks;
use super::service_status::ServiceStatus;
use super::tab_list::{TabItem, TabList};
use super::terminal_tab::TerminalTab;
use super::yaml_tab::YamlTab;
use crate::hooks::{use_cluster, use_ui, use_words};
use crate::state::cluster::{Cluster, Watched};
use crate::state::connection::Connection;
use crate::state::node;
use crate::state::object::{name, namespace, text, uid};
use crate::state::pod::{columns, state_slug};
use crate::state::ui::{DetailsTab, Selection, UiAction};

/// The details of the selected object.
#[component]
pub fn Details() -> Html {
    let words = use_words();
    let ui = use_ui();
    let cluster = use_cluster().cluster;
    let found = ui.selection.as_ref().and_then(|selection| find(&cluster, selection));
    let is_gone = found.is_none();
    // What was deleted while it was looked at stays in sight, marked as gone.
    let last_seen = use_last_seen(ui.selection.as_ref(), found);
    let Some(selection) = &ui.selection else {
        return html! { <p class="empty">{ words.say("details.nothing") }</p> };
    };
    let items = selection
        .tabs()
        .iter()
        .map(|tab| TabItem { slug: tab.slug(), label: words.member("tab", tab.slug()) })
        .collect::<Vec<_>>();
    let on_choose = {
        let ui = ui.clone();
        Callback::from(move |slug| {
            ui.dispatch(UiAction::Tab(DetailsTab::from_slug(slug).unwrap_or_default()))
        })
    };
    let Some(object) = last_seen else {
        let is_known = cluster.connection() != Connection::Connecting;
        let message = words.say(if is_known { "details.gone" } else { "details.loading" });
        return html! { <><DetailsHead object={None::<Rc<Value>>} is_gone=true /><p class="empty">{ message }</p></> };
    };
    html! {
        <>
            <DetailsHead object={object.clone()} {is_gone} />
            <TabList label={words.say("details.tabs")} prefix="details" {items} current={ui.tab.slug()} {on_choose} />
            <div class={classes!("details__panel", is_gone.then_some("details__panel--gone"))} role="tabpanel" id="details-panel" aria-labelledby={format!("details-tab-{}", ui.tab.slug())}>
                { panel(selection, ui.tab, &object) }
                if matches!(selection, Selection::Pod(_)) {
                    <TerminalTab key={format!("terminal-{}", uid(&object))} pod={object.clone()} {is_gone} is_shown={ui.tab == DetailsTab::Terminal} />
                }
            </div>
        </>
    }
}

/// The object, or what was last seen of it.
#[hook]
fn use_last_seen(selection: Option<&Selection>, object: Option<Rc<Value>>) -> Option<Rc<Value>> {
    let seen = use_mut_ref(|| None::<(Selection, Rc<Value>)>);
    if let (Some(selection), Some(object)) = (selection, object) {
        *seen.borrow_mut() = Some((selection.clone(), object));
    }
    let seen = seen.borrow();
    seen.as_ref().filter(|(of, _)| Some(of) == selection).map(|(_, object)| object.clone())
}

fn find(cluster: &Cluster, selection: &Selection) -> Option<Rc<Value>> {
    match selection {
        Selection::Pod(key) => cluster.of(Watched::Pods).get(key).cloned(),
        Selection::Node(key) => cluster.of(Watched::Nodes).get(key).cloned(),
        Selection::Service(key) => cluster.of(Watched::Services).get(key).cloned(),
    }
}

fn panel(selection: &Selection, tab: DetailsTab, object: &Rc<Value>) -> Html {
    let key = uid(object).to_owned();
    let object = object.clone();
    match (selection, tab) {
        (Selection::Pod(_), DetailsTab::Status) => html! { <PodStatus {key} pod={object} /> },
        (Selection::Pod(_), DetailsTab::Logs) => html! { <LogsTab {key} pod={object} /> },
        (Selection::Pod(_), DetailsTab::Life) => html! { <LifeTab {key} pod={object} /> },
        // Its session goes on behind other tabs, so it is always there.
        (Selection::Pod(_), DetailsTab::Terminal) => Html::default(),
        (_, DetailsTab::Events) => html! { <EventsTab {key} {object} /> },
        (_, DetailsTab::Yaml) => html! { <YamlTab {key} {object} /> },
        (Selection::Node(_), _) => html! { <NodeStatus {key} node={object} /> },
        (Selection::Service(_), _) => html! { <ServiceStatus {key} service={object} /> },
    }
}

#[derive(Properties, PartialEq)]
struct DetailsHeadProps {
    object: Option<Rc<Value>>,
    is_gone: bool,
}

/// Name, state, ways in, and the way out.
#[component]
fn DetailsHead(props: &DetailsHeadProps) -> Html {
    let words = use_words();
    let ui = use_ui();
    let label = words.say("details.close");
    let onclick = move |_| ui.dispatch(UiAction::Deselect);
    html! {
        <div class="details__head">
            if let Some(object) = &props.object {
                <h2 class="details__name">
                    if !namespace(object).is_empty() { <span class="details__namespace">{ namespace(object) }{ "/" }</span> }
                    { name(object) }
                </h2>
                { state(object, props.is_gone, words.say("details.deleted")) }
                if !props.is_gone { { links(object) } }
            }
            <button type="button" class="icon-button details__close" aria-label={label.clone()} title={label} {onclick}><Icon glyph={Glyph::Close} /></button>
        </div>
    }
}

/// The ways in.
fn links(object: &Rc<Value>) -> Html {
    match text(object, "/kind") {
        "Pod" => html! { <PodLinks pod={(**object).clone()} /> },
        "Service" => html! { <ServiceLinks service={object.clone()} /> },
        _ => Html::default(),
    }
}

fn state(object: &Value, is_gone: bool, deleted: String) -> Html {
    if is_gone {
        return html! { <span class="badge"><Icon glyph={Glyph::Stop} />{ deleted }</span> };
    }
    match text(object, "/kind") {
        "Node" => return html! { <span class="badge">{ node::status_word(object) }</span> },
        "Service" => return html! { <span class="badge">{ text(object, "/spec/type") }</span> },
        _ => {}
    }
    let columns = columns(object);
    let state = PodState::of(&columns);
    html! {
        <span class={classes!("badge", "badge--pod", format!("pod--{}", state_slug(state)))}>
            <span class="pod__icon"><Icon glyph={Glyph::of_pod(state)} /></span>{ columns.status }
        </span>
    }
}
