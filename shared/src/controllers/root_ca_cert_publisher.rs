//! `root-ca-certificate-publisher-controller`: every active namespace has a ConfigMap by which its pods know
//! the API server.
//!
//! Follows `pkg/controller/certificates/rootcacertpublisher/publisher.go` of kubernetes/kubernetes.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::api::object::SharedObject;
use crate::apiserver::Result;
use crate::apiserver::request::{Answer, Request};
use crate::given::Entropy;
use crate::informer::Change;

use super::reconciler::Reconciler;
use super::{Controller, Step, Token};

/// The name of the ConfigMap.
pub const ROOT_CA_CONFIG_MAP: &str = "kube-root-ca.crt";

const KEY: &str = "ca.crt";
const DESCRIPTION: &str = "kubernetes.io/description";
/// The text that upstream puts there.
const DESCRIPTION_TEXT: &str = "Contains a CA bundle that can be used to verify the kube-apiserver when using \
                                internal endpoints such as the internal service IP or \
                                kubernetes.default.svc. No other usage is guaranteed across distributions of \
                                Kubernetes clusters.";

/// Creates what is missing, and mends what says something else.
pub struct RootCaCertPublisher {
    known: Known,
    namespaces_to_look_at: Reconciler<String>,
}

/// What is to be published, and where it is.
struct Known {
    /// The certificates, as PEM text.
    root_ca: String,
    /// Active namespaces.
    active: BTreeSet<String>,
    /// The ConfigMaps of that name, by namespace.
    maps: BTreeMap<String, SharedObject>,
}

impl RootCaCertPublisher {
    /// Publishes these certificates.
    pub fn new(root_ca: String) -> RootCaCertPublisher {
        let known = Known { root_ca, active: BTreeSet::new(), maps: BTreeMap::new() };
        // Its namespace goes or is gone, or someone was faster, of whom the watch tells.
        let settled = &["AlreadyExists", "NotFound", "Forbidden"];
        RootCaCertPublisher { known, namespaces_to_look_at: Reconciler::new(settled) }
    }

    fn on_namespace(&mut self, change: Change, name: &str, namespace: &Namespace) {
        let phase = namespace.status.as_ref().and_then(|status| status.phase.as_deref());
        if change == Change::Deleted || phase != Some("Active") {
            self.known.active.remove(name);
        } else {
            self.known.active.insert(name.to_owned());
            self.namespaces_to_look_at.add(name.to_owned());
        }
    }

    fn on_map(&mut self, change: Change, object: &SharedObject) {
        if object.name() != ROOT_CA_CONFIG_MAP {
            return;
        }
        let namespace = object.namespace().to_owned();
        match change {
            Change::Deleted => drop(self.known.maps.remove(&namespace)),
            _ => drop(self.known.maps.insert(namespace.clone(), object.clone())),
        }
        self.namespaces_to_look_at.add(namespace);
    }
}

impl Known {
    /// The request that makes the namespace's ConfigMap what it should be, if it is not.
    fn wanted(&self, namespace: &str) -> Option<Request> {
        if !self.active.contains(namespace) {
            return None;
        }
        let data = BTreeMap::from([(KEY.to_owned(), self.root_ca.clone())]);
        let Some(found) = self.maps.get(namespace) else {
            let metadata = ObjectMeta {
                name: Some(ROOT_CA_CONFIG_MAP.into()),
                namespace: Some(namespace.into()),
                annotations: Some(described(None)),
                ..ObjectMeta::default()
            };
            return Request::create(ConfigMap { metadata, data: Some(data), ..ConfigMap::default() }).ok();
        };
        let mut map = found.downcast_ref::<ConfigMap>()?.clone();
        let annotations = described(map.metadata.annotations.clone());
        if map.data.as_ref() == Some(&data) && map.metadata.annotations.as_ref() == Some(&annotations) {
            return None;
        }
        (map.data, map.metadata.annotations) = (Some(data), Some(annotations));
        Request::update(map).ok()
    }
}

fn described(annotations: Option<BTreeMap<String, String>>) -> BTreeMap<String, String> {
    let mut annotations = annotations.unwrap_or_default();
    annotations.insert(DESCRIPTION.to_owned(), DESCRIPTION_TEXT.to_owned());
    annotations
}

impl Controller for RootCaCertPublisher {
    fn name(&self) -> &'static str {
        "root-ca-certificate-publisher-controller"
    }

    fn watches(&self) -> &'static [(&'static str, &'static str)] {
        &[("v1", "ConfigMap"), ("v1", "Namespace")]
    }

    fn on_delta(&mut self, change: Change, object: &SharedObject) {
        match object.downcast_ref::<Namespace>() {
            Some(namespace) => self.on_namespace(change, object.name(), namespace),
            None => self.on_map(change, object),
        }
    }

    fn step(&mut self, now: Timestamp, _: &dyn Entropy) -> Step {
        self.namespaces_to_look_at.step(now, |namespace| self.known.wanted(namespace))
    }

    fn on_response(&mut self, token: Token, response: Result<Answer>, now: Timestamp) {
        self.namespaces_to_look_at.on_response(token, &response, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controllers::test_pump::Pump;

    const TEAM: &str = "team";

    fn pump() -> Pump<RootCaCertPublisher> {
        let mut pump = Pump::new(RootCaCertPublisher::new("PEM".to_owned()));
        pump.namespace(TEAM);
        pump.run();
        pump
    }

    fn published(pump: &Pump<RootCaCertPublisher>) -> Option<String> {
        let map = pump.get::<ConfigMap>(TEAM, ROOT_CA_CONFIG_MAP)?;
        map.data.as_ref()?.get(KEY).cloned()
    }

    #[test]
    fn every_namespace_should_have_the_certificates() {
        let mut pump = pump();
        assert_eq!(published(&pump).as_deref(), Some("PEM"));
        pump.delete::<ConfigMap>(TEAM, ROOT_CA_CONFIG_MAP);
        pump.run();
        assert_eq!(published(&pump).as_deref(), Some("PEM"));
        assert_eq!(pump.run(), 0, "nothing is left to do");
    }

    #[test]
    fn what_others_wrote_should_be_mended() {
        let mut pump = pump();
        let other = serde_json::json!({ "data": { KEY: "other" } });
        pump.merge::<ConfigMap>(TEAM, ROOT_CA_CONFIG_MAP, other);
        pump.run();
        assert_eq!(published(&pump).as_deref(), Some("PEM"));
    }
}
