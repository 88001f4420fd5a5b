//! `endpoints-controller`: every Service with a selector has Endpoints of its name, for clients of old.
//!
//! Follows `pkg/controller/endpoint/endpoints_controller.go` of kubernetes/kubernetes.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Endpoints, Pod, Service};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{DeleteOptions, ObjectMeta, Preconditions, Status};

use crate::api::object::SharedObject;
use crate::api::status;
use crate::apiserver::Result;
use crate::apiserver::request::{Answer, Reply, Request};
use crate::given::Entropy;
use crate::informer::Change;
use crate::recorder::{Note, Recorder, regarding};
use crate::work_queue::WorkQueue;

use super::own_writes::{Key, OwnWrites, key_of};
use super::pod_endpoint::{self, HEADLESS};
use super::selection::Selection;
use super::slice_writer::is_terminating;
use super::trigger_times::{self, TriggerTimes};
use super::{Asked, Controller, Step, Token};

mod subsets;

/// The label that names who keeps Endpoints, and what this controller's bear there.
const MANAGED_BY: (&str, &str) = ("endpoints.kubernetes.io/managed-by", "endpoint-controller");
/// The annotation of Endpoints that do not hold all addresses.
const OVER_CAPACITY: &str = "endpoints.kubernetes.io/over-capacity";
/// The annotation of Endpoints that leaders of old were elected by.
pub(super) const LEADER: &str = "control-plane.alpha.kubernetes.io/leader";

/// Keeps the Endpoints of all Services.
pub struct EndpointsController {
    selection: Selection,
    endpoints: OwnWrites,
    trigger_times: TriggerTimes,
    queue: WorkQueue<Key>,
    asked: Asked<Option<Question>>,
    outbox: Vec<(Token, Request)>,
    recorder: Recorder,
    /// Whether Endpoints that an earlier run left behind were looked for.
    swept: bool,
}

/// What a request was for; events have none.
struct Question {
    key: Key,
    write: Write,
}

enum Write {
    Create,
    Update,
    /// With the uid of what goes.
    Delete(String),
}

impl Default for EndpointsController {
    fn default() -> Self {
        EndpointsController {
            selection: Selection::default(),
            endpoints: OwnWrites::new(|object| Some(object.name().to_owned())),
            trigger_times: TriggerTimes::default(),
            queue: WorkQueue::default(),
            asked: Asked::default(),
            outbox: Vec::new(),
            recorder: Recorder::new("endpoint-controller", ""),
            swept: false,
        }
    }
}

impl EndpointsController {
    fn on_endpoints(&mut self, change: Change, object: &SharedObject) {
        for key in self.endpoints.told(change, object) {
            // Without a Service they are their author's.
            if self.selection.service(&key).is_some() {
                self.queue.add(key);
            }
        }
    }

    /// Once after the start: Endpoints whose Service went while nobody looked.
    fn sweep(&mut self) {
        let is_lock = |object: &SharedObject| {
            object.metadata().annotations.as_ref().is_some_and(|annotations| annotations.contains_key(LEADER))
        };
        let keys = self.endpoints.keys().filter(|key| !self.endpoints.get(key).is_some_and(is_lock));
        keys.cloned().collect::<Vec<_>>().into_iter().for_each(|key| self.queue.add(key));
        self.swept = true;
    }

    fn sync(&mut self, key: &Key) {
        let asked = match self.selection.service(key) {
            None => {
                self.trigger_times.forget(key);
                self.delete(key)
            }
            Some(_) => self.write(key),
        };
        if !asked {
            self.queue.done(key);
        }
    }

    /// Deletes the Endpoints of a Service that is gone; false where there are none.
    fn delete(&mut self, key: &Key) -> bool {
        let Some(uid) = self.endpoints.get(key).and_then(|object| object.metadata().uid.clone()) else {
            return false;
        };
        let preconditions = Preconditions { uid: Some(uid.clone()), ..Preconditions::default() };
        let options = DeleteOptions { preconditions: Some(preconditions), ..DeleteOptions::default() };
        self.ask(key, Write::Delete(uid), Request::delete::<Endpoints>(&key.0, &key.1, options))
    }

    /// Writes the Endpoints of a Service; false where there is nothing to write.
    fn write(&mut self, key: &Key) -> bool {
        let Some(service) = self.selection.service(key) else { return false };
        if service.spec.as_ref().and_then(pod_endpoint::selector).is_none() {
            return false;
        }
        let pods = self.selection.pods_of(service);
        let time = self.trigger_times.look(key, service, &pods);
        let current = self.endpoints.get(key).and_then(|object| object.downcast_ref::<Endpoints>());
        let wanted = wanted(service, &pods, current);
        if current.is_some_and(|current| is_current(current, &wanted)) {
            return false;
        }
        let write = if current.is_some() { Write::Update } else { Write::Create };
        let mut wanted = wanted;
        trigger_times::annotate(&mut wanted.metadata, time);
        let request = match write {
            Write::Create => Request::create(wanted),
            _ => Request::update(wanted),
        };
        self.ask(key, write, request)
    }

    fn ask(&mut self, key: &Key, write: Write, request: Result<Request>) -> bool {
        let Ok(request) = request else { return false };
        let token = self.asked.about(Some(Question { key: key.clone(), write }));
        self.outbox.push((token, request));
        true
    }

