//! What a kubelet has: its node's name and place, its access to the API, the runtime, the network.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use k8s_openapi::api::core::v1::NodeStatus;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use shared::client::Client;
use shared::kubelet::node_status::Machine;
use shared::kubelet::pod_ip::PodAddresses;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::ClusterClock;
use crate::faults::FaultBoard;
use crate::images::ImageService;
use crate::network::PodNetwork;
use crate::pump::EventSink;
use crate::runtime::{DiskMeter, Runtime};

use super::component::Components;
use super::disk_usage;
use super::image::Images;
use super::leftovers;
use super::logs::RunningLogs;
use super::running::RunningContainers;
use super::services::Services;
use super::volumes::file_systems::FileSystems;
use super::volumes::objects::Objects;

/// What a kubelet is made of.
#[derive(Clone)]
pub struct NodeOptions {
    /// What the node is.
    pub machine: Machine,
    /// The node's own directory.
    pub directory: PathBuf,
    /// Access to the API under the node's name.
    pub client: Client,
    /// The cluster's clock.
    pub clock: Arc<ClusterClock>,
    /// The container runtime.
    pub runtime: Runtime,
    /// The images of the cluster.
    pub images: Arc<ImageService>,
    /// The node's own place on the network.
    pub network: PodNetwork,
    /// The parts of this program that can run here as containers.
    pub components: Arc<Components>,
    /// What is wrong on purpose.
    pub faults: Arc<FaultBoard>,
}

/// The kubelet of one node.
pub struct Kubelet {
    pub(super) machine: Machine,
    pub(super) address: Ipv4Addr,
    pub(super) directory: PathBuf,
    pub(super) client: Client,
    pub(super) clock: Arc<ClusterClock>,
    pub(super) runtime: Runtime,
    /// The node's own network namespace.
    pub(super) network: PodNetwork,
    pub(super) components: Arc<Components>,
    pub(super) faults: Arc<FaultBoard>,
    pub(super) images: Images,
    pub(super) events: EventSink,
    pub(super) logs: RunningLogs,
    pub(super) services: Services,
    pub(super) running: RunningContainers,
    /// What all its pods may write to the disk.
    pub(super) disk: Arc<DiskMeter>,
    /// The volumes that have a size of their own.
    pub(super) file_systems: Arc<FileSystems>,
    /// The objects that volumes of its pods are made of.
    pub(super) objects: Objects,
    addresses: Mutex<Option<PodAddresses>>,
    /// What goes on beside the loop, and ends with it.
    tasks: TaskTracker,
    ended: CancellationToken,
}

impl Kubelet {
    /// A kubelet that does not run yet; see [`Kubelet::run`].
    pub fn new(options: NodeOptions) -> Arc<Kubelet> {
        let events = EventSink::new(options.client.clone(), "kubelet", &options.machine.name);
        Arc::new(Kubelet {
            images: Images::new(
                &options.machine,
                options.runtime.clone(),
                options.components.clone(),
                options.images,
            ),
            machine: options.machine,
            address: options.network.ip(),
            directory: options.directory,
            client: options.client,
            clock: options.clock,
            runtime: options.runtime,
            network: options.network,
            components: options.components,
            faults: options.faults,
            events,
            logs: RunningLogs::default(),
            services: Services::default(),
            running: RunningContainers::default(),
            disk: disk_usage::of_node(),
            file_systems: Arc::default(),
            objects: Objects::default(),
            addresses: Mutex::new(None),
            tasks: TaskTracker::new(),
            ended: CancellationToken::new(),
        })
    }

    /// The node's name.
    pub fn name(&self) -> &str {
        &self.machine.name
    }

    /// Waits while the node is paused.
    pub(super) async fn while_paused(&self) {
        self.faults.until(|faults| !faults.is_paused(self.name())).await;
    }

    /// Kills a container that runs, without a word; false where it does not run.
    pub(crate) async fn kill_container(&self, uid: &str, container: &str) -> bool {
        let Some(found) = self.running.get(uid, container) else { return false };
        found.running.kill(std::time::Duration::ZERO).await;
        true
    }

    /// Does something beside the loop, for as long as that runs.
    pub(super) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let ended = self.ended.clone();
        self.tasks.spawn(async move { ended.run_until_cancelled(work).await });
    }

    /// The loop is over: ends what goes on beside it.
    pub(super) async fn end_tasks(&self) {
        self.ended.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// The cluster's time.
    pub(super) fn now(&self) -> jiff::Timestamp {
        self.client.server().clock().now()
    }

    /// What pods may use of the node.
    pub(super) fn allocatable(&self) -> BTreeMap<String, Quantity> {
        self.machine.status(&NodeStatus::default(), self.now()).allocatable.unwrap_or_default()
    }

    fn addresses(&self) -> MutexGuard<'_, Option<PodAddresses>> {
        self.addresses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The node was given a block of addresses for its pods; the first one stays.
    pub(super) fn set_pod_cidr(&self, cidr: &str) {
        let mut addresses = self.addresses();
        if addresses.is_some() {
            return;
        }
        match cidr.parse() {
            Ok(block) => *addresses = Some(PodAddresses::new(block)),
            Err(error) => tracing::error!(node = self.name(), %error, "the node's pod CIDR cannot be used"),
        }
    }

    /// Whether the node has a block of addresses for its pods.
    pub(super) fn has_addresses(&self) -> bool {
        self.addresses().is_some()
    }

    /// An address for a pod; the error is the message of `FailedCreatePodSandBox`.
    pub(super) fn take_address(&self) -> Result<Ipv4Addr, String> {
        match &mut *self.addresses() {
            None => Err("the node has no pod CIDR yet".into()),
            Some(addresses) => {
                addresses.take().ok_or_else(|| "no IP addresses available in the node's range".into())
            }
        }
    }

    /// Gives a pod's address back.
    pub(super) fn release_address(&self, address: Ipv4Addr) {
        if let Some(addresses) = &mut *self.addresses() {
            addresses.release(address);
        }
    }

    /// Where a pod's volumes and its containers' files lie.
    pub(super) fn pod_directory(&self, uid: &str) -> PathBuf {
        self.directory.join(leftovers::PODS).join(uid)
    }

    /// Where static pods' manifests lie.
    pub(super) fn manifests(&self) -> PathBuf {
        manifests(&self.directory)
    }
}

/// Where the manifests of static pods lie on a node with this directory.
pub(crate) fn manifests(node_directory: &Path) -> PathBuf {
    node_directory.join("etc/kubernetes/manifests")
}

impl Kubelet {
    /// The cluster's clock as the runtime wants it.
    pub(super) fn clock_source(&self) -> crate::runtime::Clock {
        let clock = self.clock.clone();
        Arc::new(move || shared::given::Clock::now(&*clock))
    }
}
