//! The local provisioner's task: makes and removes the directories of nodes that are volumes, and writes the
//! volumes. What is to be done is decided in `shared::persistent_volume::provisioner`; events are those of
//! kubernetes-sigs/sig-storage-lib-external-provisioner and kubernetes-csi/external-resizer.

use std::collections::BTreeSet;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Node, ObjectReference, PersistentVolume, PersistentVolumeClaim};
use k8s_openapi::api::storage::v1::StorageClass;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{DeleteOptions, Status};
use serde_json::json;
use shared::api::status;
use shared::apiserver::request::ListOptions;
use shared::client::Client;
use shared::persistent_volume::provisioner::{Job, Provisioner, Work};
use shared::persistent_volume::{SELECTED_NODE, annotation, class_of_claim, mounting, provisioning};
use shared::recorder::{Note, regarding};
use tokio::sync::mpsc;

use crate::clock::ClusterClock;
use crate::component_log::ComponentLog;
use crate::kubelet::Nodes;
use crate::pump::{EventSink, Tasks, Told, inform};

/// The collections that are followed.
const COLLECTIONS: [&str; 4] = ["PersistentVolumeClaim", "PersistentVolume", "StorageClass", "Node"];

/// What jobs are done with.
struct Worker {
    client: Client,
    events: EventSink,
    nodes: Arc<Nodes>,
    log: ComponentLog,
}

/// Provisions until the task is dropped.
pub(crate) async fn run(client: Client, clock: Arc<ClusterClock>, nodes: Arc<Nodes>, log: ComponentLog) {
    let (inputs, mut received) = mpsc::unbounded_channel();
    let all = ListOptions::default;
    let of = |kind: &'static str| move |told: Told| (kind, told);
    let [claims, volumes, classes, hosts] = COLLECTIONS;
    let mut tasks = Tasks::default();
    tasks.spawn(inform::<PersistentVolumeClaim, _>(client.clone(), all(), inputs.clone(), of(claims)));
    tasks.spawn(inform::<PersistentVolume, _>(client.clone(), all(), inputs.clone(), of(volumes)));
    tasks.spawn(inform::<StorageClass, _>(client.clone(), all(), inputs.clone(), of(classes)));
    tasks.spawn(inform::<Node, _>(client.clone(), all(), inputs, of(hosts)));
    let events = EventSink::new(client.clone(), provisioning::PROVISIONER, "");
    log.info(&format!("Started provisioner controller {}", provisioning::PROVISIONER));
    let worker = Worker { client: client.clone(), events, nodes, log };
    let (mut provisioner, mut unread) = (Provisioner::default(), BTreeSet::from(COLLECTIONS));
    loop {
        let now = client.server().clock().now();
        let due = provisioner.next_due(now).filter(|_| unread.is_empty());
        tokio::select! {
            told = received.recv() => match told {
                Some((kind, Told::Synced)) => drop(unread.remove(kind)),
                Some((_, Told::Changed(change, object))) => provisioner.on_change(change, &object),
                None => return,
            },
            () = sleep_until(&clock, due) => {}
            never = tasks.watch() => match never {},
        }
        if unread.is_empty() && received.is_empty() {
            work(&mut provisioner, &worker).await;
        }
    }
}

