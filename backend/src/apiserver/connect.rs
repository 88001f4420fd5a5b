//! What every stream to a pod begins with: the pod, its node's kubelet, and the protocol that the client
//! asks to change to.
//!
//! Follows `pkg/registry/core/pod/rest/subresources.go` of kubernetes/kubernetes, `pkg/util/proxy` of
//! kubernetes/apiserver and apimachinery, and `Handshake` of `pkg/util/httpstream` of kubernetes/apimachinery.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequestParts, WebSocketUpgrade};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use shared::api::object::SharedObject;
use shared::api::scheme::Verb;
use shared::api::status;
use shared::apiserver::request::{Operation, Reply, Request};
use shared::apiserver::request_info::ResourcePath;
use shared::apiserver::stream_location;

use crate::kubelet::Kubelet;

use super::proxy::listed;
use super::reply::{self, Failure};
use super::resource::{Asking, not_allowed};
use super::wire::{self, Reader, Writer};
use super::{Context, tunnel};

/// The protocols of streams that the client speaks, and the one that is taken.
const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("x-stream-protocol-version");
/// Those that the server would have taken.
const ACCEPTED_VERSIONS: HeaderName = HeaderName::from_static("x-accepted-stream-protocol-versions");
const SPDY: HeaderValue = HeaderValue::from_static("SPDY/3.1");
/// The largest message of a WebSocket.
const MAX_MESSAGE_BYTES: usize = 4 << 20;

/// The pod of that name, once the chain lets the caller in.
pub(super) async fn pod(
    asking: &Asking<'_>,
    place: &ResourcePath<'_>,
    name: &str,
    verb: Verb,
) -> Result<Pod, Box<Status>> {
    let pod = object(asking, place, name, verb).await?.downcast_ref::<Pod>().cloned();
    pod.ok_or_else(|| Box::new(status::internal("a pod that is none")))
}

/// The object of that name, once the chain lets the caller in.
pub(super) async fn object(
    asking: &Asking<'_>,
    place: &ResourcePath<'_>,
    name: &str,
    verb: Verb,
) -> Result<SharedObject, Box<Status>> {
    let request = Request {
        kind: place.kind,
        namespace: place.namespace.to_owned(),
        name: name.to_owned(),
        subresource: place.subresource,
        operation: Operation::Connect(verb),
    };
    match asking.answer(request).await?.reply {
        Reply::Connect(object) => Ok(object),
        _ => Err(Box::new(status::internal("no object to connect to"))),
    }
}

/// The verb of a method that can open a stream.
pub(super) fn verb(method: &Method) -> Result<Verb, Failure> {
    match *method {
        Method::GET => Ok(Verb::Get),
        Method::POST => Ok(Verb::Create),
        _ => Err(not_allowed(method)),
    }
}

/// The kubelet of the pod's node.
pub(super) fn kubelet(context: &Context, pod: &Pod) -> Result<Arc<Kubelet>, Box<Status>> {
    let node = stream_location::host(pod)?;
    let kubelet = context.nodes.get(node);
    kubelet.ok_or_else(|| {
        Box::new(status::internal(format!("error dialing backend: node {node:?} is not reachable")))
    })
}

/// A change of protocol that a client asks for.
pub(super) enum Upgrade {
    /// To WebSocket.
    WebSocket {
        /// The change itself.
        upgrade: WebSocketUpgrade,
        /// The subprotocols that the client speaks, the best first.
        wanted: Vec<String>,
    },
    /// To SPDY/3.1.
    Spdy {
        /// The change itself.
        client: OnUpgrade,
        /// The protocols of streams that the client speaks, the best first.
        wanted: Vec<String>,
    },
}

