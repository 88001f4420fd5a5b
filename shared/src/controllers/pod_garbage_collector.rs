//! `pod-garbage-collector-controller`: pods that no kubelet will ever end.
//!
//! Follows `pkg/controller/podgc/gc_controller.go` of kubernetes/kubernetes, with its defaults.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Node, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{DeleteOptions, Preconditions};
use serde_json::json;

use crate::api::object::SharedObject;
use crate::api::patch::PatchType;
use crate::apiserver::Result;
use crate::apiserver::request::{Answer, Request};
use crate::given::Entropy;
use crate::informer::Change;

use super::own_writes::{Key, key_of, uid_of};
use super::{Asked, Controller, Step, Token};

/// How often pods are looked at (`gcCheckPeriod`).
const PERIOD: SignedDuration = SignedDuration::from_secs(20);
/// How long a node must be missing (`quarantineTime`).
const QUARANTINE: SignedDuration = SignedDuration::from_secs(40);
/// How many pods that have ended are kept (`--terminated-pod-gc-threshold`).
const THRESHOLD: usize = 12_500;

/// Deletes pods of nodes that are gone, pods that were deleted before they had a node, and the oldest of too many
/// that have ended.
#[derive(Default)]
pub struct PodGarbageCollector {
    nodes: BTreeSet<String>,
    pods: BTreeMap<Key, SharedObject>,
    /// Since when a node is missing that pods name.
    missing: BTreeMap<String, Timestamp>,
    last: Option<Timestamp>,
    asked: Asked<Question>,
    outbox: Vec<(Token, Request)>,
}

/// What a request was for.
enum Question {
    /// The pod's status says why it goes.
    Tell(Key, String),
    Delete,
}

impl PodGarbageCollector {
    fn ask(&mut self, question: Question, request: Result<Request>) {
        if let Ok(request) = request {
            let token = self.asked.about(question);
            self.outbox.push((token, request));
        }
    }

    fn collect(&mut self, now: Timestamp) {
        self.last = Some(now);
        let named: BTreeSet<String> =
            self.pods.values().filter_map(node_of).filter(|node| !self.nodes.contains(node)).collect();
        self.missing.retain(|node, _| named.contains(node));
        for node in named {
            self.missing.entry(node).or_insert(now);
        }
        let gone = |node: &String| {
            let since = self.missing.get(node);
            since.is_some_and(|since| since.checked_add(QUARANTINE).is_ok_and(|due| due <= now))
        };
        let (mut orphans, mut others) = (Vec::new(), self.surplus());
        for (key, pod) in &self.pods {
            match node_of(pod) {
                Some(node) if gone(&node) => orphans.push((key.clone(), pod.clone())),
                None if pod.metadata().deletion_timestamp.is_some() => {
                    others.push((key.clone(), uid_of(pod).to_owned()));
                }
                _ => {}
            }
        }
        for (key, pod) in orphans {
            let uid = uid_of(&pod).to_owned();
            match has_ended(&pod) {
                true => others.push((key, uid)),
                false => self.ask(Question::Tell(key, uid), failed(&pod, now)),
            }
        }
        for (key, uid) in others {
            self.ask(Question::Delete, deleted(&key, uid));
        }
    }

    /// The oldest pods that have ended, where these are too many.
    fn surplus(&self) -> Vec<(Key, String)> {
        let mut ended: Vec<_> = self.pods.iter().filter(|(_, pod)| has_ended(pod)).collect();
        let surplus = ended.len().saturating_sub(THRESHOLD);
        ended.sort_by_key(|(key, pod)| (pod.metadata().creation_timestamp.as_ref().map(|time| time.0), *key));
        ended.into_iter().take(surplus).map(|(key, pod)| (key.clone(), uid_of(pod).to_owned())).collect()
    }
}

fn node_of(pod: &SharedObject) -> Option<String> {
    let spec = pod.downcast_ref::<Pod>()?.spec.as_ref()?;
    spec.node_name.clone().filter(|node| !node.is_empty())
}

fn has_ended(pod: &SharedObject) -> bool {
    let status = pod.downcast_ref::<Pod>().and_then(|pod| pod.status.as_ref());
    matches!(status.and_then(|status| status.phase.as_deref()), Some("Succeeded" | "Failed"))
}

