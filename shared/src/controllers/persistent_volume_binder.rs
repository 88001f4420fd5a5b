//! `persistentvolume-binder-controller`: claims get volumes, and volumes that nobody claims any more are
//! reclaimed.
//!
//! Follows `pkg/controller/volume/persistentvolume/pv_controller.go` of kubernetes/kubernetes. As upstream's one
//! worker does, it writes one thing at a time: each look at a claim or a volume leads to the next write that
//! brings it on, and the answer leads to the next look.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim, Pod};
use k8s_openapi::api::storage::v1::StorageClass;

use crate::api::object::SharedObject;
use crate::apiserver::Result;
use crate::apiserver::request::{Answer, Reply, Request};
use crate::given::Entropy;
use crate::informer::Change;
use crate::persistent_volume::{BIND_COMPLETED, annotation, claim_ref, volume_name};
use crate::recorder::{Note, Recorder, regarding};
use crate::work_queue::WorkQueue;

use super::own_writes::Key;
use super::{Asked, Controller, Step, Token};

mod claim;
mod unscheduled;
mod volume;

use unscheduled::Unscheduled;

/// Binds claims to volumes.
pub struct PersistentVolumeBinder {
    known: Known,
    queue: WorkQueue<Item>,
    asked: Asked<Option<Item>>,
    /// The item whose write is not answered yet.
    busy: Option<Item>,
    /// What was told last of each item, so that it is not told again.
    told: BTreeMap<Item, String>,
    recorder: Recorder,
}

/// What is known of the cluster, own writes included.
#[derive(Default)]
struct Known {
    claims: BTreeMap<Key, PersistentVolumeClaim>,
    volumes: BTreeMap<String, PersistentVolume>,
    classes: BTreeMap<String, StorageClass>,
    unscheduled: Unscheduled,
}

/// A claim or a volume, by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Item {
    Claim(Key),
    Volume(String),
}

/// What a look at an item leads to.
#[derive(Default)]
struct Look {
    /// What is to be told of it.
    event: Option<Told>,
    /// What is to be told of another item beside it.
    beside: Option<(Item, Told)>,
    /// The next write.
    write: Option<Write>,
}

/// An event: type, reason and message.
type Told = (&'static str, &'static str, String);

/// A write, after which the item is looked at again.
enum Write {
    Claim(Box<PersistentVolumeClaim>),
    ClaimStatus(Box<PersistentVolumeClaim>),
    Volume(Box<PersistentVolume>),
    VolumeStatus(Box<PersistentVolume>),
}

impl Look {
    fn write(write: Write) -> Look {
        Look { write: Some(write), ..Look::default() }
    }

    fn warning(reason: &'static str, message: impl Into<String>, write: Option<Write>) -> Look {
        Look { event: Some(("Warning", reason, message.into())), write, beside: None }
    }

    fn normal(reason: &'static str, message: impl Into<String>, write: Option<Write>) -> Look {
        Look { event: Some(("Normal", reason, message.into())), write, beside: None }
    }
}

impl Write {
    fn request(self) -> Result<Request> {
        match self {
            Write::Claim(claim) => Request::update(*claim),
            Write::ClaimStatus(claim) => Request::update(*claim)?.subresource("status"),
            Write::Volume(volume) => Request::update(*volume),
            Write::VolumeStatus(volume) => Request::update(*volume)?.subresource("status"),
        }
    }
}

impl Default for PersistentVolumeBinder {
    fn default() -> Self {
        PersistentVolumeBinder {
            known: Known::default(),
            queue: WorkQueue::default(),
            asked: Asked::default(),
            busy: None,
            told: BTreeMap::new(),
            recorder: Recorder::new("persistentvolume-controller", ""),
        }
    }
}

/// Namespace and name of a claim.
fn key_of(claim: &PersistentVolumeClaim) -> Key {
    let text = |part: &Option<String>| part.clone().unwrap_or_default();
    (text(&claim.metadata.namespace), text(&claim.metadata.name))
}

fn name_of(volume: &PersistentVolume) -> String {
    volume.metadata.name.clone().unwrap_or_default()
}

fn revision(version: Option<&String>) -> u64 {
    version.and_then(|version| version.parse().ok()).unwrap_or(0)
}

impl PersistentVolumeBinder {
    /// Takes in a revision, unless a newer one is known.
    fn learn(&mut self, change: Change, object: &SharedObject) {
        if let Some(claim) = object.downcast_ref::<PersistentVolumeClaim>() {
            self.learn_claim(change, claim);
        } else if let Some(volume) = object.downcast_ref::<PersistentVolume>() {
            self.learn_volume(change, volume);
        } else if let Some(class) = object.downcast_ref::<StorageClass>() {
            let name = object.name().to_owned();
            match change {
                Change::Deleted => drop(self.known.classes.remove(&name)),
                _ => drop(self.known.classes.insert(name, class.clone())),
            }
            self.look_at_unbound();
        } else if let Some(pod) = object.downcast_ref::<Pod>() {
            let claims = self.known.unscheduled.learn(change, pod);
            claims.into_iter().for_each(|claim| self.queue.add(Item::Claim(claim)));
        }
    }

