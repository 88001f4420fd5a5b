//! Names of images, read and normalised as Docker and the kubelet do
//! ([distribution/reference](https://github.com/distribution/reference): `reference.go`, `normalize.go`, `regexp.go`;
//! kubernetes `pkg/util/parsers/parsers.go`).

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A complete name: registry, repository, and a tag or a digest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// The host of the registry, with its port if it has one: `docker.io`.
    pub registry: String,
    /// The path there: `library/nginx`.
    pub repository: String,
    /// `latest` if the name gives neither tag nor digest.
    pub tag: Option<String>,
    /// `sha256:…`.
    pub digest: Option<String>,
}

/// Why a text is no name of an image: the pod then waits with the reason `InvalidImageName`.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReferenceError {
    /// It has not the form of a name.
    #[error("invalid reference format")]
    Format,
    /// Repositories are lower case.
    #[error("invalid reference format: repository name ({0}) must be lowercase")]
    Uppercase(String),
    /// Nothing is named.
    #[error("repository name must have at least one component")]
    Empty,
    /// Longer than registries allow.
    #[error("repository name must not be more than 255 characters")]
    TooLong,
    /// It could be taken for the identifier of an image.
    #[error("invalid repository name ({0}), cannot specify 64-byte hexadecimal strings")]
    Identifier(String),
    /// A digest of another algorithm than SHA-256, 384 or 512.
    #[error("unsupported digest algorithm")]
    DigestAlgorithm,
    /// A digest that is too short or too long for its algorithm.
    #[error("invalid checksum digest length")]
    DigestLength,
}

const DEFAULT_REGISTRY: &str = "docker.io";
const LONGEST_REPOSITORY: usize = 255;
const LONGEST_TAG: usize = 128;

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        if is_identifier(text) {
            return Err(ReferenceError::Identifier(text.to_owned()));
        }
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(digest)),
            None => (text, None),
        };
        let (registry, rest) = split_registry(name);
        let (path, tag) = match rest.rsplit_once(':') {
            Some((path, tag)) => (path, Some(tag)),
            None => (rest, None),
        };
        check_name(text, &registry, path)?;
        if !tag.is_none_or(is_tag) {
            return Err(ReferenceError::Format);
        }
        digest.map_or(Ok(()), check_digest)?;
        let repository = match registry == DEFAULT_REGISTRY && !path.contains('/') {
            true => format!("library/{path}"),
            false => path.to_owned(),
        };
        if repository.len() > LONGEST_REPOSITORY {
            return Err(ReferenceError::TooLong);
        }
        let tag = tag.or(if digest.is_none() { Some("latest") } else { None });
        Ok(Self { registry, repository, tag: tag.map(str::to_owned), digest: digest.map(str::to_owned) })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.name())?;
        if let Some(tag) = &self.tag {
            write!(formatter, ":{tag}")?;
        }
        self.digest.as_ref().map_or(Ok(()), |digest| write!(formatter, "@{digest}"))
    }
}

impl Reference {
    /// Registry and repository without tag and digest: `docker.io/library/nginx`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}/{}", self.registry, self.repository)
    }
}

/// The registry is what stands before the first `/`, if it looks like a host.
fn split_registry(name: &str) -> (String, &str) {
    match name.split_once('/') {
        Some(("index.docker.io", rest)) => (DEFAULT_REGISTRY.to_owned(), rest),
        Some((host, rest)) if looks_like_host(host) => (host.to_owned(), rest),
        _ => (DEFAULT_REGISTRY.to_owned(), name),
    }
}

fn looks_like_host(text: &str) -> bool {
    text.contains(['.', ':']) || text == "localhost" || text.bytes().any(|byte| byte.is_ascii_uppercase())
}

fn check_name(text: &str, registry: &str, path: &str) -> Result<(), ReferenceError> {
    if text.is_empty() {
        return Err(ReferenceError::Format);
    }
    if path.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(ReferenceError::Uppercase(path.to_owned()));
    }
    match is_registry(registry) && path.split('/').all(is_component) {
        true => Ok(()),
        false => Err(ReferenceError::Format),
    }
}

