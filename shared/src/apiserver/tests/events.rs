//! Events: two views of one object, and their hour.

use super::*;
use crate::api::scheme;

fn event(name: &str, last: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Event", "metadata": { "name": name },
        "involvedObject": { "kind": "Pod", "name": "web", "namespace": "default" },
        "reason": "Pulled", "message": "Container image already present", "type": "Normal", "count": 2,
        "firstTimestamp": "2025-12-31T22:00:00Z", "lastTimestamp": last,
        "source": { "component": "kubelet" },
    })
}

#[test]
fn event_should_be_seen_through_both_groups() {
    let api = api();
    api.create("events/default", &event("a", "2026-01-01T00:00:00Z")).unwrap();
    let kind = scheme::by_resource("events.k8s.io", "v1", "events").unwrap();
    let get = Request {
        kind,
        namespace: "default".into(),
        name: "a".into(),
        subresource: None,
        operation: Operation::Get,
    };
    let Reply::Object(object) = api.answer(get).unwrap().reply else { panic!("not an object") };
    let seen = object.body().to_value();
    let expected = json!({
        "apiVersion": "events.k8s.io/v1", "note": "Container image already present", "deprecatedCount": 2,
        "deprecatedLastTimestamp": "2026-01-01T00:00:00Z",
    });
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(&seen[field], value, "{field}");
    }
    assert_eq!(seen["regarding"]["name"], "web");
    let core = api.get("events/default/a").unwrap();
    assert_eq!(seen["metadata"], core["metadata"]);
}

#[test]
fn event_should_go_an_hour_after_its_last_write() {
    let api = api();
    let expire = || block_on(api.server.expire_events()).unwrap().as_second() - SteppedClock::START;
    api.create("events/default", &event("a", "2025-12-31T23:00:00Z")).unwrap();
    api.create("events/default", &event("b", "2026-01-01T00:00:00Z")).unwrap();
    assert_eq!(expire(), 3600, "both were created now");
    api.clock.advance(1800);
    api.merge("events/default/b", json!({ "count": 3, "lastTimestamp": "2026-01-01T00:30:00Z" })).unwrap();
    api.clock.advance(1799);
    assert_eq!(expire(), 3659, "it does not look more often than once a minute");
    assert_eq!(api.list("events/default", ListOptions::default()), Ok(json!(["a", "b"])));
    api.clock.advance(1);
    assert_eq!(expire(), 5400);
    assert_eq!(api.list("events/default", ListOptions::default()), Ok(json!(["b"])));
    api.clock.advance(1800);
    expire();
    assert_eq!(api.list("events/default", ListOptions::default()), Ok(json!([])));
}
