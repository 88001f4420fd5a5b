//! Requests to one repository of a registry: with what proves who asks, and along redirections.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{ACCEPT, AUTHORIZATION, HOST, LOCATION, USER_AGENT, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, Request, Response, StatusCode, Uri};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http_body_util::{BodyExt as _, Limited};
use serde::Deserialize;
use shared::images::credentials::Credentials;

use super::challenge::{self, Challenge};
use super::connect::{Trust, connect};
use super::{Registries, split_port};

/// How long a registry may take to begin its answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);
/// As often a registry may send elsewhere.
const MAX_REDIRECTS: usize = 5;
/// A token, or the explanation of an error, is not larger.
const SMALL_BYTES: usize = 1 << 20;

/// Why a registry did not give what was asked for.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum RemoteError {
    /// It has no such thing.
    #[error("not found")]
    NotFound,
    /// It gives it to others, perhaps.
    #[error("pull access denied, repository does not exist or may require authorization: {0}")]
    Denied(String),
    /// Anything else.
    #[error("{0}")]
    Failed(String),
}

/// Requests to one repository.
pub struct Session {
    registries: Arc<Registries>,
    registry: String,
    repository: String,
    credentials: Option<Credentials>,
    authorization: Option<HeaderValue>,
    /// Whether the registry is on the internet, once that is known.
    is_internet: bool,
}

#[derive(Deserialize)]
struct Token {
    #[serde(alias = "access_token")]
    token: String,
}

impl Session {
    /// A repository of a registry.
    pub fn new(
        registries: Arc<Registries>,
        registry: &str,
        repository: &str,
        credentials: Option<Credentials>,
    ) -> Session {
        let (registry, repository) = (registry.to_owned(), repository.to_owned());
        Session { registries, registry, repository, credentials, authorization: None, is_internet: false }
    }

    /// `https://registry-1.docker.io/v2/library/app/manifests/latest`: where something of the repository lies.
    fn url(&self, kind: &str, name: &str) -> Result<Uri, RemoteError> {
        let host = if self.registry == "docker.io" { "registry-1.docker.io" } else { &self.registry };
        let scheme = if self.registries.is_plain(&self.registry) { "http" } else { "https" };
        let url = format!("{scheme}://{host}/v2/{}/{kind}/{name}", self.repository);
        url.parse().map_err(|error| RemoteError::Failed(format!("{url}: {error}")))
    }

    /// Gets `manifests` or `blobs` of the repository.
    ///
    /// # Errors
    /// What the registry says, or why it was not reached.
    pub async fn get(&mut self, kind: &str, name: &str, accept: &str) -> Result<Response<Body>, RemoteError> {
        let url = self.url(kind, name)?;
        let mut answer = self.follow(&url, accept).await?;
        if answer.status() == StatusCode::UNAUTHORIZED {
            let challenges = answer.headers().get_all(WWW_AUTHENTICATE).iter();
            let challenges = challenges.filter_map(|header| challenge::read(header.to_str().ok()?));
            // A token, where there is a choice.
            let challenge = challenges.max_by_key(|challenge| matches!(challenge, Challenge::Bearer { .. }));
            self.log_in(challenge).await?;
            answer = self.follow(&url, accept).await?;
        }
        match answer.status() {
            StatusCode::OK => Ok(answer),
            StatusCode::NOT_FOUND => Err(RemoteError::NotFound),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(RemoteError::Denied(
                explanation(answer).await.unwrap_or("authorization failed".to_owned()),
            )),
            status => {
                let said = explanation(answer).await.map(|said| format!(": {said}")).unwrap_or_default();
                Err(RemoteError::Failed(format!(
                    "unexpected status from GET request to {url}: {status}{said}"
                )))
            }
        }
    }

