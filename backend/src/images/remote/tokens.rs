//! Tokens that were given for registries, kept for as long as they live
//! ([token authentication](https://distribution.github.io/distribution/spec/auth/token/)).

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::HeaderValue;
use shared::images::credentials::Credentials;

/// As many are kept.
const MAX_TOKENS: usize = 1000;

/// Who asked whom for what.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Request {
    /// Who gives tokens: a URL.
    pub(super) realm: String,
    /// Whom it is for.
    pub(super) service: Option<String>,
    /// What it is for.
    pub(super) scope: String,
    /// User and password.
    pub(super) user: Option<(String, String)>,
}

impl Request {
    /// A request in the name of somebody, or of nobody.
    pub(super) fn new(
        realm: String,
        service: Option<String>,
        scope: String,
        credentials: Option<&Credentials>,
    ) -> Request {
        let user = credentials.map(|found| (found.username.clone(), found.password.clone()));
        Request { realm, service, scope, user }
    }
}

/// The tokens of a cluster.
#[derive(Default)]
pub(super) struct Tokens {
    kept: Mutex<BTreeMap<Request, (HeaderValue, Instant)>>,
}

impl Tokens {
    /// The header of a token that lives.
    pub(super) fn get(&self, request: &Request, now: Instant) -> Option<HeaderValue> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(request).filter(|(_, until)| now < *until).map(|(header, _)| header.clone())
    }

    /// Keeps a token for the time it lives; one that was refused before it is over is replaced so, too.
    pub(super) fn put(&self, request: Request, header: HeaderValue, lives: Duration, now: Instant) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|_, (_, until)| now < *until);
        if let Some(until) = now.checked_add(lives).filter(|_| kept.len() < MAX_TOKENS) {
            kept.insert(request, (header, until));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_should_be_kept_for_its_life_and_for_who_asked() {
        let (tokens, now) = (Tokens::default(), Instant::now());
        let request = |user: Option<&str>| Request {
            realm: "https://auth.io/token".into(),
            service: Some("r.io".into()),
            scope: "repository:app:pull".into(),
            user: user.map(|user| (user.to_owned(), "secret".to_owned())),
        };
        let minute = Duration::from_secs(60);
        tokens.put(request(Some("a")), HeaderValue::from_static("Bearer 1"), minute, now);
        let got = |user, after| tokens.get(&request(user), now + after);
        assert_eq!(got(Some("a"), Duration::from_secs(59)), Some(HeaderValue::from_static("Bearer 1")));
        assert_eq!(got(Some("a"), minute), None);
        assert_eq!(got(Some("b"), Duration::ZERO), None);
        assert_eq!(got(None, Duration::ZERO), None);
        tokens.put(request(None), HeaderValue::from_static("Bearer 2"), minute, now + minute);
        assert_eq!(tokens.kept.lock().unwrap().len(), 1);
    }
}
