//! `garbage-collector-controller`: what belongs to an object goes with it.
//!
//! Follows `pkg/controller/garbagecollector/garbagecollector.go` of kubernetes/kubernetes. Each object of every kind
//! is a node of a graph whose edges are owner references. An object all of whose owners are gone is deleted; one that
//! has others left loses its references to those that are gone. The finalizer `foregroundDeletion` keeps an object
//! until those that block its deletion are gone, `orphan` until its dependents are let go.

use std::collections::{BTreeSet, VecDeque};
use std::sync::LazyLock;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{DeleteOptions, OwnerReference, Preconditions};
use serde_json::{Value, json};

use crate::api::object::SharedObject;
use crate::api::patch::PatchType;
use crate::api::scheme::{self, KINDS, Kind, Verb};
use crate::api::status;
use crate::apiserver::Result;
use crate::apiserver::registry::strategy::{FOREGROUND_FINALIZER, ORPHAN_FINALIZER};
use crate::apiserver::request::{Answer, Operation, Patch, Reply, Request, WriteOptions};
use crate::given::Entropy;
use crate::informer::Change;
use crate::work_queue::WorkQueue;

use super::{Asked, Controller, Step, Token};

mod graph;

use graph::{Graph, Node};

/// How many uids of objects that are gone are remembered (`absentOwnerCache`).
const REMEMBERED: usize = 500;

/// Every kind whose objects can be deleted; Events have no owners (`DefaultIgnoredResources` upstream).
static WATCHED: LazyLock<Vec<(&'static str, &'static str)>> = LazyLock::new(|| {
    let has_own_life = |kind: &&Kind| kind.conversion.is_none() && kind.kind != "Event";
    let kinds = KINDS.iter().filter(has_own_life).filter(|kind| kind.verbs.contains(&Verb::Delete));
    kinds.map(|kind| (kind.api_version, kind.kind)).collect()
});

/// Deletes what nobody owns any more.
#[derive(Default)]
pub struct GarbageCollector {
    graph: Graph,
    /// Uids of objects to look at.
    queue: WorkQueue<String>,
    asked: Asked<Question>,
    absent: Absent,
    /// Owners that no watch has told of and that were found to be there, for the objects in work.
    present: BTreeSet<String>,
}

/// Uids of objects that are known to be gone.
#[derive(Default)]
struct Absent {
    uids: BTreeSet<String>,
    order: VecDeque<String>,
}

impl Absent {
    fn insert(&mut self, uid: &str) {
        if !self.uids.insert(uid.to_owned()) {
            return;
        }
        self.order.push_back(uid.to_owned());
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.uids.remove(&oldest);
        }
    }
}

/// What a request was for.
struct Question {
    /// The object that was looked at.
    uid: String,
    /// The owner whose being there was asked for.
    owner: Option<String>,
    /// Another object that was written.
    written: Option<String>,
}

/// The owners of an object, sorted by what became of them (`classifyReferences`).
#[derive(Default)]
struct Owners {
    /// They are there.
    solid: usize,
    /// Gone.
    dangling: Vec<String>,
    /// There, until what belongs to them is gone.
    waiting: Vec<String>,
}

impl GarbageCollector {
    /// The next write about an object, if one is needed.
    fn wanted(&self, uid: &str) -> Option<(Question, Request)> {
        let node = self.graph.get(uid)?;
        if node.is_deleted && node.has_finalizer(ORPHAN_FINALIZER) {
            return Some(self.orphan(uid, node));
        }
        if node.is_deleted && node.has_finalizer(FOREGROUND_FINALIZER) {
            return self.finish_foreground(uid, node);
        }
        if node.is_deleted || node.owners.is_empty() {
            return None;
        }
        self.collect(uid, node)
    }

    /// Lets the dependents go, one after the other, then the object.
    fn orphan(&self, uid: &str, node: &Node) -> (Question, Request) {
        match self.graph.dependents(uid).next() {
            Some((dependent, held)) => {
                let question = Question { written: Some(dependent.to_owned()), ..about(uid) };
                (question, without_owners(dependent, held, &[uid.to_owned()]))
            }
            None => (about(uid), without_finalizer(node, ORPHAN_FINALIZER)),
        }
    }

    /// Lets the object go once nothing is left that blocks its deletion.
    fn finish_foreground(&self, uid: &str, node: &Node) -> Option<(Question, Request)> {
        let blocks =
            |dependent: &Node| dependent.owners.iter().any(|owner| owner.uid == uid && blocks(owner));
        let is_blocked = self.graph.dependents(uid).any(|(_, dependent)| blocks(dependent));
        (!is_blocked).then(|| (about(uid), without_finalizer(node, FOREGROUND_FINALIZER)))
    }

