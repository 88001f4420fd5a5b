//! Asks a container's probes, from its node through the pod network.
//!
//! Follows `pkg/probe/http` and `pkg/probe/tcp` and `pkg/kubelet/prober/prober.go` of
//! kubernetes/kubernetes. A probe that may take so long takes real seconds, whatever the cluster's clock says.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Request, header};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::{Container, HTTPGetAction, HTTPHeader, Probe, TCPSocketAction};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use shared::kubelet::probe::ProbeKind;
use tokio::time::timeout;

use crate::network::PodNetwork;

/// What the kubelet calls itself before a program.
const USER_AGENT: &str = "kube-probe/1.37";

/// Asks a container's probe of this kind; the error is what the event says.
pub(super) async fn ask(
    node: &PodNetwork,
    pod: Ipv4Addr,
    container: &Container,
    kind: ProbeKind,
) -> Result<(), String> {
    let Some(probe) = kind.of(container) else { return Ok(()) };
    match (&probe.http_get, &probe.tcp_socket) {
        (Some(action), _) => get(node, pod, container, action, limit(probe)).await,
        (_, Some(action)) => connect(node, pod, container, action, limit(probe)).await,
        _ => Ok(()),
    }
}

fn limit(probe: &Probe) -> Duration {
    let seconds = probe.timeout_seconds.and_then(|seconds| u64::try_from(seconds).ok());
    Duration::from_secs(seconds.filter(|seconds| *seconds > 0).unwrap_or(1))
}

/// A port by number, or by the name that the container gave it.
fn port(container: &Container, port: &IntOrString) -> Result<u16, String> {
    let number = match port {
        IntOrString::Int(number) => Some(*number),
        IntOrString::String(name) => {
            let ports = container.ports.iter().flatten();
            let named = ports.into_iter().find(|port| port.name.as_deref() == Some(name));
            named.map(|port| port.container_port).or_else(|| name.parse().ok())
        }
    };
    let valid = number.and_then(|number| u16::try_from(number).ok()).filter(|number| *number > 0);
    valid.ok_or_else(|| match port {
        IntOrString::Int(number) => format!("invalid port number: {number}"),
        IntOrString::String(name) => format!("couldn't find port: {name:?}"),
    })
}

/// The pod's address, or the one that the probe names.
fn address(pod: Ipv4Addr, host: Option<&str>, port: u16) -> Result<SocketAddr, String> {
    let ip = match host.filter(|host| !host.is_empty()) {
        None => IpAddr::V4(pod),
        Some(host) => host.parse().map_err(|_| format!("dial tcp: lookup {host}: no such host"))?,
    };
    Ok(SocketAddr::new(ip, port))
}

async fn connect(
    node: &PodNetwork,
    pod: Ipv4Addr,
    container: &Container,
    action: &TCPSocketAction,
    limit: Duration,
) -> Result<(), String> {
    let address = address(pod, action.host.as_deref(), port(container, &action.port)?)?;
    match timeout(limit, node.dial(address)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(error.told(address)),
        Err(_) => Err(format!("dial tcp {address}: i/o timeout")),
    }
}

async fn get(
    node: &PodNetwork,
    pod: Ipv4Addr,
    container: &Container,
    action: &HTTPGetAction,
    limit: Duration,
) -> Result<(), String> {
    let path = action.path.as_deref().filter(|path| !path.is_empty()).unwrap_or("/");
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    let number = port(container, &action.port)?;
    let address = address(pod, action.host.as_deref(), number);
    let url = match &address {
        Ok(address) => format!("http://{address}{path}"),
        Err(_) => format!("http://{}:{number}{path}", action.host.as_deref().unwrap_or_default()),
    };
    let failed = |error: String| format!("Get {url:?}: {error}");
    let address = address.map_err(failed)?;
    let request = request(address, &path, action.http_headers.as_deref().unwrap_or_default())?;
    let code = match timeout(limit, send(node, address, request)).await {
        Ok(code) => code.map_err(failed)?,
        Err(_) => {
            let late = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)";
            return Err(failed(late.into()));
        }
    };
    match code {
        200..400 => Ok(()),
        code => Err(format!("HTTP probe failed with statuscode: {code}")),
    }
}

