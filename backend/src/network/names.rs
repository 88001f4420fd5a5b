//! Names that a guest looks up: what its pod knows itself is answered here, everything else by the name servers
//! of the pod's `resolv.conf`, which are asked over the pod's own network. So a Service, a policy and a dead
//! server have the effect that they have on any other connection.
//!
//! Follows the C libraries' `getaddrinfo`: literal addresses, `/etc/hosts`, then DNS (`shared::dns::search`). Both
//! files are what the kubelet wrote when it made the sandbox; a program that changes its copy changes nothing.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use shared::dns::PORT;
use shared::dns::hosts::Hosts;
use shared::dns::message::{Answer, ResponseCode, read_answer, write_query};
use shared::dns::name::Name;
use shared::dns::resolv_conf::ResolvConf;
use shared::dns::search::{KIND, Lookup, LookupError, Step};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::pod::PodNetwork;

/// What a pod knows of names, and whom it asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodNames {
    /// Its `/etc/hosts`.
    pub hosts: Hosts,
    /// Its `/etc/resolv.conf`.
    pub resolv_conf: ResolvConf,
}

/// Why a name has no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// What the search came to.
    #[error(transparent)]
    Lookup(#[from] LookupError),
    /// The text is no name.
    #[error("invalid name")]
    Invalid,
}

impl PodNetwork {
    /// The addresses of a name, as the pod's programs know it.
    ///
    /// # Errors
    /// When the name is malformed or unknown, when no server answered, or when one refused to.
    pub async fn resolve(&self, name: &str) -> Result<Vec<IpAddr>, ResolveError> {
        match self.own_addresses(name) {
            Some(addresses) => Ok(addresses),
            None if !is_host_name(name) => Err(ResolveError::Invalid),
            None => Ok(self.search(name).await?),
        }
    }

    /// The addresses that nobody needs to be asked for.
    fn own_addresses(&self, name: &str) -> Option<Vec<IpAddr>> {
        let bare = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        if let Ok(address) = name.parse() {
            return Some(vec![address]);
        }
        let known = self.names().hosts.addresses(&bare);
        if known.iter().any(IpAddr::is_ipv4) {
            return Some(known);
        }
        if bare == "localhost" || bare.ends_with(".localhost") {
            return Some(vec![Ipv4Addr::LOCALHOST.into()]);
        }
        (bare == self.identity().hostname).then(|| vec![self.ip().into()])
    }

    async fn search(&self, name: &str) -> Result<Vec<IpAddr>, LookupError> {
        let mut lookup = Lookup::new(name, &self.names().resolv_conf);
        loop {
            match lookup.step() {
                Step::Ask(name) => lookup.on_response(&name, self.ask_servers(&name).await),
                Step::Done(outcome) => return outcome,
            }
        }
    }

    /// Asks one server after the other, as often as the settings say, until one knows; the last answer where
    /// none does.
    async fn ask_servers(&self, name: &Name) -> Option<Answer> {
        let conf = &self.names().resolv_conf;
        let timeout = Duration::from_secs(conf.timeout_seconds());
        let mut last = None;
        for _ in 0..conf.attempts() {
            for server in conf.servers() {
                let asked = tokio::time::timeout(timeout, self.ask(server, name));
                match asked.await {
                    Ok(Ok(answer)) if is_final(&answer) => return Some(answer),
                    Ok(Ok(answer)) => last = Some(answer),
                    Ok(Err(error)) => tracing::debug!(%server, %name, %error, "a name server did not answer"),
                    Err(_) => tracing::debug!(%server, %name, "a name server did not answer in time"),
                }
            }
            if last.is_some() {
                break;
            }
        }
        last
    }

    /// Asks one server, over a stream.
    async fn ask(&self, server: IpAddr, name: &Name) -> io::Result<Answer> {
        let id = rand::random();
        let query = write_query(id, name, KIND);
        let mut connection = self.dial(SocketAddr::new(server, PORT)).await?;
        let length = u16::try_from(query.len()).map_err(io::Error::other)?;
        connection.write_all(&[&length.to_be_bytes()[..], &query].concat()).await?;
        let length = connection.read_u16().await?;
        let mut bytes = vec![0; usize::from(length)];
        connection.read_exact(&mut bytes).await?;
        read_answer(&bytes, id, name, KIND).ok_or_else(|| io::Error::other("no answer to the question"))
    }

    fn names(&self) -> &PodNames {
        &self.identity().names
    }
}

/// Whether no other server would know better.
fn is_final(answer: &Answer) -> bool {
    matches!(answer.code, ResponseCode::NoError | ResponseCode::NameError)
}

fn is_host_name(name: &str) -> bool {
    let character = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    name.bytes().all(character) && name != "." && Name::parse(name).is_ok()
}

#[cfg(test)]
mod tests;