    /// Deletes an object whose owners are all gone or going, and frees one that has others of those that are.
    fn collect(&self, uid: &str, node: &Node) -> Option<(Question, Request)> {
        let mut owners = Owners::default();
        for owner in &node.owners {
            match self.graph.get(&owner.uid) {
                Some(found) if found.is_deleted && found.has_finalizer(FOREGROUND_FINALIZER) => {
                    owners.waiting.push(owner.uid.clone());
                }
                Some(_) => owners.solid += 1,
                None if self.absent.uids.contains(&owner.uid) => owners.dangling.push(owner.uid.clone()),
                None if self.present.contains(&owner.uid) => owners.solid += 1,
                None => match question_of_owner(owner, node) {
                    Some(request) => {
                        let question = Question { owner: Some(owner.uid.clone()), ..about(uid) };
                        return Some((question, request));
                    }
                    None => owners.solid += 1,
                },
            }
        }
        let gone: Vec<String> = owners.dangling.iter().chain(&owners.waiting).cloned().collect();
        match (owners.solid, gone.is_empty()) {
            (_, true) => None,
            (1.., false) => Some((about(uid), without_owners(uid, node, &gone))),
            (0, false) => Some(self.end(uid, node, !owners.waiting.is_empty())),
        }
    }

    /// Deletes an object; one of a circle is first kept from blocking the deletion of its owners, which waits for it.
    fn end(&self, uid: &str, node: &Node, owner_waits: bool) -> (Question, Request) {
        let is_going = |other: &Node| other.is_deleted && other.has_finalizer(FOREGROUND_FINALIZER);
        let is_in_circle =
            owner_waits && self.graph.dependents(uid).any(|(_, dependent)| is_going(dependent));
        match is_in_circle && node.owners.iter().any(blocks) {
            true => (Question { written: Some(uid.to_owned()), ..about(uid) }, without_blocking(uid, node)),
            false => (about(uid), self.deletion(uid, node, owner_waits)),
        }
    }

    /// The request that deletes an object in the way in which it was to be deleted, if that was said before, and
    /// else as its owner is.
    fn deletion(&self, uid: &str, node: &Node, owner_waits: bool) -> Request {
        let has_dependents = self.graph.dependents(uid).next().is_some();
        let policy = match () {
            () if owner_waits && has_dependents => "Foreground",
            () if node.has_finalizer(ORPHAN_FINALIZER) => "Orphan",
            () if node.has_finalizer(FOREGROUND_FINALIZER) => "Foreground",
            () => "Background",
        };
        let options = DeleteOptions {
            preconditions: Some(Preconditions { uid: Some(uid.to_owned()), resource_version: None }),
            propagation_policy: Some(policy.to_owned()),
            ..DeleteOptions::default()
        };
        request(node, Operation::Delete(options))
    }

    /// What a change of one object means for others.
    fn spread(&mut self, uid: &str) {
        let Some(node) = self.graph.get(uid) else { return };
        if node.is_deleted || !node.owners.is_empty() {
            self.queue.add(uid.to_owned());
        }
        if node.is_deleted && node.has_finalizer(FOREGROUND_FINALIZER) {
            let dependents: Vec<String> =
                self.graph.dependents(uid).map(|(dependent, _)| dependent.to_owned()).collect();
            dependents.into_iter().for_each(|dependent| self.queue.add(dependent));
        }
    }

    fn forget(&mut self, uid: &str) {
        let owners = self.graph.get(uid).map(|node| node.owners.clone()).unwrap_or_default();
        let dependents: Vec<String> =
            self.graph.dependents(uid).map(|(dependent, _)| dependent.to_owned()).collect();
        self.graph.remove(uid);
        self.queue.remove(&uid.to_owned());
        self.absent.insert(uid);
        self.present.remove(uid);
        let concerned = owners.into_iter().map(|owner| owner.uid).chain(dependents);
        for other in concerned.filter(|other| self.graph.get(other).is_some()).collect::<Vec<_>>() {
            self.queue.add(other);
        }
    }

    /// Whether an owner is there, as the server says; `None` where it cannot say.
    fn on_owner(&mut self, uid: &str, response: &Result<Answer>) -> Option<()> {
        match response {
            Ok(Answer { reply: Reply::Object(object), .. })
                if object.metadata().uid.as_deref() == Some(uid) =>
            {
                self.present.insert(uid.to_owned());
            }
            Ok(_) => self.absent.insert(uid),
            Err(error) if status::is(error, "NotFound") => self.absent.insert(uid),
            Err(_) => return None,
        }
        Some(())
    }
}

