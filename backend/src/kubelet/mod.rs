//! The kubelets: each registers its node, runs the node's pods and reports on them, as a client of the
//! API. What to do next is decided in `shared::kubelet`; here it is done.
//!
//! In reading order: [`node`] is what a kubelet has; [`sync_loop`] is its loop, which feeds pod workers
//! and hands their actions to [`pod`]; that sets up the pod's [`volumes`], makes its [`sandbox`], fetches [`image`]s
//! ([`pulling`]), starts containers with their [`mounts`] ([`launch`], or [`component`] for the control plane's own), asks
//! their probes ([`prober`]) and runs their hooks ([`hooks`]), both through what [`reach`] offers, reads their last words
//! ([`termination`]) and writes reports ([`reporter`]).
//! [`registration`] keeps Node and Lease true, [`image_collection`] makes room for images, [`logs`] answers for output;
//! [`streams`] runs commands in the containers that [`running`] knows, and attaches clients to them; [`usage`] is what
//! they use.

mod component;
mod disk_usage;
mod hooks;
mod image;
mod image_collection;
mod launch;
mod leftovers;
mod local_volumes;
mod logs;
mod mounts;
mod names;
mod node;
mod pod;
mod port_forward;
mod prober;
mod pulling;
mod reach;
mod registration;
mod reporter;
mod running;
mod sandbox;
mod services;
mod static_pods;
mod streams;
mod sync_loop;
mod termination;
#[cfg(test)]
mod testing;
mod usage;
mod variable_sources;
mod volumes;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

pub use component::{Component, ComponentContext, Components, REGISTRY};
pub use logs::PodLogOptions;
pub(crate) use node::manifests;
pub use node::{Kubelet, NodeOptions};
pub use streams::{AttachRequest, ExecRequest};
pub use usage::NodeUsage;

/// The kubelets of a cluster, by node: how the API server reaches them.
#[derive(Default)]
pub struct Nodes {
    kubelets: RwLock<BTreeMap<String, Arc<Kubelet>>>,
    names: RwLock<Vec<String>>,
}

impl Nodes {
    /// The kubelet of a node, if it runs.
    pub fn get(&self, node: &str) -> Option<Arc<Kubelet>> {
        self.kubelets.read().unwrap_or_else(PoisonError::into_inner).get(node).cloned()
    }

    /// The nodes by the order in which their kubelets were first made known, also those that are gone.
    pub fn names(&self) -> Vec<String> {
        self.names.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Forgets the kubelet of a node that is gone.
    pub fn remove(&self, node: &str) {
        self.kubelets.write().unwrap_or_else(PoisonError::into_inner).remove(node);
    }

    /// Makes a kubelet known.
    pub fn add(&self, kubelet: Arc<Kubelet>) {
        let mut names = self.names.write().unwrap_or_else(PoisonError::into_inner);
        if !names.iter().any(|name| name == kubelet.name()) {
            names.push(kubelet.name().to_owned());
        }
        let mut kubelets = self.kubelets.write().unwrap_or_else(PoisonError::into_inner);
        kubelets.insert(kubelet.name().to_owned(), kubelet);
    }

    /// Forgets them all. The API server, which a kubelet reaches, knows them through this.
    pub fn clear(&self) {
        self.kubelets.write().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
