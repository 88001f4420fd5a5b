//! `taint-eviction-controller`: pods leave nodes whose `NoExecute` taints they do not tolerate, or not any longer.
//!
//! Follows `pkg/controller/tainteviction/taint_eviction.go` of kubernetes/kubernetes.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Node, Pod, Taint};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{DeleteOptions, Preconditions};
use serde_json::json;

use crate::api::object::SharedObject;
use crate::api::patch::PatchType;
use crate::api::status;
use crate::apiserver::Result;
use crate::apiserver::request::{Answer, Request};
use crate::given::Entropy;
use crate::informer::Change;
use crate::recorder::{Note, Recorder, regarding};
use crate::scheduler::plugins::toleration::{tolerates, tolerations};
use crate::work_queue::WorkQueue;

use super::own_writes::{Key, key_of, uid_of};
use super::{Asked, Controller, Step, Token};

/// Deletes pods for taints.
pub struct TaintEvictionController {
    /// The `NoExecute` taints of each node that has some.
    taints: BTreeMap<String, Vec<Taint>>,
    pods: BTreeMap<String, BTreeMap<Key, SharedObject>>,
    /// The pods that are to go, and when.
    due: BTreeMap<Key, Eviction>,
    queue: WorkQueue<Key>,
    asked: Asked<Question>,
    recorder: Recorder,
    outbox: Vec<(Token, Request)>,
}

/// A pod that is to go.
#[derive(Clone)]
struct Eviction {
    uid: String,
    at: Timestamp,
    /// Whether its status says why.
    is_told: bool,
}

/// What a request was for.
enum Question {
    /// The pod's status says why it goes.
    Tell(Key),
    Delete(Key),
    Event(Box<Note>),
}

/// How long a pod may stay.
enum Stay {
    ForEver,
    For(SignedDuration),
}

impl Default for TaintEvictionController {
    fn default() -> Self {
        TaintEvictionController {
            taints: BTreeMap::new(),
            pods: BTreeMap::new(),
            due: BTreeMap::new(),
            queue: WorkQueue::default(),
            asked: Asked::default(),
            recorder: Recorder::new("taint-eviction-controller", ""),
            outbox: Vec::new(),
        }
    }
}

/// How long a pod tolerates taints: as long as the least patient of its tolerations that are needed.
fn stay(pod: &Pod, taints: &[Taint]) -> Stay {
    let mut least: Option<SignedDuration> = None;
    for taint in taints {
        let mut found = tolerations(pod).iter().filter(|toleration| tolerates(toleration, taint)).peekable();
        if found.peek().is_none() {
            return Stay::For(SignedDuration::ZERO);
        }
        let seconds = found.filter_map(|toleration| toleration.toleration_seconds).min();
        let patience = seconds.map(|seconds| SignedDuration::from_secs(seconds.max(0)));
        least = [least, patience].into_iter().flatten().min();
    }
    least.map_or(Stay::ForEver, Stay::For)
}

impl TaintEvictionController {
    fn ask(&mut self, question: Question, request: Result<Request>) -> bool {
        let Ok(request) = request else { return false };
        let token = self.asked.about(question);
        self.outbox.push((token, request));
        true
    }

    fn on_node(&mut self, change: Change, object: &SharedObject, node: &Node) {
        let all = node.spec.as_ref().and_then(|spec| spec.taints.as_deref()).unwrap_or_default();
        let taints: Vec<Taint> = all.iter().filter(|taint| taint.effect == "NoExecute").cloned().collect();
        let before = match change == Change::Deleted || taints.is_empty() {
            true => self.taints.remove(object.name()),
            false => self.taints.insert(object.name().to_owned(), taints.clone()),
        };
        if before.unwrap_or_default() == taints {
            return;
        }
        let keys: Vec<Key> =
            self.pods.get(object.name()).into_iter().flat_map(BTreeMap::keys).cloned().collect();
        keys.into_iter().for_each(|key| self.queue.add(key));
    }

    fn on_pod(&mut self, change: Change, object: &SharedObject, pod: &Pod) {
        let Some(node) =
            pod.spec.as_ref().and_then(|spec| spec.node_name.clone()).filter(|node| !node.is_empty())
        else {
            return;
        };
        let key = key_of(object);
        if change == Change::Deleted {
            self.due.remove(&key);
            self.queue.remove(&key);
            if let Some(pods) = self.pods.get_mut(&node) {
                pods.remove(&key);
            }
            return;
        }
        self.pods.entry(node.clone()).or_default().insert(key.clone(), object.clone());
        if self.taints.contains_key(&node) || self.due.contains_key(&key) {
            self.queue.add(key);
        }
    }

