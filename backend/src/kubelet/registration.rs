//! The node in the API: registered at the start, its Lease renewed, its status kept true.
//!
//! Follows `pkg/kubelet/kubelet_node_status.go` of kubernetes/kubernetes and
//! `component-helpers/apimachinery/lease`.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::api::core::v1::{Node, NodeStatus, ObjectReference};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta, OwnerReference};
use shared::api::object::SharedObject;
use shared::api::status;
use shared::apiserver::Result;
use shared::recorder::Note;

use super::node::Kubelet;
use super::reporter::insist;

/// The namespace of the nodes' leases.
const LEASES: &str = "kube-node-lease";
/// How long a lease holds, in seconds (`nodeLeaseDurationSeconds`).
const LEASE_SECONDS: i32 = 40;
/// How often it is renewed: a quarter of that.
const RENEWAL: SignedDuration = SignedDuration::from_secs(10);
/// How often the node's status is written though nothing changed (`nodeStatusReportFrequency`).
const STATUS_PERIOD: SignedDuration = SignedDuration::from_mins(5);
/// How soon a failed write is tried again.
const RETRY: Duration = Duration::from_millis(500);

/// Creates the Node, or takes over the one that an earlier start left, until that succeeds.
pub(super) async fn register(kubelet: &Arc<Kubelet>) {
    while let Err(error) = try_register(kubelet).await {
        tracing::warn!(node = kubelet.name(), message = error.message, "the node was not registered");
        tokio::time::sleep(RETRY).await;
    }
    kubelet.spawn(tell(kubelet.clone()));
}

/// The node's first events, in upstream's order.
async fn tell(kubelet: Arc<Kubelet>) {
    const CONDITIONS: [&str; 4] =
        ["NodeHasSufficientMemory", "NodeHasNoDiskPressure", "NodeHasSufficientPID", "NodeReady"];
    kubelet.events.record(&note(&kubelet, "Starting", "Starting kubelet.".into())).await;
    for reason in CONDITIONS {
        let message = format!("Node {} status is now: {reason}", kubelet.name());
        kubelet.events.record(&note(&kubelet, reason, message)).await;
    }
}

pub(super) fn note(kubelet: &Kubelet, reason: &str, message: String) -> Note {
    let regarding = ObjectReference {
        api_version: Some("v1".into()),
        kind: Some("Node".into()),
        name: Some(kubelet.name().to_owned()),
        uid: Some(kubelet.name().to_owned()),
        ..ObjectReference::default()
    };
    Note { regarding, type_: "Normal", reason: reason.to_owned(), message }
}

async fn try_register(kubelet: &Kubelet) -> Result<()> {
    let mut node = kubelet.machine.node(kubelet.now());
    node.status.get_or_insert_default().images = Some(kubelet.images.list());
    match kubelet.client.create(node).await {
        Ok(_) => {}
        Err(error) if status::is(&error, "AlreadyExists") => write_status(kubelet).await?,
        Err(error) => return Err(error),
    }
    renew(kubelet).await
}

/// Reads the Node, until that succeeds.
pub(super) async fn read(kubelet: &Kubelet) -> SharedObject {
    loop {
        match kubelet.client.get::<Node>("", kubelet.name()).await {
            Ok(node) => return node,
            Err(error) => {
                tracing::warn!(node = kubelet.name(), message = error.message, "the node was not read")
            }
        }
        tokio::time::sleep(RETRY).await;
    }
}

/// Renews the Lease and the status for ever; the status at once when the images change.
pub(super) async fn keep_alive(kubelet: Arc<Kubelet>) {
    let mut status_due = after(kubelet.now(), STATUS_PERIOD);
    let mut images = kubelet.images.list();
    loop {
        kubelet.clock.sleep_until(after(kubelet.now(), RENEWAL)).await;
        kubelet.while_paused().await;
        if let Err(error) = renew(&kubelet).await {
            tracing::warn!(
                node = kubelet.name(),
                message = error.message,
                "the node's lease was not renewed"
            );
        }
        if kubelet.now() >= status_due || images != kubelet.images.list() || !is_told(&kubelet).await {
            images = kubelet.images.list();
            if let Err(error) = write_status(&kubelet).await {
                tracing::warn!(
                    node = kubelet.name(),
                    message = error.message,
                    "the node's status was not written"
                );
            }
            status_due = after(kubelet.now(), STATUS_PERIOD);
        }
    }
}

/// Whether the API has the node's conditions as they are; a node that cannot be read is not told to either.
async fn is_told(kubelet: &Kubelet) -> bool {
    let node = kubelet.client.get::<Node>("", kubelet.name()).await;
    let node = node.as_ref().ok().and_then(|node| node.downcast_ref::<Node>());
    node.and_then(|node| node.status.as_ref()).is_none_or(|status| kubelet.machine.is_told(status))
}

fn after(now: Timestamp, period: SignedDuration) -> Timestamp {
    now.checked_add(period).unwrap_or(now)
}

/// Writes the status over what the node has now; again, if others were faster.
async fn write_status(kubelet: &Kubelet) -> Result<()> {
    insist(|| try_write_status(kubelet).boxed()).await
}

async fn try_write_status(kubelet: &Kubelet) -> Result<()> {
    let stored = kubelet.client.get::<Node>("", kubelet.name()).await?;
    let mut node = stored.downcast_ref::<Node>().cloned().unwrap_or_default();
    let before = node.status.take().unwrap_or_default();
    let status = kubelet.machine.status(&before, kubelet.now());
    node.status = Some(NodeStatus { images: Some(kubelet.images.list()), ..status });
    kubelet.client.update_status(node).await.map(drop)
}

/// Renews the Lease, or creates it.
async fn renew(kubelet: &Kubelet) -> Result<()> {
    match kubelet.client.get::<Lease>(LEASES, kubelet.name()).await {
        Ok(lease) => kubelet.client.update(renewed(kubelet, &lease)).await.map(drop),
        Err(error) if status::is(&error, "NotFound") => {
            kubelet.client.create(first(kubelet).await).await.map(drop)
        }
        Err(error) => Err(error),
    }
}

fn renewed(kubelet: &Kubelet, lease: &SharedObject) -> Lease {
    let mut lease = lease.downcast_ref::<Lease>().cloned().unwrap_or_default();
    let spec = lease.spec.get_or_insert_default();
    spec.renew_time = Some(MicroTime(kubelet.now()));
    spec.holder_identity = Some(kubelet.name().to_owned());
    spec.lease_duration_seconds = Some(LEASE_SECONDS);
    lease
}

async fn first(kubelet: &Kubelet) -> Lease {
    let node = kubelet.client.get::<Node>("", kubelet.name()).await.ok();
    let owner = node.and_then(|node| {
        Some(OwnerReference {
            api_version: "v1".into(),
            kind: "Node".into(),
            name: kubelet.name().to_owned(),
            uid: node.metadata().uid.clone()?,
            ..OwnerReference::default()
        })
    });
    let metadata = ObjectMeta {
        name: Some(kubelet.name().to_owned()),
        namespace: Some(LEASES.into()),
        owner_references: owner.map(|owner| vec![owner]),
        ..ObjectMeta::default()
    };
    let spec = LeaseSpec {
        holder_identity: Some(kubelet.name().to_owned()),
        lease_duration_seconds: Some(LEASE_SECONDS),
        renew_time: Some(MicroTime(kubelet.now())),
        ..LeaseSpec::default()
    };
    Lease { metadata, spec: Some(spec) }
}
