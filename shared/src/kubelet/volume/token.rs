//! Tokens of service accounts as a kubelet handles them: what it asks for, and when it asks anew.
//!
//! Follows `pkg/kubelet/token/token_manager.go` of kubernetes/kubernetes.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::authentication::v1 as authentication;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::TokenRequest;

/// The longest that a token is shown.
const LONGEST: SignedDuration = SignedDuration::from_hours(24);

/// What a kubelet asks of the API, for the pod's account.
pub fn request(pod: &Pod, request: &TokenRequest) -> authentication::TokenRequest {
    let metadata = &pod.metadata;
    let account = pod.spec.as_ref().and_then(|spec| spec.service_account_name.clone());
    let audience = Some(request.audience.clone()).filter(|audience| !audience.is_empty());
    authentication::TokenRequest {
        metadata: ObjectMeta {
            name: account,
            namespace: metadata.namespace.clone(),
            ..ObjectMeta::default()
        },
        spec: Some(authentication::TokenRequestSpec {
            audiences: Some(audience.into_iter().collect()),
            expiration_seconds: Some(request.expiration_seconds),
            bound_object_ref: Some(authentication::BoundObjectReference {
                api_version: Some("v1".into()),
                kind: Some("Pod".into()),
                name: metadata.name.clone(),
                uid: metadata.uid.clone(),
            }),
            ..authentication::TokenRequestSpec::default()
        }),
        status: None,
    }
}

/// When a token that was issued then is to be replaced: after four fifths of its time, and after a day.
pub fn refresh_at(issued: Timestamp, expires: Timestamp) -> Timestamp {
    let fifth = expires.duration_since(issued) / 5;
    let latest = issued.checked_add(LONGEST).unwrap_or(Timestamp::MAX);
    expires.checked_sub(fifth).unwrap_or(expires).min(latest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_should_be_replaced_before_they_expire() {
        let at = |seconds: i64| Timestamp::from_second(seconds).unwrap();
        assert_eq!(refresh_at(at(0), at(3600)), at(2880));
        assert_eq!(refresh_at(at(100), at(700)), at(580));
        assert_eq!(refresh_at(at(0), at(30 * 24 * 3600)), at(24 * 3600));
    }
}
