//! Names that a guest looks up: its own pod's here, all others by the cluster's resolver.

use std::net::{IpAddr, Ipv4Addr};

use futures::future::BoxFuture;

use super::pod::PodNetwork;

/// Why a name has no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// There is no such name.
    #[error("name does not resolve")]
    NotFound,
    /// Nobody could say now.
    #[error("temporary failure in name resolution")]
    Temporary,
    /// The text is no name.
    #[error("invalid name")]
    Invalid,
}

/// Answers names for pods: the cluster's DNS.
pub trait Resolve: Send + Sync {
    /// The addresses of `name` as `pod` sees it, with its namespace's search path.
    fn resolve(&self, pod: PodNetwork, name: String)
    -> BoxFuture<'static, Result<Vec<IpAddr>, ResolveError>>;
}

impl PodNetwork {
    /// The addresses of a name: literal addresses, `localhost` and the pod's own host name here; everything
    /// else by the resolver of the network.
    ///
    /// # Errors
    /// When the name is malformed or unknown, or the resolver failed.
    pub async fn resolve(&self, name: &str) -> Result<Vec<IpAddr>, ResolveError> {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        if let Ok(address) = name.parse() {
            return Ok(vec![address]);
        }
        if name == "localhost" || name.ends_with(".localhost") {
            return Ok(vec![Ipv4Addr::LOCALHOST.into()]);
        }
        if name == self.identity().hostname {
            return Ok(vec![self.ip().into()]);
        }
        if !is_host_name(&name) {
            return Err(ResolveError::Invalid);
        }
        match self.network().and_then(|network| network.resolver()) {
            Some(resolver) => resolver.resolve(self.clone(), name).await,
            None => Err(ResolveError::NotFound),
        }
    }
}

fn is_host_name(name: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    name.len() <= 253 && name.split('.').all(label)
}
