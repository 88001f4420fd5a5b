//! `replicaset-controller`: every ReplicaSet has as many pods as it wants.
//!
//! Follows `pkg/controller/replicaset/replica_set.go` of kubernetes/kubernetes. A look at a set first takes and
//! releases pods by its selector, then creates or deletes what makes the difference, and last writes its status.
//! Pods are created in batches, each twice as large as the one before it as long as none fails, so that what cannot
//! succeed fails once and not a hundred times. What was written counts before the watch tells of it
//! ([`OwnWrites`]), which is what upstream has expectations for.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::{ObjectReference, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{DeleteOptions, ObjectMeta, Preconditions, Status};

use crate::api::labels::Selector;
use crate::api::object::SharedObject;
use crate::api::status as answer_status;
use crate::apiserver::Result;
use crate::apiserver::request::{Answer, Reply, Request};
use crate::given::Entropy;
use crate::informer::Change;
use crate::recorder::{Note, Recorder, regarding};
use crate::validation::names;
use crate::work_queue::WorkQueue;

use super::own_writes::{Key, OwnWrites, key_of, uid_of};
use super::ownership::{claims, controller_of, controller_uid, reference_to};
use super::{Asked, Controller, Step, Token};

pub(super) mod status;
mod victims;

/// How many pods one look may create or delete (`BurstReplicas`).
const BURST: usize = 500;
/// How many pods the first batch creates (`SlowStartInitialBatchSize`).
const FIRST_BATCH: usize = 1;
/// The cause of a refusal to create in a namespace that is being deleted.
const NAMESPACE_TERMINATING: &str = "NamespaceTerminating";

/// Creates and deletes pods.
pub struct ReplicaSetController {
    sets: BTreeMap<Key, SharedObject>,
    by_uid: BTreeMap<String, Key>,
    pods: OwnWrites,
    queue: WorkQueue<Key>,
    work: BTreeMap<Key, Work>,
    asked: Asked<Question>,
    recorder: Recorder,
    /// Requests that an answer led to, for the next step.
    outbox: Vec<(Token, Request)>,
}

/// What is under way for a set.
#[derive(Default)]
struct Work {
    /// Requests that are not answered.
    open: usize,
    /// Pods to create after the open batch.
    left: usize,
    /// The size of the open batch.
    batch: usize,
    /// The first failure: the reason of the condition, and the message.
    failure: Option<(&'static str, String)>,
    /// Whether pods are claimed: the set is looked at again after it.
    claims: bool,
}

/// What a request was for.
enum Question {
    Claim(Key),
    Create(Key),
    Delete { set: Key, pod: Key, uid: String },
    Status(Key),
    Event(Box<Note>),
}

impl Default for ReplicaSetController {
    fn default() -> Self {
        ReplicaSetController {
            sets: BTreeMap::new(),
            by_uid: BTreeMap::new(),
            pods: OwnWrites::new(controller_uid),
            queue: WorkQueue::default(),
            work: BTreeMap::new(),
            asked: Asked::default(),
            recorder: Recorder::new("replicaset-controller", ""),
            outbox: Vec::new(),
        }
    }
}

impl ReplicaSetController {
    fn ask(&mut self, question: Question, request: Request) {
        let token = self.asked.about(question);
        self.outbox.push((token, request));
    }

    fn learn(&mut self, change: Change, object: &SharedObject) {
        let key = key_of(object);
        let known = self.sets.get(&key);
        let is_news = known.is_none_or(|known| revision(known) < revision(object));
        if change == Change::Deleted {
            if known.is_some_and(|known| uid_of(known) == uid_of(object)) {
                self.sets.remove(&key);
                self.queue.remove(&key);
            }
            self.by_uid.remove(uid_of(object));
            return;
        }
        if !is_news {
            return;
        }
        self.by_uid.insert(uid_of(object).to_owned(), key.clone());
        self.sets.insert(key.clone(), object.clone());
        self.queue.add(key);
    }

    fn on_pod(&mut self, change: Change, object: &SharedObject) {
        for (namespace, owner) in self.pods.told(change, object) {
            match owner.is_empty() {
                false => self.look_at_owner(&owner),
                true => self.look_at_those_that_want(&namespace, object),
            }
        }
    }

    fn look_at_owner(&mut self, uid: &str) {
        if let Some(key) = self.by_uid.get(uid) {
            self.queue.add(key.clone());
        }
    }

    /// A pod that nobody controls concerns each set that selects it.
    fn look_at_those_that_want(&mut self, namespace: &str, pod: &SharedObject) {
        let labels = pod.metadata().labels.clone().unwrap_or_default();
        let sets = self.sets.iter().filter(|((place, _), _)| place == namespace);
        let wanting = sets.filter(|(_, set)| selector(set).is_some_and(|selector| selector.matches(&labels)));
        let keys: Vec<Key> = wanting.map(|(key, _)| key.clone()).collect();
        keys.into_iter().for_each(|key| self.queue.add(key));
    }

