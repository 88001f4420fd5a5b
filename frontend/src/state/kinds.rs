//! The kinds that the editor judges as the server will.
//!
//! Fewer than the scheme's, and decoded from values only: each typed decoder is code that the
//! browser has to load. What is not here the server judges alone.

use k8s_openapi::Resource;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Node, Pod, Secret, Service, ServiceAccount};
use serde::de::DeserializeOwned;
use serde_json::Value;
use shared::api::object::ApiObject;

/// A kind that the page can decode.
pub struct Kind {
    /// `v1`, `apps/v1`.
    pub api_version: &'static str,
    /// `Pod`.
    pub kind: &'static str,
    /// Whether its objects live in a namespace.
    pub namespaced: bool,
    /// Makes a typed object of a value.
    pub decode: fn(&Value) -> Result<Box<dyn ApiObject>, serde_json::Error>,
}

const fn kind<K: Resource + ApiObject + DeserializeOwned>(namespaced: bool) -> Kind {
    Kind { api_version: K::API_VERSION, kind: K::KIND, namespaced, decode: decode::<K> }
}

fn decode<K: ApiObject + DeserializeOwned>(value: &Value) -> Result<Box<dyn ApiObject>, serde_json::Error> {
    Ok(Box::new(K::deserialize(value)?))
}

static KINDS: [Kind; 7] = [
    kind::<Pod>(true),
    kind::<ConfigMap>(true),
    kind::<Secret>(true),
    kind::<Service>(true),
    kind::<ServiceAccount>(true),
    kind::<Namespace>(false),
    kind::<Node>(false),
];

/// The kind of these names.
pub fn find(api_version: &str, kind: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|entry| entry.api_version == api_version && entry.kind == kind)
}

/// What the server serves and judges alone.
const LEFT_TO_THE_SERVER: [(&str, &str); 13] = [
    ("apps/v1", "Deployment"),
    ("apps/v1", "ReplicaSet"),
    ("v1", "Endpoints"),
    ("v1", "Event"),
    ("coordination.k8s.io/v1", "Lease"),
    ("discovery.k8s.io/v1", "EndpointSlice"),
    ("events.k8s.io/v1", "Event"),
    ("networking.k8s.io/v1", "Ingress"),
    ("networking.k8s.io/v1", "IngressClass"),
    ("networking.k8s.io/v1", "NetworkPolicy"),
    ("v1", "PersistentVolume"),
    ("v1", "PersistentVolumeClaim"),
    ("storage.k8s.io/v1", "StorageClass"),
];

/// Whether the server serves a kind that the page cannot decode.
pub fn is_left_to_the_server(api_version: &str, kind: &str) -> bool {
    LEFT_TO_THE_SERVER.contains(&(api_version, kind))
}

/// The names of all kinds.
pub fn names() -> impl Iterator<Item = &'static str> {
    KINDS.iter().map(|kind| kind.kind)
}

#[cfg(test)]
mod tests {
    use shared::api::scheme;

    use super::*;

    #[test]
    fn every_kind_that_is_served_should_be_known_here() {
        for served in scheme::KINDS {
            let (api_version, kind) = (served.api_version, served.kind);
            let is_known = find(api_version, kind).is_some() || is_left_to_the_server(api_version, kind);
            assert!(is_known, "{api_version} {kind}");
        }
        assert_eq!(KINDS.len() + LEFT_TO_THE_SERVER.len(), scheme::KINDS.len());
    }
}