fn request(address: SocketAddr, path: &str, headers: &[HTTPHeader]) -> Result<Request<Body>, String> {
    let mut request =
        Request::get(path).body(Body::empty()).map_err(|error| format!("invalid path {path:?}: {error}"))?;
    let own = request.headers_mut();
    own.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
    own.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
    own.insert(header::CONNECTION, HeaderValue::from_static("close"));
    if let Ok(host) = HeaderValue::from_str(&address.to_string()) {
        own.insert(header::HOST, host);
    }
    for HTTPHeader { name, value } in headers {
        let invalid = || format!("invalid header {name:?}");
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| invalid())?;
        own.insert(name, HeaderValue::from_str(value).map_err(|_| invalid())?);
    }
    Ok(request)
}

/// The status code of the answer.
async fn send(node: &PodNetwork, address: SocketAddr, request: Request<Body>) -> Result<u16, String> {
    let connection = node.dial(address).await.map_err(|error| error.told(address))?;
    let text = |error: hyper::Error| error.to_string();
    let (mut sender, driver) = http1::handshake(TokioIo::new(connection)).await.map_err(text)?;
    let answer = sender.send_request(request);
    tokio::pin!(driver, answer);
    tokio::select! {
        answer = &mut answer => answer.map(|answer| answer.status().as_u16()).map_err(text),
        ended = &mut driver => match ended {
            // What was read before the end is still to be had.
            Ok(()) => answer.await.map(|answer| answer.status().as_u16()).map_err(text),
            Err(error) => Err(text(error)),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddrV4;

    use serde_json::{Value, json};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::network::{Network, PodIdentity};

    const POD: Ipv4Addr = Ipv4Addr::new(10, 244, 1, 2);

    fn container(probe: Value) -> Container {
        let container = json!({
            "name": "a", "ports": [{"name": "web", "containerPort": 80}], "readinessProbe": probe,
        });
        serde_json::from_value(container).unwrap()
    }

    /// A pod that answers every request with this code, and none where there is none to give.
    async fn ask_one_that_answers(code: Option<u16>, probe: Value) -> Result<(), String> {
        let network = Network::new();
        let node = network.add_node("node-1", Ipv4Addr::new(172, 18, 0, 3)).unwrap();
        let pod = network.add_pod(PodIdentity::default(), POD).unwrap();
        let mut listener = pod.listen(SocketAddrV4::new(POD, 80)).unwrap();
        tokio::spawn(async move {
            while let Ok(mut connection) = listener.accept().await {
                let mut request = [0; 1024];
                let read = connection.read(&mut request).await.unwrap();
                let request = String::from_utf8_lossy(&request[..read]).to_lowercase();
                let is_known = request.contains("user-agent: kube-probe/1.37");
                let code = if is_known { code } else { Some(400) };
                match code {
                    Some(code) => {
                        let answer = format!("HTTP/1.1 {code} x\r\ncontent-length: 0\r\n\r\n");
                        connection.write_all(answer.as_bytes()).await.unwrap();
                    }
                    None => std::future::pending().await,
                }
            }
        });
        ask(&node, POD, &container(probe), ProbeKind::Readiness).await
    }

    #[tokio::test]
    async fn a_request_should_succeed_by_its_code() {
        let probe = json!({"httpGet": {"path": "/ready", "port": "web"}});
        for (code, expected) in [
            (200, Ok(())),
            (302, Ok(())),
            (404, Err("HTTP probe failed with statuscode: 404".to_owned())),
            (500, Err("HTTP probe failed with statuscode: 500".to_owned())),
        ] {
            assert_eq!(ask_one_that_answers(Some(code), probe.clone()).await, expected, "{code}");
        }
    }

    #[tokio::test]
    async fn what_cannot_be_reached_should_be_told_as_upstream_tells_it() {
        let late = "Get \"http://10.244.1.2:80/\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)";
        let refused = "dial tcp 10.244.1.2:81: connect: connection refused";
        for (probe, expected) in [
            (json!({"httpGet": {"port": 80}}), late.to_owned()),
            (
                json!({"httpGet": {"path": "x", "port": 81}}),
                format!("Get \"http://10.244.1.2:81/x\": {refused}"),
            ),
            (json!({"tcpSocket": {"port": 81}}), refused.to_owned()),
            (json!({"tcpSocket": {"port": "mail"}}), "couldn't find port: \"mail\"".to_owned()),
        ] {
            assert_eq!(ask_one_that_answers(None, probe).await, Err(expected));
        }
        assert_eq!(ask_one_that_answers(None, json!({"tcpSocket": {"port": "web"}})).await, Ok(()));
    }
}
