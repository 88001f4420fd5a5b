//! `serviceaccount-controller`: every active namespace has an account named `default`.
//!
//! Follows `pkg/controller/serviceaccount/serviceaccounts_controller.go` of kubernetes/kubernetes.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Namespace;

use crate::api::object::SharedObject;
use crate::api::status;
use crate::apiserver::Result;
use crate::apiserver::bootstrap::default_account;
use crate::apiserver::request::{Answer, Request};
use crate::given::Entropy;
use crate::informer::Change;
use crate::work_queue::WorkQueue;

use super::{Asked, Controller, Step, Token};

const DEFAULT: &str = "default";

/// Creates what is missing.
#[derive(Default)]
pub struct ServiceAccountController {
    /// Namespaces, and whether they are active.
    namespaces: BTreeMap<String, bool>,
    /// Namespaces that have the account.
    supplied: BTreeSet<String>,
    queue: WorkQueue<String>,
    asked: Asked<String>,
}

impl ServiceAccountController {
    fn on_namespace(&mut self, change: Change, object: &SharedObject, namespace: &Namespace) {
        let name = object.name().to_owned();
        if change == Change::Deleted {
            self.namespaces.remove(&name);
            self.queue.remove(&name);
            return;
        }
        let phase = namespace.status.as_ref().and_then(|status| status.phase.as_deref());
        self.namespaces.insert(name.clone(), phase == Some("Active"));
        self.queue.add(name);
    }

    fn on_account(&mut self, change: Change, object: &SharedObject) {
        if object.name() != DEFAULT {
            return;
        }
        let namespace = object.namespace().to_owned();
        if change == Change::Deleted {
            self.supplied.remove(&namespace);
            self.queue.add(namespace);
        } else {
            self.supplied.insert(namespace);
        }
    }

    fn lacks_account(&self, namespace: &str) -> bool {
        self.namespaces.get(namespace) == Some(&true) && !self.supplied.contains(namespace)
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
        let mut step = Step::default();
        while let Some(namespace) = self.queue.take(now) {
            match Request::create(default_account(&namespace)) {
                Ok(request) if self.lacks_account(&namespace) => {
                    step.requests.push((self.asked.about(namespace), request));
                }
                _ => self.queue.done(&namespace),
            }
        }
        step.wake_at = self.queue.next_due();
        step
    }

    fn on_response(&mut self, token: Token, response: Result<Answer>, now: Timestamp) {
        let Some(namespace) = self.asked.answered(token) else { return };
        match response {
            Err(error) if !is_settled(&error) => self.queue.retry(namespace, now),
            _ => self.queue.done(&namespace),
        }
    }
}

/// Whether a refusal leaves nothing to do: the account is there, or its namespace goes or is gone.
fn is_settled(error: &k8s_openapi::apimachinery::pkg::apis::meta::v1::Status) -> bool {
    ["AlreadyExists", "NotFound", "Forbidden"].iter().any(|reason| status::is(error, reason))
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