    /// Asks, and where the answer sends elsewhere asks there, without what proves who asks.
    async fn follow(&mut self, url: &Uri, accept: &str) -> Result<Response<Body>, RemoteError> {
        let mut place = url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let is_own = place.authority() == url.authority();
            let authorization = self.authorization.clone().filter(|_| is_own);
            let answer = self.send(&place, accept, authorization, is_own).await?;
            if !answer.status().is_redirection() {
                return Ok(answer);
            }
            place = elsewhere(&place, &answer)
                .ok_or_else(|| RemoteError::Failed(format!("{place} sends to no place that can be asked")))?;
        }
        Err(RemoteError::Failed(format!("{url} sends elsewhere more than {MAX_REDIRECTS} times")))
    }

    /// One request; `is_named` tells that the user named the host, and not a registry.
    async fn send(
        &mut self,
        url: &Uri,
        accept: &str,
        authorization: Option<HeaderValue>,
        is_named: bool,
    ) -> Result<Response<Body>, RemoteError> {
        let failed =
            |error: String| RemoteError::Failed(format!("failed to do request: Get \"{url}\": {error}"));
        let host = url.authority().map(ToString::to_string).unwrap_or_default();
        let path = url.path_and_query().map_or("/", |path| path.as_str());
        let mut request = Request::get(path)
            .header(HOST, &host)
            .header(USER_AGENT, concat!("kijabi/", env!("CARGO_PKG_VERSION")))
            .header(ACCEPT, accept);
        if let Some(authorization) = authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let request = request.body(Body::empty()).map_err(|error| failed(error.to_string()))?;
        if is_named && self.registries.own(&host).is_some() {
            let answer = self.registries.ask_own(&host, request).await;
            return answer.ok_or_else(|| failed("the cluster's own registry is gone".to_owned()));
        }
        let tls = self.registries.tls().map_err(failed)?;
        let trust = if self.is_internet && !is_named { Trust::Internet } else { Trust::Named };
        let mut connected = connect(url, tls, trust).await.map_err(failed)?;
        if is_named {
            self.is_internet = connected.is_internet;
        }
        let answer = tokio::time::timeout(ANSWER_LIMIT, connected.sender.send_request(request)).await;
        let answer = answer.map_err(|_| failed("timeout awaiting response headers".to_owned()))?;
        Ok(answer.map_err(|error| failed(error.to_string()))?.map(Body::new))
    }

    /// Does what a registry asks for before it answers.
    async fn log_in(&mut self, challenge: Option<Challenge>) -> Result<(), RemoteError> {
        let basic = self.credentials.as_ref().map(basic);
        match challenge {
            Some(Challenge::Basic) => {
                let why = "authorization failed: no basic auth credentials";
                self.authorization = Some(basic.ok_or_else(|| RemoteError::Denied(why.to_owned()))?);
            }
            Some(Challenge::Bearer { realm, service, scope }) => {
                let scope = scope.unwrap_or_else(|| format!("repository:{}:pull", self.repository));
                let token = self.token(&realm, service.as_deref(), &scope, basic).await?;
                let header = HeaderValue::try_from(format!("Bearer {token}"));
                self.authorization = Some(header.map_err(|error| RemoteError::Failed(error.to_string()))?);
            }
            None => {
                return Err(RemoteError::Denied(
                    "it asks for a way to log in that is not known here".to_owned(),
                ));
            }
        }
        Ok(())
    }

    async fn token(
        &mut self,
        realm: &str,
        service: Option<&str>,
        scope: &str,
        basic: Option<HeaderValue>,
    ) -> Result<String, RemoteError> {
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(service.map(|service| ("service", service)))
            .append_pair("scope", scope)
            .finish();
        let separator = if realm.contains('?') { '&' } else { '?' };
        let url: Uri = format!("{realm}{separator}{query}")
            .parse()
            .map_err(|error| RemoteError::Failed(format!("failed to fetch a token: {realm}: {error}")))?;
        let own = self.url("manifests", "x")?;
        if url.scheme_str() != Some("https") && own.scheme_str() == Some("https") {
            return Err(RemoteError::Failed(format!(
                "the tokens of {} are not given over TLS",
                self.registry
            )));
        }
        let is_named = url.authority() == own.authority();
        let answer = self.send(&url, "application/json", basic, is_named).await?;
        let status = answer.status();
        if !status.is_success() {
            let kind = if self.credentials.is_some() { "oauth" } else { "anonymous" };
            let message = format!(
                "authorization failed: failed to fetch {kind} token: unexpected status from GET request to {url}: {status}"
            );
            return Err(RemoteError::Denied(message));
        }
        let bytes = small(answer).await?;
        let token: Result<Token, _> = serde_json::from_slice(&bytes);
        token.map(|token| token.token).map_err(|_| RemoteError::Failed(format!("{url} gives no token")))
    }
}

