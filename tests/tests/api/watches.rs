//! Watches: from a list, from a revision, as a stream that begins with what is there, and over WebSocket.

use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams};
use kube::runtime::watcher::{self, Event, watcher};
use serde_json::{Value, json};
use tests::eventually::LIMIT;
use tokio_tungstenite::connect_async;

use crate::{config_map, config_maps};

/// `added a`, `modified a`, `deleted a`, `bookmark`, or an error's code.
fn describe(event: &WatchEvent<ConfigMap>) -> String {
    let name = |map: &ConfigMap| map.metadata.name.clone().unwrap_or_default();
    match event {
        WatchEvent::Added(map) => format!("added {}", name(map)),
        WatchEvent::Modified(map) => format!("modified {}", name(map)),
        WatchEvent::Deleted(map) => format!("deleted {}", name(map)),
        WatchEvent::Bookmark(_) => "bookmark".into(),
        WatchEvent::Error(status) => status.code.to_string(),
    }
}

#[tokio::test]
async fn a_watch_should_tell_every_change_after_its_revision_in_order() {
    let (_server, maps) = config_maps("watched").await;
    let post = PostParams::default();
    maps.create(&post, &config_map("a", "key", "1")).await.unwrap();
    let revision = maps.list(&ListParams::default()).await.unwrap().metadata.resource_version.unwrap();
    maps.create(&post, &config_map("b", "key", "1")).await.unwrap();
    let watch = maps.watch(&WatchParams::default(), &revision).await.unwrap().boxed();
    let change = Patch::Merge(json!({"data": {"key": "2"}}));
    maps.patch("a", &PatchParams::default(), &change).await.unwrap();
    maps.delete("b", &DeleteParams::default()).await.unwrap();
    let events = watch.take(3).try_collect::<Vec<_>>();
    let events = tokio::time::timeout(LIMIT, events).await.unwrap().unwrap();
    assert_eq!(events.iter().map(describe).collect::<Vec<_>>(), ["added b", "modified a", "deleted b"]);
}

#[tokio::test]
async fn a_watch_with_a_selector_should_tell_of_coming_and_going() {
    let (_server, maps) = config_maps("selected").await;
    let created = maps.create(&PostParams::default(), &config_map("a", "red", "1")).await.unwrap();
    let chosen = WatchParams::default().labels("key=blue");
    let watch = maps.watch(&chosen, &created.metadata.resource_version.unwrap()).await.unwrap().boxed();
    for colour in ["blue", "red"] {
        let change = Patch::Merge(json!({"metadata": {"labels": {"key": colour}}}));
        maps.patch("a", &PatchParams::default(), &change).await.unwrap();
    }
    let events = tokio::time::timeout(LIMIT, watch.take(2).try_collect::<Vec<_>>()).await.unwrap().unwrap();
    assert_eq!(events.iter().map(describe).collect::<Vec<_>>(), ["added a", "deleted a"]);
}

#[tokio::test]
async fn a_streaming_list_should_begin_with_what_is_there() {
    let (_server, maps) = config_maps("streaming").await;
    maps.create(&PostParams::default(), &config_map("a", "key", "1")).await.unwrap();
    let config = watcher::Config::default().streaming_lists().labels("key");
    let mut events = watcher(maps.clone(), config).boxed();
    let mut next = async || tokio::time::timeout(LIMIT, events.next()).await.unwrap().unwrap().unwrap();
    assert!(matches!(next().await, Event::Init));
    assert!(matches!(next().await, Event::InitApply(map) if map.metadata.name.as_deref() == Some("a")));
    assert!(matches!(next().await, Event::InitDone));
    maps.delete("a", &DeleteParams::default()).await.unwrap();
    assert!(matches!(next().await, Event::Delete(map) if map.metadata.name.as_deref() == Some("a")));
}

#[tokio::test]
async fn a_web_socket_should_carry_a_watch() {
    let (server, maps) = config_maps("socket").await;
    let url = format!(
        "ws://{}/api/v1/namespaces/socket/configmaps?watch=1&resourceVersion=0&labelSelector=key",
        server.address()
    );
    let (mut socket, _) = connect_async(url).await.unwrap();
    maps.create(&PostParams::default(), &config_map("a", "key", "1")).await.unwrap();
    let message = tokio::time::timeout(LIMIT, socket.next()).await.unwrap().unwrap().unwrap();
    let event: Value = serde_json::from_str(message.to_text().unwrap()).unwrap();
    assert_eq!((&event["type"], &event["object"]["metadata"]["name"]), (&json!("ADDED"), &json!("a")));
}
