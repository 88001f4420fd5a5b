//! Fetching the image of a container from its registry, with what the pod's Secrets hold.
//!
//! Follows `EnsureImageExists` in `pkg/kubelet/images/image_manager.go`, `puller.go` beside it and
//! `getPullSecretsForPod` in `pkg/kubelet/kubelet_pods.go` of kubernetes/kubernetes.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::{Pod, Secret};
use shared::api::pod_containers::pod_containers;
use shared::images::credentials::Keyring;
use shared::images::pull::{self, Decision, Presence};
use shared::images::pulled::PullSecret;
use shared::kubelet::action::{PullError, Pulled};
use shared::recorder::{Note, regarding};

use super::image::{Found, Source, explained, read, repo_digest};
use super::node::Kubelet;
use super::pod::blocking;
use crate::images::{Image, Progress, Reference, refused};

/// How often a pull says how far it is.
const PROGRESS_PERIOD: Duration = Duration::from_secs(15);

/// Fetches an image, when it is this one's turn on the node; the error is what the container waits with.
pub(super) async fn pull(
    kubelet: &Kubelet,
    pod: &Pod,
    container: &str,
    name: &str,
) -> Result<Pulled, PullError> {
    let reference = read(name)?;
    let asked = Instant::now();
    let keyring = keyring(kubelet, pod).await;
    // It is never closed.
    let _turn = kubelet.images.turn.acquire().await;
    let begun = Instant::now();
    let progress = Progress::default();
    let telling = tell(kubelet, pod, container, name, &progress);
    let image = tokio::select! {
        image = fetch(kubelet, &reference, &keyring, &progress) => image?,
        never = telling => match never {},
    };
    let message = pull::pulled(name, begun.elapsed(), asked.elapsed(), image.size_bytes);
    Ok(Pulled { image_id: repo_digest(name, &image.digest), message })
}

/// The image of a volume, by its pull policy, with the events of its pull; the error is a sentence.
pub(super) async fn obtain(
    kubelet: &Kubelet,
    pod: &Pod,
    name: &str,
    policy: Option<&str>,
) -> Result<Arc<Image>, String> {
    let images = &kubelet.images;
    let mut decision = images.decide(name, policy, Source::Api);
    if decision == Decision::Verify {
        let reference = read(name).map_err(|error| error.message)?;
        let presence = images.verify(&reference, &sources(&keyring(kubelet, pod).await, &reference));
        decision = pull::decide(name, policy, presence);
    }
    match decision {
        Decision::Refuse(error) => return Err(error.message),
        Decision::Use | Decision::Verify => {
            record(kubelet, pod, None, "Normal", "Pulled", pull::present(name)).await;
        }
        Decision::Pull => {
            record(kubelet, pod, None, "Normal", "Pulling", pull::pulling(name)).await;
            let pulled = self::pull(kubelet, pod, "", name)
                .await
                .map_err(|error| format!("Failed to pull image {name:?}: {}", error.message))?;
            record(kubelet, pod, None, "Normal", "Pulled", pulled.message).await;
        }
    }
    match images.find(name, Source::Api).map_err(|error| error.message)? {
        Found::Image(image) => Ok(image),
        Found::Component => Err(format!("{name} is a part of this program and has no files")),
    }
}

/// Looks whether the pod's Secrets open an image that is on the node.
pub(super) async fn verify(kubelet: &Arc<Kubelet>, pod: &Pod, name: &str) -> Presence {
    let Ok(reference) = read(name) else { return Presence::Absent };
    let secrets = sources(&keyring(kubelet, pod).await, &reference);
    let kubelet = kubelet.clone();
    // Without an answer the registry is asked.
    blocking(move || kubelet.images.verify(&reference, &secrets)).await.unwrap_or(Presence::Withheld)
}

/// The Secrets that may open an image.
fn sources(keyring: &Keyring, reference: &Reference) -> Vec<PullSecret> {
    keyring.lookup(&reference.name()).into_iter().map(|tracked| tracked.source).collect()
}

async fn fetch(
    kubelet: &Kubelet,
    reference: &Reference,
    keyring: &Keyring,
    progress: &Progress,
) -> Result<Arc<Image>, PullError> {
    if kubelet.faults.holds(|faults| faults.is_refused(kubelet.name(), &reference.registry)) {
        return Err(explained(reference, refused(reference)));
    }
    let (images, credentials) = (&kubelet.images, keyring.lookup(&reference.name()));
    let pull = images.service.pull(&images.stored, reference, credentials, kubelet.now(), progress);
    pull.await.map_err(|error| explained(reference, error))
}

/// What the Secrets that a pod names hold. One that is missing or cannot be read is said, and left out.
async fn keyring(kubelet: &Kubelet, pod: &Pod) -> Keyring {
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    let secrets = pod.spec.iter().flat_map(|spec| spec.image_pull_secrets.iter().flatten());
    let (mut keyring, mut missing) = (Keyring::default(), Vec::new());
    for secret in secrets {
        let found = kubelet.client.get::<Secret>(namespace, &secret.name).await.ok();
        let added = found.and_then(|found| keyring.add(found.downcast_ref::<Secret>()?).ok());
        if added.is_none() {
            missing.push(secret.name.clone());
        }
    }
    if !missing.is_empty() {
        let message = format!(
            "Unable to retrieve some image pull secrets ({}); attempting to pull the image may not succeed.",
            missing.join(", ")
        );
        record(kubelet, pod, None, "Warning", "FailedToRetrieveImagePullSecret", message).await;
    }
    keyring
}

/// Tells how far a long pull is, for as long as it goes on.
async fn tell(
    kubelet: &Kubelet,
    pod: &Pod,
    container: &str,
    name: &str,
    progress: &Progress,
) -> std::convert::Infallible {
    loop {
        tokio::time::sleep(PROGRESS_PERIOD).await;
        let (done, total) = (progress.done.load(Ordering::Relaxed), progress.total.load(Ordering::Relaxed));
        if total > 0 {
            let message = pull::progress(name, done, total);
            record(kubelet, pod, Some(container), "Normal", "Pulling", message).await;
        }
    }
}

async fn record(
    kubelet: &Kubelet,
    pod: &Pod,
    container: Option<&str>,
    type_: &'static str,
    reason: &str,
    message: String,
) {
    let metadata = &pod.metadata;
    let (namespace, name) = (metadata.namespace.as_deref(), metadata.name.as_deref());
    let mut regarding =
        regarding("Pod", namespace.unwrap_or_default(), name.unwrap_or_default(), metadata.uid.clone());
    let field_path = |name: &str| {
        let all = pod_containers(pod.spec.as_ref()?);
        let found = all.into_iter().find(|found| found.container.name == name)?;
        Some(found.role.field_path(name))
    };
    regarding.field_path = container.and_then(field_path);
    kubelet.events.record(&Note { regarding, type_, reason: reason.to_owned(), message }).await;
}
