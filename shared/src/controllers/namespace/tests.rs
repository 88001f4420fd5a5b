//! The end of namespaces, over the real chain.

use k8s_openapi::api::core::v1::{ConfigMap, Endpoints, Namespace, Secret, ServiceAccount};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::json;

use super::*;
use crate::controllers::test_pump::{Pump, pod};

fn metadata(name: &str) -> ObjectMeta {
    ObjectMeta { name: Some(name.into()), namespace: Some("team".into()), ..ObjectMeta::default() }
}

fn config_map(name: &str) -> ConfigMap {
    ConfigMap { metadata: metadata(name), ..ConfigMap::default() }
}

/// A namespace with an account, a secret and a config map.
fn team() -> Pump<NamespaceController> {
    let mut pump = Pump::new(NamespaceController::default());
    pump.namespace("team");
    pump.create(ServiceAccount { metadata: metadata("default"), ..ServiceAccount::default() });
    pump.create(Secret { metadata: metadata("password"), ..Secret::default() });
    pump.create(config_map("settings"));
    pump.create(Endpoints { metadata: metadata("web"), subsets: None });
    let address_type = "IPv4".to_owned();
    pump.create(EndpointSlice { metadata: metadata("web-1"), address_type, ..EndpointSlice::default() });
    pump.run();
    pump
}

fn conditions(pump: &Pump<NamespaceController>) -> Vec<String> {
    let status = pump.get::<Namespace>("", "team").unwrap().status.unwrap();
    let described = status.conditions.unwrap_or_default().into_iter().filter(|one| one.status == "True");
    described.map(|one| format!("{}: {}", one.reason.unwrap(), one.message.unwrap())).collect()
}

#[test]
fn terminating_namespace_should_lose_its_content_and_then_itself() {
    let mut pump = team();
    pump.delete::<Namespace>("", "team");
    pump.run();
    assert!(!pump.exists::<Namespace>("", "team"));
    assert!(pump.list::<Secret>("team").is_empty());
    assert!(pump.list::<ConfigMap>("team").is_empty());
    assert!(pump.list::<ServiceAccount>("team").is_empty());
    assert!(pump.list::<Endpoints>("team").is_empty());
    assert!(pump.list::<EndpointSlice>("team").is_empty());
}

#[test]
fn active_namespace_should_be_left_alone() {
    let mut pump = team();
    assert_eq!(pump.run(), 0);
    assert!(pump.exists::<ConfigMap>("team", "settings"));
}

#[test]
fn other_content_should_stay_until_the_last_pod_is_gone() {
    let mut pump = team();
    pump.create(pod("team", "web", Some("node-1")));
    pump.delete::<Namespace>("", "team");
    pump.run();
    assert!(pump.get::<Pod>("team", "web").unwrap().metadata.deletion_timestamp.is_some());
    assert!(pump.exists::<ConfigMap>("team", "settings"));
    assert_eq!(
        conditions(&pump),
        ["SomeResourcesRemain: Some resources are remaining: pods. has 1 resource instances"]
    );
    pump.delete_now::<Pod>("team", "web");
    pump.run();
    assert!(!pump.exists::<Namespace>("", "team"));
}

#[test]
fn finalizer_in_the_namespace_should_be_waited_for_and_told() {
    let mut pump = team();
    let mut held = config_map("held");
    held.metadata.finalizers = Some(vec!["example.com/hold".into()]);
    pump.create(held);
    pump.delete::<Namespace>("", "team");
    pump.run();
    assert_eq!(
        conditions(&pump),
        [
            "SomeResourcesRemain: Some resources are remaining: configmaps. has 1 resource instances",
            "SomeFinalizersRemain: Some content in the namespace has finalizers remaining: \
             example.com/hold in 1 resource instances",
        ]
    );
    pump.merge::<ConfigMap>("team", "held", json!({ "metadata": { "finalizers": null } }));
    assert_eq!(pump.run(), 0, "it looks again only when the time has come");
    pump.advance(15);
    pump.run();
    assert!(!pump.exists::<Namespace>("", "team"));
}
