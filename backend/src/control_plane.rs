//! The cluster's own components as containers: what each one's task is. [`manifests`] are the static pods
//! that kubelets run them from.

pub(crate) mod manifests;

use std::net::{SocketAddr, SocketAddrV4};
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use futures::StreamExt;
use jiff::{SignedDuration, Timestamp};
use rustls::ServerConfig;
use shared::apiserver::user::User;
use shared::client::Client;
use shared::given::Clock;
use shared::store::compactor::{COMPACTION_INTERVAL, Compactor};
use shared::store::{Store, StoreError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::apiserver::{self, Context, Listening};
use crate::clock::ClusterClock;
use crate::cluster::API_SERVER_PORT;
use crate::component_log::ComponentLog;
use crate::kubelet::{Component, ComponentContext, Components};
use crate::network::{Listener, Outbound, PodNetwork};
use crate::network_policy::Policies;
use crate::{dns, local_provisioner, metrics_server, network_policy, proxy, scheduler};

/// What the components are made of.
pub(crate) struct Parts {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<ClusterClock>,
    pub(crate) context: Context,
    pub(crate) policies: Policies,
    pub(crate) outbound: Option<Arc<Outbound>>,
    pub(crate) router: Router,
    pub(crate) plain: TcpListener,
    pub(crate) secure: TcpListener,
    pub(crate) tls: Arc<ServerConfig>,
    /// The certificate by which pods know the API server, as PEM text.
    pub(crate) root_ca: String,
    pub(crate) connections: TaskTracker,
}

/// The exit code of a component that was asked to end.
const STOPPED: i32 = 0;

/// The tasks behind the control plane's images.
pub(crate) fn components(parts: &Arc<Parts>) -> Components {
    let mut components = Components::default();
    components.add("etcd", component(parts, etcd));
    components.add("kube-apiserver", component(parts, kube_apiserver));
    components.add("kube-controller-manager", component(parts, kube_controller_manager));
    components.add("kube-scheduler", component(parts, kube_scheduler));
    components.add("coredns/coredns", component(parts, coredns));
    components.add("metrics-server/metrics-server", component(parts, metrics_server));
    components.add("local-path-provisioner", component(parts, local_path_provisioner));
    add_node_components(&mut components, parts);
    components
}

/// The tasks behind the images of what every node runs.
pub(crate) fn node_components(parts: &Arc<Parts>) -> Components {
    let mut components = Components::default();
    add_node_components(&mut components, parts);
    components
}

fn add_node_components(components: &mut Components, parts: &Arc<Parts>) {
    components.add("kube-proxy", component(parts, kube_proxy));
    components.add("networking/kube-network-policies", component(parts, kube_network_policies));
}

/// What a component's task gets of its container.
struct Container {
    log: ComponentLog,
    network: PodNetwork,
}

fn component<F>(parts: &Arc<Parts>, run: fn(Arc<Parts>, Container) -> F) -> Component
where
    F: Future<Output = ()> + Send + 'static,
{
    let parts = parts.clone();
    Arc::new(move |context: ComponentContext| {
        let parts = parts.clone();
        Box::pin(async move {
            let ComponentContext { args, log, network, stop } = context;
            log.info(&format!("command line: {}", args.join(" ")));
            stop.run_until_cancelled(run(parts, Container { log: log.clone(), network })).await;
            log.info("stopped");
            STOPPED
        })
    })
}

/// The store's own upkeep: history is compacted.
async fn etcd(parts: Arc<Parts>, container: Container) {
    let log = container.log;
    log.info(&format!("serving revision {}", parts.store.current_revision()));
    let mut compactor = Compactor::new(COMPACTION_INTERVAL);
    loop {
        let step = compactor.step(parts.clock.now(), parts.store.current_revision());
        if let Some(revision) = step.compact {
            match parts.store.compact(revision).await {
                Ok(()) => log.info(&format!("finished scheduled compaction at revision {revision}")),
                // The store had compacted further by itself.
                Err(StoreError::Compacted { .. }) => {}
                Err(error) => log.error(&format!("compaction at revision {revision}: {error}")),
            }
        }
        parts.clock.sleep_until(step.wake_at).await;
    }
}

/// The two doors of the API.
async fn kube_apiserver(parts: Arc<Parts>, container: Container) {
    let log = container.log;
    let shutdown = CancellationToken::new();
    let _connections_end_with_the_task = shutdown.clone().drop_guard();
    let ending = middleware::from_fn_with_state(shutdown.clone(), end_with_the_server);
    let router = parts.router.clone().layer(ending);
    let listening = Listening { shutdown, connections: parts.connections.clone() };
    let addresses = [parts.plain.local_addr(), parts.secure.local_addr()];
    for address in addresses.into_iter().flatten() {
        log.info(&format!("Serving on {address}"));
    }
    let (tls, context) = (&parts.tls, &parts.context);
    let plain = apiserver::serve_plain(&parts.plain, router.clone(), context.clone(), listening.clone());
    let secure = |router| {
        apiserver::serve_secure(&parts.secure, tls.clone(), router, context.clone(), listening.clone())
    };
    let within = async {
        if let Some(within) = listen_within(&container.network, &log) {
            let (router, listening) = (router.clone(), listening.clone());
            apiserver::serve_secure(within, tls.clone(), router, context.clone(), listening).await;
        }
    };
    tokio::join!(plain, secure(router.clone()), within, expire_events(&parts, &log));
}

/// Where pods reach the API server: at its node's address, to which the Service `kubernetes` leads.
fn listen_within(network: &PodNetwork, log: &ComponentLog) -> Option<Listener> {
    let address = SocketAddrV4::new(network.ip(), API_SERVER_PORT);
    let listener = network.listen(address);
    match &listener {
        Ok(_) => log.info(&format!("Serving pods on {address}")),
        Err(error) => log.error(&format!("pods cannot reach the API at {address}: {error}")),
    }
    listener.ok()
}

/// Ends what is streamed when the API server ends: a watch has no end of its own, and its connection
/// would wait for it.
async fn end_with_the_server(
    State(shutdown): State<CancellationToken>,
    request: Request,
    next: Next,
) -> Response {
    let response = next.run(request).await;
    if response.body().size_hint().exact().is_some() {
        return response;
    }
    response.map(|body| Body::from_stream(body.into_data_stream().take_until(shutdown.cancelled_owned())))
}

/// Removes Events whose hour is over, for ever.
async fn expire_events(parts: &Parts, log: &ComponentLog) {
    const RETRY: SignedDuration = SignedDuration::from_mins(1);
    loop {
        let next = match parts.context.server.expire_events().await {
            Ok(next) => next,
            Err(status) => {
                log.error(&format!("events were not expired: {}", status.message.unwrap_or_default()));
                parts.clock.now().checked_add(RETRY).unwrap_or(Timestamp::MAX)
            }
        };
        parts.clock.sleep_until(next).await;
    }
}

async fn kube_controller_manager(parts: Arc<Parts>, container: Container) {
    let user = User::new("system:kube-controller-manager", &[]);
    let client = Client::new(parts.context.server.clone(), user, "kube-controller-manager");
    let (clock, root_ca) = (parts.clock.clone(), parts.root_ca.clone());
    crate::controller_manager::run(client, clock, root_ca, container.log).await;
}

async fn kube_scheduler(parts: Arc<Parts>, container: Container) {
    let user = User::new("system:kube-scheduler", &[]);
    let client = Client::new(parts.context.server.clone(), user, "kube-scheduler");
    scheduler::run(client, parts.clock.clone(), parts.context.decisions.clone(), container.log).await;
}

/// The cluster's DNS, at its pod's address.
async fn metrics_server(parts: Arc<Parts>, container: Container) {
    let groups = ["system:serviceaccounts", "system:serviceaccounts:kube-system"];
    let user = User::new("system:serviceaccount:kube-system:metrics-server", &groups);
    let client = Client::new(parts.context.server.clone(), user, "metrics-server");
    metrics_server::run(client, parts.context.nodes.clone(), container.log).await;
}

async fn coredns(parts: Arc<Parts>, container: Container) {
    let groups = ["system:serviceaccounts", "system:serviceaccounts:kube-system"];
    let user = User::new("system:serviceaccount:kube-system:coredns", &groups);
    let client = Client::new(parts.context.server.clone(), user, "coredns");
    dns::run(client, container.network, container.log, parts.outbound.clone()).await;
}

/// The volumes that are directories of nodes.
async fn local_path_provisioner(parts: Arc<Parts>, container: Container) {
    let groups = ["system:serviceaccounts", "system:serviceaccounts:kube-system"];
    let user = User::new("system:serviceaccount:kube-system:local-path-provisioner", &groups);
    let client = Client::new(parts.context.server.clone(), user, "local-path-provisioner");
    local_provisioner::run(client, parts.clock.clone(), parts.context.nodes.clone(), container.log).await;
}

/// The rules of the node that its container is on.
async fn kube_proxy(parts: Arc<Parts>, container: Container) {
    let node = container.network.identity().node.clone();
    let Some(rules) = parts.context.proxies.of(&node) else {
        return container.log.error(&format!("node {node:?} has no rules to write"));
    };
    let user = User::new("system:kube-proxy", &[]);
    let client = Client::new(parts.context.server.clone(), user, "kube-proxy");
    proxy::run(client, rules.clone(), container.network, container.log).await;
}

/// What holds the pods of the node that its container is on to policies.
async fn kube_network_policies(parts: Arc<Parts>, container: Container) {
    let node = container.network.identity().node.clone();
    let Some(policies) = parts.policies.of(&node) else {
        return container.log.error(&format!("node {node:?} holds to no policies"));
    };
    let groups = ["system:serviceaccounts", "system:serviceaccounts:kube-system"];
    let user = User::new("system:serviceaccount:kube-system:kube-network-policies", &groups);
    let client = Client::new(parts.context.server.clone(), user, "kube-network-policies");
    network_policy::run(client, policies.clone(), container.log).await;
}

/// Whether the API server answers at the page's door.
pub(crate) async fn answers(address: SocketAddr) -> bool {
    let ask = async {
        let mut stream = TcpStream::connect(address).await?;
        let request = format!("GET /livez HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await?;
        std::io::Result::Ok(answer.ends_with(b" 200"))
    };
    ask.await.unwrap_or(false)
}
