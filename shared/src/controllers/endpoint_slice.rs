//! `endpointslice-controller`: every Service with a selector has EndpointSlices that name its pods.
//!
//! Follows `pkg/controller/endpointslice/endpointslice_controller.go` of kubernetes/kubernetes. Two
//! things are otherwise. What upstream holds back for until its informer has caught up is here known
//! from the answer to the write ([`OwnWrites`]). And slices of a Service that is gone are deleted here:
//! upstream leaves them to its garbage collector.

use std::collections::BTreeSet;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;

use crate::api::object::SharedObject;
use crate::apiserver::Result;
use crate::apiserver::request::Answer;
use crate::given::Entropy;
use crate::informer::Change;
use crate::work_queue::WorkQueue;

use super::own_writes::{Key, OwnWrites, key_of};
use super::pod_endpoint;
use super::selection::Selection;
use super::slice_writer::{SliceWriter, Written};
use super::trigger_times::{self, TriggerTimes};
use super::{Controller, Step, Token};

pub(super) mod endpoint;
mod fill;
mod hints;
mod reconcile;
pub(super) mod slice;

use endpoint::Zones;
use reconcile::{Known, Plan};
pub(crate) use slice::SERVICE_NAME;

/// What `--max-endpoints-per-slice` is upstream.
const MAX_ENDPOINTS_PER_SLICE: usize = 100;

/// Keeps the slices of all Services.
pub struct EndpointSliceController {
    selection: Selection,
    slices: OwnWrites,
    zones: Zones,
    trigger_times: TriggerTimes,
    queue: WorkQueue<Key>,
    writer: SliceWriter,
    /// How many endpoints a slice has at most.
    max: usize,
}

impl Default for EndpointSliceController {
    fn default() -> Self {
        EndpointSliceController {
            selection: Selection::default(),
            slices: OwnWrites::new(|object| managed(object, slice::CONTROLLER)),
            zones: Zones::new(),
            trigger_times: TriggerTimes::default(),
            queue: WorkQueue::default(),
            writer: SliceWriter::new("endpoint-slice-controller", "Service"),
            max: MAX_ENDPOINTS_PER_SLICE,
        }
    }
}

/// The name of the Service that a slice belongs to, if `manager` keeps it.
pub(super) fn managed(object: &SharedObject, manager: &str) -> Option<String> {
    let labels = object.metadata().labels.as_ref()?;
    let service = labels.get(slice::SERVICE_NAME).filter(|service| !service.is_empty());
    service.filter(|_| labels.get(slice::MANAGED_BY).is_some_and(|found| found == manager)).cloned()
}

impl EndpointSliceController {
    fn add_all(&mut self, services: BTreeSet<Key>) {
        services.into_iter().for_each(|service| self.queue.add(service));
    }

    /// A node that comes, goes or moves to another zone.
    fn on_node(&mut self, change: Change, object: &SharedObject) {
        let labels = object.metadata().labels.as_ref();
        let zone = labels.and_then(|labels| labels.get("topology.kubernetes.io/zone"));
        let zone = zone.filter(|zone| !zone.is_empty()).cloned();
        let name = object.name().to_owned();
        let before = match change {
            Change::Deleted => self.zones.remove(&name),
            _ => self.zones.insert(name.clone(), zone.clone()),
        };
        if change == Change::Deleted || before != Some(zone) {
            self.add_all(self.selection.services_on_node(&name));
        }
    }

    fn sync(&mut self, key: &Key) {
        let plan = self.plan(key);
        let uid = self.selection.service(key).and_then(|service| service.metadata.uid.clone());
        let Plan { create, update, delete } = plan;
        if self.writer.begin(key, uid, [create, update], delete) {
            self.queue.done(key);
        }
    }

    /// What is to be written for a Service.
    fn plan(&mut self, key: &Key) -> Plan {
        let existing = self.slices.of(key).filter_map(|object| object.downcast_ref::<EndpointSlice>());
        let existing: Vec<_> = existing.filter(|slice| slice.metadata.deletion_timestamp.is_none()).collect();
        let Some(service) = self.selection.service(key) else {
            self.trigger_times.forget(key);
            let delete = existing.into_iter().cloned().collect();
            return Plan { delete, ..Plan::default() };
        };
        if service.spec.as_ref().and_then(pod_endpoint::selector).is_none() {
            return Plan::default();
        }
        let pods = self.selection.pods_of(service);
        let time = self.trigger_times.look(key, service, &pods);
        let known = Known { service, pods: &pods, zones: &self.zones, max: self.max };
        let mut plan = reconcile::reconcile(&known, &existing);
        if service.metadata.deletion_timestamp.is_some() {
            plan.create.clear();
        }
        for slice in plan.create.iter_mut().chain(&mut plan.update) {
            trigger_times::annotate(&mut slice.metadata, time);
        }
        plan
    }
}

impl Controller for EndpointSliceController {
    fn name(&self) -> &'static str {
        "endpointslice-controller"
    }

    fn watches(&self) -> &'static [(&'static str, &'static str)] {
        &[("v1", "Service"), ("v1", "Pod"), ("v1", "Node"), ("discovery.k8s.io/v1", "EndpointSlice")]
    }

    fn on_delta(&mut self, change: Change, object: &SharedObject) {
        if object.downcast_ref::<Service>().is_some() {
            self.selection.on_service(change, object);
            self.queue.add(key_of(object));
        } else if object.downcast_ref::<Pod>().is_some() {
            let services = self.selection.on_pod(change, object);
            self.add_all(services);
        } else if object.downcast_ref::<Node>().is_some() {
            self.on_node(change, object);
        } else {
            let services = self.slices.told(change, object);
            self.add_all(services);
        }
    }

    fn step(&mut self, now: Timestamp, _: &dyn Entropy) -> Step {
        let lapsed = self.slices.lapse(now);
        self.add_all(lapsed);
        while let Some(key) = self.queue.take(now) {
            self.sync(&key);
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
mod laws;
#[cfg(test)]
mod tests;