    fn learn_claim(&mut self, change: Change, claim: &PersistentVolumeClaim) {
        let key = key_of(claim);
        let known = self.known.claims.get(&key);
        let newest = known.map(|known| revision(known.metadata.resource_version.as_ref()));
        let same = known.is_some_and(|known| known.metadata.uid == claim.metadata.uid);
        let gone = change == Change::Deleted && same;
        if !gone && newest.is_some_and(|newest| newest > revision(claim.metadata.resource_version.as_ref())) {
            return;
        }
        match change {
            Change::Deleted => {
                self.known.claims.remove(&key);
                self.told.remove(&Item::Claim(key.clone()));
            }
            _ => drop(self.known.claims.insert(key.clone(), claim.clone())),
        }
        if !volume_name(claim).is_empty() {
            self.queue.add(Item::Volume(volume_name(claim).to_owned()));
        }
        let kept = self.known.volumes.values().filter(|volume| {
            claim_ref(volume).is_some_and(|reference| reference.name == claim.metadata.name)
        });
        kept.for_each(|volume| self.queue.add(Item::Volume(name_of(volume))));
        self.queue.add(Item::Claim(key));
    }

    fn learn_volume(&mut self, change: Change, volume: &PersistentVolume) {
        let name = name_of(volume);
        let known = self.known.volumes.get(&name);
        let newest = known.map(|known| revision(known.metadata.resource_version.as_ref()));
        let same = known.is_some_and(|known| known.metadata.uid == volume.metadata.uid);
        let gone = change == Change::Deleted && same;
        if !gone && newest.is_some_and(|newest| newest > revision(volume.metadata.resource_version.as_ref()))
        {
            return;
        }
        match change {
            Change::Deleted => drop(self.known.volumes.remove(&name)),
            _ => drop(self.known.volumes.insert(name.clone(), volume.clone())),
        }
        self.queue.add(Item::Volume(name.clone()));
        let bound = self.known.claims.iter().filter(|(_, claim)| volume_name(claim) == name);
        bound.for_each(|(key, _)| self.queue.add(Item::Claim(key.clone())));
        self.look_at_unbound();
    }

    /// The claims that may now find what they lacked.
    fn look_at_unbound(&mut self) {
        let unbound = self
            .known
            .claims
            .iter()
            .filter(|(_, claim)| annotation(&claim.metadata, BIND_COMPLETED).is_none());
        unbound.for_each(|(key, _)| self.queue.add(Item::Claim(key.clone())));
    }

    fn look(&self, item: &Item, now: Timestamp) -> Look {
        match item {
            Item::Claim(key) => {
                let claim = self.known.claims.get(key);
                claim.map(|claim| self.known.look_at_claim(claim, now)).unwrap_or_default()
            }
            Item::Volume(name) => {
                let volume = self.known.volumes.get(name);
                volume.map(|volume| self.known.look_at_volume(volume, now)).unwrap_or_default()
            }
        }
    }

    /// The event, unless it was told before.
    fn tell(&mut self, item: &Item, event: Told, now: Timestamp) -> Option<(Token, Request)> {
        let (type_, reason, message) = event;
        let said = format!("{reason} {message}");
        if self.told.insert(item.clone(), said.clone()) == Some(said) {
            return None;
        }
        let regarding = match item {
            Item::Claim(key) => {
                let uid = self.known.claims.get(key).and_then(|claim| claim.metadata.uid.clone());
                regarding("PersistentVolumeClaim", &key.0, &key.1, uid)
            }
            Item::Volume(name) => {
                let uid = self.known.volumes.get(name).and_then(|volume| volume.metadata.uid.clone());
                regarding("PersistentVolume", "", name, uid)
            }
        };
        let note = Note { regarding, type_, reason: reason.to_owned(), message };
        let request = self.recorder.record(&note, now).ok()?;
        Some((self.asked.about(None), request))
    }
}

impl Controller for PersistentVolumeBinder {
    fn name(&self) -> &'static str {
        "persistentvolume-binder-controller"
    }

    fn watches(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("storage.k8s.io/v1", "StorageClass"),
            ("v1", "PersistentVolume"),
            ("v1", "PersistentVolumeClaim"),
            ("v1", "Pod"),
        ]
    }

    fn on_delta(&mut self, change: Change, object: &SharedObject) {
        self.learn(change, object);
    }

    fn step(&mut self, now: Timestamp, _: &dyn Entropy) -> Step {
        let mut requests = Vec::new();
        while self.busy.is_none() {
            let Some(item) = self.queue.take(now) else { break };
            let Look { event, beside, write } = self.look(&item, now);
            let events = event.map(|event| (item.clone(), event)).into_iter().chain(beside);
            for (about, event) in events {
                requests.extend(self.tell(&about, event, now));
            }
            match write.map(Write::request) {
                Some(Ok(request)) => {
                    requests.push((self.asked.about(Some(item.clone())), request));
                    self.busy = Some(item);
                }
                Some(Err(_)) | None => self.queue.done(&item),
            }
        }
        let wake_at = if self.busy.is_none() { self.queue.next_due() } else { None };
        Step { requests, wake_at }
    }

    fn on_response(&mut self, token: Token, response: Result<Answer>, now: Timestamp) {
        let Some(Some(item)) = self.asked.answered(token) else { return };
        self.busy = None;
        match response.map(|answer| answer.reply) {
            Ok(Reply::Object(object)) => {
                self.queue.done(&item);
                self.learn(Change::Modified, &object);
                self.queue.add(item);
            }
            Ok(_) => self.queue.done(&item),
            Err(error) if crate::api::status::is(&error, "NotFound") => self.queue.done(&item),
            Err(_) => self.queue.retry(item, now),
        }
    }
}

#[cfg(test)]
mod tests;
