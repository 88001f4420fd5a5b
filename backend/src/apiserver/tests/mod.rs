//! The router as clients see it, over a cluster that has a store and nothing else.

mod audit;
mod methods;
mod patches;
mod proxy;
mod streams;
mod tables;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::response::Response;
use serde_json::Value;
use shared::apiserver::ApiServer;
use shared::apiserver::audit::Event;
use shared::apiserver::user::{Caller, MASTERS, User};
use shared::store::Store;
use shared::store::memory::MemoryStore;
use tower::ServiceExt as _;

use super::{Context, router};
use crate::clock::{ClusterClock, SystemEntropy};
use crate::kubelet::Nodes;
use crate::network::Network;

/// A bootstrapped API server and its router.
struct Front {
    server: ApiServer,
    network: Network,
    nodes: Arc<Nodes>,
    router: Router,
}

async fn front() -> Front {
    front_over(Arc::new(MemoryStore::new())).await
}

async fn front_over(store: Arc<dyn Store>) -> Front {
    let server = ApiServer::new(store, Arc::new(ClusterClock::default()), Arc::new(SystemEntropy));
    server.bootstrap(([172, 18, 0, 2], 6443).into()).await.unwrap();
    let (network, nodes) = (Network::new(), Arc::<Nodes>::default());
    let context = Context {
        server: server.clone(),
        nodes: nodes.clone(),
        network: network.clone(),
        host: network.add_node("control-plane", [172, 18, 0, 2].into()).unwrap(),
        proxies: Arc::default(),
        ingresses: Arc::default(),
        faults: Arc::default(),
        decisions: Arc::default(),
        openapi: Arc::default(),
        secure_address: "127.0.0.1:6443".into(),
    };
    Front { server, network, nodes, router: router(context, Router::new()) }
}

/// A request of the administrator; `line` is method and path.
fn request(line: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Request<Body> {
    request_of(User::new("kubernetes-admin", &[MASTERS]), line, headers, body)
}

fn request_of(user: User, line: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Request<Body> {
    let (method, path) = line.split_once(' ').unwrap();
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.extension(Caller::component(user, "test")).body(body.into()).unwrap()
}

impl Front {
    async fn send(&self, request: Request<Body>) -> Response {
        self.router.clone().oneshot(request).await.unwrap()
    }

    async fn answer(&self, request: Request<Body>) -> (StatusCode, Value) {
        let response = self.send(request).await;
        let code = response.status();
        let text = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (code, serde_json::from_slice(&text).unwrap_or_default())
    }

    /// What the audit recorded last.
    fn last_event(&self) -> Arc<Event> {
        self.server.audit.events().pop().unwrap()
    }
}