/// Where an answer sends to: never from TLS to plain HTTP.
fn elsewhere(from: &Uri, answer: &Response<Body>) -> Option<Uri> {
    let location: Uri = answer.headers().get(LOCATION)?.to_str().ok()?.parse().ok()?;
    let (scheme, authority) =
        (location.scheme().or(from.scheme())?, location.authority().or(from.authority())?);
    let is_worse = from.scheme_str() == Some("https") && scheme.as_str() != "https";
    let is_web = matches!(scheme.as_str(), "http" | "https");
    let parts = Uri::builder().scheme(scheme.clone()).authority(authority.clone());
    let built = parts.path_and_query(location.path_and_query()?.clone()).build().ok();
    built.filter(|_| is_web && !is_worse && split_port(authority.as_str()).0 == authority.host())
}

fn basic(credentials: &Credentials) -> HeaderValue {
    let pair = BASE64_STANDARD.encode(format!("{}:{}", credentials.username, credentials.password));
    let header = HeaderValue::try_from(format!("Basic {pair}"));
    let mut header = header.unwrap_or_else(|_| HeaderValue::from_static("Basic"));
    header.set_sensitive(true);
    header
}

async fn small(answer: Response<Body>) -> Result<bytes::Bytes, RemoteError> {
    let body = tokio::time::timeout(ANSWER_LIMIT, Limited::new(answer.into_body(), SMALL_BYTES).collect());
    let body = body.await.map_err(|_| RemoteError::Failed("the answer does not end".to_owned()))?;
    Ok(body.map_err(|error| RemoteError::Failed(error.to_string()))?.to_bytes())
}

/// The errors in an answer, as the specification words them: `code: message`.
async fn explanation(answer: Response<Body>) -> Option<String> {
    #[derive(Deserialize)]
    struct Errors {
        errors: Vec<Error>,
    }
    #[derive(Deserialize)]
    struct Error {
        code: String,
        #[serde(default)]
        message: String,
    }
    let errors: Errors = serde_json::from_slice(&small(answer).await.ok()?).ok()?;
    let error = errors.errors.into_iter().next()?;
    let mut text = format!("server message: {}: {}", error.code.to_lowercase(), error.message);
    text.truncate(text.char_indices().nth(300).map_or(text.len(), |(at, _)| at));
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirections_should_stay_with_tls() {
        let cases = [
            ("https://r.io/v2/a", "https://cdn.io/b?c=d", Some("https://cdn.io/b?c=d")),
            ("https://r.io/v2/a", "/b", Some("https://r.io/b")),
            ("https://r.io/v2/a", "http://cdn.io/b", None),
            ("http://localhost:5000/v2/a", "http://localhost:6000/b", Some("http://localhost:6000/b")),
            ("https://r.io/v2/a", "ftp://cdn.io/b", None),
            ("https://r.io/v2/a", "https://user@cdn.io/b", None),
        ];
        for (from, to, expected) in cases {
            let answer = Response::builder().header(LOCATION, to).body(Body::empty()).unwrap();
            let found = elsewhere(&from.parse().unwrap(), &answer).map(|url| url.to_string());
            assert_eq!(found.as_deref(), expected, "{from} {to}");
        }
    }
}
