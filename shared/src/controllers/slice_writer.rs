//! The writes of EndpointSlices: what is new or changed first, and only then what is to go, so that no
//! endpoint is missing in between.
//!
//! Follows `finalize` of `staging/src/k8s.io/endpointslice/reconciler.go` and of
//! `pkg/controller/endpointslicemirroring/reconciler.go` in kubernetes/kubernetes.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{DeleteOptions, Preconditions, Status};

use crate::api::status;
use crate::apiserver::Result;
use crate::apiserver::request::{Answer, Reply, Request};
use crate::recorder::{Note, Recorder, regarding};

use super::own_writes::{Key, OwnWrites};
use super::{Asked, Token};

/// What has become of the work for an owner.
pub(super) enum Written {
    /// Nothing more is to be written.
    Done(Key),
    /// Something was refused.
    Failed(Key),
    /// Answers are missing.
    Open,
}

/// Writes the slices of Services, or of Endpoints.
pub(super) struct SliceWriter {
    kind: &'static str,
    work: BTreeMap<Key, Work>,
    asked: Asked<Question>,
    outbox: Vec<(Token, Request)>,
    recorder: Recorder,
}

/// What is being written for one owner.
struct Work {
    uid: Option<String>,
    /// How many answers are missing.
    open: usize,
    /// What was refused first.
    error: Option<String>,
    /// What goes when the rest stands.
    delete: Vec<EndpointSlice>,
}

struct Question {
    /// `None` for events, whose answers change nothing.
    owner: Option<Key>,
    slice: Key,
    uid: String,
    write: Write,
}

#[derive(Clone, Copy, PartialEq)]
enum Write {
    Create,
    Update,
    Delete,
}

impl SliceWriter {
    /// A writer of slices that belong to objects of `kind`; `component` is its name in events.
    pub(super) fn new(component: &str, kind: &'static str) -> SliceWriter {
        SliceWriter {
            kind,
            work: BTreeMap::new(),
            asked: Asked::default(),
            outbox: Vec::new(),
            recorder: Recorder::new(component, ""),
        }
    }

    /// Begins to write; true where there is nothing to do.
    pub(super) fn begin(
        &mut self,
        owner: &Key,
        uid: Option<String>,
        [create, update]: [Vec<EndpointSlice>; 2],
        delete: Vec<EndpointSlice>,
    ) -> bool {
        self.work.insert(owner.clone(), Work { uid, open: 0, error: None, delete });
        create.into_iter().for_each(|slice| self.ask(owner, slice, Write::Create));
        update.into_iter().for_each(|slice| self.ask(owner, slice, Write::Update));
        self.delete_if_written(owner);
        self.finish(owner).is_some()
    }

    /// The requests to send.
    pub(super) fn requests(&mut self) -> Vec<(Token, Request)> {
        std::mem::take(&mut self.outbox)
    }

    /// Takes in an answer.
    pub(super) fn answered(
        &mut self,
        token: Token,
        response: Result<Answer>,
        slices: &mut OwnWrites,
        now: Timestamp,
    ) -> Written {
        let Some(question) = self.asked.answered(token) else { return Written::Open };
        let Some(owner) = question.owner.clone() else { return Written::Open };
        let error = learn(&question, response, slices, now);
        let Some(work) = self.work.get_mut(&owner) else { return Written::Open };
        work.open -= 1;
        if let Some(error) = error {
            let text = self.sentence(&question, &owner, &error);
            if let Some(work) = self.work.get_mut(&owner) {
                work.error.get_or_insert(text);
            }
        }
        self.delete_if_written(&owner);
        match self.finish(&owner) {
            None => Written::Open,
            Some(Work { error: None, .. }) => Written::Done(owner),
            Some(Work { error: Some(error), uid, .. }) => {
                self.complain(&owner, uid, &error, now);
                Written::Failed(owner)
            }
        }
    }

