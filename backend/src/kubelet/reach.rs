//! What reaches a running container from its kubelet: requests over the pod network, and commands in it. Probes
//! and hooks are made of them.
//!
//! Follows `pkg/probe/http/request.go` and `pkg/probe/util.go` of kubernetes/kubernetes, and `RunInContainer` in
//! `pkg/kubelet/kuberuntime/kuberuntime_container.go`.

pub(super) mod tls;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, header};
use bytes::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::{Container, HTTPGetAction, HTTPHeader};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::network::PodNetwork;

use super::launch::Running;
use super::node::Kubelet;
use super::streams::ExecRequest;

/// The most that is kept of each of the two streams that a command prints to (`maxReadLength` in `pkg/probe/exec/exec.go`).
const LONGEST_OUTPUT: usize = 10 * 1024;

/// A running container, and the way to it.
pub(super) struct Reach {
    pub(super) kubelet: Arc<Kubelet>,
    /// The pod's address.
    pub(super) address: Ipv4Addr,
    pub(super) container: Container,
    pub(super) running: Running,
}

/// How a command ended.
pub(super) struct Ended {
    /// Its exit code.
    pub(super) code: i32,
    /// The beginning of what it printed, errors after the rest.
    pub(super) output: String,
    /// Of that, the errors.
    pub(super) errors: String,
}

impl Reach {
    /// Runs a command in the container to its end; dropping the future ends it. The error says why it could not
    /// be started.
    pub(super) async fn run(&self, command: &[String]) -> Result<Ended, String> {
        let Running::Guest(guest) = &self.running else {
            return Err("the container is a part of this program, in which nothing can be run".into());
        };
        let (command, name) = (command.to_vec(), self.container.name.clone());
        let request =
            ExecRequest { container: name, command, stdout: true, stderr: true, ..ExecRequest::default() };
        let session = self.kubelet.start_exec(guest, &request).await;
        let session = session.map_err(|error| format!("failed to exec in container: {error}"))?;
        let (mut output, errors, status) =
            tokio::join!(read(session.stdout), read(session.stderr), session.status);
        output.push_str(&errors);
        Ok(Ended { code: status?.code, output, errors })
    }

    /// The status code with which the container answers a request. The error is the sentence of Go's client.
    pub(super) async fn get(
        &self,
        action: &HTTPGetAction,
        user_agent: &'static str,
        limit: Option<Duration>,
    ) -> Result<u16, String> {
        let path = action.path.as_deref().filter(|path| !path.is_empty()).unwrap_or("/");
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        let number = port(&self.container, &action.port)?;
        let address = address(self.address, action.host.as_deref(), number);
        let with_tls = action.scheme.as_deref() == Some("HTTPS");
        let scheme = if with_tls { "https" } else { "http" };
        let url = match &address {
            Ok(address) => format!("{scheme}://{address}{path}"),
            Err(_) => format!("{scheme}://{}:{number}{path}", action.host.as_deref().unwrap_or_default()),
        };
        let failed = |error: String| format!("Get {url:?}: {error}");
        let address = address.map_err(failed)?;
        let headers = action.http_headers.as_deref().unwrap_or_default();
        let request = request(address, &path, user_agent, headers)?;
        let answer = send(&self.kubelet.network, address, with_tls, request);
        let Some(limit) = limit else { return answer.await.map_err(failed) };
        match timeout(limit, answer).await {
            Ok(code) => code.map_err(failed),
            Err(_) => {
                let late = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)";
                Err(failed(late.into()))
            }
        }
    }
}

async fn read(receiver: Option<mpsc::Receiver<Bytes>>) -> String {
    let mut text = Vec::new();
    if let Some(mut receiver) = receiver {
        while let Some(bytes) = receiver.recv().await {
            let room = LONGEST_OUTPUT.saturating_sub(text.len()).min(bytes.len());
            text.extend_from_slice(&bytes[..room]);
        }
    }
    String::from_utf8_lossy(&text).into_owned()
}

