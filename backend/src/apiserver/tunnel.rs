//! Connections through the pod proxy that change their protocol: WebSockets, most of all.
//!
//! Follows `tryUpgrade` in `pkg/util/proxy/upgradeaware.go` of kubernetes/apimachinery.

use std::net::SocketAddr;

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use shared::api::status;

use super::Context;
use super::proxy::{connect, listed, outgoing, prefix, strip, unreachable};
use super::reply::Failure;

/// Whether the client asks for another protocol.
pub(crate) fn wanted(headers: &HeaderMap) -> bool {
    headers.contains_key(header::UPGRADE)
        && listed(headers, header::CONNECTION).any(|item| item.eq_ignore_ascii_case("upgrade"))
}

/// Asks the pod for the protocol that the client asks for. Where it agrees, the two are joined.
pub(super) async fn open(
    context: &Context,
    address: SocketAddr,
    mut parts: Parts,
) -> Result<Response, Failure> {
    let client = parts.extensions.remove::<OnUpgrade>().ok_or_else(|| {
        Failure::from(status::bad_request("this connection cannot change its protocol; use HTTP/1.1"))
    })?;
    let protocol = parts.headers.get(header::UPGRADE).cloned();
    let prefix = prefix(&parts.uri);
    let mut request = outgoing(address, &prefix, parts, Body::empty())?;
    name_protocol(request.headers_mut(), protocol);
    let mut sender = connect(context, address).await?;
    let mut answer = sender.send_request(request).await.map_err(|error| unreachable(&error))?;
    let code = answer.status();
    if code != StatusCode::SWITCHING_PROTOCOLS {
        return not_upgraded(answer.map(Body::new));
    }
    let pod = hyper::upgrade::on(&mut answer);
    tokio::spawn(async move {
        match tokio::try_join!(client, pod) {
            Ok((client, pod)) => join(client, pod).await,
            Err(error) => tracing::debug!(%address, %error, "no upgrade through the proxy"),
        }
    });
    let protocol = answer.headers().get(header::UPGRADE).cloned();
    let mut response = answer.map(|_| Body::empty());
    strip(response.headers_mut());
    name_protocol(response.headers_mut(), protocol);
    Ok(response)
}

/// Names the protocol that a connection changes to.
pub(crate) fn name_protocol(headers: &mut HeaderMap, protocol: Option<HeaderValue>) {
    if let Some(protocol) = protocol {
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, protocol);
    }
}

/// A pod's refusal is passed on; an answer in the old protocol is none that the client could use.
fn not_upgraded(mut answer: Response) -> Result<Response, Failure> {
    let code = answer.status().as_u16();
    if code < 400 {
        return Err(status::unexplained(format!("invalid upgrade response: status code {code}")).into());
    }
    strip(answer.headers_mut());
    Ok(answer)
}

/// Copies bytes both ways until one side ends; then the other has nobody to talk to.
pub(crate) async fn join(client: Upgraded, pod: Upgraded) {
    let (mut from_client, mut to_client) = tokio::io::split(TokioIo::new(client));
    let (mut from_pod, mut to_pod) = tokio::io::split(TokioIo::new(pod));
    tokio::select! {
        _ = tokio::io::copy(&mut from_client, &mut to_pod) => {}
        _ = tokio::io::copy(&mut from_pod, &mut to_client) => {}
    }
}