    fn pod(&self, key: &Key) -> Option<SharedObject> {
        self.pods.values().find_map(|pods| pods.get(key)).cloned()
    }

    /// Looks at a pod: it stays, goes later, or goes.
    fn look(&mut self, key: &Key, now: Timestamp) {
        let Some(object) = self.pod(key).filter(|pod| pod.metadata().deletion_timestamp.is_none()) else {
            self.due.remove(key);
            return self.queue.done(key);
        };
        let Some(pod) = object.downcast_ref::<Pod>() else { return self.queue.done(key) };
        let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()).unwrap_or_default();
        let stay = match self.taints.get(node) {
            Some(taints) => stay(pod, taints),
            None => Stay::ForEver,
        };
        let Stay::For(patience) = stay else {
            if self.due.remove(key).is_some() {
                self.tell(&object, format!("Cancelling deletion of Pod {}/{}", key.0, key.1), now);
            }
            return self.queue.done(key);
        };
        let at = now.checked_add(patience).unwrap_or(Timestamp::MAX);
        let uid = uid_of(&object).to_owned();
        // The time counts from when the pod was first to go, and a shorter patience counts from now.
        let eviction = match self.due.get(key) {
            Some(known) if known.uid == uid && known.at <= at => known.clone(),
            _ => Eviction { uid, at, is_told: false },
        };
        self.due.insert(key.clone(), eviction.clone());
        if eviction.at > now {
            self.queue.done(key);
            return self.queue.add_at(key.clone(), eviction.at);
        }
        let asked = match eviction.is_told {
            false => {
                self.tell(&object, format!("Marking for deletion Pod {}/{}", key.0, key.1), now);
                self.ask(Question::Tell(key.clone()), told(&object, now))
            }
            true => self.ask(Question::Delete(key.clone()), deleted(key, &eviction.uid)),
        };
        if !asked {
            self.queue.done(key);
        }
    }

    fn tell(&mut self, pod: &SharedObject, message: String, now: Timestamp) {
        let regarding = regarding("Pod", pod.namespace(), pod.name(), Some(uid_of(pod).to_owned()));
        let note = Note { regarding, type_: "Normal", reason: "TaintManagerEviction".to_owned(), message };
        let request = self.recorder.record(&note, now);
        self.ask(Question::Event(Box::new(note)), request);
    }
}

/// The pod's status says why it goes (`addConditionAndDeletePod`).
fn told(pod: &SharedObject, now: Timestamp) -> Result<Request> {
    let now = Timestamp::from_second(now.as_second()).unwrap_or(now);
    let condition = json!({
        "type": "DisruptionTarget",
        "status": "True",
        "reason": "DeletionByTaintManager",
        "message": "Taint manager: deleting due to NoExecute taint",
        "lastTransitionTime": now,
        "observedGeneration": pod.metadata().generation,
    });
    let patch = json!({ "metadata": { "uid": uid_of(pod) }, "status": { "conditions": [condition] } });
    Request::patch::<Pod>(pod.namespace(), pod.name(), PatchType::Strategic, patch)?.subresource("status")
}

fn deleted(key: &Key, uid: &str) -> Result<Request> {
    let preconditions = Preconditions { uid: Some(uid.to_owned()), resource_version: None };
    let options = DeleteOptions { preconditions: Some(preconditions), ..DeleteOptions::default() };
    Request::delete::<Pod>(&key.0, &key.1, options)
}

