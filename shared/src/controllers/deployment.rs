//! `deployment-controller`: a Deployment's ReplicaSets, one for each template that it had, follow what it wants.
//!
//! Follows `pkg/controller/deployment/deployment_controller.go` of kubernetes/kubernetes. Upstream writes all that a
//! look at a Deployment leads to at once; here each look leads to the next write alone, and its answer to the next
//! look, so that every decision is made with all earlier ones in view. The order of the writes is upstream's, but
//! that the status is written last.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::core::v1::{ObjectReference, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{DeleteOptions, Preconditions};

use crate::api::labels::Selector;
use crate::api::object::SharedObject;
use crate::api::status as answer_status;
use crate::apiserver::Result;
use crate::apiserver::request::{Answer, Reply, Request};
use crate::given::Entropy;
use crate::informer::Change;
use crate::recorder::{Note, Recorder, regarding};
use crate::work_queue::WorkQueue;

use super::own_writes::{Key, OwnWrites, key_of, uid_of};
use super::ownership::{claims, controller_of, controller_uid};
use super::{Asked, Controller, Step, Token};

mod recreate;
mod revision;
mod rolling_update;
mod scale;
mod status;
mod view;

use view::View;

/// Makes and scales ReplicaSets.
pub struct DeploymentController {
    deployments: BTreeMap<Key, SharedObject>,
    by_uid: BTreeMap<String, Key>,
    sets: OwnWrites,
    pods: Pods,
    queue: WorkQueue<Key>,
    asked: Asked<Question>,
    /// Deployments whose ReplicaSet was just made, which their status is yet to say.
    made: BTreeSet<Key>,
    /// Why the ReplicaSet of a Deployment could not be made.
    refused: BTreeMap<Key, String>,
    recorder: Recorder,
    /// Requests that an answer led to, for the next step.
    outbox: Vec<(Token, Request)>,
}

/// The pods of ReplicaSets that may still run, by the uid of the set.
#[derive(Default)]
struct Pods(BTreeMap<String, BTreeSet<String>>);

/// What a look at a Deployment leads to.
#[derive(Default)]
struct Next {
    write: Option<Write>,
    /// What is told once that is written: type, reason and message.
    event: Option<(&'static str, &'static str, String)>,
    /// When to look again though nothing happens.
    look_at: Option<Timestamp>,
}

/// A write, after which the Deployment is looked at again.
enum Write {
    Create(Box<ReplicaSet>),
    Update(Box<ReplicaSet>),
    Delete(Box<ReplicaSet>),
    Status(Box<Deployment>),
}

/// What a request was for.
enum Question {
    Claim(Key),
    Write { key: Key, what: What, event: Option<Box<Note>> },
    Event(Box<Note>),
}

/// Which write was asked for.
enum What {
    Create(String),
    Update,
    Delete { set: Key, uid: String },
    Status,
}

impl Next {
    fn write(write: Write) -> Next {
        Next { write: Some(write), ..Next::default() }
    }
}

impl Write {
    fn request(self) -> Result<(What, Request)> {
        let text = |part: &Option<String>| part.clone().unwrap_or_default();
        Ok(match self {
            Write::Create(set) => (What::Create(text(&set.metadata.name)), Request::create(*set)?),
            Write::Update(set) => (What::Update, Request::update(*set)?),
            Write::Status(deployment) => (What::Status, Request::update(*deployment)?.subresource("status")?),
            Write::Delete(set) => {
                let uid = text(&set.metadata.uid);
                let key = (text(&set.metadata.namespace), text(&set.metadata.name));
                let preconditions = Preconditions { uid: Some(uid.clone()), resource_version: None };
                let options =
                    DeleteOptions { preconditions: Some(preconditions), ..DeleteOptions::default() };
                let request = Request::delete::<ReplicaSet>(&key.0, &key.1, options)?;
                (What::Delete { set: key, uid }, request)
            }
        })
    }
}

impl Pods {
    /// Takes in a change; the uid of the set that lost a pod by it.
    fn told(&mut self, change: Change, object: &SharedObject) -> Option<String> {
        let pod = object.downcast_ref::<Pod>()?;
        let owner = controller_of(&pod.metadata).filter(|owner| owner.kind == "ReplicaSet")?;
        let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
        let runs = change != Change::Deleted && !matches!(phase, Some("Succeeded" | "Failed"));
        if runs {
            self.0.entry(owner.uid.clone()).or_default().insert(uid_of(object).to_owned());
            return None;
        }
        let pods = self.0.get_mut(&owner.uid)?;
        let went = pods.remove(uid_of(object));
        if pods.is_empty() {
            self.0.remove(&owner.uid);
        }
        went.then(|| owner.uid.clone())
    }

    fn any_of(&self, set: &ReplicaSet) -> bool {
        set.metadata.uid.as_ref().is_some_and(|uid| self.0.contains_key(uid))
    }
}

