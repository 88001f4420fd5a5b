//! The API server's outside: HTTP, TLS, WebSockets, and the streams to pods. What a request means and
//! whether it may be is decided in `shared::apiserver`.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use axum::{Router, middleware};
use shared::apiserver::ApiServer;
use shared::apiserver::openapi::OpenApi;
use tower::ServiceExt as _;

use crate::kubelet::Nodes;
use crate::network::{Network, PodNetwork};
use crate::proxy::ProxyRules;
use crate::scheduler::DecisionLog;

mod audit;
mod audit_stream;
mod body;
mod budget;
mod connect;
mod decisions;
mod discovery;
mod encode;
mod health;
mod identity;
mod listen;
mod log;
mod negotiation;
mod openapi;
mod openid;
mod port_forward;
mod proxy;
mod proxy_rules;
mod query;
mod remote_command;
mod reply;
mod resource;
mod service_location;
mod spdy;
#[cfg(test)]
mod tests;
pub mod tls;
pub mod token_key;
mod tunnel;
mod warning;
mod watch;
mod wire;

pub use identity::Door;
pub use listen::{Listening, serve_plain, serve_secure};

/// What the handlers need of the cluster.
#[derive(Clone)]
pub struct Context {
    /// The chain that every request goes through.
    pub server: ApiServer,
    /// The kubelets, for logs and the streams to containers.
    pub nodes: Arc<Nodes>,
    /// The pod network.
    pub network: Network,
    /// The place on it that the API server connects from: its node's.
    pub host: PodNetwork,
    /// The rules that kube-proxy writes on each node.
    pub proxies: Arc<ProxyRules>,
    /// What the scheduler decided, and why.
    pub decisions: Arc<DecisionLog>,
    /// The OpenAPI documents, made on first use.
    pub openapi: Arc<OpenApi>,
    /// Where clients reach the API server with TLS, as `host:port`.
    pub secure_address: Arc<str>,
}

/// Every path of the API server; `page` answers what is none of them.
pub fn router(context: Context, page: Router) -> Router {
    let front = page.clone();
    Router::new()
        .route("/", get(|request| root(front, request)))
        .route("/healthz", get(health::healthz))
        .route("/livez", get(health::livez))
        .route("/readyz", get(health::readyz))
        .route("/healthz/{check}", get(health::check))
        .route("/livez/{check}", get(health::check))
        .route("/readyz/{check}", get(health::check))
        .route("/version", get(health::version))
        .route("/version/", get(health::version))
        .merge(audited(&context))
        .route("/kijabi/audit", get(audit_stream::handle))
        .route("/kijabi/scheduler/decisions", get(decisions::handle))
        .route("/kijabi/proxy/{node}/rules", get(proxy_rules::handle))
        .with_state(context)
        .fallback_service(page)
}

/// The paths whose requests the audit records.
fn audited(context: &Context) -> Router<Context> {
    Router::new()
        .route("/openapi/v2", get(openapi::v2))
        .route("/openapi/v3", get(openapi::v3_index))
        .route("/openapi/v3/{*path}", get(openapi::v3))
        .route("/.well-known/openid-configuration", get(openid::configuration))
        .route("/openid/v1/jwks", get(openid::keys))
        .route("/api", get(discovery::core))
        .route("/api/", get(discovery::core))
        .route("/apis", get(discovery::groups))
        .route("/apis/", get(discovery::groups))
        .route("/api/{*path}", any(resource::handle))
        .route("/apis/{*path}", any(resource::handle))
        .method_not_allowed_fallback(|method: Method| async move { resource::not_allowed(&method) })
        .route_layer(middleware::from_fn_with_state(context.clone(), audit::record))
}

/// `/` is the page for browsers, and the list of paths for clients of the API.
async fn root(page: Router, request: Request<Body>) -> Response {
    let accepted = negotiation::accepted(request.headers());
    let takes = |media_type: &str| accepted.iter().any(|clause| clause.starts_with(media_type));
    if takes("application/json") && !takes("text/html") {
        return reply::json(StatusCode::OK, &discovery::paths());
    }
    page.oneshot(request).await.into_response()
}