/// A port by number, or by the name that the container gave it.
pub(super) fn port(container: &Container, port: &IntOrString) -> Result<u16, String> {
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

/// The pod's address, or the one that is named.
pub(super) fn address(pod: Ipv4Addr, host: Option<&str>, port: u16) -> Result<SocketAddr, String> {
    let ip = match host.filter(|host| !host.is_empty()) {
        None => IpAddr::V4(pod),
        Some(host) => host.parse().map_err(|_| format!("dial tcp: lookup {host}: no such host"))?,
    };
    Ok(SocketAddr::new(ip, port))
}

fn request(
    address: SocketAddr,
    path: &str,
    user_agent: &'static str,
    headers: &[HTTPHeader],
) -> Result<Request<Body>, String> {
    let mut request =
        Request::get(path).body(Body::empty()).map_err(|error| format!("invalid path {path:?}: {error}"))?;
    *request.headers_mut() = self::headers(address, user_agent, headers)?;
    Ok(request)
}

/// The headers as they are asked for, however often each, and those that a request has without being asked.
fn headers(address: SocketAddr, user_agent: &'static str, asked: &[HTTPHeader]) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for HTTPHeader { name, value } in asked {
        let invalid = || format!("invalid header {name:?}");
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| invalid())?;
        headers.append(name, HeaderValue::from_str(value).map_err(|_| invalid())?);
    }
    // Go's client writes these itself, and the first only of several.
    for name in [header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::TRAILER] {
        headers.remove(name);
    }
    let once = [(header::USER_AGENT, user_agent), (header::ACCEPT, "*/*")];
    for (name, default) in once {
        match headers.get(&name).map(HeaderValue::is_empty) {
            None => drop(headers.insert(name, HeaderValue::from_static(default))),
            Some(true) => drop(headers.remove(name)),
            Some(false) if name == header::USER_AGENT => {
                let first = headers.remove(&name);
                headers.extend(first.map(|first| (name, first)));
            }
            Some(false) => {}
        }
    }
    let host = headers.remove(header::HOST).filter(|host| !host.is_empty());
    let host = host.or_else(|| HeaderValue::from_str(&address.to_string()).ok());
    headers.extend(host.map(|host| (header::HOST, host)));
    headers.entry(header::CONNECTION).or_insert(HeaderValue::from_static("close"));
    Ok(headers)
}

/// The status code of the answer.
async fn send(
    node: &PodNetwork,
    address: SocketAddr,
    with_tls: bool,
    request: Request<Body>,
) -> Result<u16, String> {
    let connection = node.dial(address).await.map_err(|error| error.told(address))?;
    match with_tls {
        true => exchange(tls::connect(connection, address, &[]).await?, request).await,
        false => exchange(connection, request).await,
    }
}

async fn exchange<S>(stream: S, request: Request<Body>) -> Result<u16, String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let text = |error: hyper::Error| error.to_string();
    let (mut sender, driver) = http1::handshake(TokioIo::new(stream)).await.map_err(text)?;
    let answer = sender.send_request(request);
    tokio::pin!(driver, answer);
    tokio::select! {
        answer = &mut answer => answer.map(|answer| answer.status().as_u16()).map_err(text),
        ended = &mut driver => match (answer.await, ended) {
            // What was read before the end counts, however that came.
            (Ok(answer), _) => Ok(answer.status().as_u16()),
            (Err(_), Err(error)) | (Err(error), Ok(())) => Err(text(error)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_should_be_sent_as_often_as_they_are_asked_for() {
        let address = SocketAddr::from((Ipv4Addr::new(10, 244, 1, 2), 80));
        let sent = |asked: &[(&str, &str)]| {
            let asked: Vec<_> = asked
                .iter()
                .map(|(name, value)| HTTPHeader { name: (*name).into(), value: (*value).into() })
                .collect();
            let headers = headers(address, "kube-probe/1.0", &asked).unwrap();
            let mut sent: Vec<_> =
                headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
            sent.sort();
            sent.join(", ")
        };
        assert_eq!(
            sent(&[]),
            "accept: */*, connection: close, host: 10.244.1.2:80, user-agent: kube-probe/1.0"
        );
        let asked = [
            ("X-A", "1"),
            ("x-a", "2"),
            ("Accept", ""),
            ("Host", "web"),
            ("User-Agent", "own"),
            ("Host", "b"),
        ];
        assert_eq!(sent(&asked), "connection: close, host: web, user-agent: own, x-a: 1, x-a: 2");
    }
}