async fn sleep_until(clock: &ClusterClock, moment: Option<jiff::Timestamp>) {
    match moment {
        Some(moment) => clock.sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// Does what is to be done now, one thing after the other.
async fn work(provisioner: &mut Provisioner, worker: &Worker) {
    for Job { id, work } in provisioner.jobs(worker.now()) {
        let success = match work {
            Work::Provision { claim, volume } => worker.provision(&claim, volume).await,
            Work::Delete { volume, place } => worker.delete(&volume, place).await,
            Work::Expand { claim, volume, size } => worker.expand(&claim, &volume, &size).await,
        };
        provisioner.on_outcome(&id, success, worker.now());
    }
}

fn message(status: Box<Status>) -> String {
    status.message.unwrap_or_default()
}

/// Nothing is to be done for what is done already, or gone.
fn unless(reason: &str, outcome: shared::apiserver::Result<()>) -> Result<(), String> {
    match outcome {
        Err(error) if status::is(&error, reason) => Ok(()),
        outcome => outcome.map_err(message),
    }
}

fn of_claim(claim: &PersistentVolumeClaim) -> (String, String) {
    let text = |part: &Option<String>| part.clone().unwrap_or_default();
    (text(&claim.metadata.namespace), text(&claim.metadata.name))
}

fn claim_reference(claim: &PersistentVolumeClaim) -> ObjectReference {
    let (namespace, name) = of_claim(claim);
    regarding("PersistentVolumeClaim", &namespace, &name, claim.metadata.uid.clone())
}

impl Worker {
    fn now(&self) -> jiff::Timestamp {
        self.client.server().clock().now()
    }

    async fn tell(&self, regarding: ObjectReference, type_: &'static str, reason: &str, message: String) {
        self.log.info(&format!("\"Event occurred\" type={type_:?} reason={reason:?} message={message:?}"));
        self.events.record(&Note { regarding, type_, reason: reason.to_owned(), message }).await;
    }

    async fn provision(
        &self,
        claim: &PersistentVolumeClaim,
        volume: Result<(String, Box<PersistentVolume>), String>,
    ) -> bool {
        let (namespace, name) = of_claim(claim);
        let about = claim_reference(claim);
        let begun = format!("External provisioner is provisioning volume for claim \"{namespace}/{name}\"");
        self.tell(about.clone(), "Normal", "Provisioning", begun).await;
        let made = match volume {
            Ok((node, volume)) => self.make(&node, *volume).await,
            Err(why) => Err(why),
        };
        match made {
            Ok(volume) => {
                let message = format!("Successfully provisioned volume {volume}");
                self.tell(about, "Normal", "ProvisioningSucceeded", message).await;
                true
            }
            Err(why) => {
                let class = class_of_claim(claim);
                let message = format!("failed to provision volume with StorageClass {class:?}: {why}");
                self.tell(about, "Warning", "ProvisioningFailed", message).await;
                self.give_node_back(claim, &why).await;
                false
            }
        }
    }

    /// Makes the directory, then the volume; the volume's name.
    async fn make(&self, node: &str, volume: PersistentVolume) -> Result<String, String> {
        let path = provisioning::path_of(&volume).unwrap_or_default().to_owned();
        let kubelet = self.nodes.get(node).ok_or_else(|| format!("node {node:?} does not run"))?;
        kubelet.make_volume_directory(&path).await?;
        let name = volume.metadata.name.clone().unwrap_or_default();
        unless("AlreadyExists", self.client.create(volume).await.map(drop))?;
        Ok(name)
    }

    /// A node that is gone will never have the volume: the scheduler is to choose again.
    async fn give_node_back(&self, claim: &PersistentVolumeClaim, why: &str) {
        if annotation(&claim.metadata, SELECTED_NODE).is_none() || !why.ends_with("not found") {
            return;
        }
        let (namespace, name) = of_claim(claim);
        let patch = json!({ "metadata": { "annotations": { SELECTED_NODE: null } } });
        if let Err(error) = self.client.merge::<PersistentVolumeClaim>(&namespace, &name, patch).await {
            self.log.error(&message(error));
        }
    }

    async fn delete(&self, volume: &PersistentVolume, place: Result<(String, String), String>) -> bool {
        let name = volume.metadata.name.as_deref().unwrap_or_default();
        let gone = match place {
            Ok((node, path)) => self.remove(name, &node, &path).await,
            Err(why) => Err(why),
        };
        let Err(why) = gone else {
            self.log.info(&format!("\"Deleted volume\" PV={name:?}"));
            return true;
        };
        let about = regarding("PersistentVolume", "", name, volume.metadata.uid.clone());
        self.tell(about, "Warning", "VolumeFailedDelete", why).await;
        false
    }

    /// Removes the directory, then the volume.
    async fn remove(&self, name: &str, node: &str, path: &str) -> Result<(), String> {
        let kubelet = self.nodes.get(node).ok_or_else(|| format!("node {node:?} does not run"))?;
        kubelet.remove_volume_directory(path).await?;
        let deleted = self.client.delete::<PersistentVolume>("", name, DeleteOptions::default()).await;
        unless("NotFound", deleted)
    }

    async fn expand(&self, claim: &PersistentVolumeClaim, volume: &str, size: &Quantity) -> bool {
        let about = claim_reference(claim);
        let begun = format!("External resizer is resizing volume {volume}");
        self.tell(about.clone(), "Normal", "Resizing", begun).await;
        match self.grow(claim, volume, size).await {
            Ok(()) => {
                let message = "Resize volume succeeded".to_owned();
                self.tell(about, "Normal", "VolumeResizeSuccessful", message).await;
                true
            }
            Err(why) => {
                let resizer = provisioning::PROVISIONER;
                let message = format!("resize volume {volume:?} by resizer {resizer:?} failed: {why}");
                self.tell(about, "Warning", "VolumeResizeFailed", message).await;
                false
            }
        }
    }

    /// Lets pods that have the volume mounted write as much as it holds now; others will when they mount it.
    fn make_room(&self, volume: &PersistentVolume) {
        let node = provisioning::hostname_of(volume).and_then(|host| self.nodes.get(host));
        if let (Some(node), Some(path), Some(size)) =
            (node, provisioning::path_of(volume), mounting::size_bytes(volume))
        {
            node.resize_volume(path, size);
        }
    }

    async fn grow(&self, claim: &PersistentVolumeClaim, volume: &str, size: &Quantity) -> Result<(), String> {
        let (namespace, name) = of_claim(claim);
        let capacity = json!({ "spec": { "capacity": { "storage": size } } });
        let grown = self.client.merge::<PersistentVolume>("", volume, capacity).await.map_err(message)?;
        grown.downcast_ref::<PersistentVolume>().into_iter().for_each(|grown| self.make_room(grown));
        let capacity = json!({ "status": { "capacity": { "storage": size } } });
        let told = self.client.patch_status::<PersistentVolumeClaim>(&namespace, &name, capacity).await;
        told.map(drop).map_err(message)
    }
}
