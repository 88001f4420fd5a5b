//! `namespace-controller`: empties a namespace that is being deleted, then lets it go.
//!
//! Follows `pkg/controller/namespace/deletion/namespaced_resources_deleter.go` of
//! kubernetes/kubernetes: pods go first, everything else when no pod is left, and last the
//! finalizer `kubernetes`. Where content remains, it looks again after half of the time that the
//! slowest may take, and as soon as a pod of the namespace is gone.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Namespace, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::DeleteOptions;

use crate::api::object::SharedObject;
use crate::api::scheme::{KINDS, Kind};
use crate::api::status;
use crate::apiserver::Result;
use crate::apiserver::registry::strategy::NAMESPACE_FINALIZER;
use crate::apiserver::request::{Answer, ListOptions, Operation, Reply, Request};
use crate::given::Entropy;
use crate::informer::Change;
use crate::work_queue::WorkQueue;

use super::{Asked, Controller, Step, Token};

mod conditions;
mod content;

use content::Content;

/// Empties namespaces.
#[derive(Default)]
pub struct NamespaceController {
    /// The namespaces that are being deleted.
    terminating: BTreeMap<String, SharedObject>,
    /// What is known of the content of those in work.
    content: BTreeMap<String, Content>,
    queue: WorkQueue<String>,
    asked: Asked<Question>,
    /// Requests that an answer led to, for the next step.
    outbox: Vec<(Token, Request)>,
}

/// What a request was for.
struct Question {
    namespace: String,
    part: Part,
}

/// The parts of a namespace's end, in order.
enum Part {
    /// Delete the objects of a kind.
    Empty(&'static Kind),
    /// See what is left of a kind.
    Count(&'static Kind),
    /// Tell in the status how far it is.
    Tell,
    /// Take the finalizer away.
    Finalize,
}

/// The kinds whose objects lie in namespaces, each once, pods or all others.
fn kinds(pods: bool) -> impl Iterator<Item = &'static Kind> {
    let stored = KINDS.iter().filter(|kind| kind.namespaced && kind.conversion.is_none());
    stored.filter(move |kind| (kind.kind == "Pod") == pods)
}

impl NamespaceController {
    fn ask(&mut self, namespace: &str, part: Part, request: Request) {
        let token = self.asked.about(Question { namespace: namespace.to_owned(), part });
        self.outbox.push((token, request));
    }

    /// Begins to empty the namespace of pods, or of all else.
    fn empty(&mut self, namespace: &str, pods: bool) {
        for kind in kinds(pods) {
            let options =
                DeleteOptions { propagation_policy: Some("Background".into()), ..DeleteOptions::default() };
            let operation = Operation::DeleteCollection(ListOptions::default(), options);
            self.ask(namespace, Part::Empty(kind), collection(kind, namespace, operation));
            self.content.entry(namespace.to_owned()).or_default().open += 1;
        }
    }

    fn on_emptied(&mut self, namespace: &str, kind: &'static Kind, response: Result<Answer>) {
        if let (Err(error), Some(content)) = (response, self.content.get_mut(namespace)) {
            content.errors.push(error.message.unwrap_or_default());
        }
        self.ask(
            namespace,
            Part::Count(kind),
            collection(kind, namespace, Operation::List(ListOptions::default())),
        );
    }

    fn on_counted(&mut self, namespace: &str, kind: &'static Kind, response: Result<Answer>, now: Timestamp) {
        let Some(content) = self.content.get_mut(namespace) else { return };
        content.open -= 1;
        match response.map(|answer| answer.reply) {
            Ok(Reply::List(list)) => content.count(kind, &list.items),
            Ok(_) => {}
            Err(error) => content.errors.push(error.message.unwrap_or_default()),
        }
        if content.open > 0 {
            return;
        }
        if kind.kind == "Pod" && content.is_empty() {
            return self.empty(namespace, false);
        }
        self.tell(namespace, now);
    }

    /// Writes the conditions if they say something new.
    fn tell(&mut self, namespace: &str, now: Timestamp) {
        let Some(content) = self.content.get(namespace) else { return };
        let Some(object) = self.terminating.get(namespace) else { return self.settle(namespace) };
        let Some(mut told) = object.downcast_ref::<Namespace>().cloned() else { return };
        if !conditions::update(told.status.get_or_insert_default(), content, now) {
            return self.finish(namespace, object.clone(), now);
        }
        match Request::update(told).and_then(|request| request.subresource("status")) {
            Ok(request) => self.ask(namespace, Part::Tell, request),
            Err(_) => self.settle(namespace),
        }
    }

