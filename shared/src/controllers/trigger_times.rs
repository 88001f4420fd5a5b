//! When that changed which endpoints are written for: the annotation
//! `endpoints.kubernetes.io/last-change-trigger-time`.
//!
//! Follows `staging/src/k8s.io/endpointslice/util/trigger_time_tracker.go` of kubernetes/kubernetes.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, Service};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::own_writes::Key;
use super::pod_endpoint::{LAST_CHANGE_TRIGGER_TIME, ready_condition};

/// What was seen at the last look at each Service.
#[derive(Default)]
pub(super) struct TriggerTimes(BTreeMap<Key, Seen>);

#[derive(Default)]
struct Seen {
    created: Option<Timestamp>,
    /// When each pod became ready, or ceased to be.
    pods: BTreeMap<String, Timestamp>,
}

impl TriggerTimes {
    /// The first change since the last look; that of the Service's creation at the first look, `None`
    /// where nothing changed that bears a time.
    pub(super) fn look(&mut self, key: &Key, service: &Service, pods: &[&Pod]) -> Option<Timestamp> {
        let created = service.metadata.creation_timestamp.as_ref().map(|time| time.0);
        let pods: BTreeMap<String, Timestamp> = pods.iter().filter_map(|pod| transition(pod)).collect();
        let before = self.0.insert(key.clone(), Seen { created, pods: pods.clone() });
        let Some(before) = before else { return created };
        let news = pods.into_iter().filter(|(name, time)| before.pods.get(name).is_none_or(|old| time > old));
        let news = news.map(|(_, time)| time).chain(created.filter(|_| created > before.created));
        news.min()
    }

    /// The Service is gone.
    pub(super) fn forget(&mut self, key: &Key) {
        self.0.remove(key);
    }
}

fn transition(pod: &Pod) -> Option<(String, Timestamp)> {
    let time = ready_condition(pod)?.last_transition_time.as_ref()?.0;
    Some((pod.metadata.name.clone()?, time))
}

/// Writes the time into an object's annotations; takes an older one away where there is none.
pub(super) fn annotate(metadata: &mut ObjectMeta, time: Option<Timestamp>) {
    let annotations = metadata.annotations.get_or_insert_default();
    match time {
        Some(time) => annotations.insert(LAST_CHANGE_TRIGGER_TIME.to_owned(), time.to_string()),
        None => annotations.remove(LAST_CHANGE_TRIGGER_TIME),
    };
    if annotations.is_empty() {
        metadata.annotations = None;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(name: &str, changed: &str) -> Pod {
        let ready = json!({ "type": "Ready", "status": "True", "lastTransitionTime": changed });
        let pod = json!({ "metadata": { "name": name }, "status": { "conditions": [ready] } });
        serde_json::from_value(pod).unwrap()
    }

    #[test]
    fn trigger_time_should_be_the_first_change_since_the_last_look() {
        let created = json!({ "metadata": { "creationTimestamp": "2026-01-01T00:00:00Z" } });
        let service: Service = serde_json::from_value(created).unwrap();
        let key = ("team".to_owned(), "web".to_owned());
        let mut times = TriggerTimes::default();
        let table: [(&[Pod], Option<&str>); 5] = [
            (&[pod("a", "2026-01-01T00:00:09Z")], Some("2026-01-01T00:00:00Z")),
            (&[pod("a", "2026-01-01T00:00:09Z")], None),
            (
                &[pod("a", "2026-01-01T00:00:30Z"), pod("b", "2026-01-01T00:00:20Z")],
                Some("2026-01-01T00:00:20Z"),
            ),
            (&[], None),
            (&[pod("a", "2026-01-01T00:00:30Z")], Some("2026-01-01T00:00:30Z")),
        ];
        for (pods, expected) in table {
            let found = times.look(&key, &service, &pods.iter().collect::<Vec<_>>());
            assert_eq!(found.map(|time| time.to_string()).as_deref(), expected);
        }
    }
}
