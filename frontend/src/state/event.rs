//! Kubernetes Events about one object, oldest first.

use std::rc::Rc;

use jiff::Timestamp;
use serde_json::Value;

use super::collection::Collection;
use super::object::{ObjectKey, integer, moment, text};

/// When an event was last seen; series, counted and single events tell it in different fields.
pub fn last_seen(event: &Value) -> Option<Timestamp> {
    let fields = [
        "/series/lastObservedTime",
        "/lastTimestamp",
        "/eventTime",
        "/firstTimestamp",
        "/metadata/creationTimestamp",
    ];
    fields.into_iter().find_map(|field| moment(event, field))
}

/// When an event was first seen.
pub fn first_seen(event: &Value) -> Option<Timestamp> {
    let fields = ["/eventTime", "/firstTimestamp", "/metadata/creationTimestamp"];
    fields.into_iter().find_map(|field| moment(event, field))
}

/// How often it was seen.
pub fn count(event: &Value) -> i64 {
    integer(event, "/count").max(integer(event, "/series/count")).max(1)
}

/// Who reports it: `default-scheduler`, `kubelet`, …
pub fn reporter(event: &Value) -> &str {
    let component = text(event, "/source/component");
    if component.is_empty() { text(event, "/reportingComponent") } else { component }
}

/// The events about the object of a kind at a key; with a uid, only about that very object.
pub fn about(events: &Collection, kind: &str, key: &ObjectKey, uid: &str) -> Vec<Rc<Value>> {
    let is_about = |event: &&Rc<Value>| {
        let involved = text(event, "/involvedObject/uid");
        text(event, "/involvedObject/kind") == kind
            && text(event, "/involvedObject/name") == key.name
            && text(event, "/involvedObject/namespace") == key.namespace
            && (kind == "Node" || uid.is_empty() || involved.is_empty() || involved == uid)
    };
    let mut about: Vec<_> = events.values().filter(is_about).cloned().collect();
    about.sort_by_key(|event| (last_seen(event), integer_revision(event)));
    about
}

/// Events of one second are told apart by their revision.
fn integer_revision(event: &Value) -> u64 {
    text(event, "/metadata/resourceVersion").parse().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::state::collection::Change;

    #[test]
    fn events_about_a_pod_should_be_its_own_and_in_order() {
        let event = |name: &str, pod: &str, uid: &str, second: u8, revision: &str| {
            json!({
                "metadata": {"namespace": "default", "name": name, "resourceVersion": revision},
                "involvedObject": {"kind": "Pod", "namespace": "default", "name": pod, "uid": uid},
                "lastTimestamp": format!("2026-01-01T00:00:0{second}Z"),
            })
        };
        let mut events = Collection::default();
        events.apply(Change::Listed(vec![
            event("a", "web", "1", 2, "12"),
            event("b", "web", "1", 2, "9"),
            event("c", "web", "0", 1, "3"),
            event("d", "other", "1", 1, "4"),
            event("e", "web", "1", 1, "5"),
        ]));
        let about = about(&events, "Pod", &ObjectKey::new("default", "web"), "1");
        assert_eq!(
            about.iter().map(|event| text(event, "/metadata/name")).collect::<Vec<_>>(),
            ["e", "b", "a"]
        );
    }
}