    /// The pods that a set controls.
    fn pods_of(&self, set: &SharedObject) -> Vec<SharedObject> {
        self.pods.of(&(set.namespace().to_owned(), uid_of(set).to_owned())).cloned().collect()
    }

    /// Begins the work on a set.
    fn sync(&mut self, key: Key, now: Timestamp) {
        let Some((object, selector)) =
            self.sets.get(&key).and_then(|set| Some((set.clone(), selector(set)?)))
        else {
            return self.queue.done(&key);
        };
        let pods = self.pods_of(&object);
        let orphans: Vec<_> = self.pods.of(&(key.0.clone(), String::new())).cloned().collect();
        let requests = claims::<ReplicaSet, Pod>(object.metadata(), &selector, &pods, &orphans);
        if !requests.is_empty() {
            self.work.insert(key.clone(), Work { open: requests.len(), claims: true, ..Work::default() });
            return requests.into_iter().for_each(|request| self.ask(Question::Claim(key.clone()), request));
        }
        self.work.insert(key.clone(), Work::default());
        if object.metadata().deletion_timestamp.is_none() {
            self.manage(&key, &object, &pods, now);
        }
        if self.work.get(&key).is_some_and(|work| work.open == 0) {
            self.write_status(&key, now);
        }
    }

    /// Creates what is missing, or deletes what is too much.
    fn manage(&mut self, key: &Key, object: &SharedObject, pods: &[SharedObject], now: Timestamp) {
        let Some(set) = object.downcast_ref::<ReplicaSet>() else { return };
        let active: Vec<&Pod> =
            pods.iter().filter_map(|pod| pod.downcast_ref()).filter(|pod| status::is_active(pod)).collect();
        let wanted = usize::try_from(set.spec.replicas.unwrap_or(1)).unwrap_or(0);
        if active.len() < wanted {
            if let Some(work) = self.work.get_mut(key) {
                work.left = (wanted - active.len()).min(BURST);
            }
            return self.create_batch(key);
        }
        let surplus = (active.len() - wanted).min(BURST);
        let victims = victims::choose(&active, &self.pods_on_nodes(object), surplus, now);
        let victims: Vec<(Key, String)> = victims.into_iter().map(identity).collect();
        for (pod, uid) in victims {
            let preconditions = Preconditions { uid: Some(uid.clone()), resource_version: None };
            let options = DeleteOptions { preconditions: Some(preconditions), ..DeleteOptions::default() };
            let Ok(request) = Request::delete::<Pod>(&pod.0, &pod.1, options) else { continue };
            self.work.entry(key.clone()).or_default().open += 1;
            self.ask(Question::Delete { set: key.clone(), pod, uid }, request);
        }
    }

    /// How many pods each node runs of this set and of those that belong to the same controller
    /// (`getIndirectlyRelatedPods`).
    fn pods_on_nodes(&self, set: &SharedObject) -> BTreeMap<String, usize> {
        let owner = controller_of(set.metadata()).map(|owner| owner.uid.as_str());
        let is_related = |other: &SharedObject| match owner {
            Some(uid) => controller_of(other.metadata()).is_some_and(|owner| owner.uid == uid),
            None => uid_of(other) == uid_of(set),
        };
        let mut counts = BTreeMap::new();
        let related =
            self.sets.values().filter(|other| other.namespace() == set.namespace() && is_related(other));
        for pod in related.flat_map(|other| self.pods_of(other)) {
            let Some(pod) = pod.downcast_ref::<Pod>().filter(|pod| status::is_active(pod)) else { continue };
            let node = pod.spec.as_ref().and_then(|spec| spec.node_name.clone()).unwrap_or_default();
            *counts.entry(node).or_default() += 1;
        }
        counts
    }

    /// Creates the next batch of pods.
    fn create_batch(&mut self, key: &Key) {
        let Some(set) = self.sets.get(key).and_then(|set| set.downcast_ref::<ReplicaSet>()).cloned() else {
            return;
        };
        let Some(work) = self.work.get_mut(key) else { return };
        work.batch = (work.batch * 2).max(FIRST_BATCH).min(work.left);
        work.left -= work.batch;
        let batch = work.batch;
        for _ in 0..batch {
            let Ok(request) = Request::create(new_pod(&set)) else { continue };
            self.work.entry(key.clone()).or_default().open += 1;
            self.ask(Question::Create(key.clone()), request);
        }
    }