impl Controller for GarbageCollector {
    fn name(&self) -> &'static str {
        "garbage-collector-controller"
    }

    fn watches(&self) -> &'static [(&'static str, &'static str)] {
        &WATCHED
    }

    fn on_delta(&mut self, change: Change, object: &SharedObject) {
        let uid = object.metadata().uid.clone().unwrap_or_default();
        if change == Change::Deleted {
            return self.forget(&uid);
        }
        let Some(kind) = scheme::of(object.body()) else { return };
        let before = self.graph.get(&uid).map(|node| node.owners.clone()).unwrap_or_default();
        self.present.remove(&uid);
        if !self.graph.insert(&uid, Node::of(kind, object)) {
            return;
        }
        // An owner that waits for this one may wait no more.
        for owner in before {
            if self.graph.get(&owner.uid).is_some_and(|owner| owner.is_deleted) {
                self.queue.add(owner.uid);
            }
        }
        self.spread(&uid);
    }

    fn step(&mut self, now: Timestamp, _: &dyn Entropy) -> Step {
        let mut step = Step::default();
        while let Some(uid) = self.queue.take(now) {
            match self.wanted(&uid) {
                Some((question, request)) => step.requests.push((self.asked.about(question), request)),
                None => self.queue.done(&uid),
            }
        }
        step.wake_at = self.queue.next_due();
        step
    }

    fn on_response(&mut self, token: Token, response: Result<Answer>, now: Timestamp) {
        let Some(Question { uid, owner, written }) = self.asked.answered(token) else { return };
        if let Some(owner) = owner {
            return match self.on_owner(&owner, &response) {
                Some(()) => {
                    self.queue.done(&uid);
                    self.queue.add(uid);
                }
                None => self.queue.retry(uid, now),
            };
        }
        match response {
            Ok(Answer { reply: Reply::Object(object), .. }) => {
                if let Some(kind) = scheme::of(object.body()) {
                    let subject = written.as_deref().unwrap_or(&uid);
                    self.graph.insert(subject, Node::of(kind, &object));
                }
                self.queue.done(&uid);
                if written.is_some() {
                    self.queue.add(uid);
                }
            }
            Ok(_) => self.queue.done(&uid),
            // The object is gone, or another one bears its name: the watch tells.
            Err(error) if status::is(&error, "NotFound") && written.is_none() => self.queue.done(&uid),
            Err(_) => self.queue.retry(uid, now),
        }
    }
}

fn about(uid: &str) -> Question {
    Question { uid: uid.to_owned(), owner: None, written: None }
}

fn blocks(owner: &OwnerReference) -> bool {
    owner.block_owner_deletion == Some(true)
}

fn request(node: &Node, operation: Operation) -> Request {
    Request {
        kind: node.kind,
        namespace: node.namespace.clone(),
        name: node.name.clone(),
        subresource: None,
        operation,
    }
}

fn patch(node: &Node, form: PatchType, body: Value) -> Request {
    request(node, Operation::Patch(Patch::new(form, body), WriteOptions::default()))
}

/// The request that reads an owner of which no watch has told; `None` for a kind that is not served, and for one in a
/// namespace whose dependent is in none: nobody can say whether these are there.
fn question_of_owner(owner: &OwnerReference, node: &Node) -> Option<Request> {
    let kind = scheme::by_kind(&owner.api_version, &owner.kind)?;
    let namespace = match (kind.namespaced, node.namespace.is_empty()) {
        (true, true) => return None,
        (true, false) => node.namespace.clone(),
        (false, _) => String::new(),
    };
    let name = owner.name.clone();
    Some(Request { kind, namespace, name, subresource: None, operation: Operation::Get })
}

fn without_owners(uid: &str, node: &Node, owners: &[String]) -> Request {
    let gone: Vec<Value> = owners.iter().map(|owner| json!({ "$patch": "delete", "uid": owner })).collect();
    patch(node, PatchType::Strategic, json!({ "metadata": { "uid": uid, "ownerReferences": gone } }))
}

/// The request after which an object blocks the deletion of none of its owners.
fn without_blocking(uid: &str, node: &Node) -> Request {
    let owners = node.owners.iter().cloned();
    let owners: Vec<_> =
        owners.map(|owner| OwnerReference { block_owner_deletion: Some(false), ..owner }).collect();
    patch(node, PatchType::Strategic, json!({ "metadata": { "uid": uid, "ownerReferences": owners } }))
}

fn without_finalizer(node: &Node, finalizer: &str) -> Request {
    let left: Vec<&String> = node.finalizers.iter().filter(|held| *held != finalizer).collect();
    let metadata = json!({ "resourceVersion": node.revision.to_string(), "finalizers": left });
    patch(node, PatchType::Merge, json!({ "metadata": metadata }))
}

#[cfg(test)]
mod tests;