/// A pod whose node is gone has failed.
fn failed(pod: &SharedObject, now: Timestamp) -> Result<Request> {
    let now = Timestamp::from_second(now.as_second()).unwrap_or(now);
    let condition = json!({
        "type": "DisruptionTarget",
        "status": "True",
        "reason": "DeletionByPodGC",
        "message": "PodGC: node no longer exists",
        "lastTransitionTime": now,
        "observedGeneration": pod.metadata().generation,
    });
    let status = json!({ "phase": "Failed", "conditions": [condition] });
    let patch = json!({ "metadata": { "uid": uid_of(pod) }, "status": status });
    Request::patch::<Pod>(pod.namespace(), pod.name(), PatchType::Strategic, patch)?.subresource("status")
}

fn deleted(key: &Key, uid: String) -> Result<Request> {
    let options = DeleteOptions {
        preconditions: Some(Preconditions { uid: Some(uid), resource_version: None }),
        grace_period_seconds: Some(0),
        ..DeleteOptions::default()
    };
    Request::delete::<Pod>(&key.0, &key.1, options)
}

impl Controller for PodGarbageCollector {
    fn name(&self) -> &'static str {
        "pod-garbage-collector-controller"
    }

    fn watches(&self) -> &'static [(&'static str, &'static str)] {
        &[("v1", "Node"), ("v1", "Pod")]
    }

    fn on_delta(&mut self, change: Change, object: &SharedObject) {
        let is_gone = change == Change::Deleted;
        match (object.downcast_ref::<Node>().is_some(), is_gone) {
            (true, false) => drop(self.nodes.insert(object.name().to_owned())),
            (true, true) => drop(self.nodes.remove(object.name())),
            (false, false) => drop(self.pods.insert(key_of(object), object.clone())),
            (false, true) => drop(self.pods.remove(&key_of(object))),
        }
    }

    fn step(&mut self, now: Timestamp, _: &dyn Entropy) -> Step {
        let due = self.last.and_then(|last| last.checked_add(PERIOD).ok());
        if due.is_none_or(|due| due <= now) {
            self.collect(now);
        }
        let wake_at = self.last.and_then(|last| last.checked_add(PERIOD).ok());
        Step { requests: std::mem::take(&mut self.outbox), wake_at }
    }

    fn on_response(&mut self, token: Token, response: Result<Answer>, _: Timestamp) {
        // What fails is tried again in the next round.
        if let (Some(Question::Tell(key, uid)), true) = (self.asked.answered(token), response.is_ok()) {
            self.ask(Question::Delete, deleted(&key, uid));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controllers::test_pump::{Pump, pod};

    fn node(name: &str) -> Node {
        serde_json::from_value(json!({ "metadata": { "name": name } })).unwrap()
    }

    fn names(pump: &Pump<PodGarbageCollector>) -> Vec<String> {
        pump.list::<Pod>("default").into_iter().filter_map(|pod| pod.metadata.name).collect()
    }

    #[test]
    fn pods_of_a_node_that_is_gone_should_go_after_the_quarantine() {
        let mut pump = Pump::new(PodGarbageCollector::default());
        pump.create(node("node-1"));
        pump.create(node("node-2"));
        pump.create(pod("default", "kept", Some("node-1")));
        pump.create(pod("default", "lost", Some("node-2")));
        pump.run();
        pump.delete::<Node>("", "node-2");
        pump.run();
        for (seconds, expected) in
            [(20, vec!["kept", "lost"]), (20, vec!["kept", "lost"]), (20, vec!["kept"])]
        {
            pump.advance(seconds);
            pump.run();
            assert_eq!(names(&pump), expected);
        }
    }

    #[test]
    fn node_that_returns_should_keep_its_pods() {
        let mut pump = Pump::new(PodGarbageCollector::default());
        pump.create(node("node-1"));
        pump.create(pod("default", "web", Some("node-1")));
        pump.run();
        pump.delete::<Node>("", "node-1");
        pump.advance(20);
        pump.run();
        pump.create(node("node-1"));
        for _ in 0..4 {
            pump.advance(20);
            pump.run();
        }
        assert_eq!(names(&pump), ["web"]);
    }
}
