//! Whom TLS trusts: the authorities of this system, and those that the option `--registry-ca` names for a registry,
//! as a `hosts.toml` of containerd does with `ca`
//! ([registry host configuration](https://github.com/containerd/containerd/blob/main/docs/hosts.md)).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, InvalidMessage, RootCertStore};

use super::matches;

/// A value of `--registry-ca`, `registry.example.com:5000=/etc/ssl/own-ca.pem`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorityFile {
    /// Which registries it is for, as in `--registries`.
    pub pattern: String,
    /// Certificates as PEM.
    pub file: PathBuf,
}

impl FromStr for AuthorityFile {
    type Err = String;

    fn from_str(text: &str) -> Result<AuthorityFile, String> {
        match text.split_once('=') {
            Some((pattern, file)) if !pattern.is_empty() && !file.is_empty() => {
                Ok(AuthorityFile { pattern: pattern.to_owned(), file: file.into() })
            }
            _ => Err("it is not NAME=FILE, such as registry.example.com=/etc/ssl/own-ca.pem".to_owned()),
        }
    }
}

/// Certificates of authorities, and which registries they vouch for.
struct Authority {
    pattern: String,
    certificates: Vec<CertificateDer<'static>>,
}

/// The authorities that are trusted.
pub(super) struct Authorities {
    own: Vec<Authority>,
    /// What was made of them, by the positions of those that fit a registry.
    made: Mutex<BTreeMap<Vec<usize>, Arc<ClientConfig>>>,
}

impl Authorities {
    /// Reads the files.
    ///
    /// # Errors
    /// Which file cannot be read, or holds no certificate.
    pub(super) fn read(files: &[AuthorityFile]) -> Result<Authorities, String> {
        let read = |given: &AuthorityFile| {
            let certificates = certificates(&given.file)
                .map_err(|error| format!("--registry-ca: {}: {error}", given.file.display()))?;
            Ok(Authority { pattern: given.pattern.clone(), certificates })
        };
        let own: Result<Vec<Authority>, String> = files.iter().map(read).collect();
        Ok(Authorities { own: own?, made: Mutex::default() })
    }

    /// Whether a registry itself is named, and not only by a pattern for many.
    pub(super) fn name(&self, registry: &str) -> bool {
        self.own.iter().any(|own| !own.pattern.starts_with('*') && matches(&own.pattern, registry))
    }

    /// What TLS trusts at a registry: the certificates of this system, as any other program of it does, and those
    /// that are given for it.
    pub(super) fn tls(&self, registry: &str) -> Result<Arc<ClientConfig>, String> {
        let fitting = self.own.iter().enumerate().filter(|(_, own)| matches(&own.pattern, registry));
        let fitting: Vec<usize> = fitting.map(|(index, _)| index).collect();
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = made.get(&fitting) {
            return Ok(known.clone());
        }
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        for own in fitting.iter().filter_map(|index| self.own.get(*index)) {
            roots.add_parsable_certificates(own.certificates.iter().cloned());
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        let config = Arc::new(config.with_root_certificates(roots).with_no_client_auth());
        made.insert(fitting, config.clone());
        Ok(config)
    }
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let found = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let found = found.map_err(|error| error.to_string())?;
    match found.is_empty() {
        true => Err("there is no certificate in it".to_owned()),
        false => Ok(found),
    }
}

/// Why TLS did not begin, in the words that Go's clients have for it (`crypto/x509/verify.go`, `crypto/tls`).
pub(super) fn refusal(host: &str, error: &std::io::Error) -> String {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        Some(rustls::Error::InvalidCertificate(certificate)) => {
            format!("tls: failed to verify certificate: x509: {}", flaw(host, certificate))
        }
        Some(rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType)) => {
            "http: server gave HTTP response to HTTPS client".to_owned()
        }
        _ => format!("tls: {error}"),
    }
}

