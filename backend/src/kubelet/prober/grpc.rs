//! Asks a container's health by gRPC: `grpc.health.v1.Health/Check`.
//!
//! Follows `pkg/probe/grpc/grpc.go` of kubernetes/kubernetes, and the health checking protocol of grpc/grpc
//! (`doc/health-checking.md`), whose two messages have one field each.

use std::net::SocketAddr;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, Request, Uri, header};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use k8s_openapi::api::core::v1::GRPCAction;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use super::USER_AGENT;
use crate::kubelet::reach::{Reach, address, tls};

/// A frame: whether it is compressed, the length of its message, the message.
const FRAME_HEAD_BYTES: usize = 5;
/// The largest answer that is read.
const MOST_BYTES: usize = 64 * 1024;
const STATUS: &str = "grpc-status";
const MESSAGE: &str = "grpc-message";
const UNIMPLEMENTED: &str = "12";
const SERVING: u64 = 1;

/// What a server says of the service.
struct Answer {
    /// `grpc-status`, 0 where all is well.
    status: String,
    /// `grpc-message`.
    message: String,
    body: Bytes,
}

/// Asks the service on the pod's own address; the error is what the probe says.
pub(super) async fn check(reach: &Reach, action: &GRPCAction, limit: Duration) -> Result<(), String> {
    let port = u16::try_from(action.port).map_err(|_| format!("invalid port number: {}", action.port))?;
    let address = address(reach.address, None, port)?;
    let asked = ask(reach, address, action);
    let answer = match timeout(limit, asked).await {
        Ok(answer) => answer?,
        Err(_) => return Err(format!("timeout: health rpc did not complete within {}s", limit.as_secs())),
    };
    match answer.status.as_str() {
        "0" | "" => verdict(&answer.body),
        UNIMPLEMENTED => Err(format!(
            "error: this server does not implement the grpc health protocol (grpc.health.v1.Health): {}",
            answer.message
        )),
        code => {
            Err(format!("error: health rpc probe failed: rpc error: code = {code} desc = {}", answer.message))
        }
    }
}

async fn ask(reach: &Reach, address: SocketAddr, action: &GRPCAction) -> Result<Answer, String> {
    let service = action.service.as_deref().unwrap_or_default();
    let unreachable = |error: String| format!("error: failed to connect service at \"{address}\": {error}");
    let connection = reach.kubelet.network.dial(address).await;
    let connection = connection.map_err(|error| unreachable(error.told(address)))?;
    if action.mode.as_deref() == Some("TLS") {
        let stream = tls::connect(connection, address, &[b"h2"]).await.map_err(unreachable)?;
        return exchange(stream, request(address, service)?).await;
    }
    exchange(connection, request(address, service)?).await
}

async fn exchange<S>(stream: S, request: Request<Full<Bytes>>) -> Result<Answer, String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let handshake = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await;
    let (mut sender, driver) = handshake.map_err(failed)?;
    let answered = async {
        let response = sender.send_request(request).await.map_err(failed)?;
        let (head, body) = response.into_parts();
        let body = http_body_util::Limited::new(body, MOST_BYTES).collect().await.map_err(failed)?;
        let trailers = body.trailers().cloned().unwrap_or_default();
        let text = |name: &str| text(&trailers, name).or_else(|| text(&head.headers, name));
        let (status, message) = (text(STATUS).unwrap_or_default(), text(MESSAGE).unwrap_or_default());
        Ok(Answer { status, message, body: body.to_bytes() })
    };
    tokio::select! {
        answer = answered => answer,
        ended = driver => match ended {
            Ok(()) => Err(failed("the connection was closed")),
            Err(error) => Err(failed(error)),
        },
    }
}