fn is_identifier(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_registry(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) => return is_address(address) && (port.is_empty() || is_port(port)),
        None => text.find(':').map_or((text, ""), |at| text.split_at(at)),
    };
    host.split('.').all(is_host_label) && (port.is_empty() || is_port(port))
}

fn is_address(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b':')
}

fn is_port(text: &str) -> bool {
    let digits = text.strip_prefix(':').unwrap_or_default();
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_host_label(label: &str) -> bool {
    let letters = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    letters && !label.is_empty() && !label.starts_with('-') && !label.ends_with('-')
}

/// Lower case letters and digits, joined by one `.`, one or two `_`, or any number of `-`.
fn is_component(component: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let words_at_the_ends =
        component.bytes().next().is_some_and(is_word) && component.bytes().last().is_some_and(is_word);
    let mut separators = component.split(|letter: char| u8::try_from(letter).is_ok_and(is_word));
    let is_separator =
        |text: &str| matches!(text, "" | "." | "_" | "__") || text.bytes().all(|byte| byte == b'-');
    words_at_the_ends && separators.all(is_separator)
}

fn is_tag(tag: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let rest = tag.bytes().all(|byte| is_word(byte) || matches!(byte, b'.' | b'-'));
    tag.len() <= LONGEST_TAG && tag.bytes().next().is_some_and(is_word) && rest
}

fn check_digest(digest: &str) -> Result<(), ReferenceError> {
    let (algorithm, hex) = digest.split_once(':').ok_or(ReferenceError::Format)?;
    if hex.len() < 32 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(ReferenceError::Format);
    }
    let length = match algorithm {
        "sha256" => 64,
        "sha384" => 96,
        "sha512" => 128,
        _ => return Err(ReferenceError::DigestAlgorithm),
    };
    if hex.len() == length { Ok(()) } else { Err(ReferenceError::DigestLength) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHA: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn a_name_should_be_completed_as_docker_does() {
        let with_digest = format!("nginx@{SHA}");
        let complete_with_digest = format!("docker.io/library/nginx@{SHA}");
        let cases = [
            ("nginx", "docker.io/library/nginx:latest"),
            ("nginx:1.27-alpine", "docker.io/library/nginx:1.27-alpine"),
            ("polinux/stress", "docker.io/polinux/stress:latest"),
            ("docker.io/nginx", "docker.io/library/nginx:latest"),
            ("index.docker.io/nginx", "docker.io/library/nginx:latest"),
            ("localhost/app", "localhost/app:latest"),
            ("localhost:5000/a/b:v1", "localhost:5000/a/b:v1"),
            ("ghcr.io/org/app_x__y/z--w", "ghcr.io/org/app_x__y/z--w:latest"),
            ("[::1]:5000/app", "[::1]:5000/app:latest"),
            (with_digest.as_str(), complete_with_digest.as_str()),
        ];
        for (text, expected) in cases {
            let reference = text.parse::<Reference>();
            assert_eq!(reference.map(|name| name.to_string()).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_name_should_be_refused_with_dockers_words() {
        let long = "a/".repeat(140) + "a";
        let identifier = "a".repeat(64);
        let identifier_error =
            format!("invalid repository name ({identifier}), cannot specify 64-byte hexadecimal strings");
        let format = "invalid reference format";
        let cases = [
            ("", format),
            ("foo bar", format),
            ("nginx:", format),
            ("nginx:-x", format),
            (":latest", format),
            ("a//b", format),
            ("a..b/c", format),
            ("-nginx", format),
            ("a___b", format),
            ("host:port/app", format),
            ("https://docker.io/nginx", format),
            ("nginx@sha256:abc", format),
            ("Nginx", "invalid reference format: repository name (Nginx) must be lowercase"),
            ("ghcr.io/Org/app", "invalid reference format: repository name (Org/app) must be lowercase"),
            (long.as_str(), "repository name must not be more than 255 characters"),
            (identifier.as_str(), identifier_error.as_str()),
        ];
        for (text, expected) in cases {
            let error = text.parse::<Reference>().unwrap_err();
            assert_eq!(error.to_string(), expected, "{text}");
        }
    }
}
