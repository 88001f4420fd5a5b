//! The cluster's certificate authority, made at the first start, what it signs, and the kubeconfig.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::{Timestamp, ToSpan};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType, date_time_ymd,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use serde_json::json;
use shared::apiserver::bootstrap::KUBERNETES_SERVICE_IP;
use shared::apiserver::user::{MASTERS, User};
use x509_parser::extensions::GeneralName;

use crate::machine;

/// The names that clients may use for the API server.
const SERVER_NAMES: [&str; 6] = [
    "localhost",
    "control-plane",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
];

/// The addresses that clients may use for it, wherever it listens.
const SERVER_ADDRESSES: [&str; 3] = ["127.0.0.1", "::1", KUBERNETES_SERVICE_IP];

/// A certificate and its key, as PEM text.
struct Pair {
    certificate: String,
    key: String,
}

/// The certificates of one cluster, kept in a directory laid out like kubeadm's `/etc/kubernetes/pki`.
pub struct Certificates {
    authority: Pair,
    server: Pair,
    admin: Pair,
}

impl Certificates {
    /// Reads the certificates of a data directory, or makes them at the first start. The server's is made
    /// anew where it does not name the address that the server listens on.
    pub fn load_or_create(directory: &Path, address: IpAddr) -> Result<Certificates> {
        let place = |name: &str| directory.join("pki").join(name);
        let any = |_: &Pair| true;
        fs::create_dir_all(directory.join("pki")).context("creating the directory for certificates")?;
        let authority = load_or(&place("ca"), any, create_authority)?;
        let names = server_names(address);
        let fits = |pair: &Pair| names_in(&pair.certificate).is_superset(&names);
        let server = load_or(&place("apiserver"), fits, || sign(&authority, server_params(&names)?))?;
        let params = || client_params("kubernetes-admin", MASTERS);
        let admin = load_or(&place("admin"), any, || sign(&authority, params()?))?;
        Ok(Certificates { authority, server, admin })
    }

    /// The certificate by which clients know the server, as PEM text.
    pub fn root_ca(&self) -> &str {
        &self.authority.certificate
    }

    /// What rustls needs: own certificate, and the authority that client certificates must come from.
    pub fn server_config(&self) -> Result<Arc<ServerConfig>> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.authority.certificate.as_bytes())?)?;
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
            .allow_unauthenticated()
            .build()?;
        let chain = vec![CertificateDer::from_pem_slice(self.server.certificate.as_bytes())?];
        let key = PrivateKeyDer::from_pem_slice(self.server.key.as_bytes())?;
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain, key)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    /// The text of a kubeconfig for the cluster's administrator.
    pub fn kubeconfig(&self, address: SocketAddr) -> Result<String> {
        let reachable = match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => {
                SocketAddr::new(Ipv4Addr::LOCALHOST.into(), address.port())
            }
            IpAddr::V6(ip) if ip.is_unspecified() => {
                SocketAddr::new(Ipv6Addr::LOCALHOST.into(), address.port())
            }
            _ => address,
        };
        let encoded = |text: &str| STANDARD.encode(text);
        let config = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{ "name": "kijabi", "cluster": {
                "server": format!("https://{reachable}"),
                "certificate-authority-data": encoded(&self.authority.certificate),
            }}],
            "users": [{ "name": "kubernetes-admin", "user": {
                "client-certificate-data": encoded(&self.admin.certificate),
                "client-key-data": encoded(&self.admin.key),
            }}],
            "contexts": [{ "name": "kijabi", "context": { "cluster": "kijabi", "user": "kubernetes-admin" } }],
            "current-context": "kijabi",
        });
        Ok(serde_yaml::to_string(&config)?)
    }
}

/// The user that a verified client certificate names.
pub(super) fn user(certificates: Option<&[CertificateDer<'_>]>) -> Option<User> {
    let (_, certificate) = x509_parser::parse_x509_certificate(certificates?.first()?).ok()?;
    let subject = certificate.subject();
    let name = subject.iter_common_name().next()?.as_str().ok()?.to_owned();
    let groups: Vec<&str> = subject.iter_organization().filter_map(|group| group.as_str().ok()).collect();
    Some(User::new(&name, &groups))
}

/// The pair that is kept at `base`, if it fits; else a new one, which is kept.
fn load_or(
    base: &Path,
    fits: impl FnOnce(&Pair) -> bool,
    create: impl FnOnce() -> Result<Pair>,
) -> Result<Pair> {
    let (certificate, key) = (base.with_extension("crt"), base.with_extension("key"));
    if certificate.exists() && key.exists() {
        let read =
            |path: &PathBuf| fs::read_to_string(path).with_context(|| format!("reading {}", path.display()));
        let pair = Pair { certificate: read(&certificate)?, key: read(&key)? };
        if fits(&pair) {
            return Ok(pair);
        }
    }
    let pair = create()?;
    write_private(&key, &pair.key)?;
    fs::write(&certificate, &pair.certificate)
        .with_context(|| format!("writing {}", certificate.display()))?;
    Ok(pair)
}

/// Writes a file that only its owner may read.
pub(crate) fn write_private(path: &Path, text: &str) -> Result<()> {
    let open = || -> io::Result<fs::File> {
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(path)
    };
    let mut file = open().with_context(|| format!("writing {}", path.display()))?;
    file.write_all(text.as_bytes()).with_context(|| format!("writing {}", path.display()))
}

fn create_authority() -> Result<Pair> {
    let mut params = named("kubernetes", None)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages =
        vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::CrlSign];
    let key = KeyPair::generate()?;
    Ok(Pair { certificate: params.self_signed(&key)?.pem(), key: key.serialize_pem() })
}

