//! Objects that tests begin with, and what they wait for.

use anyhow::{Context as _, Result, bail};
use k8s_openapi::api::core::v1::{Namespace, Pod, ServiceAccount};
use kube::api::PostParams;
use kube::{Api, Client};
use serde_json::{Value, json};

use crate::eventually;

/// The book's pod, as the page's first example has it.
pub const BOOK_POD: &str = include_str!("../../static/examples/pod.yaml");

/// A pod of one container from an image, which runs a shell script if one is given.
pub fn pod(name: &str, image: &str, script: Option<&str>) -> Pod {
    let mut container = json!({"name": "main", "image": image});
    if let Some(script) = script {
        container["command"] = json!(["sh", "-c", script]);
    }
    from_json(json!({
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {"restartPolicy": "Never", "terminationGracePeriodSeconds": 1, "containers": [container]},
    }))
}

/// An object from its JSON.
///
/// # Panics
/// When it is none of that kind.
pub fn from_json<K: serde::de::DeserializeOwned>(value: Value) -> K {
    serde_json::from_value(value).unwrap_or_else(|error| panic!("no such object: {error}"))
}

/// A namespace of this name, which is made. It takes pods once its `default` ServiceAccount is there.
///
/// # Errors
/// When the server refuses it.
pub async fn namespace(client: &Client, name: &str) -> Result<()> {
    let namespace = from_json(json!({"metadata": {"name": name}}));
    Api::<Namespace>::all(client.clone()).create(&PostParams::default(), &namespace).await?;
    takes_pods(client, name).await;
    Ok(())
}

/// Waits until pods can be created in a namespace.
pub async fn takes_pods(client: &Client, namespace: &str) {
    let accounts = Api::<ServiceAccount>::namespaced(client.clone(), namespace);
    eventually("there is a default ServiceAccount", async || Ok(accounts.get("default").await?)).await;
}

/// Waits until a pod is in a phase, and returns it.
pub async fn in_phase(pods: &Api<Pod>, name: &str, phase: &str) -> Pod {
    eventually(&format!("pod {name} is {phase}"), async || {
        let pod = pods.get(name).await?;
        let status = pod.status.as_ref().context("no status")?;
        match status.phase.as_deref() == Some(phase) {
            true => Ok(pod),
            false => bail!("{}", serde_json::to_string(status)?),
        }
    })
    .await
}

/// The pod's IP, empty while it has none.
pub fn pod_ip(pod: &Pod) -> &str {
    pod.status.as_ref().and_then(|status| status.pod_ip.as_deref()).unwrap_or_default()
}

/// How often the containers of a pod were started again, in the order of its status.
pub fn restart_counts(pod: &Pod) -> Vec<i32> {
    let statuses = pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
    statuses.map(|status| status.restart_count).collect()
}
