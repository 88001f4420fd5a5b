//! The forms of a patch.

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams};
use serde_json::{from_value, json};
use tests::objects::from_json;

use crate::{config_map, config_maps, refusal, world};

#[tokio::test]
async fn a_strategic_patch_should_merge_containers_by_name() {
    let (_server, client) = world("strategic").await;
    let pods = Api::<Pod>::namespaced(client, "strategic");
    let pod = from_json(json!({
        "metadata": {"name": "web"},
        // It stays Pending, so that nothing else changes it.
        "spec": {
            "nodeSelector": {"there": "is-none"},
            "containers": [{"name": "web", "image": "nginx"}, {"name": "shell", "image": "busybox"}],
        },
    }));
    pods.create(&PostParams::default(), &pod).await.unwrap();
    let change = json!({"spec": {"containers": [{"name": "shell", "image": "busybox:1.36"}]}});
    let patched = pods.patch("web", &PatchParams::default(), &Patch::Strategic(change)).await.unwrap();
    let mut images: Vec<_> =
        patched.spec.unwrap().containers.into_iter().filter_map(|container| container.image).collect();
    images.sort();
    assert_eq!(images, ["busybox:1.36", "nginx"]);
}

#[tokio::test]
async fn a_merge_patch_should_remove_what_is_null() {
    let (_server, maps) = config_maps("merge").await;
    maps.create(&PostParams::default(), &config_map("one", "a", "1")).await.unwrap();
    let change = json!({"data": {"a": null, "b": "2"}});
    let patched = maps.patch("one", &PatchParams::default(), &Patch::Merge(change)).await.unwrap();
    assert_eq!(json!(patched.data), json!({"b": "2"}));
}

#[tokio::test]
async fn a_json_patch_should_hold_all_or_nothing() {
    let (_server, maps) = config_maps("json-patch").await;
    maps.create(&PostParams::default(), &config_map("one", "a", "1")).await.unwrap();
    let patch = |tested: &str| {
        let steps = json!([
            {"op": "replace", "path": "/data/a", "value": "2"},
            {"op": "test", "path": "/metadata/labels/key", "value": tested},
        ]);
        Patch::<()>::Json(from_value(steps).unwrap())
    };
    let (code, reason, _) = refusal(maps.patch("one", &PatchParams::default(), &patch("b")).await);
    assert_eq!((code, reason.as_str()), (422, "Invalid"));
    assert_eq!(maps.get("one").await.unwrap().data.unwrap()["a"], "1");
    let patched = maps.patch("one", &PatchParams::default(), &patch("a")).await.unwrap();
    assert_eq!(patched.data.unwrap()["a"], "2");
}

#[tokio::test]
async fn a_patch_of_a_field_that_must_not_change_should_be_refused() {
    let (_server, client) = world("immutable").await;
    let pods = Api::<Pod>::namespaced(client, "immutable");
    pods.create(&PostParams::default(), &tests::objects::pod("web", "nginx", None)).await.unwrap();
    let change = json!({"spec": {"containers": [{"name": "main", "command": ["sh"]}]}});
    let (code, reason, message) =
        refusal(pods.patch("web", &PatchParams::default(), &Patch::Strategic(change)).await);
    assert_eq!((code, reason.as_str()), (422, "Invalid"));
    let sentence = "Forbidden: pod updates may not change fields other than `spec.containers[*].image`";
    assert!(message.contains(sentence), "{message}");
}