    fn ask(&mut self, owner: &Key, slice: EndpointSlice, write: Write) {
        let metadata = &slice.metadata;
        let part = |text: &Option<String>| text.clone().unwrap_or_default();
        let key = (part(&metadata.namespace), part(&metadata.name));
        let uid = part(&metadata.uid);
        let request = match write {
            Write::Create => Request::create(slice),
            Write::Update => Request::update(slice),
            Write::Delete => {
                let preconditions = Preconditions { uid: Some(uid.clone()), ..Preconditions::default() };
                let options =
                    DeleteOptions { preconditions: Some(preconditions), ..DeleteOptions::default() };
                Request::delete::<EndpointSlice>(&key.0, &key.1, options)
            }
        };
        if let (Ok(request), Some(work)) = (request, self.work.get_mut(owner)) {
            let question = Question { owner: Some(owner.clone()), slice: key, uid, write };
            work.open += 1;
            self.outbox.push((self.asked.about(question), request));
        }
    }

    fn delete_if_written(&mut self, owner: &Key) {
        let ready = self.work.get_mut(owner).filter(|work| work.open == 0 && work.error.is_none());
        let delete = ready.map(|work| std::mem::take(&mut work.delete)).unwrap_or_default();
        delete.into_iter().for_each(|slice| self.ask(owner, slice, Write::Delete));
    }

    fn finish(&mut self, owner: &Key) -> Option<Work> {
        let over = self.work.get(owner).is_some_and(|work| work.open == 0);
        if over { self.work.remove(owner) } else { None }
    }

    /// What could not be written, as upstream words it.
    fn sentence(&self, question: &Question, (namespace, name): &Key, error: &Status) -> String {
        let what = match question.write {
            Write::Create => "create".to_owned(),
            Write::Update => format!("update {}", question.slice.1),
            Write::Delete => format!("delete {}", question.slice.1),
        };
        let why = error.message.as_deref().unwrap_or_default();
        format!("failed to {what} EndpointSlice for {} {namespace}/{name}: {why}", self.kind)
    }

    /// Records upstream's event about a failure.
    fn complain(&mut self, (namespace, name): &Key, uid: Option<String>, error: &str, now: Timestamp) {
        let regarding = regarding(self.kind, namespace, name, uid);
        let message = format!("Error updating Endpoint Slices for {} {namespace}/{name}: {error}", self.kind);
        let reason = "FailedToUpdateEndpointSlices".to_owned();
        self.record(&Note { regarding, type_: "Warning", reason, message }, now);
    }

    /// Records an event; one that is refused is lost, as upstream's are.
    pub(super) fn record(&mut self, note: &Note, now: Timestamp) {
        if let Ok(request) = self.recorder.record(note, now) {
            let question =
                Question { owner: None, slice: Key::default(), uid: String::new(), write: Write::Create };
            self.outbox.push((self.asked.about(question), request));
        }
    }
}

/// Takes what an answer says into the copy; why the write was refused, if it matters.
fn learn(
    question: &Question,
    response: Result<Answer>,
    slices: &mut OwnWrites,
    now: Timestamp,
) -> Option<Box<Status>> {
    let error = match response {
        Ok(answer) => {
            match answer.reply {
                _ if question.write == Write::Delete => slices.deleted(&question.slice, &question.uid),
                Reply::Object(object) | Reply::Created(object) => slices.wrote(&object, now),
                _ => {}
            }
            return None;
        }
        Err(error) => error,
    };
    match question.write {
        // Nothing new can be in a namespace that ends; its content goes without this.
        Write::Create if is_terminating(&error) => None,
        Write::Update if status::is(&error, "NotFound") => {
            slices.lost(&question.slice);
            Some(error)
        }
        Write::Delete if status::is(&error, "NotFound") => {
            slices.lost(&question.slice);
            None
        }
        _ => Some(error),
    }
}

/// Whether the refusal says that the namespace is being deleted.
pub(super) fn is_terminating(error: &Status) -> bool {
    let mut causes = error.details.iter().flat_map(|details| details.causes.iter().flatten());
    causes.any(|cause| cause.reason.as_deref() == Some("NamespaceTerminating"))
}
