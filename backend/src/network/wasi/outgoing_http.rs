//! `wasi:http/outgoing-handler` on the pod network: a request's host is looked up as a socket's would be, and its
//! connection is dialled from the pod. There is no TLS, as nobody in the cluster has a certificate that a guest
//! could check.

use std::net::SocketAddr;
use std::time::Duration;

use axum::http::Uri;
use axum::http::header::HOST;
use axum::http::uri::{PathAndQuery, Scheme};
use http_body_util::BodyExt;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use shared::dns::search::LookupError;
use tokio::time::timeout;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use crate::network::connection::Connection;
use crate::network::error::DialError;
use crate::network::names::ResolveError;
use crate::network::pod::PodNetwork;

/// How long a connection may take to be made, and an answer to begin, unless the guest says otherwise.
const PATIENCE: Duration = Duration::from_secs(600);

const HTTP_PORT: u16 = 80;

/// Sends the HTTP requests of a guest.
pub struct PodHttp {
    pod: PodNetwork,
}

impl PodHttp {
    /// Requests from a pod.
    pub fn new(pod: PodNetwork) -> Self {
        Self { pod }
    }
}

type Request = hyper::Request<WasiBody>;
type Response = hyper::Response<WasiBody>;
/// What drives a connection while its response is read.
type Driver = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Sending = Box<dyn Future<Output = Result<(Response, Driver), Error>> + Send>;

impl WasiHttpHooks for PodHttp {
    fn default_scheme(&mut self) -> Option<Scheme> {
        Some(Scheme::HTTP)
    }

    fn send_request(&mut self, request: Request, options: Option<RequestOptions>, _: Driver) -> Sending {
        let pod = self.pod.clone();
        Box::new(async move { send(&pod, request, options.unwrap_or_default()).await })
    }
}

async fn send(
    pod: &PodNetwork,
    mut request: Request,
    options: RequestOptions,
) -> Result<(Response, Driver), Error> {
    if request.uri().scheme() == Some(&Scheme::HTTPS) {
        return Err(Error::InternalError(Some("the pod network carries http and no https".into())));
    }
    let connecting = connect(pod, request.uri());
    let connecting = timeout(options.connect_timeout.unwrap_or(PATIENCE), connecting);
    let connection = connecting.await.map_err(|_| Error::ConnectionTimeout)??;
    to_origin_form(&mut request)?;
    let (mut sender, driver) = http1::handshake(TokioIo::new(connection)).await?;
    let driver = tokio::spawn(driver);
    let abort = driver.abort_handle();
    let answer = timeout(options.first_byte_timeout.unwrap_or(PATIENCE), sender.send_request(request)).await;
    match answer {
        Ok(Ok(response)) => {
            let body = |body: hyper::body::Incoming| body.map_err(Error::from).boxed_unsync();
            let driver = async move { driver.await.map_or(Ok(()), |ended| ended.map_err(Error::from)) };
            Ok((response.map(body), Box::new(driver)))
        }
        Ok(Err(error)) => Err(error.into()),
        Err(_) => {
            abort.abort();
            Err(Error::ConnectionReadTimeout)
        }
    }
}

/// Dials the addresses of a request's host in their order.
async fn connect(pod: &PodNetwork, uri: &Uri) -> Result<Connection, Error> {
    let host = uri.host().filter(|host| !host.is_empty()).ok_or(Error::HttpRequestUriInvalid)?;
    let addresses = pod.resolve(host).await.map_err(resolve_error)?;
    let mut failure = Error::DestinationNotFound;
    for address in addresses.into_iter().filter(|address| address.is_ipv4()) {
        match pod.dial(SocketAddr::new(address, uri.port_u16().unwrap_or(HTTP_PORT))).await {
            Ok(connection) => return Ok(connection),
            Err(error) => failure = dial_error(error),
        }
    }
    Err(failure)
}

fn resolve_error(error: ResolveError) -> Error {
    match error {
        ResolveError::Lookup(LookupError::NotFound) => {
            Error::DnsError { rcode: Some("NXDOMAIN".into()), info_code: None }
        }
        ResolveError::Lookup(LookupError::Temporary) => Error::DnsTimeout,
        ResolveError::Lookup(LookupError::Refused(_)) => {
            Error::DnsError { rcode: Some("REFUSED".into()), info_code: None }
        }
        ResolveError::Invalid => Error::HttpRequestUriInvalid,
    }
}

fn dial_error(error: DialError) -> Error {
    match error {
        DialError::Refused => Error::ConnectionRefused,
        DialError::Unreachable => Error::DestinationIpUnroutable,
        DialError::TimedOut => Error::ConnectionTimeout,
        DialError::InvalidAddress => Error::HttpRequestUriInvalid,
        DialError::NoFreePort => Error::ConnectionLimitReached,
    }
}

/// A request as it is sent to a server rather than a proxy: its target is a path, the host is a header.
fn to_origin_form(request: &mut Request) -> Result<(), Error> {
    let path = request.uri().path_and_query().map_or("/", PathAndQuery::as_str);
    let target: Uri = path.parse().map_err(|_| Error::HttpRequestUriInvalid)?;
    let authority = std::mem::replace(request.uri_mut(), target).into_parts().authority;
    if let Some(authority) = authority
        && !request.headers().contains_key(HOST)
    {
        let host = authority.as_str().parse().map_err(|_| Error::HttpRequestUriInvalid)?;
        request.headers_mut().insert(HOST, host);
    }
    Ok(())
}
