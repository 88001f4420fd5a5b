//! The ways into a running pod: its ports, opened through the API server's pod proxy.

use serde_json::Value;
use shared::topology::PodState;
use yew::prelude::*;

use super::port_link::PortLink;
use crate::state::object::{integer, items, name, namespace, text};
use crate::state::pod::columns;

/// The port of a pod that names none: that of the web.
const DEFAULT_PORT: i64 = 80;

/// Properties of [`PodLinks`].
#[derive(Properties, PartialEq)]
pub(super) struct PodLinksProps {
    /// The pod.
    pub pod: Value,
}

/// Links to the pod's ports, while it runs and has an address.
#[component]
pub(super) fn PodLinks(props: &PodLinksProps) -> Html {
    let pod = &props.pod;
    let runs = matches!(PodState::of(&columns(pod)), PodState::Running | PodState::NotReady);
    if !runs || text(pod, "/status/podIP").is_empty() || namespace(pod) == "kube-system" {
        return Html::default();
    }
    let link = |port: i64| {
        let href = format!("/api/v1/namespaces/{}/pods/{}:{port}/proxy/", namespace(pod), name(pod));
        html! { <PortLink {href} {port} /> }
    };
    html! { <>{ for ports(pod).into_iter().map(link) }</> }
}

/// The TCP ports that the containers declare.
fn ports(pod: &Value) -> Vec<i64> {
    let declared = items(pod, "/spec/containers").iter().flat_map(|container| items(container, "/ports"));
    let tcp = declared.filter(|port| matches!(text(port, "/protocol"), "" | "TCP"));
    let ports: Vec<_> = tcp.map(|port| integer(port, "/containerPort")).collect();
    if ports.is_empty() { vec![DEFAULT_PORT] } else { ports }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::ports;

    #[test]
    fn a_pod_that_declares_no_port_should_be_opened_at_80() {
        let pod = |ports: serde_json::Value| json!({"spec": {"containers": [{"ports": ports}]}});
        assert_eq!(ports(&pod(json!([]))), [80]);
        assert_eq!(
            ports(&pod(json!([{"containerPort": 8080}, {"containerPort": 53, "protocol": "UDP"}]))),
            [8080]
        );
    }
}