impl Default for DeploymentController {
    fn default() -> Self {
        DeploymentController {
            deployments: BTreeMap::new(),
            by_uid: BTreeMap::new(),
            sets: OwnWrites::new(controller_uid),
            pods: Pods::default(),
            queue: WorkQueue::default(),
            asked: Asked::default(),
            made: BTreeSet::new(),
            refused: BTreeMap::new(),
            recorder: Recorder::new("deployment-controller", ""),
            outbox: Vec::new(),
        }
    }
}

impl DeploymentController {
    fn ask(&mut self, question: Question, request: Request) {
        let token = self.asked.about(question);
        self.outbox.push((token, request));
    }

    fn learn(&mut self, change: Change, object: &SharedObject) {
        let key = key_of(object);
        let known = self.deployments.get(&key);
        let is_news = known.is_none_or(|known| revision_of(known) < revision_of(object));
        if change == Change::Deleted {
            if known.is_some_and(|known| uid_of(known) == uid_of(object)) {
                self.deployments.remove(&key);
                self.made.remove(&key);
                self.refused.remove(&key);
                self.queue.remove(&key);
            }
            self.by_uid.remove(uid_of(object));
        } else if is_news {
            self.by_uid.insert(uid_of(object).to_owned(), key.clone());
            self.deployments.insert(key.clone(), object.clone());
            self.queue.add(key);
        }
    }

    fn on_set(&mut self, change: Change, object: &SharedObject) {
        for (namespace, owner) in self.sets.told(change, object) {
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

    /// A set that nobody controls concerns each Deployment that selects it.
    fn look_at_those_that_want(&mut self, namespace: &str, set: &SharedObject) {
        let labels = set.metadata().labels.clone().unwrap_or_default();
        let there = self.deployments.iter().filter(|((place, _), _)| place == namespace);
        let wanting =
            there.filter(|(_, one)| selector(one).is_some_and(|selector| selector.matches(&labels)));
        let keys: Vec<Key> = wanting.map(|(key, _)| key.clone()).collect();
        keys.into_iter().for_each(|key| self.queue.add(key));
    }

    /// A pod ended: whoever recreates pods may have waited for it.
    fn on_pod(&mut self, change: Change, object: &SharedObject) {
        let Some(set) = self.pods.told(change, object) else { return };
        let owners =
            self.sets.keys().filter_map(|key| self.sets.get(key)).filter(|known| uid_of(known) == set);
        let owners: Vec<String> = owners.filter_map(controller_uid).collect();
        owners.iter().for_each(|uid| self.look_at_owner(uid));
    }

    /// Looks at a Deployment and asks for the next write about it.
    fn sync(&mut self, key: &Key, now: Timestamp) {
        let known = self.deployments.get(key).and_then(|object| Some((object.clone(), selector(object)?)));
        let Some((object, selector)) = known else { return self.queue.done(key) };
        let Some(deployment) = object.downcast_ref::<Deployment>() else { return self.queue.done(key) };
        let own: Vec<_> = self.sets.of(&(key.0.clone(), uid_of(&object).to_owned())).cloned().collect();
        let orphans: Vec<_> = self.sets.of(&(key.0.clone(), String::new())).cloned().collect();
        let claims = claims::<Deployment, ReplicaSet>(object.metadata(), &selector, &own, &orphans);
        if let Some(request) = claims.into_iter().next() {
            return self.ask(Question::Claim(key.clone()), request);
        }
        let sets: Vec<&ReplicaSet> = own.iter().filter_map(|set| set.downcast_ref()).collect();
        let mut view = View::new(deployment, &sets, now);
        view.name_is_taken = self.sets.get(&(key.0.clone(), view.new_name.clone())).is_some();
        view.old_pods_run = view.old.iter().any(|set| self.pods.any_of(set));
        view.was_made = self.made.contains(key);
        view.refusal = self.refused.get(key).map(String::as_str);
        let next = next(&view);
        self.take(key, next, &object);
    }

    fn take(&mut self, key: &Key, next: Next, deployment: &SharedObject) {
        let request = next.write.and_then(|write| write.request().ok());
        let Some((what, request)) = request else {
            self.queue.done(key);
            if let Some(due) = next.look_at {
                self.queue.add_at(key.clone(), due);
            }
            return;
        };
        let event = next.event.map(|(type_, reason, message)| {
            Box::new(Note { regarding: reference(deployment), type_, reason: reason.to_owned(), message })
        });
        self.ask(Question::Write { key: key.clone(), what, event }, request);
    }

    fn tell(&mut self, note: Box<Note>, now: Timestamp) {
        if let Ok(request) = self.recorder.record(&note, now) {
            self.ask(Question::Event(note), request);
        }
    }

    /// The write is done: on to the next look.
    fn again(&mut self, key: &Key) {
        self.queue.done(key);
        self.queue.add(key.clone());
    }

    fn on_claimed(&mut self, key: &Key, response: Result<Answer>, now: Timestamp) {
        match response {
            Ok(Answer { reply: Reply::Object(set), .. }) => {
                self.sets.wrote(&set, now);
                self.again(key);
            }
            _ => self.queue.retry(key.clone(), now),
        }
    }

    fn on_written(
        &mut self,
        key: &Key,
        what: What,
        event: Option<Box<Note>>,
        response: Result<Answer>,
        now: Timestamp,
    ) {
        let answer = match response {
            Ok(answer) => answer,
            Err(error) => {
                if let What::Create(name) = &what
                    && !answer_status::is(&error, "AlreadyExists")
                {
                    self.on_refused(key, name, error.message.clone().unwrap_or_default(), now);
                }
                return self.queue.retry(key.clone(), now);
            }
        };
        match (what, answer.reply) {
            (What::Create(_), Reply::Created(set) | Reply::Object(set)) => {
                self.made.insert(key.clone());
                self.refused.remove(key);
                self.sets.wrote(&set, now);
            }
            (What::Delete { .. }, Reply::Object(set)) => self.sets.wrote(&set, now),
            (What::Delete { set, uid }, _) => self.sets.deleted(&set, &uid),
            (What::Status, Reply::Object(deployment)) => {
                self.made.remove(key);
                self.learn(Change::Modified, &deployment);
            }
            (_, Reply::Object(set)) => self.sets.wrote(&set, now),
            _ => {}
        }
        if let Some(note) = event {
            self.tell(note, now);
        }
        self.again(key);
    }

    fn on_refused(&mut self, key: &Key, name: &str, why: String, now: Timestamp) {
        let message = format!("Failed to create new replica set {name:?}: {why}");
        if let Some(deployment) = self.deployments.get(key) {
            let note = Note {
                regarding: reference(deployment),
                type_: "Warning",
                reason: status::CREATE_ERROR.to_owned(),
                message: message.clone(),
            };
            self.tell(Box::new(note), now);
        }
        self.refused.insert(key.clone(), message);
    }
}

/// The next write about a Deployment (`syncDeployment`).
fn next(view: &View) -> Next {
    if view.deployment.metadata.deletion_timestamp.is_some() {
        return status::plain(view);
    }
    if let Some(next) = status::pause(view) {
        return next;
    }
    if view.is_paused() || scale::is_asked_for(view) {
        let next = revision::sync(view, false).or_else(|| scale::next(view));
        let next = next.or_else(|| if view.is_paused() { rolling_update::clean_up(view) } else { None });
        return next.unwrap_or_else(|| status::plain(view));
    }
    let next = match view.recreates() {
        true => recreate::next(view),
        false => rolling_update::next(view),
    };
    next.unwrap_or_else(|| status::of_rollout(view))
}

impl Controller for DeploymentController {
    fn name(&self) -> &'static str {
        "deployment-controller"
    }

    fn watches(&self) -> &'static [(&'static str, &'static str)] {
        &[("apps/v1", "Deployment"), ("apps/v1", "ReplicaSet"), ("v1", "Pod")]
    }

