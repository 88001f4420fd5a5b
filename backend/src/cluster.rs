//! A whole cluster as one value: everything that runs is a field, nothing is global, and a process can
//! hold many.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use futures::FutureExt;
use shared::apiserver::ApiServer;
use shared::apiserver::registry::Decoded;
use shared::apiserver::user::{INGRESS, User, WAYS_IN};
use shared::client::Client;
use shared::outbound::Allowed;
use shared::store::Store;
use shared::store::memory::MemoryStore;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::apiserver::tls::{Certificates, write_private};
use crate::apiserver::token_key::ServiceAccountKey;
use crate::apiserver::{Context, authorities, router};
use crate::clock::{ClusterClock, SystemEntropy};
use crate::control_plane::{self, Parts, manifests};
use crate::faults::FaultBoard;
use crate::images::{ImageService, RegistryOptions};
use crate::ingress;
use crate::kubelet::{Kubelet, NodeOptions, Nodes};
use crate::machine;
use crate::network::{Network, Outbound, PodNetwork, Stage};
use crate::network_policy::Policies;
use crate::proxy::ProxyRules;
use crate::runtime::{Runtime, RuntimeOptions};
use crate::scheduler::DecisionLog;
use crate::store::RedbStore;
use crate::ways_in::{self, Inside};
use crate::web;

/// The name of the node that runs the control plane.
pub const CONTROL_PLANE: &str = "control-plane";
/// The addresses of all pods; each node has a part of them.
pub(crate) const POD_NETWORK: &str = "10.244.0.0/16";
/// How long connections may take to end at shutdown.
const DRAIN_LIMIT: Duration = Duration::from_secs(2);

/// Which engine keeps the objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreEngine {
    /// A file below the data directory.
    Redb,
    /// Memory alone: gone with the process.
    Memory,
}

/// How a cluster is made.
#[derive(Clone, Debug)]
pub struct ClusterOptions {
    /// Where the page's door listens.
    pub listen: SocketAddr,
    /// Where the API server listens with TLS.
    pub secure_listen: SocketAddr,
    /// Where everything lies that outlives the process.
    pub data_dir: PathBuf,
    /// Which engine keeps the objects.
    pub store: StoreEngine,
    /// How many worker nodes there are beside the control plane's.
    pub nodes: u16,
    /// How many times as fast as real time the cluster's time goes.
    pub clock_rate: f64,
    /// Whether ports of nodes and addresses of load balancers answer on this machine's loopback interface.
    pub publish: bool,
    /// What containers may reach beyond the cluster.
    pub allow_outbound: Vec<Allowed>,
    /// Which registries images are pulled from.
    pub registries: RegistryOptions,
}

/// A running cluster.
pub struct Cluster {
    /// The chain that every request goes through, over the store.
    pub server: ApiServer,
    /// The time that the cluster lives by.
    pub clock: Arc<ClusterClock>,
    /// The kubelets.
    pub nodes: Arc<Nodes>,
    /// The pod network.
    pub network: Network,
    /// What the scheduler decided, and why.
    pub decisions: Arc<DecisionLog>,
    /// Where the page is.
    pub address: SocketAddr,
    /// Where the API server listens with TLS.
    pub secure_address: SocketAddr,
    /// The administrator's kubeconfig.
    pub kubeconfig: PathBuf,
    stop: CancellationToken,
    tasks: TaskTracker,
    parts: Arc<Parts>,
}

impl Cluster {
    /// Starts a cluster, and returns when it answers at both addresses.
    pub async fn start(options: ClusterOptions) -> Result<Cluster> {
        create_private(&options.data_dir).with_context(|| {
            format!("the data directory {} cannot be created", options.data_dir.display())
        })?;
        let store = open_store(&options)?;
        let plain = bind(options.listen, "--listen").await?;
        let secure = bind(options.secure_listen, "--secure-listen").await?;
        let (address, secure_address) = (plain.local_addr()?, secure.local_addr()?);
        let certificates = Certificates::load_or_create(&options.data_dir, secure_address.ip())?;
        let kubeconfig = options.data_dir.join("kubeconfig");
        write_private(&kubeconfig, &certificates.kubeconfig(secure_address)?)?;

        let clock = Arc::new(ClusterClock::default());
        clock.set_rate(options.clock_rate);
        let key = ServiceAccountKey::load_or_create(&options.data_dir)?;
        let server = ApiServer::new(store.clone(), clock.clone(), Arc::new(SystemEntropy))
            .with_token_key(Arc::new(key));
        server.bootstrap(SocketAddr::from((node_address(0), API_SERVER_PORT))).await.map_err(|status| {
            anyhow::anyhow!(
                "the cluster's first objects cannot be written: {}",
                status.message.unwrap_or_default()
            )
        })?;

        let images = ImageService::open(&options.data_dir.join("images"), options.registries.clone())
            .context("the images of the data directory cannot be opened")?;
        images.name_own_registry([authorities(address), authorities(secure_address)].concat());
        let images = Arc::new(images);

        let (nodes, network) = (Arc::new(Nodes::default()), Network::new());
        let (hosts, proxies, policies) = join_nodes(&network, options.nodes, &clock)?;
        let host = hosts.first().context("a cluster without nodes")?.clone();
        let decisions = Arc::new(DecisionLog::default());
        let faults = Arc::new(FaultBoard::default());
        network.add_rule(Stage::Fault, faults.clone());
        let context = Context {
            server: server.clone(),
            nodes: nodes.clone(),
            network: network.clone(),
            host,
            proxies: Arc::new(proxies),
            ingresses: Arc::default(),
            faults: faults.clone(),
            decisions: decisions.clone(),
            openapi: Arc::default(),
            secure_address: secure_address.to_string().into(),
        };
        let parts = Arc::new(Parts {
            store,
            clock: clock.clone(),
            router: router(context.clone(), images.registry().router().fallback_service(web::page())),
            context,
            policies,
            outbound: way_out(&network, &options.allow_outbound),
            plain,
            secure,
            tls: certificates.server_config()?,
            root_ca: certificates.root_ca().to_owned(),
            connections: TaskTracker::new(),
        });
        for host in &hosts {
            manifests::write(&host.identity().node, &options, secure_address)?;
        }

        let cluster = Cluster {
            server,
            clock,
            nodes,
            network,
            decisions,
            address,
            secure_address,
            kubeconfig,
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            parts,
        };
        cluster.start_ways_in(hosts.clone(), options.publish);
        cluster.start_ingress();
        cluster.start_kubelets(&options, hosts, &images)?;
        cluster.wait_until_it_answers().await?;
        Ok(cluster)
    }

