//! User names and passwords for registries, from the Secrets that a pod names in `imagePullSecrets`.
//!
//! Follows `pkg/credentialprovider/{config,keyring}.go` and `pkg/credentialprovider/secrets/secrets.go` of
//! kubernetes/kubernetes.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use k8s_openapi::api::core::v1::Secret;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::pulled::PullSecret;

/// What one logs in to a registry with.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user.
    pub username: String,
    /// The password, or a token in its place.
    pub password: String,
}

impl fmt::Debug for Credentials {
    /// Without the password.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Credentials({})", self.username)
    }
}

impl Credentials {
    /// By what they are recognised, without being told.
    fn hash(&self) -> String {
        let text = serde_json::json!([self.username, self.password]).to_string();
        Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Credentials, and the Secret they stand in: `TrackedAuthConfig` of `pkg/credentialprovider`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tracked {
    /// What one logs in with.
    pub credentials: Credentials,
    /// Where they stand.
    pub source: PullSecret,
}

/// The credentials that a pod may use, each with the part of a name that it is for.
#[derive(Clone, Debug, Default)]
pub struct Keyring {
    entries: Vec<(Location, Tracked)>,
}

/// A registry, perhaps with the beginning of a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Location {
    host: String,
    path: String,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    username: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    auth: String,
}

#[derive(Deserialize)]
struct ConfigJson {
    #[serde(default)]
    auths: BTreeMap<String, Entry>,
}

impl Keyring {
    /// Adds what a Secret holds. A Secret of another type holds nothing.
    ///
    /// # Errors
    /// When it cannot be read; no text of the Secret is in it.
    pub fn add(&mut self, secret: &Secret) -> Result<(), String> {
        let data = |key: &str| secret.data.as_ref().and_then(|data| data.get(key));
        let entries = match secret.type_.as_deref() {
            Some("kubernetes.io/dockerconfigjson") => data(".dockerconfigjson")
                .map(|text| serde_json::from_slice::<ConfigJson>(&text.0).map(|config| config.auths)),
            Some("kubernetes.io/dockercfg") => data(".dockercfg").map(|text| serde_json::from_slice(&text.0)),
            _ => None,
        };
        let entries = entries.transpose().map_err(|error| {
            format!("the credentials of a registry cannot be read: line {} of them is wrong", error.line())
        })?;
        for (place, entry) in entries.unwrap_or_default() {
            let credentials = entry.credentials()?;
            let source = source(secret, &credentials);
            self.entries.push((Location::read(&place), Tracked { credentials, source }));
        }
        // The most specific first: of two that fit, the one with the longer path.
        self.entries.sort_by(|(left, _), (right, _)| right.cmp(left));
        Ok(())
    }

    /// The credentials for a repository, `registry.example.com:5000/team/app`, the best first: all of them may be
    /// tried.
    #[must_use]
    pub fn lookup(&self, repository: &str) -> Vec<Tracked> {
        let fitting = self.entries.iter().filter(|(location, _)| location.holds(repository));
        fitting.map(|(_, tracked)| tracked.clone()).collect()
    }
}

fn source(secret: &Secret, credentials: &Credentials) -> PullSecret {
    let (metadata, part) = (&secret.metadata, |text: &Option<String>| text.clone().unwrap_or_default());
    PullSecret {
        namespace: part(&metadata.namespace),
        name: part(&metadata.name),
        uid: part(&metadata.uid),
        credential_hash: credentials.hash(),
    }
}

impl Entry {
    fn credentials(self) -> Result<Credentials, String> {
        if self.auth.is_empty() {
            return Ok(Credentials { username: self.username, password: self.password });
        }
        let wrong = || {
            "the credentials of a registry cannot be read: `auth` is not user:password in base64".to_owned()
        };
        let decoded = BASE64_STANDARD.decode(self.auth.trim_end_matches('\n')).map_err(|_| wrong())?;
        let decoded = String::from_utf8(decoded).map_err(|_| wrong())?;
        let (username, password) = decoded.split_once(':').ok_or_else(wrong)?;
        Ok(Credentials {
            username: username.to_owned(),
            password: password.trim_end_matches('\0').to_owned(),
        })
    }
}

impl Location {
    /// Reads `https://index.docker.io/v1/`, `registry.example.com:5000`, `*.example.com/team`.
    fn read(text: &str) -> Location {
        let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let path = ["v1/", "v2/"].iter().find_map(|version| path.strip_prefix(version)).unwrap_or(path);
        let path = if matches!(path, "v1" | "v2") { "" } else { path };
        let host = if host == "index.docker.io" { "docker.io" } else { host };
        Location { host: host.to_owned(), path: path.trim_end_matches('/').to_owned() }
    }

    /// Whether a repository lies here: on this host, whose parts may be patterns, and below this path.
    fn holds(&self, repository: &str) -> bool {
        let (host, path) = repository.split_once('/').unwrap_or((repository, ""));
        let (own_name, own_port) = split_port(&self.host);
        let (name, port) = split_port(host);
        let parts = |name: &str| name.split('.').count();
        let fits =
            own_name.split('.').zip(name.split('.')).all(|(pattern, part)| matches_part(pattern, part));
        own_port == port && parts(own_name) == parts(name) && fits && path.starts_with(&self.path)
    }
}

fn split_port(host: &str) -> (&str, &str) {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => (name, port),
        _ => (host, ""),
    }
}

