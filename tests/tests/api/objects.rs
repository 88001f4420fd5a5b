//! One object: create, get, update, delete.

use http::Request;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Service};
use kube::Api;
use kube::api::{DeleteParams, PostParams, Preconditions};
use kube::core::Status;
use serde_json::json;
use tests::eventually;
use tests::objects::from_json;

use crate::{config_map, config_maps, refusal, world};

#[tokio::test]
async fn what_was_created_should_be_what_is_got() {
    let (_server, maps) = config_maps("created").await;
    let created = maps.create(&PostParams::default(), &config_map("one", "a", "안녕")).await.unwrap();
    assert_eq!(created.data.as_ref().unwrap()["a"], "안녕");
    let metadata = &created.metadata;
    assert!(
        metadata.uid.is_some()
            && metadata.creation_timestamp.is_some()
            && metadata.resource_version.is_some()
    );
    assert_eq!(maps.get("one").await.unwrap(), created);
}

#[tokio::test]
async fn a_name_should_be_made_from_generate_name() {
    let (_server, maps) = config_maps("generated").await;
    let mut map = config_map("", "a", "1");
    map.metadata.name = None;
    map.metadata.generate_name = Some("settings-".into());
    let mut names = Vec::new();
    for _ in 0..2 {
        names.extend(maps.create(&PostParams::default(), &map).await.unwrap().metadata.name);
    }
    assert!(names.iter().all(|name| name.starts_with("settings-") && name.len() == "settings-".len() + 5));
    assert_ne!(names[0], names[1]);
}

