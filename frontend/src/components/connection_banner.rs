//! Says that the cluster does not answer, and goes away by itself.

use yew::prelude::*;

use super::icon::{Glyph, Icon};
use crate::hooks::{use_cluster, use_words};
use crate::state::connection::Connection;

/// The banner of a lost connection.
#[component]
pub fn ConnectionBanner() -> Html {
    let words = use_words();
    let context = use_cluster();
    if context.cluster.connection() != Connection::Lost {
        return Html::default();
    }
    let onclick = context.retry.reform(|_| ());
    html! {
        <div class="banner" role="alert">
            <Icon glyph={Glyph::Offline} />
            <p><strong>{ words.say("banner.lost") }</strong>{ " " }{ words.say("banner.retrying") }</p>
            <button type="button" class="button button--quiet" {onclick}>{ words.say("banner.retry") }</button>
        </div>
    }
}
