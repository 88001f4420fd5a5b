//! A node for tests: a kubelet that nobody runs, on an API server in memory.

use std::net::Ipv4Addr;
use std::sync::Arc;

use shared::apiserver::ApiServer;
use shared::apiserver::user::User;
use shared::client::Client;
use shared::store::memory::MemoryStore;
use tempfile::TempDir;

use super::component::ComponentHandle;
use super::launch::Running;
use super::{Component, Components, Kubelet, NodeOptions, services};
use crate::clock::{ClusterClock, SystemEntropy};
use crate::images::{ImageService, RegistryOptions};
use crate::machine;
use crate::network::Network;
use crate::runtime::logs::{LogConfig, LogWriter};
use crate::runtime::{Runtime, RuntimeOptions};

/// The node's name.
pub(super) const NAME: &str = "node-1";

/// A kubelet and its directory.
pub(super) struct Node {
    pub(super) kubelet: Arc<Kubelet>,
    _directory: TempDir,
    pub(super) network: Network,
}

impl Node {
    pub(super) async fn new(components: Components) -> Node {
        let clock = Arc::new(ClusterClock::default());
        let server = ApiServer::new(Arc::new(MemoryStore::new()), clock.clone(), Arc::new(SystemEntropy));
        server.bootstrap(([172, 18, 0, 2], 6443).into()).await.unwrap();
        let directory = tempfile::tempdir().unwrap();
        let address = Ipv4Addr::new(172, 18, 0, 2);
        let network = Network::new();
        let kubelet = Kubelet::new(NodeOptions {
            machine: machine::describe(NAME, address, directory.path()),
            directory: directory.path().to_owned(),
            client: Client::new(server, User::node(NAME), "kubelet"),
            clock,
            runtime: Runtime::new(RuntimeOptions::default()).unwrap(),
            images: Arc::new(
                ImageService::open(&directory.path().join("images"), RegistryOptions::default()).unwrap(),
            ),
            network: network.add_node(NAME, address).unwrap(),
            components: Arc::new(components),
            faults: Arc::default(),
        });
        // Containers wait until it is known which Services there are.
        kubelet.spawn(services::follow(kubelet.clone()));
        Node { kubelet, _directory: directory, network }
    }

    /// A container that is a task without an end.
    pub(super) fn endless(&self) -> Running {
        let clock = self.kubelet.clock_source();
        let path = self.kubelet.directory.join("endless.log");
        let log = LogWriter::create(path, LogConfig::default(), clock.clone()).unwrap();
        let component: Component = Arc::new(|_| Box::pin(std::future::pending()));
        Running::Component(ComponentHandle::start(
            &component,
            vec![],
            log,
            self.kubelet.network.clone(),
            clock,
        ))
    }
}
