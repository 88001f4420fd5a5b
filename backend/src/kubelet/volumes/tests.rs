//! Volumes of a node on an API server in memory.

use std::time::Duration;

use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use serde_json::{Value, json};
use shared::apiserver::user::User;
use shared::client::Client;
use tokio::sync::mpsc;

use super::*;
use crate::kubelet::Components;
use crate::kubelet::testing::Node;

const PATIENCE: Duration = Duration::from_secs(30);

struct World {
    node: Node,
    admin: Client,
}

impl World {
    async fn new() -> World {
        let node = Node::new(Components::default()).await;
        let admin = User::new("admin", &["system:masters"]);
        let admin = Client::new(node.kubelet.client.server().clone(), admin, "test");
        World { node, admin }
    }

    fn keep(&self, volumes: Value) -> (Keeper, mpsc::UnboundedReceiver<Told>) {
        let (sender, told) = mpsc::unbounded_channel();
        let tell = move |outcome| drop(sender.send(outcome));
        (Keeper::start(&self.node.kubelet, pod(volumes), "u".to_owned(), tell), told)
    }

    async fn config_map(&self, data: Value, create: bool) {
        let map: ConfigMap = serde_json::from_value(
            json!({"metadata": {"name": "settings", "namespace": "default"}, "data": data}),
        )
        .unwrap();
        let outcome = if create { self.admin.create(map).await } else { self.admin.update(map).await };
        outcome.unwrap();
    }

    fn read(&self, path: &str) -> Option<String> {
        std::fs::read_to_string(self.node.kubelet.pod_directory("u").join("volumes").join(path)).ok()
    }

    async fn reads(&self, path: &str, expected: Option<&str>) {
        let seen = async {
            while self.read(path).as_deref() != expected {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let found = || format!("{path} has {:?} instead of {expected:?}", self.read(path));
        tokio::time::timeout(PATIENCE, seen).await.unwrap_or_else(|_| panic!("{}", found()));
    }
}

fn pod(volumes: Value) -> Pod {
    serde_json::from_value(json!({
        "metadata": {"name": "web", "namespace": "default", "uid": "u", "labels": {"app": "web"}},
        "spec": {"containers": [], "volumes": volumes},
    }))
    .unwrap()
}

async fn next(told: &mut mpsc::UnboundedReceiver<Told>) -> Told {
    tokio::time::timeout(PATIENCE, told.recv()).await.unwrap().unwrap()
}

#[tokio::test]
async fn pod_should_wait_for_its_objects_and_see_them_change() {
    let world = World::new().await;
    let (_keeper, mut told) = world.keep(json!([
        {"name": "v", "configMap": {"name": "settings"}},
        {"name": "w", "secret": {"secretName": "keys", "optional": true}},
        {"name": "x", "emptyDir": {}},
    ]));
    let messages = next(&mut told).await.unwrap_err();
    let expected = "MountVolume.SetUp failed for volume \"v\" : configmap \"settings\" not found";
    assert_eq!(messages, [expected]);
    world.config_map(json!({"colour": "blue", "size": "7"}), true).await;
    let places = loop {
        if let Ok(places) = next(&mut told).await {
            break places;
        }
    };
    assert_eq!(places.values().map(|place| place.read_only).collect::<Vec<_>>(), [true, true, false]);
    assert!(places["x"].root.is_dir());
    let file = "kubernetes.io~configmap/v/colour";
    assert_eq!(world.read(file).as_deref(), Some("blue"));

    world.config_map(json!({"colour": "red"}), false).await;
    world.reads(file, Some("red")).await;
    world.reads("kubernetes.io~configmap/v/size", None).await;
    let keys: Secret = serde_json::from_value(
        json!({"metadata": {"name": "keys", "namespace": "default"}, "data": {"a": "aGk="}}),
    )
    .unwrap();
    world.admin.create(keys).await.unwrap();
    world.reads("kubernetes.io~secret/w/a", Some("hi")).await;

    world.admin.delete::<ConfigMap>("default", "settings", Default::default()).await.unwrap();
    assert_eq!(next(&mut told).await.unwrap_err(), [expected]);
    assert_eq!(world.read(file).as_deref(), Some("red"), "what was there stays");
}

#[tokio::test]
async fn labels_should_change_in_files() {
    let world = World::new().await;
    let volumes = json!([{"name": "v", "downwardAPI": {"items": [
        {"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}},
    ]}}]);
    let (keeper, mut told) = world.keep(volumes.clone());
    next(&mut told).await.unwrap();
    world.reads("kubernetes.io~downward-api/v/labels", Some("app=\"web\"")).await;
    let mut changed = pod(volumes);
    changed.metadata.labels.get_or_insert_default().insert("tier".into(), "front".into());
    keeper.on_pod(&changed);
    world.reads("kubernetes.io~downward-api/v/labels", Some("app=\"web\"\ntier=\"front\"")).await;
}

#[tokio::test]
async fn pods_that_use_the_same_object_should_share_its_watch() {
    let world = World::new().await;
    world.config_map(json!({"a": "b"}), true).await;
    let volumes = json!([{"name": "v", "configMap": {"name": "settings"}}]);
    let (first, mut told) = world.keep(volumes.clone());
    next(&mut told).await.unwrap();
    let (second, mut told) = world.keep(volumes);
    next(&mut told).await.unwrap();
    assert_eq!(world.node.kubelet.objects.count(), 1);
    drop((first, second));
    let forgotten = async {
        while world.node.kubelet.objects.count() > 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(PATIENCE, forgotten).await.unwrap();
}

#[tokio::test]
async fn host_paths_should_be_those_of_the_node_and_no_others() {
    let world = World::new().await;
    let node = world.node.kubelet.directory.clone();
    std::fs::create_dir_all(node.join("etc/kubernetes/manifests")).unwrap();
    let cases = [
        (json!({"path": "/etc/kubernetes/manifests", "type": "Directory"}), ""),
        (json!({"path": "/data/a", "type": "DirectoryOrCreate"}), ""),
        (json!({"path": "/data/b", "type": "FileOrCreate"}), ""),
        (
            json!({"path": "/data/b", "type": "Directory"}),
            "hostPath type check failed: /data/b is not a directory, it's a File",
        ),
        (json!({"path": "/usr/bin", "type": "Directory"}), "hostPath /usr/bin doesn't exist"),
    ];
    for (source, error) in cases {
        let (_keeper, mut told) = world.keep(json!([{"name": "v", "hostPath": source}]));
        let outcome = next(&mut told).await;
        match error {
            "" => assert_eq!(outcome.unwrap()["v"].root, node, "{source}"),
            error => assert_eq!(outcome.unwrap_err(), [set_up_failed("v", error)], "{source}"),
        }
    }
    assert!(node.join("data/a").is_dir() && node.join("data/b").is_file());
}

#[tokio::test]
async fn volume_without_a_driver_should_be_named() {
    let world = World::new().await;
    let (_keeper, mut told) = world.keep(json!([{"name": "v", "nfs": {"server": "a", "path": "/"}}]));
    let expected = "MountVolume.NewMounter initialization failed for volume \"v\" : no volume plugin matched";
    assert_eq!(next(&mut told).await.unwrap_err(), [expected]);
}