#[tokio::test]
async fn a_name_should_be_taken_once() {
    let (_server, maps) = config_maps("taken").await;
    maps.create(&PostParams::default(), &config_map("one", "a", "1")).await.unwrap();
    let again = maps.create(&PostParams::default(), &config_map("one", "a", "2")).await;
    assert_eq!(refusal(again), (409, "AlreadyExists".into(), r#"configmaps "one" already exists"#.into()));
    assert_eq!(maps.get("one").await.unwrap().data.unwrap()["a"], "1");
}

#[tokio::test]
async fn an_update_of_a_stale_object_should_conflict() {
    let (_server, maps) = config_maps("stale").await;
    let mut map = maps.create(&PostParams::default(), &config_map("one", "a", "1")).await.unwrap();
    let mut stale = map.clone();
    map.data.get_or_insert_default().insert("a".into(), "2".into());
    let replaced = maps.replace("one", &PostParams::default(), &map).await.unwrap();
    assert_ne!(replaced.metadata.resource_version, map.metadata.resource_version);
    stale.data.get_or_insert_default().insert("a".into(), "3".into());
    let (code, reason, message) = refusal(maps.replace("one", &PostParams::default(), &stale).await);
    assert_eq!((code, reason.as_str()), (409, "Conflict"));
    assert!(message.contains(
        "the object has been modified; please apply your changes to the latest version and try again"
    ));
    assert_eq!(maps.get("one").await.unwrap(), replaced);
}

#[tokio::test]
async fn an_update_that_changes_nothing_should_not_be_a_new_revision() {
    let (_server, maps) = config_maps("unchanged").await;
    let map = maps.create(&PostParams::default(), &config_map("one", "a", "1")).await.unwrap();
    assert_eq!(maps.replace("one", &PostParams::default(), &map).await.unwrap(), map);
}

#[tokio::test]
async fn a_dry_run_should_answer_and_leave_nothing() {
    let (_server, maps) = config_maps("dry").await;
    let dry = PostParams { dry_run: true, ..PostParams::default() };
    let answer = maps.create(&dry, &config_map("one", "a", "1")).await.unwrap();
    assert!(answer.metadata.uid.is_some());
    assert!(maps.get_opt("one").await.unwrap().is_none());
}

#[tokio::test]
async fn an_unknown_field_should_be_refused_in_strict_validation() {
    let (_server, client) = world("strict").await;
    let map =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one"}, "dat": {}}).to_string();
    let create = async |validation: &str| {
        let path = format!("/api/v1/namespaces/strict/configmaps?fieldValidation={validation}");
        let request = Request::post(path).header("content-type", "application/json");
        client.send(request.body(map.clone().into_bytes().into()).unwrap()).await.unwrap()
    };
    let strict = create("Strict").await;
    assert_eq!(strict.status(), 400);
    let status = strict.into_body().collect_bytes().await.unwrap();
    let status: Status = serde_json::from_slice(&status).unwrap();
    assert!(status.message.ends_with(r#"strict decoding error: unknown field "dat""#), "{status:?}");
    let warned = create("Warn").await;
    assert_eq!(warned.status(), 201);
    assert_eq!(warned.headers()["warning"], r#"299 - "unknown field \"dat\"""#);
}

#[tokio::test]
async fn a_delete_should_keep_to_its_preconditions() {
    let (_server, maps) = config_maps("preconditions").await;
    maps.create(&PostParams::default(), &config_map("one", "a", "1")).await.unwrap();
    let other = Preconditions { uid: Some("another".into()), ..Preconditions::default() };
    let (code, reason, _) = refusal(maps.delete("one", &DeleteParams::default().preconditions(other)).await);
    assert_eq!((code, reason.as_str()), (409, "Conflict"));
    maps.delete("one", &DeleteParams::default()).await.unwrap();
    assert_eq!(
        refusal(maps.get("one").await),
        (404, "NotFound".into(), r#"configmaps "one" not found"#.into())
    );
}

#[tokio::test]
async fn an_object_with_a_finalizer_should_wait_for_it() {
    let (_server, maps) = config_maps("finalizer").await;
    let mut map = config_map("one", "a", "1");
    map.metadata.finalizers = Some(vec!["example.com/wait".into()]);
    maps.create(&PostParams::default(), &map).await.unwrap();
    maps.delete("one", &DeleteParams::default()).await.unwrap();
    let mut marked = maps.get("one").await.unwrap();
    assert!(marked.metadata.deletion_timestamp.is_some());
    marked.metadata.finalizers = None;
    maps.replace("one", &PostParams::default(), &marked).await.unwrap();
    assert!(maps.get_opt("one").await.unwrap().is_none());
}

#[tokio::test]
async fn a_deleted_namespace_should_take_its_objects_along() {
    let (_server, client) = world("doomed").await;
    let maps = Api::<ConfigMap>::namespaced(client.clone(), "doomed");
    maps.create(&PostParams::default(), &config_map("one", "a", "1")).await.unwrap();
    let namespaces = Api::<Namespace>::all(client);
    namespaces.delete("doomed", &DeleteParams::default()).await.unwrap();
    let late = maps.create(&PostParams::default(), &config_map("two", "a", "1")).await;
    assert!(matches!(refusal(late).0, 403 | 404));
    eventually("the namespace is gone", async || match namespaces.get_opt("doomed").await? {
        None => Ok(()),
        Some(namespace) => anyhow::bail!("{:?}", namespace.status),
    })
    .await;
    assert!(maps.get_opt("one").await.unwrap().is_none());
}

#[tokio::test]
async fn a_service_should_get_addresses_of_its_own() {
    let (_server, client) = world("services").await;
    let services = Api::<Service>::namespaced(client, "services");
    let service = |name: &str| {
        from_json(json!({
            "metadata": {"name": name},
            "spec": {"type": "NodePort", "selector": {"app": "web"}, "ports": [{"port": 80}]},
        }))
    };
    let mut addresses = Vec::new();
    for name in ["one", "two"] {
        let spec = services.create(&PostParams::default(), &service(name)).await.unwrap().spec.unwrap();
        let port = &spec.ports.as_ref().unwrap()[0];
        assert_eq!((port.protocol.as_deref(), spec.session_affinity.as_deref()), (Some("TCP"), Some("None")));
        assert!((30000..=32767).contains(&port.node_port.unwrap()));
        let address: std::net::Ipv4Addr = spec.cluster_ip.unwrap().parse().unwrap();
        assert!((0x0a60_0001..0x0a70_0000).contains(&u32::from(address)), "{address} is not in 10.96.0.0/12");
        addresses.push((address, port.node_port));
    }
    assert!(addresses[0].0 != addresses[1].0 && addresses[0].1 != addresses[1].1);
}
