//! A server that gives tokens for a registry, as Docker Hub's does: signed
//! [JWTs](https://distribution.github.io/distribution/spec/auth/jwt/) for a user and a password, and for nobody.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use rcgen::{CertificateParams, KeyPair};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::registry::USER;

/// What a registry knows of it: the service that tokens are for, and who gives them.
const NAME: &str = "tests";
/// What lies here may be pulled without a password.
pub const PUBLIC: &str = "public/";

/// A server. It ends when this is dropped.
pub struct TokenServer {
    address: SocketAddr,
    giver: Arc<Giver>,
    task: tokio::task::JoinHandle<()>,
}

struct Giver {
    key: EcdsaKeyPair,
    /// The certificate of the key, as DER in base64.
    certificate: String,
    lives_seconds: u64,
    given: Mutex<BTreeMap<String, usize>>,
}

impl TokenServer {
    /// A server whose tokens live for so many seconds; writes its certificate into this folder.
    ///
    /// # Errors
    /// When it cannot listen.
    pub async fn start(folder: &Path, lives_seconds: u64) -> Result<TokenServer> {
        let key = KeyPair::generate()?;
        let certificate = CertificateParams::default().self_signed(&key)?;
        std::fs::write(folder.join("tokens.pem"), certificate.pem())?;
        let random = SystemRandom::new();
        let signer =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &key.serialize_der(), &random)
                .ok()
                .context("the key cannot sign")?;
        let giver = Arc::new(Giver {
            key: signer,
            certificate: BASE64_STANDARD.encode(certificate.der()),
            lives_seconds,
            given: Mutex::default(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let router = Router::new().route("/token", get(give)).with_state(giver.clone());
        let task = tokio::spawn(async move {
            // It ends with the test.
            let _ = axum::serve(listener, router).await;
        });
        Ok(TokenServer { address, giver, task })
    }

    /// What a registry's configuration says of it.
    pub fn configuration(&self) -> String {
        format!(
            "auth: {{token: {{realm: \"http://{}/token\", service: {NAME}, issuer: {NAME}, rootcertbundle: tokens.pem}}}}\n",
            self.address
        )
    }

    /// How often a user, or nobody, was given a token.
    pub fn given(&self, user: &str) -> usize {
        let given = self.giver.given.lock().unwrap_or_else(PoisonError::into_inner);
        given.get(user).copied().unwrap_or_default()
    }
}

impl Drop for TokenServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn give(
    State(giver): State<Arc<Giver>>,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    let Some(user) = user(&headers) else { return StatusCode::UNAUTHORIZED.into_response() };
    let scope = query.get("scope").map(String::as_str).unwrap_or_default();
    match giver.token(&user, scope) {
        Ok(token) => Json(json!({"token": token, "expires_in": giver.lives_seconds})).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// Who asks: nobody is the empty name. None for a wrong password.
fn user(headers: &HeaderMap) -> Option<String> {
    let Some(header) = headers.get(header::AUTHORIZATION) else { return Some(String::new()) };
    let encoded = header.to_str().ok()?.strip_prefix("Basic ")?;
    let pair = String::from_utf8(BASE64_STANDARD.decode(encoded).ok()?).ok()?;
    (pair.split_once(':')? == USER).then(|| USER.0.to_owned())
}

impl Giver {
    /// A token for a scope, `repository:team/app:pull,push`: nobody pulls what is public.
    fn token(&self, user: &str, scope: &str) -> Result<String> {
        *self.given.lock().unwrap_or_else(PoisonError::into_inner).entry(user.to_owned()).or_default() += 1;
        let mut parts = scope.splitn(3, ':');
        let (_, name, actions) = (parts.next(), parts.next().unwrap_or_default(), parts.next());
        let may = |action: &&str| !user.is_empty() || *action == "pull" && name.starts_with(PUBLIC);
        let actions: Vec<&str> = actions.unwrap_or_default().split(',').filter(may).collect();
        let access = json!([{"type": "repository", "name": name, "actions": actions}]);
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let claims = json!({
            "iss": NAME, "aud": NAME, "sub": user, "jti": now.to_string(),
            "iat": now, "nbf": now - 60, "exp": now + self.lives_seconds,
            "access": if actions.is_empty() { json!([]) } else { access },
        });
        self.sign(&json!({"typ": "JWT", "alg": "ES256", "x5c": [self.certificate]}), &claims)
    }

    fn sign(&self, header: &Value, claims: &Value) -> Result<String> {
        let encoded = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let text = format!("{}.{}", encoded(header), encoded(claims));
        let signature = self.key.sign(&SystemRandom::new(), text.as_bytes());
        let signature = signature.ok().context("nothing was signed")?;
        Ok(format!("{text}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature)))
    }
}
