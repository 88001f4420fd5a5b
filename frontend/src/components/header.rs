//! The line at the top: name, connection, filter and switches.

use yew::prelude::*;

use super::brand::Brand;
use super::namespace_picker::NamespacePicker;
use super::switches::{LanguageSwitch, ThemeSwitch};
use crate::hooks::{use_cluster, use_words};
use crate::state::cluster::Watched;
use crate::state::connection::Connection;
use crate::state::node;

/// The page's header.
#[component]
pub fn Header() -> Html {
    let words = use_words();
    let context = use_cluster();
    let connection = context.cluster.connection();
    let nodes = context.cluster.of(Watched::Nodes);
    let ready = nodes.values().filter(|node| node::is_ready(node)).count().to_string();
    let total = nodes.len().to_string();
    let state = match connection {
        Connection::Connecting => "connecting",
        Connection::Live => "live",
        Connection::Lost => "lost",
    };
    html! {
        <header class="header">
            <h1 class="header__title"><Brand /></h1>
            <p class={classes!("connection", format!("connection--{state}"))} role="status">
                <span class="connection__dot" aria-hidden="true"></span>
                <span>{ words.member("connection", state) }</span>
                if connection == Connection::Live {
                    <span class="connection__nodes">{ words.fill("header.nodes", &[("ready", &ready), ("total", &total)]) }</span>
                }
            </p>
            <div class="header__tools">
                <NamespacePicker />
                <LanguageSwitch />
                <ThemeSwitch />
            </div>
        </header>
    }
}
