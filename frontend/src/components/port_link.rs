//! A way into something that listens: a link to one of its ports, in another window.

use yew::prelude::*;

use super::icon::{Glyph, Icon};
use crate::hooks::use_words;

/// Properties of [`PortLink`].
#[derive(Properties, PartialEq)]
pub(super) struct PortLinkProps {
    /// Where it leads.
    pub href: String,
    /// The port.
    pub port: i64,
}

/// The link.
#[component]
pub(super) fn PortLink(props: &PortLinkProps) -> Html {
    let words = use_words();
    html! {
        <a class="button button--quiet" href={props.href.clone()} target="_blank" rel="noopener">
            <Icon glyph={Glyph::External} />{ words.fill("details.open", &[("port", &props.port.to_string())]) }
        </a>
    }
}