fn sign(authority: &Pair, params: CertificateParams) -> Result<Pair> {
    let issuer = Issuer::from_ca_cert_pem(&authority.certificate, KeyPair::from_pem(&authority.key)?)?;
    let key = KeyPair::generate()?;
    Ok(Pair { certificate: params.signed_by(&key, &issuer)?.pem(), key: key.serialize_pem() })
}

/// Every name and address that clients may use for a server that listens on `address`.
fn server_names(address: IpAddr) -> BTreeSet<String> {
    let own = match address.is_unspecified() {
        true => machine::addresses(),
        false => vec![address],
    };
    let names = SERVER_NAMES.into_iter().chain(SERVER_ADDRESSES).map(str::to_owned);
    names.chain(own.iter().map(IpAddr::to_string)).collect()
}

/// The names and addresses in a server's certificate; none where it cannot be read.
fn names_in(certificate: &str) -> BTreeSet<String> {
    let Ok((_, pem)) = x509_parser::pem::parse_x509_pem(certificate.as_bytes()) else {
        return BTreeSet::new();
    };
    let Ok(certificate) = pem.parse_x509() else { return BTreeSet::new() };
    let Ok(Some(names)) = certificate.subject_alternative_name() else { return BTreeSet::new() };
    let text = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(octets) => {
            let v4 = <[u8; 4]>::try_from(*octets).map(IpAddr::from);
            v4.or_else(|_| <[u8; 16]>::try_from(*octets).map(IpAddr::from)).ok().map(|ip| ip.to_string())
        }
        _ => None,
    };
    names.value.general_names.iter().filter_map(text).collect()
}

fn server_params(names: &BTreeSet<String>) -> Result<CertificateParams> {
    let mut params = named("kube-apiserver", None)?;
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    for name in names {
        params.subject_alt_names.push(match name.parse() {
            Ok(address) => SanType::IpAddress(address),
            Err(_) => SanType::DnsName(name.as_str().try_into()?),
        });
    }
    Ok(params)
}

fn client_params(user: &str, group: &str) -> Result<CertificateParams> {
    let mut params = named(user, Some(group))?;
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    Ok(params)
}

/// Valid from yesterday, because clocks differ, for ten years.
fn named(common_name: &str, organization: Option<&str>) -> Result<CertificateParams> {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    if let Some(organization) = organization {
        params.distinguished_name.push(DnType::OrganizationName, organization);
    }
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
    let today = Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let from = today.checked_sub(1.day())?;
    let until = today.checked_add(10.years())?;
    let day = |date: jiff::civil::Date| {
        date_time_ymd(i32::from(date.year()), date.month().unsigned_abs(), date.day().unsigned_abs())
    };
    params.not_before = day(from);
    params.not_after = day(until);
    Ok(params)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_certificate_should_name_the_address_that_it_listens_on() {
        let directory = tempfile::tempdir().unwrap();
        let load =
            |address: &str| Certificates::load_or_create(directory.path(), address.parse().unwrap()).unwrap();
        let first = load("127.0.0.1");
        assert_eq!(load("127.0.0.1").server.certificate, first.server.certificate);
        assert!(!names_in(&first.server.certificate).contains("192.0.2.7"));
        let moved = load("192.0.2.7");
        let names = names_in(&moved.server.certificate);
        assert!(
            ["192.0.2.7", "127.0.0.1", "localhost"].iter().all(|name| names.contains(*name)),
            "{names:?}"
        );
        assert_eq!(moved.authority.certificate, first.authority.certificate);
        assert_eq!(
            load("127.0.0.1").server.certificate,
            moved.server.certificate,
            "it names more than it must"
        );
        let everywhere = names_in(&load("::").server.certificate);
        for address in machine::addresses() {
            assert!(everywhere.contains(&address.to_string()), "{address} is not in {everywhere:?}");
        }
    }

    #[test]
    fn the_kubeconfig_should_name_an_address_that_can_be_dialled() {
        let directory = tempfile::tempdir().unwrap();
        let certificates =
            Certificates::load_or_create(directory.path(), Ipv4Addr::LOCALHOST.into()).unwrap();
        let cases = [
            ("127.0.0.1:6443", "https://127.0.0.1:6443"),
            ("0.0.0.0:6443", "https://127.0.0.1:6443"),
            ("[::]:6443", "https://[::1]:6443"),
            ("192.0.2.7:1", "https://192.0.2.7:1"),
        ];
        for (address, server) in cases {
            let text = certificates.kubeconfig(address.parse().unwrap()).unwrap();
            assert!(text.contains(&format!("server: {server}\n")), "{text}");
        }
    }
}
