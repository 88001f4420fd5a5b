//! `serviceaccount-controller`: every active namespace has an account named `default`.
//!
//! Follows `pkg/controller/serviceaccount/serviceaccounts_controller.go` of kubernetes/kubernetes.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Namespace;

use crate::api::object::SharedObject;
use crate::apiserver::Result;
use crate::apiserver::bootstrap::default_account;
use crate::apiserver::request::{Answer, Request};
use crate::given::Entropy;
use crate::informer::Change;

use super::reconciler::Reconciler;
use super::{Controller, Step, Token};

const DEFAULT: &str = "default";

/// Creates what is missing.
pub struct ServiceAccountController {
    known: Known,
    namespaces_to_look_at: Reconciler<String>,
}

/// What the watches told.
#[derive(Default)]
struct Known {
    /// Namespaces, and whether they are active.
    namespaces: BTreeMap<String, bool>,
    /// Namespaces that have the account.
    supplied: BTreeSet<String>,
}

impl Default for ServiceAccountController {
    fn default() -> Self {
        // The account is there, or its namespace goes or is gone.
        let settled = &["AlreadyExists", "NotFound", "Forbidden"];
        ServiceAccountController { known: Known::default(), namespaces_to_look_at: Reconciler::new(settled) }
    }
}

impl ServiceAccountController {
    fn on_namespace(&mut self, change: Change, object: &SharedObject, namespace: &Namespace) {
        let name = object.name().to_owned();
        if change == Change::Deleted {
            self.known.namespaces.remove(&name);
            self.namespaces_to_look_at.remove(&name);
            return;
        }
        let phase = namespace.status.as_ref().and_then(|status| status.phase.as_deref());
        self.known.namespaces.insert(name.clone(), phase == Some("Active"));
        self.namespaces_to_look_at.add(name);
    }

    fn on_account(&mut self, change: Change, object: &SharedObject) {
        if object.name() != DEFAULT {
            return;
        }
        let namespace = object.namespace().to_owned();
        if change == Change::Deleted {
            self.known.supplied.remove(&namespace);
            self.namespaces_to_look_at.add(namespace);
        } else {
            self.known.supplied.insert(namespace);
        }
    }
}

impl Known {
    /// The request that makes the account, where it is missing.
    fn wanted(&self, namespace: &str) -> Option<Request> {
        let is_active = self.namespaces.get(namespace) == Some(&true);
        let lacks_account = is_active && !self.supplied.contains(namespace);
        lacks_account.then(|| Request::create(default_account(namespace)).ok()).flatten()
    }
}

impl Controller for ServiceAccountController {
    fn name(&self) -> &'static str {
        "serviceaccount-controller"
    }

    fn watches(&self) -> &'static [(&'static str, &'static str)] {
        &[("v1", "ServiceAccount"), ("v1", "Namespace")]
    }

    fn on_delta(&mut self, change: Change, object: &SharedObject) {
        match object.downcast_ref::<Namespace>() {
            Some(namespace) => self.on_namespace(change, object, namespace),
            None => self.on_account(change, object),
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
    use k8s_openapi::api::core::v1::ServiceAccount;

    #[test]
    fn new_namespace_should_get_a_default_account() {
        let mut pump = Pump::new(ServiceAccountController::default());
        pump.namespace("team");
        pump.run();
        assert!(pump.exists::<ServiceAccount>("team", DEFAULT));
    }

    #[test]
    fn deleted_default_account_should_come_back() {
        let mut pump = Pump::new(ServiceAccountController::default());
        pump.run();
        pump.delete::<ServiceAccount>("default", DEFAULT);
        assert!(!pump.exists::<ServiceAccount>("default", DEFAULT));
        pump.run();
        assert!(pump.exists::<ServiceAccount>("default", DEFAULT));
    }

    #[test]
    fn terminating_namespace_should_not_get_an_account() {
        let mut pump = Pump::new(ServiceAccountController::default());
        pump.namespace("team");
        pump.delete::<Namespace>("", "team");
        assert_eq!(pump.run(), 0);
        assert!(!pump.exists::<ServiceAccount>("team", DEFAULT));
    }
}