    /// One request about a set is answered; after the last one it goes on.
    fn answered(&mut self, key: &Key, failure: Option<(&'static str, String)>, now: Timestamp) {
        let Some(work) = self.work.get_mut(key) else { return };
        work.open -= 1;
        if work.failure.is_none() {
            work.failure = failure;
        }
        match (work.open, work.claims, work.left, &work.failure) {
            (1.., ..) => {}
            (0, true, _, None) => {
                self.settle(key, now);
                self.queue.add(key.clone());
            }
            (0, true, _, Some(_)) => self.settle(key, now),
            (0, false, 1.., None) => self.create_batch(key),
            (0, ..) => self.write_status(key, now),
        }
    }

    /// Writes what became of the set, if that is new.
    fn write_status(&mut self, key: &Key, now: Timestamp) {
        let Some(object) = self.sets.get(key).cloned() else { return self.settle(key, now) };
        let Some(set) = object.downcast_ref::<ReplicaSet>() else { return };
        let pods = self.pods_of(&object);
        let pods: Vec<&Pod> = pods.iter().filter_map(|pod| pod.downcast_ref()).collect();
        let failure = self.work.get(key).and_then(|work| work.failure.as_ref());
        let status = status::of(set, &pods, failure, now);
        if set.status.as_ref() == Some(&status) {
            return self.settle(key, now);
        }
        let told = ReplicaSet { status: Some(status), ..set.clone() };
        match Request::update(told).and_then(|request| request.subresource("status")) {
            Ok(request) => self.ask(Question::Status(key.clone()), request),
            Err(_) => self.settle(key, now),
        }
    }

    /// The work on a set is over for now: it is looked at again where something failed or is left to do, and when
    /// the next of its pods has been ready for long enough.
    fn settle(&mut self, key: &Key, now: Timestamp) {
        let failed = self.work.remove(key).is_some_and(|work| work.failure.is_some());
        match failed {
            true => self.queue.retry(key.clone(), now),
            false => self.queue.done(key),
        }
        let Some(object) = self.sets.get(key) else { return self.queue.remove(key) };
        let Some(set) = object.downcast_ref::<ReplicaSet>() else { return };
        let pods = self.pods_of(object);
        let pods: Vec<&Pod> = pods.iter().filter_map(|pod| pod.downcast_ref()).collect();
        let count = pods.iter().filter(|pod| status::is_active(pod)).count();
        let is_short = usize::try_from(set.spec.replicas.unwrap_or(1)) != Ok(count);
        if is_short && !failed && set.metadata.deletion_timestamp.is_none() {
            self.queue.add(key.clone());
        }
        if let Some(due) = status::next_available(set, &pods, now) {
            self.queue.add_at(key.clone(), due);
        }
    }

    fn tell(&mut self, key: &Key, type_: &'static str, reason: &str, message: String, now: Timestamp) {
        let Some(set) = self.sets.get(key) else { return };
        let note = Note { regarding: reference(set), type_, reason: reason.to_owned(), message };
        if let Ok(request) = self.recorder.record(&note, now) {
            self.ask(Question::Event(Box::new(note)), request);
        }
    }

    fn on_created(&mut self, key: &Key, response: Result<Answer>, now: Timestamp) {
        let failure = match response {
            Ok(Answer { reply: Reply::Created(pod) | Reply::Object(pod), .. }) => {
                self.pods.wrote(&pod, now);
                self.tell(key, "Normal", "SuccessfulCreate", format!("Created pod: {}", pod.name()), now);
                None
            }
            Ok(_) => None,
            Err(error) if is_namespace_going(&error) => None,
            Err(error) => {
                let why = error.message.clone().unwrap_or_default();
                self.tell(key, "Warning", "FailedCreate", format!("Error creating: {why}"), now);
                Some(("FailedCreate", why))
            }
        };
        self.answered(key, failure, now);
    }

    fn on_deleted(&mut self, set: &Key, pod: &Key, uid: &str, response: Result<Answer>, now: Timestamp) {
        let mut failure = None;
        match response {
            Ok(answer) => {
                match answer.reply {
                    Reply::Object(object) if object.metadata().deletion_timestamp.is_some() => {
                        self.pods.wrote(&object, now);
                    }
                    _ => self.pods.deleted(pod, uid),
                }
                self.tell(set, "Normal", "SuccessfulDelete", format!("Deleted pod: {}", pod.1), now);
            }
            Err(error) if answer_status::is(&error, "NotFound") => self.pods.lost(pod),
            Err(error) => {
                let why = error.message.clone().unwrap_or_default();
                self.tell(set, "Warning", "FailedDelete", format!("Error deleting: {why}"), now);
                failure = Some(("FailedDelete", why));
            }
        }
        self.answered(set, failure, now);
    }

    fn on_claimed(&mut self, key: &Key, response: Result<Answer>, now: Timestamp) {
        let failure = match response {
            Ok(Answer { reply: Reply::Object(pod), .. }) => {
                self.pods.wrote(&pod, now);
                None
            }
            // The pod is gone, or another one bears its name: the watch tells.
            Err(error)
                if !["NotFound", "Invalid", "Conflict"]
                    .iter()
                    .any(|reason| answer_status::is(&error, reason)) =>
            {
                Some(("FailedAdopt", error.message.clone().unwrap_or_default()))
            }
            _ => None,
        };
        self.answered(key, failure, now);
    }

    fn on_status(&mut self, key: &Key, response: Result<Answer>, now: Timestamp) {
        match response {
            Ok(Answer { reply: Reply::Object(set), .. }) => {
                let is_news = self
                    .sets
                    .get(key)
                    .is_some_and(|known| uid_of(known) == uid_of(&set) && revision(known) < revision(&set));
                if is_news {
                    self.sets.insert(key.clone(), set);
                }
            }
            Err(error) if !answer_status::is(&error, "NotFound") => {
                let failure = Some(("", error.message.clone().unwrap_or_default()));
                self.work.entry(key.clone()).or_default().failure = failure;
            }
            _ => {}
        }
        self.settle(key, now);
    }
}

impl Controller for ReplicaSetController {
    fn name(&self) -> &'static str {
        "replicaset-controller"
    }

