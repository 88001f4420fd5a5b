//! What the API has of what a pod's volumes are made of.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::FutureExt;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use shared::api::object::SharedObject;
use shared::kubelet::volume::{self, Data, Reference, Sources, TokenRequest};
use tokio::sync::watch;

use super::objects::{Followed, State};
use super::tokens::Tokens;
use crate::kubelet::node::Kubelet;

/// One object that the pod's volumes name.
struct Seen {
    _followed: Arc<Followed>,
    changes: watch::Receiver<State>,
    /// As it was when the view was read.
    object: Option<SharedObject>,
}

/// The objects that a pod's volumes are made of.
pub(super) struct View {
    objects: BTreeMap<Reference, Seen>,
    tokens: Tokens,
    allocatable: BTreeMap<String, Quantity>,
}

impl View {
    /// Follows what the pod's volumes name.
    pub(super) fn of(kubelet: &Kubelet, pod: &Pod) -> View {
        let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
        let seen = |reference: Reference| {
            let followed = kubelet.objects.follow(kubelet, namespace, &reference);
            let changes = followed.subscribe();
            (reference, Seen { _followed: followed, changes, object: None })
        };
        View {
            objects: volume::references(pod).into_iter().map(seen).collect(),
            tokens: Tokens::default(),
            allocatable: kubelet.allocatable(),
        }
    }

    /// Reads all that is there now; waits until it is known what is.
    pub(super) async fn read(&mut self, kubelet: &Kubelet, pod: &Pod) {
        for seen in self.objects.values_mut() {
            // The sender lives as long as the object is followed.
            let _ = seen.changes.wait_for(Option::is_some).await;
            seen.object = seen.changes.borrow_and_update().clone().flatten();
        }
        self.tokens.renew(kubelet, pod).await;
    }

    /// Waits until an object is another one than was read.
    pub(super) async fn changed(&mut self) {
        let changes = self.objects.values_mut().map(|seen| seen.changes.changed().boxed());
        let changes: Vec<_> = changes.collect();
        match changes.is_empty() {
            true => std::future::pending().await,
            false => drop(futures::future::select_all(changes).await),
        }
    }

    /// When what was read is no longer good enough.
    pub(super) fn stale_at(&self) -> Option<Timestamp> {
        self.tokens.stale_at()
    }

    fn object(&self, reference: &Reference) -> Option<&SharedObject> {
        self.objects.get(reference)?.object.as_ref()
    }
}

impl Sources for View {
    fn config_map(&self, name: &str) -> Option<Data> {
        let map = self.object(&Reference::ConfigMap(name.to_owned()))?.downcast_ref::<ConfigMap>()?;
        let text = map.data.iter().flatten().map(|(key, value)| (key.clone(), value.clone().into_bytes()));
        let binary = map.binary_data.iter().flatten().map(|(key, value)| (key.clone(), value.0.clone()));
        Some(text.chain(binary).collect())
    }

    fn secret(&self, name: &str) -> Option<Data> {
        let secret = self.object(&Reference::Secret(name.to_owned()))?.downcast_ref::<Secret>()?;
        let data = secret.data.iter().flatten().map(|(key, value)| (key.clone(), value.0.clone()));
        Some(data.collect())
    }

    fn token(&self, request: &TokenRequest) -> Result<String, String> {
        self.tokens.get(request)
    }

    fn allocatable(&self) -> &BTreeMap<String, Quantity> {
        &self.allocatable
    }
}
