//! Events that components record about objects, equal ones counted instead of repeated.
//!
//! Follows `tools/record/event.go` and `events_cache.go` of kubernetes/client-go.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Event, EventSource, ObjectReference};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use serde_json::json;

use crate::api::patch::PatchType;
use crate::apiserver::Result;
use crate::apiserver::request::Request;

/// How many different events are remembered.
const REMEMBERED: usize = 4096;

/// The bits of a moment, about a millisecond, that do not show in an event's name.
const LOWEST_BITS: i128 = 0xf_ffff;

/// What is said about an object.
#[derive(Clone, Debug, PartialEq)]
pub struct Note {
    /// The object.
    pub regarding: ObjectReference,
    /// `Normal` or `Warning`.
    pub type_: &'static str,
    /// One word in camel case.
    pub reason: String,
    /// A sentence.
    pub message: String,
}

/// A reference to an object of the core group's version, for a [`Note`] about it.
pub fn regarding(kind: &str, namespace: &str, name: &str, uid: Option<String>) -> ObjectReference {
    ObjectReference {
        api_version: Some("v1".into()),
        kind: Some(kind.to_owned()),
        namespace: Some(namespace.to_owned()),
        name: Some(name.to_owned()),
        uid,
        ..ObjectReference::default()
    }
}

/// One component's memory of what it said.
pub struct Recorder {
    component: String,
    host: String,
    said: BTreeMap<String, Said>,
    /// How many events were made, so that those of one moment have different names.
    made: u64,
}

/// An event that is in the store, as far as this component knows.
struct Said {
    namespace: String,
    name: String,
    count: i32,
    last: Timestamp,
}

impl Recorder {
    /// A component's recorder; `host` is the node it speaks for, empty for the control plane.
    pub fn new(component: &str, host: &str) -> Recorder {
        Recorder { component: component.to_owned(), host: host.to_owned(), said: BTreeMap::new(), made: 0 }
    }

    /// The request that records the note: a new Event, or one more of an Event that was recorded.
    pub fn record(&mut self, note: &Note, now: Timestamp) -> Result<Request> {
        let key = key(note);
        if let Some(said) = self.said.get_mut(&key) {
            said.count += 1;
            said.last = now;
            let patch = json!({ "count": said.count, "lastTimestamp": Time(now) });
            return Request::patch::<Event>(&said.namespace, &said.name, PatchType::Merge, patch);
        }
        let event = self.event(note, now);
        let said = Said {
            namespace: event.metadata.namespace.clone().unwrap_or_default(),
            name: event.metadata.name.clone().unwrap_or_default(),
            count: 1,
            last: now,
        };
        self.remember(key, said);
        Request::create(event)
    }

    /// The Event of the note is no longer in the store: it is to be created anew.
    pub fn forget(&mut self, note: &Note) {
        self.said.remove(&key(note));
    }

    fn remember(&mut self, key: String, said: Said) {
        if self.said.len() >= REMEMBERED {
            let oldest = self.said.iter().min_by_key(|(_, said)| said.last).map(|(key, _)| key.clone());
            if let Some(oldest) = oldest {
                self.said.remove(&oldest);
            }
        }
        self.said.insert(key, said);
    }

    /// The last part of an event's name: the moment, of which the lowest bits give way to a number that
    /// differs between the events and the components of one moment, which a paused clock makes long.
    fn suffix(&mut self, now: Timestamp) -> String {
        let speaker = self.component.bytes().chain(self.host.bytes());
        let speaker = speaker.fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let number = i128::from(speaker.wrapping_add(self.made)) & LOWEST_BITS;
        self.made += 1;
        format!("{:x}", (now.as_nanosecond() & !LOWEST_BITS) | number)
    }

    fn event(&mut self, note: &Note, now: Timestamp) -> Event {
        let object = note.regarding.name.as_deref().unwrap_or_default();
        let namespace = note.regarding.namespace.clone().unwrap_or_else(|| "default".into());
        let host = Some(self.host.clone()).filter(|host| !host.is_empty());
        Event {
            metadata: ObjectMeta {
                name: Some(format!("{object}.{}", self.suffix(now))),
                namespace: Some(namespace),
                ..ObjectMeta::default()
            },
            involved_object: note.regarding.clone(),
            type_: Some(note.type_.to_owned()),
            reason: Some(note.reason.clone()),
            message: Some(note.message.clone()),
            count: Some(1),
            first_timestamp: Some(Time(now)),
            last_timestamp: Some(Time(now)),
            source: Some(EventSource { component: Some(self.component.clone()), host: host.clone() }),
            reporting_component: Some(self.component.clone()),
            reporting_instance: host,
            ..Event::default()
        }
    }
}

/// Events that agree in this are the same event (`getEventKey` upstream).
fn key(note: &Note) -> String {
    let about = &note.regarding;
    let part = |text: &Option<String>| text.clone().unwrap_or_default();
    [
        part(&about.kind),
        part(&about.namespace),
        part(&about.name),
        part(&about.field_path),
        part(&about.uid),
        note.type_.to_owned(),
        note.reason.clone(),
        note.message.clone(),
    ]
    .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apiserver::request::{Input, Operation};

    fn note(message: &str) -> Note {
        let regarding = ObjectReference {
            kind: Some("Pod".into()),
            name: Some("web".into()),
            namespace: Some("default".into()),
            ..ObjectReference::default()
        };
        Note { regarding, type_: "Warning", reason: "BackOff".into(), message: message.into() }
    }

    #[test]
    fn repeated_note_should_count_up_and_another_be_created() {
        let mut recorder = Recorder::new("kubelet", "node-1");
        let now = Timestamp::UNIX_EPOCH;
        assert!(matches!(recorder.record(&note("a"), now).unwrap().operation, Operation::Create(..)));
        assert!(matches!(recorder.record(&note("b"), now).unwrap().operation, Operation::Create(..)));
        let again = recorder.record(&note("a"), now).unwrap();
        let Operation::Patch(patch, _) = again.operation else { panic!("not a patch") };
        assert_eq!(patch.body["count"], 2);
    }

    #[test]
    fn events_of_one_moment_should_have_different_names() {
        let now = Timestamp::from_second(1_700_000_000).unwrap();
        let mut recorders = [("kubelet", "node-1"), ("kubelet", "node-2"), ("default-scheduler", "")]
            .map(|(component, host)| Recorder::new(component, host));
        let mut names = std::collections::BTreeSet::new();
        for message in ["a", "b", "c"] {
            for recorder in &mut recorders {
                let request = recorder.record(&note(message), now).unwrap();
                let Operation::Create(Input::Typed(event), _) = request.operation else {
                    panic!("not created")
                };
                names.insert(event.metadata().name.clone());
            }
        }
        assert_eq!(names.len(), 9);
    }

    #[test]
    fn forgotten_note_should_be_created_anew() {
        let mut recorder = Recorder::new("kubelet", "node-1");
        let now = Timestamp::UNIX_EPOCH;
        recorder.record(&note("a"), now).unwrap();
        recorder.forget(&note("a"));
        assert!(matches!(recorder.record(&note("a"), now).unwrap().operation, Operation::Create(..)));
    }
}
