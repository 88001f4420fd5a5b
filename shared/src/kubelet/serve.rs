//! On which port of its pod a container is served whose program does not listen itself.
//!
//! An HTTP component says nothing of ports: it is served on the one that its container declares. A program that
//! knows no network is started once a connection where an annotation of its pod says so, as inetd does:
//! `inetd.kijabi.dev/CONTAINER: "PORT"`.

use k8s_openapi::api::core::v1::{Container, ContainerPort, Pod};

/// What the annotations begin with that put a container into inetd mode; its name follows.
pub const INETD_ANNOTATION_PREFIX: &str = "inetd.kijabi.dev/";

/// Port of an HTTP component that declares none, as containerd's shims for WebAssembly have it.
pub const DEFAULT_HTTP_PORT: u16 = 8080;

/// The port of an HTTP component: the one that is called `http`, else the first one of TCP.
#[must_use]
pub fn http_port(container: &Container) -> u16 {
    let ports = || container.ports.iter().flatten().filter(|port| is_tcp(port));
    let named = ports().find(|port| port.name.as_deref() == Some("http"));
    let port = named.or_else(|| ports().next()).and_then(|port| u16::try_from(port.container_port).ok());
    port.unwrap_or(DEFAULT_HTTP_PORT)
}

fn is_tcp(port: &ContainerPort) -> bool {
    port.protocol.as_deref().is_none_or(|protocol| protocol == "TCP")
}

/// The port on which a container's program is started once a connection.
#[must_use]
pub fn inetd_port(pod: &Pod, container: &str) -> Option<u16> {
    let annotations = pod.metadata.annotations.as_ref()?;
    parse_port(annotations.get(&format!("{INETD_ANNOTATION_PREFIX}{container}"))?)
}

/// A port as an annotation has it: digits alone, and not 0.
#[must_use]
pub fn parse_port(text: &str) -> Option<u16> {
    let is_plain = text.starts_with(|c: char| matches!(c, '1'..='9'));
    text.parse().ok().filter(|_| is_plain)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn http_port_should_be_the_declared_one() {
        let cases = [
            (json!([]), 8080),
            (json!([{"containerPort": 80}, {"containerPort": 81}]), 80),
            (json!([{"containerPort": 53, "protocol": "UDP"}, {"containerPort": 81, "protocol": "TCP"}]), 81),
            (json!([{"containerPort": 9090, "name": "metrics"}, {"containerPort": 80, "name": "http"}]), 80),
        ];
        for (ports, expected) in cases {
            let container = serde_json::from_value(json!({"name": "a", "ports": ports})).unwrap();
            assert_eq!(http_port(&container), expected, "{ports}");
        }
    }

    #[test]
    fn annotation_should_put_the_named_container_alone_into_inetd_mode() {
        let pod: Pod = serde_json::from_value(json!({
            "metadata": {"annotations": {"inetd.kijabi.dev/web": "8080", "inetd.kijabi.dev/db": "+1"}},
        }))
        .unwrap();
        for (container, port) in [("web", Some(8080)), ("db", None), ("other", None)] {
            assert_eq!(inetd_port(&pod, container), port, "{container}");
        }
    }
}
