//! `endpointslice-mirroring-controller`: Endpoints that somebody wrote for a Service without a selector
//! are EndpointSlices too, which is what everyone reads.
//!
//! Follows `pkg/controller/endpointslicemirroring/endpointslicemirroring_controller.go` of
//! kubernetes/kubernetes.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Endpoints, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;

use crate::api::object::SharedObject;
use crate::apiserver::Result;
use crate::apiserver::request::Answer;
use crate::given::Entropy;
use crate::informer::Change;
use crate::recorder::{Note, regarding};
use crate::work_queue::WorkQueue;

use super::endpoint_slice::managed;
use super::endpoints::LEADER;
use super::own_writes::{Key, OwnWrites, key_of};
use super::slice_writer::{SliceWriter, Written};
use super::{Controller, Step, Token};

mod mirror;

use mirror::{MAX_ENDPOINTS_PER_SUBSET, Plan};

/// What this controller's slices bear in the label that names who keeps them.
const CONTROLLER: &str = "endpointslicemirroring-controller.k8s.io";
/// The label of Endpoints that are not to be mirrored.
pub(crate) const SKIP_MIRROR: &str = "endpointslice.kubernetes.io/skip-mirror";

/// Keeps the mirrors.
pub struct EndpointSliceMirroringController {
    services: BTreeMap<Key, SharedObject>,
    endpoints: BTreeMap<Key, SharedObject>,
    slices: OwnWrites,
    queue: WorkQueue<Key>,
    writer: SliceWriter,
}

impl Default for EndpointSliceMirroringController {
    fn default() -> Self {
        EndpointSliceMirroringController {
            services: BTreeMap::new(),
            endpoints: BTreeMap::new(),
            slices: OwnWrites::new(|object| managed(object, CONTROLLER)),
            queue: WorkQueue::default(),
            writer: SliceWriter::new("endpoint-slice-mirroring-controller", "Endpoints"),
        }
    }
}

/// Takes a change into a copy.
fn keep(copy: &mut BTreeMap<Key, SharedObject>, change: Change, object: &SharedObject) {
    match change {
        Change::Deleted => copy.remove(&key_of(object)),
        _ => copy.insert(key_of(object), object.clone()),
    };
}

impl EndpointSliceMirroringController {
    /// The Endpoints of that key, if they are to be mirrored.
    fn to_mirror(&self, key: &Key) -> Option<&Endpoints> {
        let service = self.services.get(key)?.downcast_ref::<Service>()?;
        let selector = service.spec.as_ref().and_then(|spec| spec.selector.as_ref());
        if selector.is_some_and(|selector| !selector.is_empty()) {
            return None;
        }
        let endpoints = self.endpoints.get(key)?.downcast_ref::<Endpoints>()?;
        let metadata = &endpoints.metadata;
        let skip = metadata.labels.as_ref().and_then(|labels| labels.get(SKIP_MIRROR));
        let lock = metadata.annotations.as_ref().is_some_and(|annotations| annotations.contains_key(LEADER));
        (skip.is_none_or(|skip| skip != "true") && !lock).then_some(endpoints)
    }

    fn sync(&mut self, key: &Key, now: Timestamp) {
        let existing = self.slices.of(key).filter_map(|object| object.downcast_ref::<EndpointSlice>());
        let existing: Vec<_> = existing.collect();
        let endpoints = self.to_mirror(key);
        let plan = match endpoints {
            Some(endpoints) => mirror::reconcile(endpoints, &existing),
            None => Plan { delete: existing.into_iter().cloned().collect(), ..Plan::default() },
        };
        let uid = endpoints.and_then(|endpoints| endpoints.metadata.uid.clone());
        let going = endpoints.is_some_and(|endpoints| endpoints.metadata.deletion_timestamp.is_some());
        if plan.skipped > 0 {
            self.complain(key, uid.clone(), plan.skipped, now);
        }
        let Plan { create, update, delete, .. } = plan;
        let create = if going { Vec::new() } else { create };
        if self.writer.begin(key, uid, [create, update], delete) {
            self.queue.done(key);
        }
    }

    fn complain(&mut self, (namespace, name): &Key, uid: Option<String>, skipped: usize, now: Timestamp) {
        let regarding = regarding("Endpoints", namespace, name, uid);
        let message = format!(
            "A max of {MAX_ENDPOINTS_PER_SUBSET} addresses can be mirrored to EndpointSlices per Endpoints subset. {skipped} addresses were skipped"
        );
        let reason = "TooManyAddressesToMirror".to_owned();
        self.writer.record(&Note { regarding, type_: "Warning", reason, message }, now);
    }
}

impl Controller for EndpointSliceMirroringController {
    fn name(&self) -> &'static str {
        "endpointslice-mirroring-controller"
    }

    fn watches(&self) -> &'static [(&'static str, &'static str)] {
        &[("v1", "Endpoints"), ("v1", "Service"), ("discovery.k8s.io/v1", "EndpointSlice")]
    }

    fn on_delta(&mut self, change: Change, object: &SharedObject) {
        if object.downcast_ref::<Service>().is_some() {
            keep(&mut self.services, change, object);
        } else if object.downcast_ref::<Endpoints>().is_some() {
            keep(&mut self.endpoints, change, object);
        } else {
            let owners = self.slices.told(change, object);
            return owners.into_iter().for_each(|owner| self.queue.add(owner));
        }
        self.queue.add(key_of(object));
    }

    fn step(&mut self, now: Timestamp, _: &dyn Entropy) -> Step {
        self.slices.lapse(now).into_iter().for_each(|key| self.queue.add(key));
        while let Some(key) = self.queue.take(now) {
            self.sync(&key, now);
        }
        let wake_at = self.queue.next_due().into_iter().chain(self.slices.next_lapse()).min();
        Step { requests: self.writer.requests(), wake_at }
    }

    fn on_response(&mut self, token: Token, response: Result<Answer>, now: Timestamp) {
        match self.writer.answered(token, response, &mut self.slices, now) {
            Written::Done(key) => self.queue.done(&key),
            Written::Failed(key) => self.queue.retry(key, now),
            Written::Open => {}
        }
    }
}

#[cfg(test)]
mod tests;
