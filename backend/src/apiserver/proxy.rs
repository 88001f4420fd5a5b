//! `pods/proxy` and `services/proxy`: HTTP to a port of a pod, through the pod network.
//!
//! Follows `pkg/registry/core/pod/rest/subresources.go` of kubernetes/kubernetes and
//! `pkg/util/proxy` of kubernetes/apimachinery.

use std::net::{IpAddr, SocketAddr};

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::uri::PathAndQuery;
use axum::http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request as HttpRequest, StatusCode, Uri, header,
};
use axum::response::Response;
use hyper::client;
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use shared::api::scheme::Verb;
use shared::api::status;
use shared::apiserver::request_info::ResourcePath;

use super::identity::PAGE_USER;
use super::reply::Failure;
use super::resource::Asking;
use super::{Context, connect, service_location, tunnel};

/// What concerns one connection and is not passed on (RFC 9110, 7.6.1).
const HOP_BY_HOP: [HeaderName; 9] = [
    header::CONNECTION,
    HeaderName::from_static("proxy-connection"),
    HeaderName::from_static("keep-alive"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Any method on `…/pods/NAME[:PORT]/proxy/PATH`, and on the same of a Service.
pub(super) async fn handle(
    asking: &Asking<'_>,
    place: &ResourcePath<'_>,
    parts: Parts,
    body: Body,
) -> Result<Response, Failure> {
    let of_service = place.kind.kind == "Service";
    let (scheme, name, port) = split_name(place.name, if of_service { "service" } else { "pod" })?;
    let verb = verb(&parts.method);
    let address = match of_service {
        true => service_location::address(asking, place, name, port, verb).await?,
        false => address(&connect::pod(asking, place, name, verb).await?, port)?,
    };
    if scheme == "https" {
        return Err(status::service_unavailable("TLS to pods is not supported by the proxy").into());
    }
    let upgrades = tunnel::wanted(&parts.headers);
    if let Some(location) = slash_added(place, &parts).filter(|_| !upgrades) {
        return Ok(redirect(&location));
    }
    let from_page = asking.caller.user.name == PAGE_USER;
    let mut response = match upgrades {
        true => tunnel::open(asking.context, address, parts).await?,
        false => forward(asking.context, address, parts, body).await?,
    };
    if from_page {
        isolate(response.headers_mut());
    }
    Ok(response)
}

/// A pod's page must not act as the cluster's page: it gets an origin of its own.
fn isolate(headers: &mut HeaderMap) {
    const POLICY: HeaderValue =
        HeaderValue::from_static("sandbox allow-scripts allow-forms allow-popups allow-downloads");
    headers.append(header::CONTENT_SECURITY_POLICY, POLICY);
}

/// Where a request for the proxy itself is sent, so that the page's relative links lead below it.
fn slash_added(place: &ResourcePath<'_>, parts: &Parts) -> Option<String> {
    let path = parts.uri.path();
    let reads = matches!(parts.method, Method::GET | Method::HEAD);
    let query = parts.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    (reads && place.rest.is_empty() && !path.ends_with('/')).then(|| format!("{path}/{query}"))
}

fn redirect(to: &str) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::MOVED_PERMANENTLY;
    if let Ok(location) = HeaderValue::from_str(to) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

/// The verb that upstream authorizes for a method.
fn verb(method: &Method) -> Verb {
    match *method {
        Method::POST => Verb::Create,
        Method::PUT => Verb::Update,
        Method::PATCH => Verb::Patch,
        Method::DELETE => Verb::Delete,
        _ => Verb::Get,
    }
}

/// `[scheme:]name[:port]`, as `SplitSchemeNamePort` upstream.
fn split_name<'a>(text: &'a str, what: &str) -> Result<(&'a str, &'a str, Option<&'a str>), Box<Status>> {
    let parts: Vec<&str> = text.split(':').collect();
    match parts.as_slice() {
        [name] => Ok(("", name, None)),
        [name, port] => Ok(("", name, Some(port))),
        [scheme @ ("http" | "https"), name, port] => {
            Ok((scheme, name, Some(port).filter(|port| !port.is_empty()).copied()))
        }
        _ => Err(Box::new(status::bad_request(format!("invalid {what} request {text:?}")))),
    }
}

/// Where to connect: the named or numbered port, else the first that the pod declares, else 80.
fn address(pod: &Pod, port: Option<&str>) -> Result<SocketAddr, Box<Status>> {
    let ports = || {
        pod.spec
            .iter()
            .flat_map(|spec| &spec.containers)
            .flat_map(|container| container.ports.iter().flatten())
    };
    let number = match port {
        Some(text) => text.parse().ok().or_else(|| {
            let named = ports().find(|port| port.name.as_deref() == Some(text));
            named.and_then(|port| u16::try_from(port.container_port).ok())
        }),
        None => Some(ports().find_map(|port| u16::try_from(port.container_port).ok()).unwrap_or(80)),
    };
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    let unavailable = |why: String| Box::new(status::service_unavailable(why));
    let number = number.ok_or_else(|| unavailable(format!("no port {port:?} in pod {name:?}")))?;
    let ip = pod.status.as_ref().and_then(|status| status.pod_ip.as_deref()).unwrap_or_default();
    let ip: IpAddr =
        ip.parse().map_err(|_| unavailable(format!("pod {name:?} does not have an IP address yet")))?;
    Ok(SocketAddr::new(ip, number))
}

/// 503 in upstream's words.
pub(super) fn unreachable(why: &dyn std::fmt::Display) -> Failure {
    status::service_unavailable(format!("error trying to reach service: {why}")).into()
}

/// A connection to the pod for one request.
pub(super) async fn connect(
    context: &Context,
    address: SocketAddr,
) -> Result<client::conn::http1::SendRequest<Body>, Failure> {
    let dialled = context.host.dial(address).await;
    let connection = dialled.map_err(|error| unreachable(&error.told(address)))?;
    let handshake = client::conn::http1::handshake(TokioIo::new(connection)).await;
    let (sender, driver) = handshake.map_err(|error| unreachable(&error))?;
    tokio::spawn(async move {
        if let Err(error) = driver.with_upgrades().await {
            tracing::debug!(%address, %error, "proxied connection ended");
        }
    });
    Ok(sender)
}

async fn forward(
    context: &Context,
    address: SocketAddr,
    parts: Parts,
    body: Body,
) -> Result<Response, Failure> {
    let mut sender = connect(context, address).await?;
    let prefix = prefix(&parts.uri);
    let request = outgoing(address, &prefix, parts, body)?;
    let answer = sender.send_request(request).await.map_err(|error| unreachable(&error))?;
    let mut response = answer.map(Body::new);
    relocate(response.headers_mut(), &prefix);
    strip(response.headers_mut());
    Ok(response)
}

/// How many segments lead to the proxy: the empty one, `api/v1/namespaces/NAMESPACE/pods/NAME/proxy`.
const SEGMENTS: usize = 8;

/// The path of the proxy itself, without a slash at its end.
pub(super) fn prefix(uri: &Uri) -> String {
    uri.path().split('/').take(SEGMENTS).collect::<Vec<_>>().join("/")
}

/// The request as the pod gets it.
pub(super) fn outgoing(
    address: SocketAddr,
    prefix: &str,
    parts: Parts,
    body: Body,
) -> Result<HttpRequest<Body>, Failure> {
    let path = parts.uri.path_and_query().map_or("/", PathAndQuery::as_str);
    let target = path.strip_prefix(prefix).filter(|rest| !rest.is_empty()).unwrap_or("/");
    let bad = |error: &dyn std::fmt::Display| Failure::from(status::bad_request(error.to_string()));
    let mut request = HttpRequest::new(body);
    *request.method_mut() = parts.method;
    *request.uri_mut() = target.parse::<Uri>().map_err(|error| bad(&error))?;
    *request.headers_mut() = parts.headers;
    strip(request.headers_mut());
    let headers = request.headers_mut();
    headers.remove(header::COOKIE);
    headers.remove(header::AUTHORIZATION);
    let host = HeaderValue::from_str(&address.to_string()).map_err(|error| bad(&error))?;
    headers.insert(header::HOST, host);
    let original = HeaderValue::from_str(&format!("{prefix}{target}")).map_err(|error| bad(&error))?;
    headers.insert("x-forwarded-uri", original);
    Ok(request)
}

/// Takes out what concerns one connection: the headers known for it, and those that `Connection` names.
pub(crate) fn strip(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = listed(headers, header::CONNECTION)
        .filter_map(|name| HeaderName::from_bytes(name.as_bytes()).ok())
        .collect();
    for name in named.into_iter().chain(HOP_BY_HOP) {
        headers.remove(name);
    }
}

/// The items of a header that is a list.
pub(super) fn listed(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim).filter(|item| !item.is_empty())
}