fn failed(error: impl std::fmt::Display) -> String {
    format!("error: health rpc probe failed: rpc error: code = Unavailable desc = {error}")
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

fn request(address: SocketAddr, service: &str) -> Result<Request<Full<Bytes>>, String> {
    let uri = Uri::builder().scheme("http").authority(address.to_string());
    let uri = uri.path_and_query("/grpc.health.v1.Health/Check").build().map_err(failed)?;
    let mut request = Request::post(uri).body(Full::from(question(service))).map_err(failed)?;
    let headers = request.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(header::TE, HeaderValue::from_static("trailers"));
    headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
    Ok(request)
}

/// `HealthCheckRequest { service = 1 }` in a frame.
fn question(service: &str) -> Vec<u8> {
    let mut message = Vec::new();
    if !service.is_empty() {
        message.push(0x0a);
        write_number(&mut message, service.len() as u64);
        message.extend_from_slice(service.as_bytes());
    }
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    [&[0][..], &length.to_be_bytes(), &message].concat()
}

fn write_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Reads `HealthCheckResponse { status = 1 }` of a frame.
fn verdict(body: &[u8]) -> Result<(), String> {
    let message = body.get(FRAME_HEAD_BYTES..).ok_or_else(|| failed("the answer is no message"))?;
    let status = match message {
        // What is not there is 0.
        [] => Some(0),
        [0x08, number, ..] if *number < 0x80 => Some(u64::from(*number)),
        _ => None,
    };
    match status {
        Some(SERVING) => Ok(()),
        Some(0) => Err("service unhealthy (responded with \"UNKNOWN\")".into()),
        Some(2) => Err("service unhealthy (responded with \"NOT_SERVING\")".into()),
        Some(3) => Err("service unhealthy (responded with \"SERVICE_UNKNOWN\")".into()),
        Some(other) => Err(format!("service unhealthy (responded with \"{other}\")")),
        None => Err(failed("the answer is no HealthCheckResponse")),
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::net::{Ipv4Addr, SocketAddrV4};

    use hyper::body::{Frame, Incoming};
    use hyper::service::service_fn;
    use k8s_openapi::api::core::v1::Container;
    use serde_json::json;

    use super::*;
    use crate::kubelet::Components;
    use crate::kubelet::testing::Node;
    use crate::network::PodIdentity;

    const POD: Ipv4Addr = Ipv4Addr::new(10, 244, 1, 2);

    /// Answers as a gRPC server does: for the service `web` with this health, for others that it knows none.
    async fn answer(request: Request<Incoming>, health: u8) -> axum::http::Response<axum::body::Body> {
        assert_eq!(request.headers()[header::TE], "trailers");
        let asked = request.into_body().collect().await.unwrap().to_bytes();
        let known = asked[..] == *b"\0\0\0\0\x05\x0a\x03web";
        let frame = vec![0, 0, 0, 0, 2, 0x08, health];
        let mut trailers = HeaderMap::new();
        trailers.insert(STATUS, HeaderValue::from_static(if known { "0" } else { UNIMPLEMENTED }));
        trailers.insert(MESSAGE, HeaderValue::from_static("unknown service"));
        let data = known.then(|| Ok::<_, Infallible>(Frame::data(Bytes::from(frame))));
        let frames: Vec<_> = data.into_iter().chain([Ok(Frame::trailers(trailers))]).collect();
        let body = http_body_util::StreamBody::new(futures::stream::iter(frames));
        axum::http::Response::new(axum::body::Body::new(body))
    }

    async fn checked(health: u8, service: &str, port: i32) -> Result<(), String> {
        let node = Node::new(Components::default()).await;
        let pod = node.network.add_pod(PodIdentity::default(), POD).unwrap();
        let mut listener = pod.listen(SocketAddrV4::new(POD, 50051)).unwrap();
        tokio::spawn(async move {
            let connection = listener.accept().await.unwrap();
            let respond =
                service_fn(move |request| async move { Ok::<_, Infallible>(answer(request, health).await) });
            let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            server.serve_connection(TokioIo::new(connection), respond).await.unwrap();
        });
        let reach = Reach {
            kubelet: node.kubelet.clone(),
            address: POD,
            container: serde_json::from_value::<Container>(json!({ "name": "a" })).unwrap(),
            running: node.endless(),
        };
        let action = GRPCAction { port, service: Some(service.to_owned()), ..GRPCAction::default() };
        check(&reach, &action, Duration::from_secs(10)).await
    }

    #[tokio::test]
    async fn a_service_should_be_as_healthy_as_its_server_says() {
        let cases = [
            (1, "web", 50051, Ok(())),
            (2, "web", 50051, Err("service unhealthy (responded with \"NOT_SERVING\")".to_owned())),
            (
                1,
                "mail",
                50051,
                Err("error: this server does not implement the grpc health protocol \
                     (grpc.health.v1.Health): unknown service"
                    .to_owned()),
            ),
            (
                1,
                "web",
                81,
                Err("error: failed to connect service at \"10.244.1.2:81\": dial tcp 10.244.1.2:81: \
                     connect: connection refused"
                    .to_owned()),
            ),
        ];
        for (health, service, port, expected) in cases {
            assert_eq!(checked(health, service, port).await, expected, "{service} at {port}");
        }
    }

    #[test]
    fn what_is_no_answer_should_be_said_and_not_believed() {
        for body in [&b""[..], b"\0\0\0\0", b"\0\0\0\0\x02\x10\x01", b"\0\0\0\0\x02\x08\xff"] {
            assert!(verdict(body).unwrap_err().starts_with("error: health rpc probe failed"), "{body:?}");
        }
        assert!(verdict(b"\0\0\0\0\0").unwrap_err().contains("UNKNOWN"));
    }
}
