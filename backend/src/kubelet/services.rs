//! The Services of the cluster as a kubelet knows them: containers find them by variables.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use k8s_openapi::api::core::v1::{Pod, Service};
use shared::api::object::SharedObject;
use shared::apiserver::request::ListOptions;
use shared::informer::Change;
use shared::kubelet::service_environment::service_variables;
use shared::scheduler::typed::Typed;
use tokio::sync::{mpsc, watch};

use super::node::Kubelet;
use crate::pump::{Told, inform};

/// What is known of Services.
pub(super) struct Services {
    /// By namespace and name.
    known: Mutex<BTreeMap<(String, String), Typed<Service>>>,
    synced: watch::Sender<bool>,
}

impl Default for Services {
    fn default() -> Services {
        Services { known: Mutex::default(), synced: watch::Sender::new(false) }
    }
}

impl Services {
    fn known(&self) -> MutexGuard<'_, BTreeMap<(String, String), Typed<Service>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, told: Told) {
        match told {
            Told::Synced => drop(self.synced.send_replace(true)),
            Told::Changed(change, object) => self.set(change, object),
        }
    }

    fn set(&self, change: Change, object: SharedObject) {
        let key = (object.namespace().to_owned(), object.name().to_owned());
        match Typed::<Service>::new(object).filter(|_| change != Change::Deleted) {
            Some(service) => drop(self.known().insert(key, service)),
            None => drop(self.known().remove(&key)),
        }
    }

    /// The variables that a pod's containers get, once the Services were read.
    pub(super) async fn variables(&self, pod: &Pod) -> BTreeMap<String, String> {
        // The sender lives as long as this.
        let _ = self.synced.subscribe().wait_for(|synced| *synced).await;
        let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
        let links = pod.spec.as_ref().and_then(|spec| spec.enable_service_links).unwrap_or(true);
        service_variables(self.known().values().map(|service| &**service), namespace, links)
    }
}

/// Keeps what is known true, for ever.
pub(super) async fn follow(kubelet: Arc<Kubelet>) {
    let (told, mut received) = mpsc::unbounded_channel();
    let informed = inform::<Service, _>(kubelet.client.clone(), ListOptions::default(), told, |told| told);
    let taken = async {
        while let Some(told) = received.recv().await {
            kubelet.services.take(told);
        }
    };
    tokio::join!(informed, taken);
}
