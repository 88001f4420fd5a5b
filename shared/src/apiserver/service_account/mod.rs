//! Service accounts as users: the tokens by which programs say which account they run as.
//!
//! Follows `pkg/serviceaccount` of kubernetes/kubernetes. A token is a JSON Web Token that the server signed;
//! what it says is decided here, the signing is the backend's.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::ApiServer;

mod authenticate;
mod claims;
mod token_request;

pub use token_request::WARN_ONLY_SECONDS;

/// Who issues the tokens, and for whom they are where nobody is named.
pub const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";

/// What precedes namespace and name in an account's user name.
pub const USER_PREFIX: &str = "system:serviceaccount:";

/// The group of all service accounts; those of a namespace have one more, `system:serviceaccounts:NAMESPACE`.
pub const ALL_ACCOUNTS: &str = "system:serviceaccounts";

/// The key that a cluster signs its tokens with.
pub trait TokenKey: Send + Sync {
    /// The key's name in tokens.
    fn id(&self) -> &str;
    /// The algorithm by its name in JSON Web Algorithms.
    fn algorithm(&self) -> &'static str;
    /// Signs; `None` where that failed.
    fn sign(&self, message: &[u8]) -> Option<Vec<u8>>;
    /// Whether the key signed this.
    fn verify(&self, message: &[u8], signature: &[u8]) -> bool;
    /// The public part as a JSON Web Key.
    fn public(&self) -> Value;
}

impl ApiServer {
    /// The same server, which issues and takes tokens signed with this key.
    #[must_use]
    pub fn with_token_key(self, key: Arc<dyn TokenKey>) -> ApiServer {
        ApiServer { token_key: Some(key), ..self }
    }

    /// `/.well-known/openid-configuration`: how others can check tokens. `address` is where clients reach the
    /// server.
    pub fn openid_configuration(&self, address: &str) -> Option<Value> {
        let key = self.token_key.as_ref()?;
        Some(json!({
            "issuer": ISSUER,
            "jwks_uri": format!("https://{address}/openid/v1/jwks"),
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [key.algorithm()],
        }))
    }

    /// `/openid/v1/jwks`: the public keys.
    pub fn json_web_keys(&self) -> Option<Value> {
        self.token_key.as_ref().map(|key| json!({ "keys": [key.public()] }))
    }
}

/// A token: header, claims and signature.
fn signed(key: &dyn TokenKey, claims: &Value) -> Option<String> {
    let header = json!({ "alg": key.algorithm(), "kid": key.id() });
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(&header), part(claims));
    let signature = key.sign(message.as_bytes())?;
    Some(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

/// The claims of a token that this key signed.
fn verified(key: &dyn TokenKey, token: &str) -> Option<Value> {
    let (message, signature) = token.rsplit_once('.')?;
    let (header, claims) = message.split_once('.')?;
    let bytes = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
    let value = |part: &str| serde_json::from_slice::<Value>(&bytes(part)?).ok();
    let own = value(header)?["alg"] == key.algorithm();
    if !own || !key.verify(message.as_bytes(), &bytes(signature)?) {
        return None;
    }
    value(claims)
}

#[cfg(test)]
mod tests;