    /// Lets an empty namespace go, and looks again later after one that is not.
    fn finish(&mut self, namespace: &str, object: SharedObject, now: Timestamp) {
        let Some(content) = self.content.get(namespace) else { return };
        if !content.errors.is_empty() {
            return self.again(namespace, now);
        }
        if !content.is_empty() {
            let wait = SignedDuration::from_secs(content.seconds_left(object.metadata(), now) / 2 + 1);
            self.settle(namespace);
            self.queue.add_at(namespace.to_owned(), now.checked_add(wait).unwrap_or(now));
            return;
        }
        match finalize(&object) {
            Some(request) => self.ask(namespace, Part::Finalize, request),
            None => self.settle(namespace),
        }
    }

    /// Nothing is left to do for now.
    fn settle(&mut self, namespace: &str) {
        self.content.remove(namespace);
        self.queue.done(&namespace.to_owned());
    }

    fn again(&mut self, namespace: &str, now: Timestamp) {
        self.content.remove(namespace);
        self.queue.retry(namespace.to_owned(), now);
    }

    fn on_namespace(&mut self, change: Change, object: &SharedObject) {
        let name = object.name().to_owned();
        if change == Change::Deleted || object.metadata().deletion_timestamp.is_none() {
            self.terminating.remove(&name);
            self.queue.remove(&name);
            return;
        }
        // A change of its conditions is no reason to look again.
        if self.terminating.insert(name.clone(), object.clone()).is_none() {
            self.queue.add(name);
        }
    }
}

impl Controller for NamespaceController {
    fn name(&self) -> &'static str {
        "namespace-controller"
    }

    fn watches(&self) -> &'static [(&'static str, &'static str)] {
        &[("v1", "Namespace"), ("v1", "Pod")]
    }

    fn on_delta(&mut self, change: Change, object: &SharedObject) {
        if object.downcast_ref::<Namespace>().is_some() {
            self.on_namespace(change, object);
        } else if change == Change::Deleted && self.terminating.contains_key(object.namespace()) {
            self.queue.add(object.namespace().to_owned());
        }
    }

    fn step(&mut self, now: Timestamp, _: &dyn Entropy) -> Step {
        while let Some(namespace) = self.queue.take(now) {
            match self.terminating.contains_key(&namespace) {
                true => self.empty(&namespace, true),
                false => self.queue.done(&namespace),
            }
        }
        Step { requests: std::mem::take(&mut self.outbox), wake_at: self.queue.next_due() }
    }

    fn on_response(&mut self, token: Token, response: Result<Answer>, now: Timestamp) {
        let Some(Question { namespace, part }) = self.asked.answered(token) else { return };
        match (part, response) {
            (Part::Empty(kind), response) => self.on_emptied(&namespace, kind, response),
            (Part::Count(kind), response) => self.on_counted(&namespace, kind, response, now),
            (Part::Tell, Ok(Answer { reply: Reply::Object(object), .. })) => {
                self.finish(&namespace, object, now)
            }
            (_, Err(error)) if !status::is(&error, "NotFound") => self.again(&namespace, now),
            _ => self.settle(&namespace),
        }
    }
}

fn collection(kind: &'static Kind, namespace: &str, operation: Operation) -> Request {
    Request { kind, namespace: namespace.to_owned(), name: String::new(), subresource: None, operation }
}

/// The request that takes the controller's finalizer away, where it is there.
fn finalize(object: &SharedObject) -> Option<Request> {
    let mut namespace = object.downcast_ref::<Namespace>()?.clone();
    let finalizers = namespace.spec.as_mut()?.finalizers.as_mut()?;
    let before = finalizers.len();
    finalizers.retain(|finalizer| finalizer != NAMESPACE_FINALIZER);
    if finalizers.len() == before {
        return None;
    }
    Request::update(namespace).and_then(|request| request.subresource("finalize")).ok()
}

/// How long a pod may take to end, in seconds; `None` where nothing of it runs any more.
fn grace_seconds(pod: &Pod) -> Option<i64> {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    match phase {
        Some("Succeeded" | "Failed") => None,
        _ => pod.spec.as_ref().and_then(|spec| spec.termination_grace_period_seconds),
    }
}

#[cfg(test)]
mod tests;