/// A redirect to an absolute path of the pod is one below the proxy.
fn relocate(headers: &mut HeaderMap, prefix: &str) {
    let location = headers.get(header::LOCATION).and_then(|value| value.to_str().ok());
    let Some(path) = location.filter(|location| location.starts_with('/') && !location.starts_with("//"))
    else {
        return;
    };
    if let Ok(value) = HeaderValue::from_str(&format!("{prefix}{path}")) {
        headers.insert(header::LOCATION, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_should_be_split_as_upstream_splits_them() {
        assert_eq!(split_name("web", "pod").ok(), Some(("", "web", None)));
        assert_eq!(split_name("web:80", "pod").ok(), Some(("", "web", Some("80"))));
        assert_eq!(split_name("http:web:", "pod").ok(), Some(("http", "web", None)));
        assert_eq!(split_name("https:web:metrics", "pod").ok(), Some(("https", "web", Some("metrics"))));
        assert!(split_name("ftp:web:21", "pod").is_err());
    }

    #[test]
    fn what_concerns_one_connection_should_not_be_passed_on() {
        let mut headers = HeaderMap::new();
        let fields = [
            ("connection", "close, X-Hop"),
            ("x-hop", "1"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "keep-alive"),
            ("te", "trailers"),
            ("accept", "*/*"),
        ];
        for (name, value) in fields {
            headers.insert(name, HeaderValue::from_static(value));
        }
        strip(&mut headers);
        assert_eq!(headers.keys().collect::<Vec<_>>(), ["accept"]);
    }

    #[test]
    fn prefix_should_end_with_the_proxy_segment() {
        let cases =
            ["/api/v1/namespaces/a/pods/b:80/proxy/x/proxy/y", "/api/v1/namespaces/proxy/pods/proxy/proxy/"];
        let found = cases.map(|path| prefix(&path.parse().unwrap()));
        assert_eq!(
            found,
            ["/api/v1/namespaces/a/pods/b:80/proxy", "/api/v1/namespaces/proxy/pods/proxy/proxy"]
        );
    }
}
