//! Where load balancers ask whether a node has endpoints of a Service: `healthCheckNodePort`.
//!
//! Follows `pkg/proxy/healthcheck/service_health.go` of kubernetes/kubernetes.

use std::collections::BTreeMap;
use std::net::SocketAddrV4;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use hyper::{Response, StatusCode};
use serde_json::json;
use shared::proxy::table::HealthCheck;
use tokio::task::JoinSet;

use crate::component_log::ComponentLog;
use crate::network::PodNetwork;
use crate::small_http;

const WEIGHT: HeaderName = HeaderName::from_static("x-load-balancing-endpoint-weight");

/// The health checks that a node answers.
pub(super) struct HealthServer {
    node: PodNetwork,
    log: ComponentLog,
    open: BTreeMap<u16, Open>,
}

/// A health check with its task, which ends with it.
struct Open {
    told: Arc<RwLock<HealthCheck>>,
    _task: JoinSet<()>,
}

impl HealthServer {
    /// A server at the node's address that answers nothing yet.
    pub(super) fn new(node: PodNetwork, log: ComponentLog) -> HealthServer {
        HealthServer { node, log, open: BTreeMap::new() }
    }

    /// Answers these from now on, and no others.
    pub(super) fn set(&mut self, wanted: BTreeMap<u16, HealthCheck>) {
        self.open.retain(|port, _| wanted.contains_key(port));
        for (port, check) in wanted {
            match self.open.get(&port) {
                Some(open) => *open.told.write().unwrap_or_else(PoisonError::into_inner) = check,
                None => self.start(port, check),
            }
        }
    }

    fn start(&mut self, port: u16, check: HealthCheck) {
        let address = SocketAddrV4::new(self.node.ip(), port);
        let listener = match self.node.listen(address) {
            Ok(listener) => listener,
            Err(error) => return self.log.error(&format!("health checks at {address}: {error}")),
        };
        let told = Arc::new(RwLock::new(check));
        let mut task = JoinSet::new();
        let shared = told.clone();
        task.spawn(small_http::serve(listener, move |_| {
            answer(&shared.read().unwrap_or_else(PoisonError::into_inner))
        }));
        self.open.insert(port, Open { told, _task: task });
    }
}

fn answer(check: &HealthCheck) -> Response<Full<Bytes>> {
    let HealthCheck { namespace, service, local_endpoints } = check;
    let body = json!({
        "service": { "namespace": namespace, "name": service },
        "localEndpoints": local_endpoints,
        "serviceProxyHealthy": true,
    });
    let mut response = Response::new(Full::from(body.to_string()));
    if *local_endpoints == 0 {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(WEIGHT, HeaderValue::from(*local_endpoints));
    response
}
