//! One request, carried to a Service and its answer back; connections are kept for the next one.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;

use super::{Ingresses, Place};
use crate::apiserver::{join, named_protocol, strip, wants_upgrade};
use crate::network::{DialError, PodNetwork};

/// Idle connections that are kept for one Service's port.
const MOST_IDLE: usize = 32;

/// Connections that wait for the next request.
#[derive(Default)]
pub(super) struct Pool {
    idle: Mutex<BTreeMap<SocketAddr, VecDeque<SendRequest<Body>>>>,
}

impl Pool {
    /// The one that waited longest, so that the pods behind a Service take turns.
    fn take(&self, address: SocketAddr) -> Option<SendRequest<Body>> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = idle.get_mut(&address)?;
        waiting.retain(|sender| !sender.is_closed());
        // One whose answer is still being read is not ready yet.
        let ready = waiting.iter().position(SendRequest::is_ready)?;
        waiting.remove(ready)
    }

    fn keep(&self, address: SocketAddr, sender: SendRequest<Body>) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = idle.entry(address).or_default();
        waiting.retain(|sender| !sender.is_closed());
        if waiting.len() < MOST_IDLE {
            waiting.push_back(sender);
        }
    }
}

/// Answers a request for one of the hosts of Ingresses; `from` is the node that asks the Service.
pub(crate) async fn serve(
    ingresses: &Ingresses,
    from: &PodNetwork,
    scheme: &'static str,
    request: Request,
) -> Response {
    let host = host(&request);
    let name = without_port(&host).to_owned();
    match ingresses.place(&name, request.uri().path()) {
        Place::NotFound => page(StatusCode::NOT_FOUND),
        Place::Unavailable => page(StatusCode::SERVICE_UNAVAILABLE),
        Place::At(address) => {
            let request = outgoing(request, &host, scheme);
            let outcome = match wants_upgrade(request.headers()) {
                true => upgrade(from, address, request).await,
                false => forward(ingresses, from, address, request).await,
            };
            outcome.unwrap_or_else(page)
        }
    }
}

/// The host that is asked for, with its port, from the request's own line in HTTP/2.
fn host(request: &Request) -> String {
    let own = request.uri().authority().map(|authority| authority.as_str().to_owned());
    let named = || request.headers().get(header::HOST)?.to_str().ok().map(str::to_owned);
    own.or_else(named).unwrap_or_default()
}

/// The name without the port that may follow it.
pub(crate) fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}

/// The request as the Service gets it, with the headers that ingress-nginx adds.
fn outgoing(mut request: Request, host: &str, scheme: &'static str) -> Request {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    *request.uri_mut() = path.parse::<Uri>().unwrap_or_else(|_| Uri::from_static("/"));
    *request.version_mut() = axum::http::Version::HTTP_11;
    let upgrades = wants_upgrade(request.headers()).then(|| request.headers().get(header::UPGRADE).cloned());
    let peer = request.extensions().get::<axum::extract::ConnectInfo<SocketAddr>>();
    let peer = peer.map(|info| info.0.ip().to_string()).unwrap_or_default();
    let headers = request.headers_mut();
    strip(headers);
    if let Some(protocol) = upgrades {
        named_protocol(headers, protocol);
    }
    let port = host.rsplit_once(':').map(|(_, port)| port.to_owned());
    let default = if scheme == "https" { "443" } else { "80" };
    let told = [
        ("host", host),
        ("x-forwarded-host", host),
        ("x-forwarded-port", port.as_deref().unwrap_or(default)),
        ("x-forwarded-proto", scheme),
        ("x-forwarded-scheme", scheme),
        ("x-scheme", scheme),
        ("x-real-ip", peer.as_str()),
        // What a client says of those before it is not believed.
        ("x-forwarded-for", peer.as_str()),
    ];
    for (name, value) in told {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    request
}

async fn connect(from: &PodNetwork, address: SocketAddr) -> Result<SendRequest<Body>, StatusCode> {
    let connection = from.dial(address).await.map_err(|error| match error {
        // A Service without endpoints refuses.
        DialError::Refused => StatusCode::SERVICE_UNAVAILABLE,
        DialError::TimedOut => StatusCode::GATEWAY_TIMEOUT,
        _ => StatusCode::BAD_GATEWAY,
    })?;
    let (sender, driver) = handshake(TokioIo::new(connection)).await.map_err(|_| StatusCode::BAD_GATEWAY)?;
    tokio::spawn(async move {
        if let Err(error) = driver.with_upgrades().await {
            tracing::debug!(%address, %error, "a connection to a Service ended");
        }
    });
    Ok(sender)
}

async fn forward(
    ingresses: &Ingresses,
    from: &PodNetwork,
    address: SocketAddr,
    mut request: Request,
) -> Result<Response, StatusCode> {
    // A connection that waited may have ended meanwhile; what was not sent over it is sent over another.
    while let Some(mut sender) = ingresses.pool.take(address) {
        match sender.try_send_request(request).await {
            Ok(answer) => return Ok(keeping(ingresses, address, sender, answer)),
            Err(mut error) => match error.take_message() {
                Some(unsent) => request = unsent,
                None => return Err(StatusCode::BAD_GATEWAY),
            },
        }
    }
    let mut sender = connect(from, address).await?;
    let answer = sender.send_request(request).await.map_err(|error| {
        tracing::debug!(%address, %error, "a Service did not answer");
        StatusCode::BAD_GATEWAY
    })?;
    Ok(keeping(ingresses, address, sender, answer))
}

/// Passes an answer on; its connection waits for the next request, which it takes once this one is read.
fn keeping(
    ingresses: &Ingresses,
    address: SocketAddr,
    sender: SendRequest<Body>,
    answer: axum::http::Response<hyper::body::Incoming>,
) -> Response {
    ingresses.pool.keep(address, sender);
    let mut response = answer.map(Body::new);
    strip(response.headers_mut());
    response
}

/// Carries a request that changes the protocol, a WebSocket's most of all.
async fn upgrade(
    from: &PodNetwork,
    address: SocketAddr,
    mut request: Request,
) -> Result<Response, StatusCode> {
    let client = request.extensions_mut().remove::<OnUpgrade>().ok_or(StatusCode::BAD_REQUEST)?;
    let mut sender = connect(from, address).await?;
    let mut answer = sender.send_request(request).await.map_err(|_| StatusCode::BAD_GATEWAY)?;
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        let mut response = answer.map(Body::new);
        strip(response.headers_mut());
        return Ok(response);
    }
    let pod = hyper::upgrade::on(&mut answer);
    tokio::spawn(async move {
        match tokio::try_join!(client, pod) {
            Ok((client, pod)) => join(client, pod).await,
            Err(error) => tracing::debug!(%address, %error, "no upgrade through an Ingress"),
        }
    });
    let protocol = answer.headers().get(header::UPGRADE).cloned();
    let mut response = answer.map(|_| Body::empty());
    strip(response.headers_mut());
    named_protocol(response.headers_mut(), protocol);
    Ok(response)
}

/// An error as nginx shows it.
fn page(code: StatusCode) -> Response {
    // nginx's own words, which differ from the standard's.
    let reason = match code {
        StatusCode::SERVICE_UNAVAILABLE => "Service Temporarily Unavailable",
        StatusCode::GATEWAY_TIMEOUT => "Gateway Time-out",
        code => code.canonical_reason().unwrap_or_default(),
    };
    let title = format!("{} {reason}", code.as_u16());
    let body = format!(
        "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n\
         <hr><center>kijabi</center>\r\n</body>\r\n</html>\r\n"
    );
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html"));
    (code, headers, body).into_response()
}
