//! Listening: plain HTTP for the page, TLS for everyone else; both serve the same router.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{ConnectInfo, Request};
use axum::{Extension, Router, middleware};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::identity::{self, Certified, Door};
use super::{Context, tls};
use crate::{ingress, network};

/// How long a client may take to finish the TLS handshake.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);
/// How long a client may take to send the head of a request.
const HEADER_LIMIT: Duration = Duration::from_secs(30);

/// What a listener needs to stop in order.
#[derive(Clone)]
pub struct Listening {
    /// Cancelled when no more connections are to be accepted.
    pub shutdown: CancellationToken,
    /// Every connection that is open.
    pub connections: TaskTracker,
}

fn guarded(router: Router, door: Door, context: Context) -> Router {
    router.layer(middleware::from_fn_with_state((door, context), identity::authenticate))
}

/// What clients on this machine may write in `Host`: one of its names for itself, or the address that is
/// listened on, with the port; without it where that is HTTP's own, as clients leave that out.
pub(crate) fn authorities(address: SocketAddr) -> Vec<String> {
    const HTTP: u16 = 80;
    let own = match address {
        SocketAddr::V4(address) => address.ip().to_string(),
        SocketAddr::V6(address) => format!("[{}]", address.ip()),
    };
    let hosts = ["127.0.0.1", "localhost", "[::1]", own.as_str()];
    let with_port = hosts.map(|host| format!("{host}:{}", address.port()));
    let without = hosts.map(str::to_owned).into_iter().filter(|_| address.port() == HTTP);
    with_port.into_iter().chain(without).collect()
}

/// Serves the page's door until shutdown.
pub async fn serve_plain(listener: &TcpListener, router: Router, context: Context, listening: Listening) {
    let authorities = listener.local_addr().map(authorities).unwrap_or_default().into();
    let router = guarded(router, Door::Page { authorities }, context);
    accept(listener, &listening, |stream, peer| {
        serve(stream, router.clone().layer(Extension(ConnectInfo(peer))), listening.shutdown.clone())
    })
    .await;
}

/// Serves the TLS door until shutdown.
pub async fn serve_secure(
    listener: impl Incoming,
    config: Arc<ServerConfig>,
    router: Router,
    context: Context,
    listening: Listening,
) {
    let router = guarded(router, Door::Secure, context.clone());
    let ingress = ingress_router(context.clone());
    accept(listener, &listening, |stream, peer| {
        let (config, router, shutdown) = (config.clone(), router.clone(), listening.shutdown.clone());
        let (ingress, context) = (ingress.clone(), context.clone());
        async move {
            let handshake = tokio::time::timeout(HANDSHAKE_LIMIT, handshake(stream, config, &context)).await;
            let Ok(Ok((stream, of_ingress))) = handshake else {
                tracing::debug!(%peer, "TLS handshake failed");
                return;
            };
            if of_ingress {
                return serve(stream, ingress.layer(Extension(ConnectInfo(peer))), shutdown).await;
            }
            let user = tls::user(stream.get_ref().1.peer_certificates());
            let router = router.layer(Extension(Certified(user))).layer(Extension(ConnectInfo(peer)));
            serve(stream, router, shutdown).await;
        }
    })
    .await;
}

/// Does TLS: as an Ingress where its host is asked for that is no name of the API server's, else as that. Also
/// tells which.
async fn handshake<S>(
    stream: S,
    config: Arc<ServerConfig>,
    context: &Context,
) -> io::Result<(TlsStream<S>, bool)>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let start = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), stream).await?;
    let name = start.client_hello().server_name().map(str::to_owned);
    let name = name.filter(|name| !tls::is_own_name(name));
    match name.and_then(|name| context.ingresses.tls(&name)) {
        Some(config) => Ok((start.into_stream(config).await?, true)),
        None => Ok((start.into_stream(config).await?, false)),
    }
}

/// Answers everything as Ingresses say.
fn ingress_router(context: Context) -> Router {
    Router::new().fallback(move |request: Request| {
        let context = context.clone();
        async move { ingress::serve(&context.ingresses, &context.host, "https", request).await }
    })
}

/// Where connections come from.
pub trait Incoming: Send {
    /// A connection.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// Waits for the next one; also tells who is at its other end.
    fn accept(&mut self) -> impl Future<Output = io::Result<(Self::Stream, SocketAddr)>> + Send;
}

impl Incoming for &TcpListener {
    type Stream = tokio::net::TcpStream;

    async fn accept(&mut self) -> io::Result<(Self::Stream, SocketAddr)> {
        let (stream, peer) = TcpListener::accept(self).await?;
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%peer, %error, "TCP_NODELAY");
        }
        Ok((stream, peer))
    }
}

impl Incoming for network::Listener {
    type Stream = network::Connection;

    async fn accept(&mut self) -> io::Result<(Self::Stream, SocketAddr)> {
        let stream = network::Listener::accept(self).await?;
        let peer = stream.peer_address();
        Ok((stream, peer))
    }
}

async fn accept<I, F>(mut listener: I, listening: &Listening, serve: impl Fn(I::Stream, SocketAddr) -> F)
where
    I: Incoming,
    F: Future<Output = ()> + Send + 'static,
{
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = listening.shutdown.cancelled() => return,
        };
        match accepted {
            Ok((stream, peer)) => drop(listening.connections.spawn(serve(stream, peer))),
            Err(error) => {
                // Out of file descriptors, most likely: wait for some to be closed.
                tracing::warn!(%error, "accepting a connection failed");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Speaks HTTP over a connection until it ends, or until shutdown and the end of the request at hand.
pub(super) async fn serve<S>(stream: S, router: Router, shutdown: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_LIMIT);
    builder.http2().timer(TokioTimer::new());
    let connection =
        builder.serve_connection_with_upgrades(TokioIo::new(stream), TowerToHyperService::new(router));
    tokio::pin!(connection);
    let outcome = tokio::select! {
        outcome = connection.as_mut() => outcome,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = outcome {
        tracing::debug!(%error, "connection ended");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pages_door_should_answer_to_the_names_that_clients_use() {
        let cases: [(&str, &[&str]); 4] = [
            ("127.0.0.1:8080", &["127.0.0.1:8080", "localhost:8080", "[::1]:8080"]),
            ("127.0.0.2:8080", &["127.0.0.2:8080", "localhost:8080"]),
            ("[::1]:8080", &["[::1]:8080", "localhost:8080"]),
            ("127.0.0.3:80", &["127.0.0.3", "localhost", "127.0.0.3:80", "localhost:80"]),
        ];
        for (address, names) in cases {
            let found = authorities(address.parse().unwrap());
            for name in names {
                assert!(found.iter().any(|own| own == name), "{address}: {name} is not in {found:?}");
            }
            let bare = found.iter().any(|own| own == "localhost");
            assert_eq!(bare, address.ends_with(":80"), "{address}");
        }
    }
}