/// The change of protocol that a request asks for; 400 where it asks for none that is known.
pub(super) async fn upgrade(context: &Context, mut parts: Parts) -> Result<Upgrade, Failure> {
    if !tunnel::wanted(&parts.headers) {
        return Err(status::bad_request("Upgrade request required").into());
    }
    let named = parts.headers.get(header::UPGRADE).map(HeaderValue::as_bytes).unwrap_or_default();
    if named.eq_ignore_ascii_case(b"websocket") {
        let wanted = owned(&parts.headers, header::SEC_WEBSOCKET_PROTOCOL);
        let upgrade = WebSocketUpgrade::from_request_parts(&mut parts, context)
            .await
            .map_err(|rejected| status::bad_request(rejected.to_string()))?;
        let upgrade = upgrade.max_message_size(MAX_MESSAGE_BYTES).max_frame_size(MAX_MESSAGE_BYTES);
        return Ok(Upgrade::WebSocket { upgrade, wanted });
    }
    if !named.eq_ignore_ascii_case(SPDY.as_bytes()) {
        let why = format!("unable to upgrade: missing upgrade headers in request: {}", named.escape_ascii());
        return Err(status::bad_request(why).into());
    }
    let wanted = owned(&parts.headers, PROTOCOL_VERSION);
    let client = parts.extensions.remove::<OnUpgrade>();
    let client = client
        .ok_or_else(|| status::bad_request("this connection cannot change its protocol; use HTTP/1.1"))?;
    Ok(Upgrade::Spdy { client, wanted })
}

fn owned(headers: &HeaderMap, name: HeaderName) -> Vec<String> {
    listed(headers, name).map(str::to_owned).collect()
}

/// The client's first protocol that is served; else the answer that says why there is none.
pub(super) fn handshake<'a>(wanted: &[&'a str], served: &[&str]) -> Result<&'a str, Box<Response>> {
    if wanted.is_empty() {
        let why = "unable to upgrade: header X-Stream-Protocol-Version does not exist in request";
        return Err(Box::new(plain(StatusCode::BAD_REQUEST, why.to_owned())));
    }
    if let Some(protocol) = wanted.iter().find(|name| served.contains(name)) {
        return Ok(protocol);
    }
    let why = format!(
        "unable to upgrade: unable to negotiate protocol: client supports [{}], server accepts [{}]",
        wanted.join(" "),
        served.join(" ")
    );
    let mut response = plain(StatusCode::FORBIDDEN, why);
    for protocol in served.iter().filter_map(|name| HeaderValue::from_str(name).ok()) {
        response.headers_mut().append(ACCEPTED_VERSIONS, protocol);
    }
    Err(Box::new(response))
}

/// The answer that changes to SPDY.
pub(super) fn switching_to_spdy(protocol: &str) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, SPDY);
    if let Ok(protocol) = HeaderValue::from_str(protocol) {
        headers.insert(PROTOCOL_VERSION, protocol);
    }
    response
}

/// Names the protocol in the answer, where there is one to name.
pub(super) fn select_protocol(upgrade: &mut WebSocketUpgrade, name: &str) {
    if let Ok(name) = HeaderValue::from_str(name)
        && !name.is_empty()
    {
        upgrade.set_selected_protocol(name);
    }
}

/// Serves a client over SPDY as soon as the connection is its own.
pub(super) fn spawn_spdy<S: Future<Output = ()> + Send>(
    client: OnUpgrade,
    serve: impl FnOnce((Reader, Writer)) -> S + Send + 'static,
) {
    tokio::spawn(async move {
        match client.await {
            Ok(client) => serve(wire::of_bytes(TokioIo::new(client))).await,
            Err(error) => tracing::debug!(%error, "no upgrade to SPDY"),
        }
    });
}

/// An error in the words of a kubelet, which says no more than a line.
pub(super) fn plain(code: StatusCode, why: String) -> Response {
    reply::bytes(code, "text/plain; charset=utf-8", why + "\n")
}

/// A kubelet's refusal as the answer of a kubelet.
pub(super) fn refused(why: &Status) -> Response {
    let code = StatusCode::from_u16(status::code(why)).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    plain(code, reason(why).to_owned())
}

/// Why a kubelet refuses, without what clients put in front of it.
pub(super) fn reason(why: &Status) -> &str {
    let message = why.message.as_deref().unwrap_or_default();
    message.strip_prefix("unable to upgrade connection: ").unwrap_or(message)
}
