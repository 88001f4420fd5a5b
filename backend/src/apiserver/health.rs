//! `/healthz`, `/livez`, `/readyz` and `/version`.

use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;
use shared::apiserver::VERSION;

use super::reply;
use super::{Context, query::Query};

/// `GET /healthz`.
pub(super) async fn healthz(state: State<Context>, query: RawQuery) -> Response {
    checks("healthz", state, query).await
}

/// `GET /livez`.
pub(super) async fn livez(state: State<Context>, query: RawQuery) -> Response {
    checks("livez", state, query).await
}

/// `GET /readyz`.
pub(super) async fn readyz(state: State<Context>, query: RawQuery) -> Response {
    checks("readyz", state, query).await
}

/// The checks' outcomes: `ok`, or with `?verbose` or on failure each in a line
/// (`pkg/server/healthz` of kubernetes/apiserver).
async fn checks(name: &str, State(context): State<Context>, RawQuery(query): RawQuery) -> Response {
    let verbose = query.is_some_and(|query| Query::parse(&query).flag("verbose").is_some());
    let store = context.server.ping().await;
    let code = if store.is_ok() { StatusCode::OK } else { StatusCode::INTERNAL_SERVER_ERROR };
    if store.is_ok() && !verbose {
        return reply::bytes(code, "text/plain; charset=utf-8", "ok");
    }
    let (store, verdict) = match store {
        Ok(()) => ("[+]etcd ok", "passed"),
        Err(_) => ("[-]etcd failed: reason withheld", "failed"),
    };
    let text = format!("[+]ping ok\n{store}\n{name} check {verdict}\n");
    reply::bytes(code, "text/plain; charset=utf-8", text)
}

/// `GET /version`.
pub(super) async fn version() -> Response {
    let numbers = VERSION.trim_start_matches('v');
    let mut parts = numbers.split('.');
    let info = json!({
        "major": parts.next(),
        "minor": parts.next(),
        "gitVersion": format!("{VERSION}+kijabi.{}", env!("CARGO_PKG_VERSION")),
        "gitCommit": "",
        "gitTreeState": "",
        "buildDate": "",
        "goVersion": "",
        "compiler": "rustc",
        "platform": format!("{}/{}", std::env::consts::OS, architecture()),
    });
    reply::json(StatusCode::OK, &info)
}

/// The machine as Go names it, which is how every Kubernetes client writes it.
pub fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}