    fn start_kubelets(
        &self,
        options: &ClusterOptions,
        hosts: Vec<PodNetwork>,
        images: &Arc<ImageService>,
    ) -> Result<()> {
        let components = Arc::new(control_plane::components(&self.parts));
        let node_components = Arc::new(control_plane::node_components(&self.parts));
        let runtime = self.runtime(&options.data_dir)?;
        for host in hosts {
            let name = host.identity().node.clone();
            let client = Client::new(self.server.clone(), User::node(&name), "kubelet");
            let options = NodeOptions {
                machine: machine::describe(&name, host.ip(), &options.data_dir),
                directory: node_directory(&options.data_dir, &name),
                client,
                clock: self.clock.clone(),
                runtime: runtime.clone(),
                images: images.clone(),
                network: host,
                components: if name == CONTROL_PLANE { &components } else { &node_components }.clone(),
                faults: self.parts.context.faults.clone(),
            };
            let kubelet = Kubelet::new(options.clone());
            self.nodes.add(kubelet.clone());
            let (nodes, network) = (self.nodes.clone(), self.network.clone());
            self.tasks.spawn(run_node(kubelet, options, nodes, network, self.stop.child_token()));
        }
        Ok(())
    }

    fn start_ways_in(&self, hosts: Vec<PodNetwork>, listens: bool) {
        let inside = Inside::new(self.network.clone(), hosts, self.parts.context.proxies.clone());
        let client = Client::new(self.server.clone(), User::new(WAYS_IN, &[]), "kijabi-ways-in");
        let stop = self.stop.child_token();
        self.tasks.spawn(async move {
            stop.run_until_cancelled(ways_in::run(client, Arc::new(inside), listens)).await;
        });
    }

    fn start_ingress(&self) {
        let client = Client::new(self.server.clone(), User::new(INGRESS, &[]), "kijabi-ingress");
        let (stop, ingresses) = (self.stop.child_token(), self.parts.context.ingresses.clone());
        self.tasks.spawn(async move {
            stop.run_until_cancelled(ingress::run(client, ingresses)).await;
        });
    }

    fn runtime(&self, data_dir: &Path) -> Result<Runtime> {
        let clock = self.clock.clone();
        let options = RuntimeOptions {
            cache_dir: Some(data_dir.join("cache/compiled")),
            memory_bytes: machine::memory_for_guests(),
            clock: Arc::new(move || shared::given::Clock::now(&*clock)),
            ..RuntimeOptions::default()
        };
        Runtime::new(options).context("the WebAssembly runtime cannot start")
    }

