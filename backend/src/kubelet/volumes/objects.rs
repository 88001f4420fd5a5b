//! The ConfigMaps and Secrets that pods of a node use, each followed by one watch for as long as any of them
//! does.
//!
//! Follows `pkg/kubelet/util/manager/watch_based_manager.go` of kubernetes/kubernetes: a kubelet asks for the
//! objects that its pods name, by name, and never for all of them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use k8s_openapi::Resource;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use shared::api::object::SharedObject;
use shared::api::scheme;
use shared::apiserver::request::ListOptions;
use shared::informer::Change;
use shared::kubelet::volume::Reference;
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::kubelet::node::Kubelet;
use crate::pump::{Told, inform_in};

/// An object as it is now: not known yet, absent, or there.
pub(super) type State = Option<Option<SharedObject>>;

/// An object that is followed until the last one who uses it is gone.
pub(in crate::kubelet) struct Followed {
    state: watch::Receiver<State>,
    _until: DropGuard,
}

impl Followed {
    /// The object as it is now, and as it will be.
    pub(super) fn subscribe(&self) -> watch::Receiver<State> {
        self.state.clone()
    }
}

/// The objects that are followed, by namespace and reference.
#[derive(Default)]
pub(in crate::kubelet) struct Objects {
    known: Mutex<BTreeMap<(String, Reference), Weak<Followed>>>,
}

impl Objects {
    /// Follows an object; those who follow the same one share the watch.
    pub(super) fn follow(&self, kubelet: &Kubelet, namespace: &str, reference: &Reference) -> Arc<Followed> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, followed| followed.strong_count() > 0);
        let key = (namespace.to_owned(), reference.clone());
        if let Some(followed) = known.get(&key).and_then(Weak::upgrade) {
            return followed;
        }
        let followed = Arc::new(start(kubelet, namespace, reference));
        known.insert(key, Arc::downgrade(&followed));
        followed
    }
}

fn start(kubelet: &Kubelet, namespace: &str, reference: &Reference) -> Followed {
    let (sender, state) = watch::channel(None);
    let (kind, name) = match reference {
        Reference::ConfigMap(name) => (ConfigMap::KIND, name),
        Reference::Secret(name) => (Secret::KIND, name),
    };
    let selection = ListOptions { field_selector: format!("metadata.name={name}"), ..ListOptions::default() };
    let take = move |told| {
        match told {
            Told::Synced => drop(sender.send_if_modified(settle)),
            Told::Changed(Change::Deleted, _) => drop(sender.send_replace(Some(None))),
            Told::Changed(_, object) => drop(sender.send_replace(Some(Some(object)))),
        }
        true
    };
    let stop = CancellationToken::new();
    if let Some(kind) = scheme::by_kind("v1", kind) {
        let (client, namespace, until) = (kubelet.client.clone(), namespace.to_owned(), stop.clone());
        kubelet.spawn(async move {
            let following = inform_in(client, kind, &namespace, selection, take);
            until.run_until_cancelled(following).await;
        });
    }
    Followed { state, _until: stop.drop_guard() }
}

/// What was not seen in the whole collection is not there.
fn settle(state: &mut State) -> bool {
    let unknown = state.is_none();
    if unknown {
        *state = Some(None);
    }
    unknown
}

#[cfg(test)]
impl Objects {
    /// How many objects are followed.
    pub(super) fn count(&self) -> usize {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.values().filter(|followed| followed.strong_count() > 0).count()
    }
}
