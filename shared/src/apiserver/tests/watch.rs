//! `watch`: what is delivered, to whom, and in which order.

use futures::{FutureExt, StreamExt};

use super::super::request::{VersionMatch, WatchEvent, WatchStream};
use super::*;
use crate::store::{Expect, StoredValue, Write};

fn watch(api: &Api, options: ListOptions) -> WatchStream {
    match api.answer(request("configmaps/default", Operation::Watch(options))).unwrap().reply {
        Reply::Watch(stream) => stream,
        _ => panic!("not a watch"),
    }
}

/// All that a watch delivers without waiting, in short.
fn now(stream: &mut WatchStream) -> Vec<String> {
    let mut told = Vec::new();
    while let Some(next) = stream.next().now_or_never() {
        let Some(event) = next else {
            told.push("end".into());
            break;
        };
        told.push(match event {
            WatchEvent::Added(object) => format!("+{}", object.name()),
            WatchEvent::Modified(object) => format!("~{}", object.name()),
            WatchEvent::Deleted(object) => format!("-{}", object.name()),
            WatchEvent::Bookmark { initial_events_end: true, .. } => "end of state".into(),
            WatchEvent::Bookmark { .. } => continue,
            WatchEvent::Error(status) => {
                format!("{} {}", refusal(&status).0, status.reason.unwrap_or_default())
            }
        });
    }
    told
}

fn from(revision: u64) -> ListOptions {
    ListOptions { resource_version: Some(revision), ..ListOptions::default() }
}

fn label(api: &Api, name: &str, value: Value) {
    api.merge(&format!("configmaps/default/{name}"), json!({ "metadata": { "labels": { "app": value } } }))
        .unwrap();
}

#[test]
fn watch_should_tell_what_follows_its_revision() {
    let api = api();
    api.create("configmaps/default", &config_map("old")).unwrap();
    let mut stream = watch(&api, from(api.revision()));
    api.create("configmaps/default", &config_map("a")).unwrap();
    label(&api, "a", "x".into());
    api.create("configmaps/kube-system", &config_map("elsewhere")).unwrap();
    api.delete("configmaps/default/a", DeleteOptions::default()).unwrap();
    assert_eq!(now(&mut stream), ["+a", "~a", "-a"]);
}

#[test]
fn selection_should_be_entered_and_left() {
    let api = api();
    let options = ListOptions { label_selector: "app=x".into(), ..from(api.revision()) };
    let mut stream = watch(&api, options);
    api.create("configmaps/default", &config_map("a")).unwrap();
    label(&api, "a", "x".into());
    api.merge("configmaps/default/a", json!({ "data": { "k": "v" } })).unwrap();
    label(&api, "a", Value::Null);
    label(&api, "a", "x".into());
    api.delete("configmaps/default/a", DeleteOptions::default()).unwrap();
    assert_eq!(now(&mut stream), ["+a", "~a", "-a", "+a", "-a"]);
}

#[test]
fn deleted_object_should_be_shown_as_it_was_at_the_revision_of_its_going() {
    let api = api();
    api.create("configmaps/default", &with(config_map("a"), "/data", json!({ "k": "v" }))).unwrap();
    let mut stream = watch(&api, from(api.revision()));
    api.delete("configmaps/default/a", DeleteOptions::default()).unwrap();
    let Some(Some(WatchEvent::Deleted(object))) = stream.next().now_or_never() else { panic!("no deletion") };
    assert_eq!(object.resource_version(), api.revision().to_string());
    assert_eq!(object.body().to_value()["data"]["k"], "v");
}

#[test]
fn state_should_come_first_where_it_is_asked_for() {
    let api = api();
    api.create("configmaps/default", &config_map("a")).unwrap();
    let revision = api.revision();
    let state = |version: Option<u64>, bookmarks: bool| ListOptions {
        resource_version: version,
        version_match: VersionMatch::NotOlderThan,
        send_initial_events: Some(true),
        allow_bookmarks: bookmarks,
        ..ListOptions::default()
    };
    let cases: [(ListOptions, &[&str]); 6] = [
        (ListOptions::default(), &["+a"]),
        (from(0), &["+a"]),
        (from(revision), &[]),
        (state(None, true), &["+a", "end of state"]),
        (state(None, false), &["+a"]),
        (state(Some(revision), true), &["+a", "end of state"]),
    ];
    for (options, expected) in cases {
        assert_eq!(now(&mut watch(&api, options.clone())), expected, "{options:?}");
    }
    let future = api.answer(request("configmaps/default", Operation::Watch(state(Some(revision + 9), true))));
    assert_eq!(future.err().unwrap().code, Some(504));
}

#[test]
fn watch_from_a_forgotten_revision_should_begin_and_say_so() {
    let api = api();
    let start = api.revision();
    for name in ["a", "b"] {
        api.create("configmaps/default", &config_map(name)).unwrap();
    }
    block_on(api.server.store.compact(api.revision())).unwrap();
    let mut stream = watch(&api, from(start - 1));
    assert_eq!(now(&mut stream), ["410 Expired", "end"]);
}

#[test]
fn watch_should_end_with_its_first_error() {
    let api = api();
    let mut stream = watch(&api, from(api.revision()));
    api.create("configmaps/default", &config_map("a")).unwrap();
    let damaged = StoredValue { bytes: Bytes::from_static(b"{"), attachment: Arc::new(()) };
    let write = Write {
        key: "/registry/configmaps/default/damaged".into(),
        value: Some(damaged),
        expect: Expect::Absent,
    };
    block_on(api.server.store.write(write)).unwrap();
    api.create("configmaps/default", &config_map("b")).unwrap();
    assert_eq!(now(&mut stream), ["+a", "500 InternalError", "end"]);
}

#[test]
fn contradicting_options_should_be_refused() {
    let api = api();
    let prefix = "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden:";
    let cases = [
        (
            Some(true),
            VersionMatch::Unset,
            "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
        ),
        (
            None,
            VersionMatch::NotOlderThan,
            "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
        ),
    ];
    for (send_initial_events, version_match, message) in cases {
        let options = ListOptions { send_initial_events, version_match, ..ListOptions::default() };
        let refused = api.send("configmaps/default", Operation::Watch(options));
        assert_eq!(refused, Err((422, format!("{prefix} {message}"))));
    }
}
