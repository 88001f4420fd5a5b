//! The ways into a Service: its ports, opened through the API server's proxy, which goes to an endpoint that is ready.

use std::rc::Rc;

use serde_json::Value;
use yew::prelude::*;

use super::port_link::PortLink;
use crate::hooks::use_cluster;
use crate::state::cluster::Watched;
use crate::state::object::{name, namespace};
use crate::state::service::{endpoints, open_ports, ready};

/// Properties of [`ServiceLinks`].
#[derive(Properties, PartialEq)]
pub(super) struct ServiceLinksProps {
    /// The Service.
    pub service: Rc<Value>,
}

/// Links to the Service's ports, while anybody answers there.
#[component]
pub(super) fn ServiceLinks(props: &ServiceLinksProps) -> Html {
    let slices = use_cluster().cluster.of(Watched::EndpointSlices);
    let service = &*props.service;
    if ready(&endpoints(&slices, service)) == 0 {
        return Html::default();
    }
    let link = |port: i64| {
        let href =
            format!("/api/v1/namespaces/{}/services/{}:{port}/proxy/", namespace(service), name(service));
        html! { <PortLink {href} {port} /> }
    };
    html! { <>{ for open_ports(service).into_iter().map(link) }</> }
}
