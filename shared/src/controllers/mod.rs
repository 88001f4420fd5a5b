//! Controllers: loops that make what is what it should be.
//!
//! One controller a file, under upstream's name. Each is a plain value that its owner drives: it
//! lists and watches the kinds of [`Controller::watches`], hands in every change, steps, sends the
//! requests and hands in the answers. The owner steps after every change and every answer, and when
//! the time that the last step named has come. All controllers ask as
//! `system:kube-controller-manager`.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::api::object::SharedObject;
use crate::apiserver::Result;
use crate::apiserver::request::{Answer, Request};
use crate::given::Entropy;
use crate::informer::Change;

pub mod deployment;
pub mod endpoint_slice;
pub mod endpoint_slice_mirroring;
pub mod endpoints;
pub mod ephemeral_volume;
pub mod garbage_collector;
pub mod namespace;
pub mod node_ipam;
pub mod node_lifecycle;
pub mod persistent_volume_binder;
pub mod pod_garbage_collector;
pub mod replica_set;
pub mod root_ca_cert_publisher;
pub mod service_account;
pub mod service_load_balancer;
pub mod taint_eviction;
pub mod volume_protection;

mod own_writes;
mod ownership;
mod pod_endpoint;
mod reconciler;
mod selection;
mod slice_writer;
mod trigger_times;

#[cfg(test)]
pub(crate) mod test_pump;

/// Ties an answer to its request; unique within one controller.
pub type Token = u64;

/// What a controller wants.
#[derive(Default)]
pub struct Step {
    /// Requests to send, in this order; each is answered through [`Controller::on_response`].
    pub requests: Vec<(Token, Request)>,
    /// When to step again though nothing happened; sooner is harmless.
    pub wake_at: Option<Timestamp>,
}

/// A loop that watches some kinds and writes requests.
pub trait Controller: Send {
    /// Upstream's name of the controller, for logs.
    fn name(&self) -> &'static str;

    /// `apiVersion` and `kind` of the collections to follow, across all namespaces.
    fn watches(&self) -> &'static [(&'static str, &'static str)];

    /// An object of a watched kind is new, changed or gone.
    fn on_delta(&mut self, change: Change, object: &SharedObject);

    /// Goes on as far as is possible without an answer.
    fn step(&mut self, now: Timestamp, entropy: &dyn Entropy) -> Step;

    /// What the API server answered; a refusal is tried again later where that can help.
    fn on_response(&mut self, token: Token, response: Result<Answer>, now: Timestamp);
}

/// The controllers of a new cluster.
pub fn all() -> Vec<Box<dyn Controller>> {
    vec![
        Box::new(node_ipam::NodeIpamController::default()),
        Box::new(node_lifecycle::NodeLifecycleController::default()),
        Box::new(taint_eviction::TaintEvictionController::default()),
        Box::new(pod_garbage_collector::PodGarbageCollector::default()),
        Box::new(namespace::NamespaceController::default()),
        Box::new(service_account::ServiceAccountController::default()),
        Box::new(garbage_collector::GarbageCollector::default()),
        Box::new(deployment::DeploymentController::default()),
        Box::new(replica_set::ReplicaSetController::default()),
        Box::new(endpoint_slice::EndpointSliceController::default()),
        Box::new(endpoint_slice_mirroring::EndpointSliceMirroringController::default()),
        Box::new(endpoints::EndpointsController::default()),
        Box::new(service_load_balancer::ServiceLoadBalancerController::default()),
        Box::new(persistent_volume_binder::PersistentVolumeBinder::default()),
        Box::new(volume_protection::ClaimProtectionController::default()),
        Box::new(volume_protection::VolumeProtectionController::default()),
        Box::new(ephemeral_volume::EphemeralVolumeController::default()),
    ]
}

/// Hands out tokens and remembers what each was for.
struct Asked<T> {
    next: Token,
    open: BTreeMap<Token, T>,
}

impl<T> Default for Asked<T> {
    fn default() -> Self {
        Asked { next: 0, open: BTreeMap::new() }
    }
}

impl<T> Asked<T> {
    /// A token for a request about this.
    fn about(&mut self, what: T) -> Token {
        self.next += 1;
        self.open.insert(self.next, what);
        self.next
    }

    /// What the answered request was about.
    fn answered(&mut self, token: Token) -> Option<T> {
        self.open.remove(&token)
    }
}
