//! A connection to a registry, or to what it refers to, after a look at the address: a name in a pod must not make
//! the server talk to what is only within its own reach.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::Uri;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio_rustls::TlsConnector;

use super::authorities;

/// How long a name may take to be found, an address to answer, and TLS to begin.
const LIMIT: Duration = Duration::from_secs(10);

/// Which addresses are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// Those that the user named: registries in the own network or on this machine are among them.
    Named,
    /// Those that a registry on the internet named: on the internet as well.
    Internet,
}

/// A connection that was made.
pub(super) struct Connected {
    /// Sends requests.
    pub(super) sender: SendRequest<Body>,
    /// Whether the other end is on the internet.
    pub(super) is_internet: bool,
}

/// Connects to the host of a URL.
pub(super) async fn connect(uri: &Uri, tls: Arc<ClientConfig>, trust: Trust) -> Result<Connected, String> {
    let host = uri.host().ok_or("a URL without a host")?.trim_matches(['[', ']']).to_owned();
    let is_tls = uri.scheme_str() == Some("https");
    let port = uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
    let (stream, address) = dial(&host, port, trust).await?;
    let sender = if is_tls {
        let name = ServerName::try_from(host.clone()).map_err(|error| error.to_string())?;
        let stream = tokio::time::timeout(LIMIT, TlsConnector::from(tls).connect(name, stream));
        let stream = stream.await.map_err(|_| "TLS handshake timeout")?;
        speak(stream.map_err(|error| authorities::refusal(&host, &error))?).await?
    } else {
        speak(stream).await?
    };
    Ok(Connected { sender, is_internet: is_internet(address.ip()) })
}

async fn dial(host: &str, port: u16, trust: Trust) -> Result<(TcpStream, SocketAddr), String> {
    let found = tokio::time::timeout(LIMIT, lookup_host((host, port))).await;
    let found = found.map_err(|_| format!("dial tcp: lookup {host}: i/o timeout"))?;
    let found: Vec<SocketAddr> =
        found.map_err(|error| format!("dial tcp: lookup {host}: {error}"))?.collect();
    let mut why = format!("dial tcp: lookup {host}: no such host");
    for address in found {
        if let Some(refused) = refusal(address.ip(), trust) {
            why = format!("dial tcp {address}: {refused}");
            continue;
        }
        match tokio::time::timeout(LIMIT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok((stream, address)),
            Ok(Err(error)) => why = format!("dial tcp {address}: {error}"),
            Err(_) => why = format!("dial tcp {address}: i/o timeout"),
        }
    }
    Err(why)
}

async fn speak<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(
    stream: S,
) -> Result<SendRequest<Body>, String> {
    let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection to a registry ended");
        }
    });
    Ok(sender)
}

/// Why an address is not used.
fn refusal(address: IpAddr, trust: Trust) -> Option<&'static str> {
    let address = address.to_canonical();
    let is_nobody = match address {
        IpAddr::V4(address) => address.is_link_local() || address.is_broadcast(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    };
    if is_nobody || address.is_unspecified() || address.is_multicast() {
        return Some("no registry is asked at such an address");
    }
    let is_foreign = trust == Trust::Internet && !is_internet(address);
    is_foreign.then_some("a registry on the internet may not refer to an address that is not")
}

fn is_internet(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [first, second, ..] = address.octets();
            let is_shared = first == 100 && (64..128).contains(&second);
            let is_test = address.is_documentation() || first == 198 && matches!(second, 18 | 19);
            let is_own = address.is_private() || address.is_loopback() || address.is_link_local();
            !(is_own || is_shared || is_test || first == 0 || first >= 224)
        }
        IpAddr::V6(address) => {
            let is_own =
                address.is_unique_local() || address.is_unicast_link_local() || address.is_loopback();
            !(is_own || address.is_unspecified() || address.is_multicast())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_should_be_used_by_who_named_them() {
        let cases = [
            ("140.82.112.33", true, true),
            ("2606:50c0::1", true, true),
            ("10.0.0.1", true, false),
            ("192.168.1.2", true, false),
            ("172.18.0.2", true, false),
            ("100.64.0.1", true, false),
            ("127.0.0.1", true, false),
            ("::1", true, false),
            ("::ffff:127.0.0.1", true, false),
            ("fd00:ec2::254", true, false),
            ("169.254.169.254", false, false),
            ("::ffff:169.254.169.254", false, false),
            ("fe80::1", false, false),
            ("0.0.0.0", false, false),
            ("255.255.255.255", false, false),
            ("224.0.0.1", false, false),
        ];
        for (address, named, internet) in cases {
            let address = address.parse().unwrap();
            assert_eq!(refusal(address, Trust::Named).is_none(), named, "{address}");
            assert_eq!(refusal(address, Trust::Internet).is_none(), internet, "{address}");
        }
    }
}
