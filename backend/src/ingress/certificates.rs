//! The certificates of Ingresses: those in Secrets, and one that nobody vouches for where there is none, as
//! ingress-nginx has it.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use k8s_openapi::api::core::v1::Secret;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use shared::ingress::table::Key;

const FAKE_NAME: &str = "Kubernetes Ingress Controller Fake Certificate";

/// What TLS needs, by Secret.
#[derive(Default)]
pub(super) struct Certificates {
    by_secret: BTreeMap<Key, Arc<ServerConfig>>,
    fake: Option<Arc<ServerConfig>>,
}

impl Certificates {
    /// A Secret is there, or changed; one that cannot be read is as none.
    pub(super) fn set(&mut self, key: Key, secret: &Secret) {
        match read(secret) {
            Ok(config) => drop(self.by_secret.insert(key, config)),
            Err(error) => {
                tracing::warn!("the certificate in Secret {}/{} is not used: {error:#}", key.0, key.1);
                self.by_secret.remove(&key);
            }
        }
    }

    pub(super) fn remove(&mut self, key: &Key) {
        self.by_secret.remove(key);
    }

    /// What the Secret holds.
    pub(super) fn of(&self, secret: Option<&Key>) -> Option<Arc<ServerConfig>> {
        self.by_secret.get(secret?).cloned()
    }

    /// The certificate for hosts without one, made when it is first needed.
    pub(super) fn fake(&mut self) -> Option<Arc<ServerConfig>> {
        if self.fake.is_none() {
            self.fake = make_fake().inspect_err(|error| tracing::warn!("no certificate: {error:#}")).ok();
        }
        self.fake.clone()
    }
}

fn read(secret: &Secret) -> Result<Arc<ServerConfig>> {
    let data = |name: &str| {
        let data = secret.data.as_ref().and_then(|data| data.get(name));
        data.with_context(|| format!("it has no {name}"))
    };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&data("tls.crt")?.0).collect();
    let key = PrivateKeyDer::from_pem_slice(&data("tls.key")?.0).context("tls.key")?;
    config(chain.context("tls.crt")?, key)
}

fn make_fake() -> Result<Arc<ServerConfig>> {
    let mut params = rcgen::CertificateParams::new(vec!["ingress.local".to_owned()])?;
    params.distinguished_name.push(rcgen::DnType::CommonName, FAKE_NAME);
    params.distinguished_name.push(rcgen::DnType::OrganizationName, "Acme Co");
    let key = rcgen::KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(anyhow::Error::msg)?;
    config(vec![certificate.der().clone()], key)
}

fn config(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<Arc<ServerConfig>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