    fn watches(&self) -> &'static [(&'static str, &'static str)] {
        &[("apps/v1", "ReplicaSet"), ("v1", "Pod")]
    }

    fn on_delta(&mut self, change: Change, object: &SharedObject) {
        match object.downcast_ref::<ReplicaSet>() {
            Some(_) => self.learn(change, object),
            None => self.on_pod(change, object),
        }
    }

    fn step(&mut self, now: Timestamp, _: &dyn Entropy) -> Step {
        for (_, uid) in self.pods.lapse(now) {
            self.look_at_owner(&uid);
        }
        while let Some(key) = self.queue.take(now) {
            self.sync(key, now);
        }
        let wake_at = [self.queue.next_due(), self.pods.next_lapse()].into_iter().flatten().min();
        Step { requests: std::mem::take(&mut self.outbox), wake_at }
    }

    fn on_response(&mut self, token: Token, response: Result<Answer>, now: Timestamp) {
        match self.asked.answered(token) {
            Some(Question::Claim(key)) => self.on_claimed(&key, response, now),
            Some(Question::Create(key)) => self.on_created(&key, response, now),
            Some(Question::Delete { set, pod, uid }) => self.on_deleted(&set, &pod, &uid, response, now),
            Some(Question::Status(key)) => self.on_status(&key, response, now),
            Some(Question::Event(note)) if response.is_err() => self.recorder.forget(&note),
            Some(Question::Event(_)) | None => {}
        }
    }
}

fn revision(object: &SharedObject) -> u64 {
    object.resource_version().parse().unwrap_or_default()
}

fn selector(set: &SharedObject) -> Option<Selector> {
    let set = set.downcast_ref::<ReplicaSet>()?;
    Selector::from_label_selector(Some(&set.spec.selector)).ok().filter(|selector| !selector.is_everything())
}

fn identity(pod: &Pod) -> (Key, String) {
    let text = |part: &Option<String>| part.clone().unwrap_or_default();
    let metadata = &pod.metadata;
    ((text(&metadata.namespace), text(&metadata.name)), text(&metadata.uid))
}

fn reference(set: &SharedObject) -> ObjectReference {
    let metadata = set.metadata();
    ObjectReference {
        api_version: Some("apps/v1".into()),
        resource_version: metadata.resource_version.clone(),
        ..regarding("ReplicaSet", set.namespace(), set.name(), metadata.uid.clone())
    }
}

/// A pod as the set's template wants it (`GetPodFromTemplate` in `pkg/controller/controller_utils.go`).
fn new_pod(set: &ReplicaSet) -> Pod {
    let template = set.spec.template.clone().unwrap_or_default();
    let wanted = template.metadata.unwrap_or_default();
    let name = set.metadata.name.as_deref().unwrap_or_default();
    let prefix = format!("{name}-");
    let prefix =
        if names::name_is_dns_subdomain(&prefix, true).is_empty() { prefix } else { name.to_owned() };
    Pod {
        metadata: ObjectMeta {
            generate_name: Some(prefix),
            namespace: set.metadata.namespace.clone(),
            labels: wanted.labels,
            annotations: wanted.annotations,
            finalizers: wanted.finalizers,
            owner_references: Some(vec![reference_to::<ReplicaSet>(&set.metadata)]),
            ..ObjectMeta::default()
        },
        spec: template.spec,
        status: None,
    }
}

/// Whether an object was refused since its namespace is being deleted: nothing is to be done about that.
fn is_namespace_going(error: &Status) -> bool {
    let causes = error.details.iter().flat_map(|details| details.causes.iter().flatten());
    causes.into_iter().any(|cause| cause.reason.as_deref() == Some(NAMESPACE_TERMINATING))
}

#[cfg(test)]
pub(super) mod tests;