/// Whether a part of a host's name fits a pattern, in which `*` stands for any text and `?` for a letter.
fn matches_part(pattern: &str, part: &str) -> bool {
    // For each beginning of the part, whether it fits what was read of the pattern.
    let mut fits: Vec<bool> = (0..=part.len()).map(|length| length == 0).collect();
    for wanted in pattern.bytes() {
        let mut next = vec![false; fits.len()];
        next[0] = wanted == b'*' && fits[0];
        for (at, found) in part.bytes().enumerate() {
            next[at + 1] = match wanted {
                b'*' => fits[at + 1] || next[at],
                b'?' => fits[at],
                _ => fits[at] && wanted == found,
            };
        }
        fits = next;
    }
    fits.last().is_some_and(|whole| *whole)
}

#[cfg(test)]
mod tests {
    use k8s_openapi::ByteString;
    use serde_json::json;

    use super::*;

    fn secret(type_: &str, key: &str, text: &str) -> Secret {
        let data = BTreeMap::from([(key.to_owned(), ByteString(text.as_bytes().to_vec()))]);
        Secret { type_: Some(type_.into()), data: Some(data), ..Secret::default() }
    }

    fn keyring(places: &[&str]) -> Keyring {
        let auths: BTreeMap<_, _> =
            places.iter().map(|place| (*place, json!({"username": place, "password": "p"}))).collect();
        let mut keyring = Keyring::default();
        let text = json!({ "auths": auths }).to_string();
        keyring.add(&secret("kubernetes.io/dockerconfigjson", ".dockerconfigjson", &text)).unwrap();
        keyring
    }

    #[test]
    fn credentials_should_fit_the_registry_and_the_longest_path_first() {
        let places = [
            "https://index.docker.io/v1/",
            "quay.io",
            "quay.io/coreos",
            "http://localhost:5000",
            "*.example.com",
            "registry.io/v2/team",
        ];
        let cases: [(&str, &[&str]); 10] = [
            ("docker.io/library/app", &["https://index.docker.io/v1/"]),
            ("quay.io/coreos/etcd", &["quay.io/coreos", "quay.io"]),
            ("quay.io/other", &["quay.io"]),
            ("localhost:5000/app", &["http://localhost:5000"]),
            ("localhost:5001/app", &[]),
            ("localhost/app", &[]),
            ("a.example.com/x", &["*.example.com"]),
            ("a.b.example.com/x", &[]),
            ("registry.io/team/app", &["registry.io/v2/team"]),
            ("evil-quay.io/coreos", &[]),
        ];
        let keyring = keyring(&places);
        for (repository, expected) in cases {
            let found: Vec<String> =
                keyring.lookup(repository).into_iter().map(|found| found.credentials.username).collect();
            assert_eq!(found, expected, "{repository}");
        }
    }

    #[test]
    fn patterns_should_stand_for_parts_of_a_name() {
        let cases = [
            ("*", "abc", true),
            ("a*", "abc", true),
            ("*c", "abc", true),
            ("a?c", "abc", true),
            ("a*d", "abc", false),
            ("?", "", false),
            ("abc", "abcd", false),
        ];
        for (pattern, part, expected) in cases {
            assert_eq!(matches_part(pattern, part), expected, "{pattern} {part}");
        }
    }

    #[test]
    fn credentials_should_be_recognised_and_known_by_their_secret() {
        let auths = json!({"auths": {"a.io": {"username": "u", "password": "p"}, "b.io": {"auth": "dTpw"}}});
        let mut own = secret("kubernetes.io/dockerconfigjson", ".dockerconfigjson", &auths.to_string());
        (own.metadata.namespace, own.metadata.name) = (Some("n".into()), Some("s".into()));
        own.metadata.uid = Some("1".into());
        let mut keyring = Keyring::default();
        keyring.add(&own).unwrap();
        let (a, b) = (keyring.lookup("a.io/x").remove(0).source, keyring.lookup("b.io/x").remove(0).source);
        assert_eq!((a.namespace.as_str(), a.name.as_str(), a.uid.as_str()), ("n", "s", "1"));
        assert_eq!(a, b);
        assert_eq!(a.credential_hash.len(), 64);
        let other = Credentials { username: "up".into(), password: String::new() };
        assert_ne!(other.hash(), a.credential_hash);
    }

    #[test]
    fn both_forms_of_a_secret_should_be_read() {
        let auth = BASE64_STANDARD.encode("me:se:cret");
        let entry = json!({"r.io": {"auth": auth}});
        let new = json!({ "auths": entry }).to_string();
        let old = entry.to_string();
        let cases = [
            ("kubernetes.io/dockerconfigjson", ".dockerconfigjson", new.as_str(), 1),
            ("kubernetes.io/dockercfg", ".dockercfg", old.as_str(), 1),
            ("Opaque", ".dockercfg", old.as_str(), 0),
            ("kubernetes.io/dockercfg", "other", old.as_str(), 0),
        ];
        for (type_, key, text, expected) in cases {
            let mut keyring = Keyring::default();
            keyring.add(&secret(type_, key, text)).unwrap();
            let found = keyring.lookup("r.io/app");
            assert_eq!(found.len(), expected, "{type_} {key}");
            let own = Credentials { username: "me".into(), password: "se:cret".into() };
            assert!(found.iter().all(|found| found.credentials == own));
        }
    }

    #[test]
    fn a_secret_that_cannot_be_read_should_not_be_told() {
        for text in ["{\"r.io\": {\"auth\": \"c2VjcmV0\"}}", "{\"r.io\": \"secret\"}", "secret"] {
            let mut keyring = Keyring::default();
            let error = keyring.add(&secret("kubernetes.io/dockercfg", ".dockercfg", text)).unwrap_err();
            assert!(error.starts_with("the credentials of a registry cannot be read"), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
