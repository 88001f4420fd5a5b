//! Requests to one repository of a registry: with what proves who asks, and along redirections.

use std::sync::Arc;
use std::time::{Duration, Instant};

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
use super::tokens;
use super::{Registries, split_port};

/// How long a registry may take to begin its answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);
/// As often a registry may send elsewhere.
const MAX_REDIRECTS: usize = 5;
/// A token, or the explanation of an error, is not larger.
const SMALL_BYTES: usize = 1 << 20;
/// How long a token lives that does not say it, in seconds.
const TOKEN_SECONDS: u64 = 60;

/// Why a registry did not give what was asked for.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum RemoteError {
    /// It has no such thing.
    #[error("not found")]
    NotFound,
    /// It gives it to others, perhaps.
    #[error("pull access denied, repository does not exist or may require authorization: {0}")]
    Denied(String),
    /// Who gives tokens gives none for these credentials.
    #[error("failed to authorize: {0}")]
    Unauthorized(String),
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
    /// Seconds.
    expires_in: Option<u64>,
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
        let mut told = challenge(&answer);
        // A token that was kept may be refused before its time; another one is not asked for.
        for _ in 0..2 {
            if answer.status() != StatusCode::UNAUTHORIZED {
                break;
            }
            let is_new = self.log_in(told.take()).await?;
            answer = self.follow(&url, accept).await?;
            told = challenge(&answer);
            if is_new {
                break;
            }
        }
        if let (StatusCode::UNAUTHORIZED, Some(Challenge::Bearer { error: Some(error), .. })) =
            (answer.status(), told)
        {
            let error: String = error.chars().take(64).collect();
            return Err(RemoteError::Denied(format!("server message: {error}: authorization failed")));
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
        let tls = self.registries.authorities.tls(&host).map_err(failed)?;
        let trust = if self.is_internet && !is_named { Trust::Internet } else { Trust::Named };
        let mut connected = connect(url, tls, trust).await.map_err(failed)?;
        if is_named {
            self.is_internet = connected.is_internet;
        }
        let answer = tokio::time::timeout(ANSWER_LIMIT, connected.sender.send_request(request)).await;
        let answer = answer.map_err(|_| failed("timeout awaiting response headers".to_owned()))?;
        Ok(answer.map_err(|error| failed(error.to_string()))?.map(Body::new))
    }

    /// Does what a registry asks for before it answers; tells whether nothing else can be tried.
    async fn log_in(&mut self, challenge: Option<Challenge>) -> Result<bool, RemoteError> {
        match challenge {
            Some(Challenge::Basic) => {
                let why = "authorization failed: no basic auth credentials";
                let basic = self.credentials.as_ref().map(basic);
                self.authorization = Some(basic.ok_or_else(|| RemoteError::Denied(why.to_owned()))?);
                Ok(true)
            }
            Some(Challenge::Bearer { realm, service, scope, .. }) => {
                let scope = scope.unwrap_or_else(|| format!("repository:{}:pull", self.repository));
                let request = tokens::Request::new(realm, service, scope, self.credentials.as_ref());
                let kept = self.registries.tokens.get(&request, Instant::now());
                let kept = kept.filter(|kept| self.authorization.as_ref() != Some(kept));
                let is_new = kept.is_none();
                self.authorization = match kept {
                    Some(kept) => Some(kept),
                    None => Some(self.token(request).await?),
                };
                Ok(is_new)
            }
            None => Err(RemoteError::Denied("it asks for a way to log in that is not known here".to_owned())),
        }
    }

    /// Asks for a token and keeps it for its life.
    async fn token(&mut self, request: tokens::Request) -> Result<HeaderValue, RemoteError> {
        let (url, asked) = (self.token_url(&request)?, Instant::now());
        let is_named = url.authority() == self.url("manifests", "x")?.authority();
        let basic = self.credentials.as_ref().map(basic);
        let kind = if basic.is_some() { "oauth" } else { "anonymous" };
        let failed = |why: String| RemoteError::Unauthorized(format!("failed to fetch {kind} token: {why}"));
        let answer = self.send(&url, "application/json", basic, is_named).await?;
        let status = answer.status();
        if !status.is_success() {
            return Err(failed(format!("unexpected status from GET request to {url}: {status}")));
        }
        let token: Token = serde_json::from_slice(&small(answer).await?)
            .map_err(|_| failed(format!("no token is in the answer of {url}")))?;
        let mut header = HeaderValue::try_from(format!("Bearer {}", token.token))
            .map_err(|error| failed(error.to_string()))?;
        header.set_sensitive(true);
        let lives =
            Duration::from_secs(token.expires_in.filter(|seconds| *seconds > 0).unwrap_or(TOKEN_SECONDS));
        self.registries.tokens.put(request, header.clone(), lives, asked);
        Ok(header)
    }

    /// Where to ask for a token; over TLS, if the registry is.
    fn token_url(&self, request: &tokens::Request) -> Result<Uri, RemoteError> {
        let realm = &request.realm;
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("scope", &request.scope)
            .extend_pairs(request.service.iter().map(|service| ("service", service)))
            .finish();
        let separator = if realm.contains('?') { '&' } else { '?' };
        let url: Uri = format!("{realm}{separator}{query}")
            .parse()
            .map_err(|error| RemoteError::Failed(format!("failed to fetch a token: {realm}: {error}")))?;
        let is_worse = url.scheme_str() != Some("https") && !self.registries.is_plain(&self.registry);
        match is_worse {
            true => {
                Err(RemoteError::Failed(format!("the tokens of {} are not given over TLS", self.registry)))
            }
            false => Ok(url),
        }
    }
}

/// What an answer asks for: a token, where there is a choice.
fn challenge(answer: &Response<Body>) -> Option<Challenge> {
    let challenges = answer.headers().get_all(WWW_AUTHENTICATE).iter();
    let challenges = challenges.filter_map(|header| challenge::read(header.to_str().ok()?));
    challenges.max_by_key(|challenge| matches!(challenge, Challenge::Bearer { .. }))
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