    /// Takes in an answer; whether the work is done.
    fn learn(&mut self, question: &Question, response: Result<Answer>, now: Timestamp) -> bool {
        let error = match response {
            Ok(answer) => {
                match (&question.write, answer.reply) {
                    (Write::Delete(uid), _) => self.endpoints.deleted(&question.key, uid),
                    (_, Reply::Object(object) | Reply::Created(object)) => self.endpoints.wrote(&object, now),
                    _ => {}
                }
                return true;
            }
            Err(error) => error,
        };
        match question.write {
            Write::Create if is_terminating(&error) => true,
            Write::Delete(_) if status::is(&error, "NotFound") => {
                self.endpoints.lost(&question.key);
                true
            }
            _ => {
                if status::is(&error, "NotFound") {
                    self.endpoints.lost(&question.key);
                }
                self.complain(question, &error, now);
                false
            }
        }
    }

    fn complain(
        &mut self,
        Question { key: (namespace, name), write }: &Question,
        error: &Status,
        now: Timestamp,
    ) {
        let why = error.message.as_deref().unwrap_or_default();
        let (reason, message) = match write {
            Write::Create => (
                "FailedToCreateEndpoint",
                format!("Failed to create endpoint for service {namespace}/{name}: {why}"),
            ),
            Write::Update => {
                ("FailedToUpdateEndpoint", format!("Failed to update endpoint {namespace}/{name}: {why}"))
            }
            Write::Delete(_) => return,
        };
        let regarding = regarding("Endpoints", namespace, name, None);
        let note = Note { regarding, type_: "Warning", reason: reason.into(), message };
        if let Ok(request) = self.recorder.record(&note, now) {
            self.outbox.push((self.asked.about(None), request));
        }
    }
}

/// What the Service's Endpoints are to be, the time of the change aside.
fn wanted(service: &Service, pods: &[&Pod], current: Option<&Endpoints>) -> Endpoints {
    let metadata = ObjectMeta {
        namespace: service.metadata.namespace.clone(),
        name: service.metadata.name.clone(),
        ..ObjectMeta::default()
    };
    let mut endpoints = Endpoints {
        metadata: current.map_or(metadata, |current| current.metadata.clone()),
        subsets: Some(subsets::subsets(service, pods)),
    };
    endpoints.metadata.labels = Some(labels(service));
    let annotations = endpoints.metadata.annotations.get_or_insert_default();
    annotations.remove(OVER_CAPACITY);
    if subsets::truncate(&mut endpoints) {
        let annotations = endpoints.metadata.annotations.get_or_insert_default();
        annotations.insert(OVER_CAPACITY.to_owned(), "truncated".to_owned());
    }
    endpoints
}

fn labels(service: &Service) -> BTreeMap<String, String> {
    let mut labels = service.metadata.labels.clone().unwrap_or_default();
    labels.insert(MANAGED_BY.0.to_owned(), MANAGED_BY.1.to_owned());
    match service.spec.as_ref().is_some_and(pod_endpoint::has_cluster_ip) {
        true => labels.remove(HEADLESS),
        false => labels.insert(HEADLESS.to_owned(), String::new()),
    };
    labels
}

fn is_current(current: &Endpoints, wanted: &Endpoints) -> bool {
    let subsets = |endpoints: &Endpoints| endpoints.subsets.clone().unwrap_or_default();
    let over = |endpoints: &Endpoints| {
        endpoints
            .metadata
            .annotations
            .as_ref()
            .and_then(|annotations| annotations.get(OVER_CAPACITY))
            .cloned()
    };
    subsets::same(&subsets(current), &subsets(wanted))
        && current.metadata.labels == wanted.metadata.labels
        && over(current) == over(wanted)
}

impl Controller for EndpointsController {
    fn name(&self) -> &'static str {
        "endpoints-controller"
    }

    fn watches(&self) -> &'static [(&'static str, &'static str)] {
        &[("v1", "Service"), ("v1", "Pod"), ("v1", "Endpoints")]
    }

    fn on_delta(&mut self, change: Change, object: &SharedObject) {
        if object.downcast_ref::<Service>().is_some() {
            self.selection.on_service(change, object);
            self.queue.add(key_of(object));
        } else if object.downcast_ref::<Pod>().is_some() {
            let services: BTreeSet<Key> = self.selection.on_pod(change, object);
            services.into_iter().for_each(|service| self.queue.add(service));
        } else {
            self.on_endpoints(change, object);
        }
    }

    fn step(&mut self, now: Timestamp, _: &dyn Entropy) -> Step {
        if !self.swept {
            self.sweep();
        }
        self.endpoints.lapse(now).into_iter().for_each(|key| self.queue.add(key));
        while let Some(key) = self.queue.take(now) {
            self.sync(&key);
        }
        let wake_at = self.queue.next_due().into_iter().chain(self.endpoints.next_lapse()).min();
        Step { requests: std::mem::take(&mut self.outbox), wake_at }
    }

    fn on_response(&mut self, token: Token, response: Result<Answer>, now: Timestamp) {
        let Some(Some(question)) = self.asked.answered(token) else { return };
        match self.learn(&question, response, now) {
            true => self.queue.done(&question.key),
            false => self.queue.retry(question.key, now),
        }
    }
}

#[cfg(test)]
mod tests;
