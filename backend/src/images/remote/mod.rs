//! Registries, as a client: which ones may be asked, and how ([OCI distribution
//! specification](https://github.com/opencontainers/distribution-spec/blob/main/spec.md)).
//!
//! A client of our own on hyper, where `oci-client` is what a library offers: that one opens its connections itself
//! (through reqwest), and here three things hang on the connection. An address is looked at before it is used
//! ([`connect`]), the cluster's own registry is asked without any socket, and a blob is written and verified as it
//! comes. What is left of the protocol for one who pulls is small ([`session`]). The tests push with `oci-client`.

mod challenge;
mod connect;
mod session;

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use rustls::ClientConfig;
use tower::ServiceExt as _;

pub use session::{RemoteError, Session};

/// The name under which pods reach the cluster's own registry, whatever port it listens on.
pub const OWN_REGISTRY: &str = "registry.kijabi";

/// Which registries may be asked, beside the cluster's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryOptions {
    /// `*` for all, `ghcr.io`, `registry.example.com:5000`, `*.example.com`.
    pub allowed: Vec<String>,
    /// Those that speak HTTP without TLS, beside those of this machine's loopback interface.
    pub insecure: Vec<String>,
}

impl Default for RegistryOptions {
    fn default() -> Self {
        RegistryOptions { allowed: vec!["*".into()], insecure: Vec::new() }
    }
}

/// The ways to registries.
pub struct Registries {
    options: RegistryOptions,
    tls: OnceLock<Result<Arc<ClientConfig>, String>>,
    own: OnceLock<Own>,
}

/// The cluster's own registry: its names, and what answers.
struct Own {
    names: Vec<String>,
    router: Router,
}

impl Registries {
    /// Ways to the registries that are allowed.
    #[must_use]
    pub fn new(options: RegistryOptions) -> Registries {
        Registries { options, tls: OnceLock::new(), own: OnceLock::new() }
    }

    /// The cluster's own registry is this, under these names and [`OWN_REGISTRY`].
    pub fn set_own(&self, mut names: Vec<String>, router: Router) {
        names.push(OWN_REGISTRY.to_owned());
        if self.own.set(Own { names, router }).is_err() {
            tracing::debug!("the cluster's own registry was known already");
        }
    }

    fn own(&self, registry: &str) -> Option<&Router> {
        self.own.get().filter(|own| own.names.iter().any(|name| name == registry)).map(|own| &own.router)
    }

    /// Whether a registry may be asked.
    ///
    /// # Errors
    /// A sentence that says what to do about it.
    pub fn check(&self, registry: &str) -> Result<(), String> {
        let is_allowed = self.options.allowed.iter().any(|pattern| matches(pattern, registry));
        match is_allowed || self.own(registry).is_some() {
            true => Ok(()),
            false => Err(format!(
                "the registry {registry} is none of those that this cluster asks: they are listed in the option \
                 --registries of `kijabi serve`"
            )),
        }
    }

    /// Whether a registry speaks HTTP without TLS.
    fn is_plain(&self, registry: &str) -> bool {
        let host = split_port(registry).0;
        let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
        let is_loopback = host == "localhost" || address.is_ok_and(|address| address.is_loopback());
        is_loopback || self.options.insecure.iter().any(|pattern| matches(pattern, registry))
    }

    /// What TLS trusts: the certificates of this system, as for any other program of it.
    fn tls(&self) -> Result<Arc<ClientConfig>, String> {
        let made = self.tls.get_or_init(|| {
            let mut roots = rustls::RootCertStore::empty();
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let config = ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .map_err(|error| error.to_string())?;
            Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
        });
        made.clone()
    }

    /// Asks the cluster's own registry.
    async fn ask_own(&self, registry: &str, request: Request<Body>) -> Option<Response<Body>> {
        let router = self.own(registry)?.clone();
        Some(router.oneshot(request).await.unwrap_or_else(|never| match never {}))
    }
}

fn split_port(registry: &str) -> (&str, Option<u16>) {
    match registry.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()),
        _ => (registry, None),
    }
}

/// Whether a registry fits a pattern; one without a port fits any.
fn matches(pattern: &str, registry: &str) -> bool {
    let (host, port) = split_port(registry);
    let (wanted, wanted_port) = split_port(pattern);
    let fits = match wanted.strip_prefix('*') {
        Some(end) => host.ends_with(end),
        None => host == wanted,
    };
    fits && (wanted_port.is_none() || wanted_port == port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registries_should_be_allowed_by_pattern() {
        let cases = [
            ("*", "ghcr.io", true),
            ("ghcr.io", "ghcr.io", true),
            ("ghcr.io", "ghcr.io:5000", true),
            ("ghcr.io:443", "ghcr.io", false),
            ("ghcr.io", "evil-ghcr.io", false),
            ("*.example.com", "r.example.com:5000", true),
            ("*.example.com", "example.com", false),
            ("[::1]", "[::1]:5000", true),
            ("none", "ghcr.io", false),
        ];
        for (pattern, registry, expected) in cases {
            let options = RegistryOptions { allowed: vec![pattern.into()], insecure: vec![] };
            assert_eq!(Registries::new(options).check(registry).is_ok(), expected, "{pattern} {registry}");
        }
    }

    #[test]
    fn only_loopback_and_what_is_listed_should_go_without_tls() {
        let options =
            RegistryOptions { insecure: vec!["10.0.0.1:5000".into()], ..RegistryOptions::default() };
        let registries = Registries::new(options);
        let cases = [
            ("localhost", true),
            ("localhost:5000", true),
            ("127.0.0.9:5000", true),
            ("[::1]:5000", true),
            ("10.0.0.1:5000", true),
            ("10.0.0.1:5001", false),
            ("localhost.example.com", false),
            ("docker.io", false),
        ];
        for (registry, expected) in cases {
            assert_eq!(registries.is_plain(registry), expected, "{registry}");
        }
    }

    #[test]
    fn the_own_registry_should_always_be_allowed() {
        let none = RegistryOptions { allowed: vec![], insecure: vec![] };
        let registries = Registries::new(none);
        assert!(registries.check("localhost:8080").is_err());
        registries.set_own(vec!["localhost:8080".into()], Router::new());
        assert!(registries.check("localhost:8080").is_ok() && registries.check(OWN_REGISTRY).is_ok());
        assert!(registries.check("localhost:8081").is_err());
    }
}
