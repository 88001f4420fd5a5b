//! From a token to a user: `pkg/serviceaccount/jwt.go` and `claims.go` of kubernetes/kubernetes.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Node, Pod, Secret, ServiceAccount};

use crate::api::object::SharedObject;
use crate::apiserver::ApiServer;
use crate::apiserver::user::User;

use super::claims::{Claims, Reference};
use super::{ALL_ACCOUNTS, ISSUER, USER_PREFIX, verified};

/// For how long a token outlives what it is bound to once that is being deleted.
const LEEWAY: SignedDuration = SignedDuration::from_secs(60);

impl ApiServer {
    /// The account whose token this is, if it is one of this cluster's, in force, and for its API server.
    pub async fn user_of_token(&self, token: &str) -> Option<User> {
        let key = self.token_key.as_ref()?;
        let claims: Claims = serde_json::from_value(verified(&**key, token)?).ok()?;
        let now = self.clock.now();
        let is_for_us = claims.iss == ISSUER && claims.aud.iter().any(|audience| audience == ISSUER);
        if !is_for_us || now.as_second() >= claims.exp || now.as_second() < claims.nbf {
            return None;
        }
        self.holds(&claims, now).await.then(|| user(&claims))
    }

    /// Whether the account and what the token is bound to are still there.
    async fn holds(&self, claims: &Claims, now: Timestamp) -> bool {
        let private = &claims.private;
        let namespace = &private.namespace;
        let account = &private.serviceaccount;
        let found = self.object_of::<ServiceAccount>(namespace, &account.name).await;
        if !found.is_ok_and(|found| is_same(&found, account, now)) {
            return false;
        }
        if let Some(pod) = &private.pod {
            let found = self.object_of::<Pod>(namespace, &pod.name).await;
            return found.is_ok_and(|found| is_same(&found, pod, now));
        }
        if let Some(secret) = &private.secret {
            let found = self.object_of::<Secret>(namespace, &secret.name).await;
            return found.is_ok_and(|found| is_same(&found, secret, now));
        }
        if let Some(node) = &private.node {
            let found = self.object_of::<Node>("", &node.name).await;
            return found.is_ok_and(|found| is_same(&found, node, now));
        }
        true
    }
}

/// Whether it is the very object, and not gone for too long.
fn is_same(object: &SharedObject, reference: &Reference, now: Timestamp) -> bool {
    let metadata = object.metadata();
    let gone_at = metadata.deletion_timestamp.as_ref().and_then(|time| time.0.checked_add(LEEWAY).ok());
    let deleted = gone_at.is_some_and(|gone_at| gone_at <= now);
    metadata.uid.as_deref() == Some(&reference.uid) && !deleted
}

/// The user as `UserInfo` in `pkg/serviceaccount/util.go` has it.
fn user(claims: &Claims) -> User {
    let private = &claims.private;
    let groups = [ALL_ACCOUNTS.to_owned(), format!("{ALL_ACCOUNTS}:{}", private.namespace)];
    let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
    let name = format!("{USER_PREFIX}{}:{}", private.namespace, private.serviceaccount.name);
    let mut user = User::new(&name, &groups);
    user.uid.clone_from(&private.serviceaccount.uid);
    let mut add = |key: &str, value: &str| {
        user.extra.insert(format!("authentication.kubernetes.io/{key}"), vec![value.to_owned()]);
    };
    add("credential-id", &format!("JTI={}", claims.jti));
    if let Some(pod) = &private.pod {
        add("pod-name", &pod.name);
        add("pod-uid", &pod.uid);
    }
    if let Some(node) = &private.node {
        add("node-name", &node.name);
        add("node-uid", &node.uid);
    }
    user
}