fn flaw(host: &str, error: &CertificateError) -> String {
    const EXPIRED: &str = "certificate has expired or is not yet valid";
    match error {
        // The latter is of another authority with the same name.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "certificate signed by unknown authority (the option --registry-ca \
             of `kijabi serve` names authorities of registries)"
                .to_owned()
        }
        CertificateError::Expired | CertificateError::NotValidYet => EXPIRED.to_owned(),
        CertificateError::ExpiredContext { time, not_after } => {
            format!("{EXPIRED}: current time {} is after {}", in_words(time), in_words(not_after))
        }
        CertificateError::NotValidYetContext { time, not_before } => {
            format!("{EXPIRED}: current time {} is before {}", in_words(time), in_words(not_before))
        }
        CertificateError::NotValidForNameContext { expected, presented } => {
            other_name(host, expected, presented)
        }
        other => rustls::Error::InvalidCertificate(other.clone()).to_string(),
    }
}

fn in_words(time: &UnixTime) -> String {
    let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::MAX).to_string()
}

/// A certificate for somebody else; `presented` is as rustls writes it, `DnsName("a")` or `IpAddress(10.0.0.1)`.
fn other_name(host: &str, expected: &ServerName<'_>, presented: &[String]) -> String {
    let of = |kind: &str| -> Vec<&str> {
        let names = presented.iter().filter_map(|name| name.strip_prefix(kind)?.strip_prefix('('));
        names.map(|name| name.trim_end_matches(')').trim_matches('"')).collect()
    };
    let is_address = matches!(expected, ServerName::IpAddress(_));
    let names = of(if is_address { "IpAddress" } else { "DnsName" });
    match (names.is_empty(), is_address) {
        (true, true) => {
            format!("cannot validate certificate for {host} because it doesn't contain any IP SANs")
        }
        (true, false) => format!("certificate is not valid for any names, but wanted to match {host}"),
        (false, _) => format!("certificate is valid for {}, not {host}", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_authorities_should_be_given_with_its_registry() {
        let given: AuthorityFile = "r.io:5000=/a=b.pem".parse().unwrap();
        assert_eq!((given.pattern.as_str(), given.file.as_path()), ("r.io:5000", Path::new("/a=b.pem")));
        for wrong in ["r.io", "=a.pem", "r.io="] {
            assert!(wrong.parse::<AuthorityFile>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_file_without_certificates_should_be_refused_at_the_start() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("ca.pem");
        let read = |file: &Path| {
            let given = AuthorityFile { pattern: "r.io".into(), file: file.to_owned() };
            Authorities::read(&[given]).map(|_| ()).unwrap_err()
        };
        assert!(read(&file).starts_with("--registry-ca: "), "{}", read(&file));
        std::fs::write(&file, "text").unwrap();
        assert!(read(&file).ends_with("there is no certificate in it"), "{}", read(&file));
    }

    #[test]
    fn flaws_of_certificates_should_be_said_as_go_says_them() {
        let time = |seconds| UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
        let for_name = |host: &str, presented: &[&str]| CertificateError::NotValidForNameContext {
            expected: ServerName::try_from(host.to_owned()).unwrap(),
            presented: presented.iter().map(|name| (*name).to_owned()).collect(),
        };
        let cases = [
            ("r.io", CertificateError::UnknownIssuer, "certificate signed by unknown authority (the option"),
            ("r.io", CertificateError::BadSignature, "certificate signed by unknown authority (the option"),
            (
                "r.io",
                CertificateError::ExpiredContext { time: time(2), not_after: time(1) },
                "certificate has expired or is not yet valid: current time 1970-01-01T00:00:02Z is after \
                 1970-01-01T00:00:01Z",
            ),
            (
                "r.io",
                for_name("r.io", &["DnsName(\"a.io\")", "DnsName(\"b.io\")", "IpAddress(10.0.0.1)"]),
                "certificate is valid for a.io, b.io, not r.io",
            ),
            (
                "10.0.0.2",
                for_name("10.0.0.2", &["IpAddress(10.0.0.1)"]),
                "certificate is valid for 10.0.0.1, not 10.0.0.2",
            ),
            (
                "10.0.0.2",
                for_name("10.0.0.2", &["DnsName(\"a.io\")"]),
                "cannot validate certificate for 10.0.0.2 because it doesn't contain any IP SANs",
            ),
            (
                "r.io",
                for_name("r.io", &[]),
                "certificate is not valid for any names, but wanted to match r.io",
            ),
        ];
        for (host, error, expected) in cases {
            let said = refusal(host, &std::io::Error::other(rustls::Error::InvalidCertificate(error)));
            let expected = format!("tls: failed to verify certificate: x509: {expected}");
            assert!(said.starts_with(&expected), "{said}");
        }
    }
}
