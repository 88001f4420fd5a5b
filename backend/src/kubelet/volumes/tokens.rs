//! The tokens that a pod's volumes show: asked of the API under the node's name, and anew before they expire.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::authentication::v1 as authentication;
use k8s_openapi::api::core::v1::{Pod, ServiceAccount};
use shared::apiserver::request::{Input, Operation, Reply, Request, WriteOptions};
use shared::kubelet::volume::{self, TokenRequest, token};

use crate::kubelet::node::Kubelet;

/// How soon a token is asked for again where that failed and the old one still holds.
const RETRY: SignedDuration = SignedDuration::from_secs(30);

/// A token, or why there is none.
struct Held {
    token: Result<String, String>,
    expires: Timestamp,
    refresh: Timestamp,
}

/// The tokens of one pod.
#[derive(Default)]
pub(super) struct Tokens(BTreeMap<TokenRequest, Held>);

impl Tokens {
    /// Asks for those that are missing or due. One that could not be had stays as it was while it holds.
    pub(super) async fn renew(&mut self, kubelet: &Kubelet, pod: &Pod) {
        for wanted in volume::tokens(pod) {
            let now = kubelet.now();
            let is_fresh = |held: &Held| held.token.is_ok() && now < held.refresh;
            if self.0.get(&wanted).is_some_and(is_fresh) {
                continue;
            }
            match ask(kubelet, pod, &wanted).await {
                Ok((token, expires)) => {
                    let refresh = token::refresh_at(now, expires);
                    self.0.insert(wanted, Held { token: Ok(token), expires, refresh });
                }
                Err(error) => self.keep_or_fail(wanted, &error, now),
            }
        }
    }

    fn keep_or_fail(&mut self, wanted: TokenRequest, error: &str, now: Timestamp) {
        let again = now.checked_add(RETRY).unwrap_or(Timestamp::MAX);
        if let Some(held) = self.0.get_mut(&wanted).filter(|held| held.token.is_ok() && now < held.expires) {
            held.refresh = again.min(held.expires);
            return;
        }
        let token = Err(format!("failed to fetch token: {error}"));
        self.0.insert(wanted, Held { token, expires: now, refresh: again });
    }

    /// The token that was asked for.
    pub(super) fn get(&self, request: &TokenRequest) -> Result<String, String> {
        let held = self.0.get(request).map(|held| held.token.clone());
        held.unwrap_or_else(|| Err("the token was not asked for".to_owned()))
    }

    /// When the first of them is to be replaced.
    pub(super) fn stale_at(&self) -> Option<Timestamp> {
        self.0.values().map(|held| held.refresh).min()
    }
}

/// Asks for one token; the error is what the API said.
async fn ask(kubelet: &Kubelet, pod: &Pod, wanted: &TokenRequest) -> Result<(String, Timestamp), String> {
    let body = token::request(pod, wanted);
    let part = |text: &Option<String>| text.clone().unwrap_or_default();
    let (namespace, name) = (part(&body.metadata.namespace), part(&body.metadata.name));
    let operation = Operation::Create(Input::Typed(Box::new(body)), WriteOptions::default());
    let request =
        Request::get::<ServiceAccount>(&namespace, &name).and_then(|request| request.subresource("token"));
    let answer = match request {
        Ok(request) => kubelet.client.send(Request { operation, ..request }).await,
        Err(error) => Err(error),
    };
    let answer = answer.map_err(|error| error.message.unwrap_or_default())?;
    let Reply::Created(object) = answer.reply else { return Err("the answer is no token".to_owned()) };
    let status = object.downcast_ref::<authentication::TokenRequest>().and_then(|found| found.status.clone());
    let status = status.ok_or("the answer has no token")?;
    let token = status.token.zip(status.expiration_timestamp);
    token.map(|(token, expires)| (token, expires.0)).ok_or_else(|| "the answer has no token".to_owned())
}
