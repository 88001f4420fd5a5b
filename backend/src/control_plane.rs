//! The control plane's components as containers: what each one's task is, and the static pods that the
//! control plane's kubelet runs them from, laid out as kubeadm lays them out.

use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use futures::StreamExt;
use jiff::{SignedDuration, Timestamp};
use rustls::ServerConfig;
use serde_json::{Value, json};
use shared::apiserver::user::User;
use shared::apiserver::{VERSION, admission};
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
use crate::cluster::{CONTROL_PLANE, ClusterOptions, StoreEngine, node_directory};
use crate::component_log::ComponentLog;
use crate::kubelet::{Component, Components, REGISTRY};
use crate::scheduler;

/// What the components are made of.
pub(crate) struct Parts {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<ClusterClock>,
    pub(crate) context: Context,
    pub(crate) router: Router,
    pub(crate) plain: TcpListener,
    pub(crate) secure: TcpListener,
    pub(crate) tls: Arc<ServerConfig>,
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
    components
}

fn component<F>(parts: &Arc<Parts>, run: fn(Arc<Parts>, ComponentLog) -> F) -> Component
where
    F: Future<Output = ()> + Send + 'static,
{
    let parts = parts.clone();
    Arc::new(move |args, log, stop: CancellationToken| {
        let parts = parts.clone();
        Box::pin(async move {
            log.info(&format!("command line: {}", args.join(" ")));
            stop.run_until_cancelled(run(parts, log.clone())).await;
            log.info("stopped");
            STOPPED
        })
    })
}

/// The store's own upkeep: history is compacted.
async fn etcd(parts: Arc<Parts>, log: ComponentLog) {
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
async fn kube_apiserver(parts: Arc<Parts>, log: ComponentLog) {
    let shutdown = CancellationToken::new();
    let _connections_end_with_the_task = shutdown.clone().drop_guard();
    let ending = middleware::from_fn_with_state(shutdown.clone(), end_with_the_server);
    let router = parts.router.clone().layer(ending);
    let listening = Listening { shutdown, connections: parts.connections.clone() };
    let addresses = [parts.plain.local_addr(), parts.secure.local_addr()];
    for address in addresses.into_iter().flatten() {
        log.info(&format!("Serving on {address}"));
    }
    let plain =
        apiserver::serve_plain(&parts.plain, router.clone(), parts.context.clone(), listening.clone());
    let secure =
        apiserver::serve_secure(&parts.secure, parts.tls.clone(), router, parts.context.clone(), listening);
    tokio::join!(plain, secure, expire_events(&parts, &log));
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

async fn kube_controller_manager(parts: Arc<Parts>, log: ComponentLog) {
    let user = User::new("system:kube-controller-manager", &[]);
    let client = Client::new(parts.context.server.clone(), user, "kube-controller-manager");
    crate::controller_manager::run(client, parts.clock.clone(), log).await;
}

async fn kube_scheduler(parts: Arc<Parts>, log: ComponentLog) {
    let user = User::new("system:kube-scheduler", &[]);
    let client = Client::new(parts.context.server.clone(), user, "kube-scheduler");
    scheduler::run(client, parts.clock.clone(), parts.context.decisions.clone(), log).await;
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

/// What stands first in a manifest that the program wrote, and will write again at the next start.
const GENERATED: &str = "# Written by kijabi at every start. Remove this line to keep your own changes.\n";

/// Writes the manifests of the control plane's static pods, leaving those alone that someone made
/// their own.
pub(crate) fn write_manifests(options: &ClusterOptions, secure_address: SocketAddr) -> Result<()> {
    let directory = crate::kubelet::manifests(&node_directory(&options.data_dir, CONTROL_PLANE));
    fs::create_dir_all(&directory).with_context(|| format!("creating {}", directory.display()))?;
    for (name, pod) in manifests(options, secure_address) {
        let path = directory.join(format!("{name}.yaml"));
        let text = format!("{GENERATED}{}", shared::yaml::write(&pod));
        let before = fs::read_to_string(&path).unwrap_or_default();
        let own = !before.is_empty() && !before.starts_with(GENERATED);
        if !own && before != text {
            fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
        }
    }
    Ok(())
}

fn manifests(options: &ClusterOptions, secure_address: SocketAddr) -> [(&'static str, Value); 4] {
    let store = match options.store {
        StoreEngine::Redb => "redb",
        StoreEngine::Memory => "memory",
    };
    let etcd =
        vec!["etcd".to_owned(), format!("--engine={store}"), "--auto-compaction-retention=5m".to_owned()];
    let apiserver = vec![
        "kube-apiserver".to_owned(),
        format!("--secure-port={}", secure_address.port()),
        format!("--bind-address={}", secure_address.ip()),
        "--service-cluster-ip-range=10.96.0.0/12".to_owned(),
        "--event-ttl=1h0m0s".to_owned(),
        format!("--enable-admission-plugins={}", admission::PLUGINS.join(",")),
    ];
    let controllers = vec![
        "kube-controller-manager".to_owned(),
        "--allocate-node-cidrs=true".to_owned(),
        "--cluster-cidr=10.244.0.0/16".to_owned(),
        "--node-cidr-mask-size=24".to_owned(),
    ];
    let scheduler = vec!["kube-scheduler".to_owned()];
    [
        ("etcd", static_pod("etcd", etcd, "100m", Some("100Mi"))),
        ("kube-apiserver", static_pod("kube-apiserver", apiserver, "250m", None)),
        ("kube-controller-manager", static_pod("kube-controller-manager", controllers, "200m", None)),
        ("kube-scheduler", static_pod("kube-scheduler", scheduler, "100m", None)),
    ]
}

/// A manifest with kubeadm's labels, requests and priority.
fn static_pod(name: &str, command: Vec<String>, cpu: &str, memory: Option<&str>) -> Value {
    let mut requests = json!({ "cpu": cpu });
    if let Some(memory) = memory {
        requests["memory"] = memory.into();
    }
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": "kube-system",
            "labels": { "component": name, "tier": "control-plane" },
        },
        "spec": {
            "hostNetwork": true,
            "priorityClassName": "system-node-critical",
            "priority": 2_000_001_000,
            "containers": [{
                "name": name,
                "image": format!("{REGISTRY}/{name}:{VERSION}"),
                "imagePullPolicy": "IfNotPresent",
                "command": command,
                "resources": { "requests": requests },
            }],
        },
    })
}
