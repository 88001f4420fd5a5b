//! What a registry asks for before it answers: the header `WWW-Authenticate`
//! ([RFC 9110](https://www.rfc-editor.org/rfc/rfc9110#section-11.6.1), and Docker's
//! [token authentication](https://distribution.github.io/distribution/spec/auth/token/)).

use std::collections::BTreeMap;

/// How to prove who one is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    /// With user and password in every request.
    Basic,
    /// With a token that somebody else gives.
    Bearer {
        /// Who gives it: a URL.
        realm: String,
        /// Whom it is for.
        service: Option<String>,
        /// What it is for.
        scope: Option<String>,
        /// Why a token that was sent is not enough.
        error: Option<String>,
    },
}

/// Reads a challenge; `None` for ways that are not known.
pub(super) fn read(header: &str) -> Option<Challenge> {
    let (scheme, rest) = header.trim().split_once(' ').unwrap_or((header.trim(), ""));
    if scheme.eq_ignore_ascii_case("basic") {
        return Some(Challenge::Basic);
    }
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    let mut parameters = parameters(rest);
    Some(Challenge::Bearer {
        realm: parameters.remove("realm")?,
        service: parameters.remove("service"),
        scope: parameters.remove("scope"),
        error: parameters.remove("error"),
    })
}

/// Reads `a="b, c",d=e`.
fn parameters(text: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut rest = text.trim_start();
    while let Some((name, after)) = rest.split_once('=') {
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => after.split_once(',').map_or((after, ""), |(value, _)| (value, &after[value.len()..])),
        };
        found.insert(name.trim().to_ascii_lowercase(), value.trim().to_owned());
        rest = after.trim_start().trim_start_matches(',').trim_start();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_should_be_read_as_registries_write_them() {
        let bearer = |realm: &str, service: Option<&str>, scope: Option<&str>| {
            let (service, scope) = (service.map(str::to_owned), scope.map(str::to_owned));
            Some(Challenge::Bearer { realm: realm.to_owned(), service, scope, error: None })
        };
        let cases = [
            ("Basic realm=\"Registry Realm\"", Some(Challenge::Basic)),
            (
                "Bearer realm=\"https://auth.docker.io/token\",service=\"registry.docker.io\",scope=\"repository:a/b:pull\"",
                bearer(
                    "https://auth.docker.io/token",
                    Some("registry.docker.io"),
                    Some("repository:a/b:pull"),
                ),
            ),
            (
                "bearer Realm=https://r.io/t, scope=\"repository:a:pull,push\"",
                bearer("https://r.io/t", None, Some("repository:a:pull,push")),
            ),
            ("Bearer service=\"x\"", None),
            ("Negotiate", None),
            ("", None),
        ];
        for (header, expected) in cases {
            assert_eq!(read(header), expected, "{header}");
        }
    }
}