    fn on_delta(&mut self, change: Change, object: &SharedObject) {
        if object.downcast_ref::<Deployment>().is_some() {
            self.learn(change, object);
        } else if object.downcast_ref::<ReplicaSet>().is_some() {
            self.on_set(change, object);
        } else {
            self.on_pod(change, object);
        }
    }

    fn step(&mut self, now: Timestamp, _: &dyn Entropy) -> Step {
        for (_, uid) in self.sets.lapse(now) {
            self.look_at_owner(&uid);
        }
        while let Some(key) = self.queue.take(now) {
            self.sync(&key, now);
        }
        let wake_at = [self.queue.next_due(), self.sets.next_lapse()].into_iter().flatten().min();
        Step { requests: std::mem::take(&mut self.outbox), wake_at }
    }

    fn on_response(&mut self, token: Token, response: Result<Answer>, now: Timestamp) {
        match self.asked.answered(token) {
            Some(Question::Claim(key)) => self.on_claimed(&key, response, now),
            Some(Question::Write { key, what, event }) => self.on_written(&key, what, event, response, now),
            Some(Question::Event(note)) if response.is_err() => self.recorder.forget(&note),
            Some(Question::Event(_)) | None => {}
        }
    }
}

fn revision_of(object: &SharedObject) -> u64 {
    object.resource_version().parse().unwrap_or_default()
}

fn selector(deployment: &SharedObject) -> Option<Selector> {
    let deployment = deployment.downcast_ref::<Deployment>()?;
    let selector = Selector::from_label_selector(Some(&deployment.spec.selector)).ok()?;
    Some(selector).filter(|selector| !selector.is_everything())
}

fn reference(deployment: &SharedObject) -> ObjectReference {
    let metadata = deployment.metadata();
    ObjectReference {
        api_version: Some("apps/v1".into()),
        resource_version: metadata.resource_version.clone(),
        ..regarding("Deployment", deployment.namespace(), deployment.name(), metadata.uid.clone())
    }
}

#[cfg(test)]
mod tests;
