//! Registries, as a client: which ones may be asked, and how ([OCI distribution
//! specification](https://github.com/opencontainers/distribution-spec/blob/main/spec.md)).
//!
//! A client of our own on hyper, where `oci-client` is what a library offers: that one opens its connections itself
//! (through reqwest), and here three things hang on the connection. An address is looked at before it is used
//! ([`connect`]), the cluster's own registry is asked without any socket, and a blob is written and verified as it
//! comes. What is left of the protocol for one who pulls is small ([`session`]). The tests push with `oci-client`.

mod authorities;
mod challenge;
mod connect;
mod session;
mod tokens;

use std::sync::OnceLock;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use tower::ServiceExt as _;

use self::authorities::Authorities;
use self::tokens::Tokens;

pub use authorities::AuthorityFile;
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
    /// Whom TLS trusts, beside the authorities of this system.
    pub authorities: Vec<AuthorityFile>,
}

impl Default for RegistryOptions {
    fn default() -> Self {
        RegistryOptions { allowed: vec!["*".into()], insecure: Vec::new(), authorities: Vec::new() }
    }
}

/// The ways to registries.
pub struct Registries {
    options: RegistryOptions,
    authorities: Authorities,
    tokens: Tokens,
    own: OnceLock<Own>,
}

/// The cluster's own registry: its names, and what answers.
struct Own {
    names: Vec<String>,
    router: Router,
}

impl Registries {
    /// Ways to the registries that are allowed.
    ///
    /// # Errors
    /// Which file of authorities cannot be read.
    pub fn new(options: RegistryOptions) -> Result<Registries, String> {
        let authorities = Authorities::read(&options.authorities)?;
        Ok(Registries { options, authorities, tokens: Tokens::default(), own: OnceLock::new() })
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
        let is_insecure = self.options.insecure.iter().any(|pattern| matches(pattern, registry));
        is_insecure || is_loopback && !self.authorities.name(registry)
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
            let options = RegistryOptions { allowed: vec![pattern.into()], ..RegistryOptions::default() };
            assert_eq!(
                Registries::new(options).unwrap().check(registry).is_ok(),
                expected,
                "{pattern} {registry}"
            );
        }
    }

    #[test]
    fn only_loopback_and_what_is_listed_should_go_without_tls() {
        let options =
            RegistryOptions { insecure: vec!["10.0.0.1:5000".into()], ..RegistryOptions::default() };
        let registries = Registries::new(options).unwrap();
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
        let none = RegistryOptions { allowed: vec![], ..RegistryOptions::default() };
        let registries = Registries::new(none).unwrap();
        assert!(registries.check("localhost:8080").is_err());
        registries.set_own(vec!["localhost:8080".into()], Router::new());
        assert!(registries.check("localhost:8080").is_ok() && registries.check(OWN_REGISTRY).is_ok());
        assert!(registries.check("localhost:8081").is_err());
    }
}