impl Controller for TaintEvictionController {
    fn name(&self) -> &'static str {
        "taint-eviction-controller"
    }

    fn watches(&self) -> &'static [(&'static str, &'static str)] {
        &[("v1", "Node"), ("v1", "Pod")]
    }

    fn on_delta(&mut self, change: Change, object: &SharedObject) {
        if let Some(node) = object.downcast_ref::<Node>() {
            self.on_node(change, object, node);
        } else if let Some(pod) = object.downcast_ref::<Pod>() {
            self.on_pod(change, object, pod);
        }
    }

    fn step(&mut self, now: Timestamp, _: &dyn Entropy) -> Step {
        while let Some(key) = self.queue.take(now) {
            self.look(&key, now);
        }
        Step { requests: std::mem::take(&mut self.outbox), wake_at: self.queue.next_due() }
    }

    fn on_response(&mut self, token: Token, response: Result<Answer>, now: Timestamp) {
        let failed =
            response.err().filter(|error| !status::is(error, "NotFound") && !status::is(error, "Conflict"));
        match (self.asked.answered(token), failed) {
            (Some(Question::Event(note)), Some(_)) => self.recorder.forget(&note),
            (Some(Question::Tell(key)), None) => {
                if let Some(eviction) = self.due.get_mut(&key) {
                    eviction.is_told = true;
                }
                self.queue.done(&key);
                self.queue.add(key);
            }
            (Some(Question::Delete(key)), None) => {
                self.due.remove(&key);
                self.queue.done(&key);
            }
            (Some(Question::Tell(key) | Question::Delete(key)), Some(_)) => self.queue.retry(key, now),
            (Some(Question::Event(_)) | None, _) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::controllers::test_pump::{Pump, pod};
    use k8s_openapi::api::core::v1::Event;

    fn node(taints: &Value) -> Node {
        serde_json::from_value(json!({ "metadata": { "name": "node-1" }, "spec": { "taints": taints } }))
            .unwrap()
    }

    fn tolerating(name: &str, tolerations: &Value) -> Pod {
        let mut pod = pod("default", name, Some("node-1"));
        pod.spec.as_mut().unwrap().tolerations = serde_json::from_value(tolerations.clone()).unwrap();
        pod
    }

    fn going(pump: &Pump<TaintEvictionController>) -> Vec<String> {
        let pods = pump.list::<Pod>("default").into_iter();
        pods.filter(|pod| pod.metadata.deletion_timestamp.is_some())
            .filter_map(|pod| pod.metadata.name)
            .collect()
    }

    fn cluster() -> Pump<TaintEvictionController> {
        let pump = Pump::new(TaintEvictionController::default());
        pump.create(node(&json!([])));
        let own = |seconds: Value| json!([{ "key": "bad", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": seconds }]);
        pump.create(tolerating("at-once", &json!([])));
        pump.create(tolerating("later", &own(json!(60))));
        pump.create(tolerating("never", &own(json!(null))));
        pump
    }

    fn taint(pump: &Pump<TaintEvictionController>, taints: Value) {
        pump.merge::<Node>("", "node-1", json!({ "spec": { "taints": taints } }));
    }

    #[test]
    fn pods_should_go_when_their_patience_ends() {
        let mut pump = cluster();
        pump.run();
        assert!(going(&pump).is_empty());
        taint(&pump, json!([{ "key": "bad", "effect": "NoExecute" }]));
        pump.run();
        assert_eq!(going(&pump), ["at-once"]);
        let gone: Pod = pump.get("default", "at-once").unwrap();
        let conditions = gone.status.unwrap().conditions.unwrap();
        let told = conditions.iter().find(|condition| condition.type_ == "DisruptionTarget").unwrap();
        assert_eq!(told.reason.as_deref(), Some("DeletionByTaintManager"));
        pump.advance(59);
        // Another taint that is tolerated starts no new count.
        pump.merge::<Pod>("default", "later", json!({ "metadata": { "labels": { "a": "b" } } }));
        pump.run();
        assert_eq!(going(&pump), ["at-once"]);
        pump.advance(2);
        pump.run();
        assert_eq!(going(&pump), ["at-once", "later"]);
    }

    #[test]
    fn taint_that_goes_should_cancel_what_is_due() {
        let mut pump = cluster();
        taint(&pump, json!([{ "key": "bad", "effect": "NoExecute" }]));
        pump.run();
        taint(&pump, json!([{ "key": "bad", "effect": "NoSchedule" }]));
        pump.run();
        pump.advance(100);
        pump.run();
        assert_eq!(going(&pump), ["at-once"]);
        let events = pump.list::<Event>("default").into_iter().filter_map(|event| event.message);
        assert_eq!(
            events.collect::<std::collections::BTreeSet<_>>(),
            ["Cancelling deletion of Pod default/later", "Marking for deletion Pod default/at-once"]
                .map(str::to_owned)
                .into()
        );
    }
}
