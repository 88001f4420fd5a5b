//! A namespace in which tests about images run their pods.

use std::sync::Arc;

use anyhow::{Context as _, bail};
use k8s_openapi::api::core::v1::{Event, Pod, Secret};
use kube::api::{ListParams, LogParams, PostParams};
use kube::{Api, Client};
use serde_json::{Value, json};
use tests::objects::{from_json, in_phase, namespace};
use tests::registry::USER;
use tests::{Server, eventually};

/// A namespace of a server.
pub(crate) struct Place {
    pub(crate) server: Arc<Server>,
    pub(crate) client: Client,
    pub(crate) namespace: String,
}

impl Place {
    pub(crate) async fn new(name: &str) -> Place {
        Place::on(Server::shared(), name).await
    }

    /// A namespace on a server.
    pub(crate) async fn on(server: Arc<Server>, name: &str) -> Place {
        let client = server.client().await.unwrap();
        namespace(&client, name).await.unwrap();
        Place { server, client, namespace: name.to_owned() }
    }

    pub(crate) fn pods(&self) -> Api<Pod> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Creates a pod of one container; `more` is put into its spec.
    pub(crate) async fn run(&self, name: &str, container: Value, more: Value) {
        let mut container = container;
        container["name"] = json!("main");
        let mut spec = json!({"restartPolicy": "Never", "containers": [container]});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let pod = from_json(json!({"metadata": {"name": name}, "spec": spec}));
        self.pods().create(&PostParams::default(), &pod).await.unwrap();
    }

    /// What a pod that ended well printed.
    pub(crate) async fn printed(&self, name: &str) -> String {
        in_phase(&self.pods(), name, "Succeeded").await;
        self.pods().logs(name, &LogParams::default()).await.unwrap()
    }

    /// Waits until the container waits or ended with this reason, and returns the message.
    pub(crate) async fn told(&self, name: &str, reason: &str) -> String {
        eventually(&format!("{name} says {reason}"), async || {
            let pod = self.pods().get(name).await?;
            let status = pod.status.context("no status")?.container_statuses.unwrap_or_default();
            let state = status.into_iter().next().and_then(|status| status.state).context("no state")?;
            let waiting = state.waiting.map(|waiting| (waiting.reason, waiting.message));
            let ended = state.terminated.map(|ended| (ended.reason, ended.message));
            match waiting.or(ended) {
                Some((Some(found), message)) if found == reason => Ok(message.unwrap_or_default()),
                other => bail!("{other:?}"),
            }
        })
        .await
    }

    /// Waits for an event about a pod that begins like this.
    pub(crate) async fn event(&self, name: &str, reason: &str, start: &str) -> String {
        let events = Api::<Event>::namespaced(self.client.clone(), &self.namespace);
        eventually(&format!("{name} has the event {reason}: {start}"), async || {
            let all = events.list(&ListParams::default()).await?;
            let own =
                all.items.into_iter().filter(|event| event.involved_object.name.as_deref() == Some(name));
            let messages =
                own.filter(|event| event.reason.as_deref() == Some(reason)).filter_map(|event| event.message);
            let messages: Vec<String> = messages.collect();
            messages
                .iter()
                .find(|message| message.starts_with(start))
                .cloned()
                .with_context(|| format!("{messages:?}"))
        })
        .await
    }

    /// A Secret with the test user's name and this password for a registry.
    pub(crate) async fn secret(&self, name: &str, registry: &str, password: &str) {
        let auths = json!({"auths": {registry: {"username": USER.0, "password": password}}});
        let secret: Secret = from_json(json!({
            "metadata": {"name": name},
            "type": "kubernetes.io/dockerconfigjson",
            "stringData": {".dockerconfigjson": auths.to_string()},
        }));
        let secrets = Api::<Secret>::namespaced(self.client.clone(), &self.namespace);
        secrets.create(&PostParams::default(), &secret).await.unwrap();
    }
}

/// The part of a pod's spec that names Secrets for images.
pub(crate) fn pull_secrets(names: &[&str]) -> Value {
    let secrets: Vec<Value> = names.iter().map(|name| json!({"name": name})).collect();
    json!({"imagePullSecrets": secrets})
}
