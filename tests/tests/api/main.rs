//! The API as a client library sees it: kube-rs over TLS with the kubeconfig, and the page's door.

#![allow(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

mod collections;
mod discovery;
mod doors;
mod objects;
mod patches;
mod pods;
mod refusals;
mod streams;
mod watches;

use std::sync::Arc;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, Client};
use serde_json::json;
use tests::Server;
use tests::objects::{from_json, namespace};

/// What every namespace has.
const ROOT_CA: &str = "kube-root-ca.crt";

/// The shared server, a client, and a namespace that is the test's own.
async fn world(name: &str) -> (Arc<Server>, Client) {
    let server = Server::shared();
    let client = server.client().await.unwrap();
    namespace(&client, name).await.unwrap();
    (server, client)
}

/// The config maps of a namespace: objects that nothing acts on, beside the one that every namespace has.
async fn config_maps(name: &str) -> (Arc<Server>, Api<ConfigMap>) {
    let (server, client) = world(name).await;
    let maps = Api::<ConfigMap>::namespaced(client, name);
    tests::eventually("the namespace has its certificates", async || Ok(maps.get(ROOT_CA).await?)).await;
    (server, maps)
}

fn config_map(name: &str, key: &str, value: &str) -> ConfigMap {
    from_json(json!({"metadata": {"name": name, "labels": {"key": key}}, "data": {key: value}}))
}

/// The Status that a refused request was answered with: code, reason and message.
fn refusal<T: std::fmt::Debug>(outcome: kube::Result<T>) -> (u16, String, String) {
    match outcome {
        Err(kube::Error::Api(status)) => (status.code, status.reason.clone(), status.message.clone()),
        other => panic!("not refused: {other:?}"),
    }
}