    /// Waits until kube-apiserver's container accepts connections at the page's door.
    async fn wait_until_it_answers(&self) -> Result<()> {
        const LIMIT: Duration = Duration::from_secs(30);
        let answered = async {
            while !control_plane::answers(self.address).await {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(LIMIT, answered).await.with_context(|| {
            format!("kube-apiserver did not answer at {} within {} s", self.address, LIMIT.as_secs())
        })
    }

    /// Stops everything, in order: kubelets with their containers, those of the control plane last, then
    /// connections, then the store. After it the addresses and the data directory are free.
    pub async fn stop(self) {
        let Cluster { server, nodes, stop, tasks, parts, .. } = self;
        stop.cancel();
        tasks.close();
        tasks.wait().await;
        parts.connections.close();
        if tokio::time::timeout(DRAIN_LIMIT, parts.connections.wait()).await.is_err() {
            tracing::debug!("connections were still open at the end");
        }
        // The API server knows the kubelets, and they know it.
        nodes.clear();
        drop((server, nodes));
        alone(&parts).await;
        let store = parts.store.clone();
        drop(parts);
        alone(&store).await;
        // Closing a file is work.
        if tokio::task::spawn_blocking(move || drop(store)).await.is_err() {
            tracing::warn!("the store was not closed well");
        }
    }
}

/// Waits until nobody else has this any more, for as long as a stop may take.
async fn alone<T: ?Sized>(held: &Arc<T>) {
    let others_end = async {
        while Arc::strong_count(held) > 1 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    if tokio::time::timeout(DRAIN_LIMIT, others_end).await.is_err() {
        tracing::debug!("a part of the cluster was still in use at the end");
    }
}

/// Runs a node's kubelet, and another one after each crash that was made on purpose.
async fn run_node(
    mut kubelet: Arc<Kubelet>,
    options: NodeOptions,
    nodes: Arc<Nodes>,
    network: Network,
    stop: CancellationToken,
) {
    let name = kubelet.name().to_owned();
    let faults = options.faults.clone();
    loop {
        let power = stop.child_token();
        let running = run_kubelet(kubelet, power.clone());
        tokio::pin!(running);
        tokio::select! {
            () = &mut running => return,
            () = faults.until(|faults| faults.is_crashed(&name)) => {}
        }
        // Nobody finds anything there from now on.
        nodes.remove(&name);
        network.remove_pods_of(&name);
        power.cancel();
        running.await;
        network.remove_pods_of(&name);
        if stop.run_until_cancelled(faults.until(|faults| !faults.is_crashed(&name))).await.is_none() {
            return;
        }
        kubelet = Kubelet::new(options.clone());
        nodes.add(kubelet.clone());
    }
}

/// Runs a kubelet to its end, and tells where that is not the one that was asked for. Its node is then
/// one whose lease runs out.
async fn run_kubelet(kubelet: Arc<Kubelet>, stop: CancellationToken) {
    let name = kubelet.name().to_owned();
    if AssertUnwindSafe(kubelet.run(stop)).catch_unwind().await.is_err() {
        tracing::error!(node = name, "the kubelet panicked: its pods are left to themselves");
    }
}

/// A directory that is its owner's alone: Secrets, keys and the files of pods lie in it. One that is there
/// already keeps its mode, as with etcd.
fn create_private(directory: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)?;
    #[cfg(unix)]
    if std::os::unix::fs::PermissionsExt::mode(&fs::metadata(directory)?.permissions()) & 0o077 != 0 {
        let directory = directory.display();
        tracing::warn!(
            "others may read the data directory {directory}: `chmod 700 {directory}` keeps them out"
        );
    }
    Ok(())
}

fn open_store(options: &ClusterOptions) -> Result<Arc<dyn Store>> {
    Ok(match options.store {
        StoreEngine::Memory => Arc::new(MemoryStore::new()),
        StoreEngine::Redb => {
            let file = options.data_dir.join("store.redb");
            Arc::new(RedbStore::open(&file, Arc::new(Decoded::empty))?)
        }
    })
}

async fn bind(address: SocketAddr, option: &str) -> Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen on {address}: is another program, or another Kijabi, using the port? Choose another one with {option}")
    })
}

/// Opens the way out of the cluster, where something beyond it may be reached.
fn way_out(network: &Network, allowed: &[Allowed]) -> Option<Arc<Outbound>> {
    let outbound = (!allowed.is_empty()).then(|| Arc::new(Outbound::new(allowed.to_vec())))?;
    network.allow_outbound(outbound.clone());
    Some(outbound)
}

/// Puts the nodes on the network, the control plane's first, each with rules of its own.
fn join_nodes(
    network: &Network,
    workers: u16,
    clock: &Arc<ClusterClock>,
) -> Result<(Vec<PodNetwork>, ProxyRules, Policies)> {
    let (mut hosts, mut proxies, mut policies) = (Vec::new(), ProxyRules::default(), Policies::default());
    let pod_network = POD_NETWORK.parse().map_err(anyhow::Error::msg)?;
    let workers = (1..=workers).map(|number| format!("node-{number}"));
    for (index, name) in std::iter::once(CONTROL_PLANE.to_owned()).chain(workers).enumerate() {
        let host = network.add_node(&name, node_address(index))?;
        proxies.install(network, &name, host.ip(), pod_network, clock.clone());
        policies.install(network, &name, host.ip());
        hosts.push(host);
    }
    Ok((hosts, proxies, policies))
}

/// The port of the API server on its node, as pods see it; where this machine's clients find it is
/// another matter.
pub(crate) const API_SERVER_PORT: u16 = 6443;

/// The address of the node with this number on the nodes' own network.
fn node_address(index: usize) -> Ipv4Addr {
    const FIRST: u32 = u32::from_be_bytes([172, 18, 0, 2]);
    Ipv4Addr::from(FIRST + u32::try_from(index).unwrap_or(0))
}

/// The directory of a node below the data directory.
pub(crate) fn node_directory(data_dir: &Path, node: &str) -> PathBuf {
    data_dir.join("nodes").join(node)
}

#[cfg(test)]
mod tests;
