//! `/healthz`, `/livez`, `/readyz`, each of their checks alone, and `/version`
//! (`pkg/server/healthz/healthz.go` of kubernetes/apiserver).

use std::fmt::Write as _;

use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;
use shared::apiserver::VERSION;

use crate::machine::architecture;

use super::reply;
use super::{Context, query::Query};

/// Text as upstream declares it.
const TEXT: &str = "text/plain; charset=utf-8";
/// The checks, in the order in which they are told.
pub(super) const CHECKS: [&str; 2] = ["ping", "etcd"];

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

/// One check alone: `GET /livez/etcd`.
pub(super) async fn check(State(context): State<Context>, Path(name): Path<String>) -> Response {
    if !CHECKS.contains(&name.as_str()) {
        return reply::bytes(StatusCode::NOT_FOUND, TEXT, "404 page not found\n");
    }
    match passes(&context, &name).await {
        true => reply::bytes(StatusCode::OK, TEXT, "ok"),
        false => reply::bytes(
            StatusCode::INTERNAL_SERVER_ERROR,
            TEXT,
            "internal server error: the store does not answer\n",
        ),
    }
}

/// Whether a check passes. That this runs is all that `ping` asks.
async fn passes(context: &Context, check: &str) -> bool {
    check != "etcd" || context.server.ping().await.is_ok()
}

/// The checks' outcomes: `ok`, or with `?verbose` or on failure each in a line. `?exclude=` leaves one out.
async fn checks(name: &str, State(context): State<Context>, RawQuery(query): RawQuery) -> Response {
    let query = Query::parse(&query.unwrap_or_default());
    let mut excluded = query.all("exclude");
    let (mut lines, mut failed) = (String::new(), false);
    for check in CHECKS {
        let outcome = if excluded.contains(&check) {
            excluded.retain(|name| *name != check);
            format!("[+]{check} excluded: ok")
        } else if passes(&context, check).await {
            format!("[+]{check} ok")
        } else {
            failed = true;
            format!("[-]{check} failed: reason withheld")
        };
        let _ = writeln!(lines, "{outcome}");
    }
    if !excluded.is_empty() {
        let names: Vec<_> = excluded.iter().map(|name| format!("{name:?}")).collect();
        let names = names.join(", ");
        let _ = writeln!(lines, "warn: some health checks cannot be excluded: no matches for {names}");
    }
    match (failed, query.flag("verbose")) {
        (true, _) => {
            reply::bytes(StatusCode::INTERNAL_SERVER_ERROR, TEXT, format!("{lines}{name} check failed\n"))
        }
        (false, None) => reply::bytes(StatusCode::OK, TEXT, "ok"),
        (false, Some(_)) => reply::bytes(StatusCode::OK, TEXT, format!("{lines}{name} check passed\n")),
    }
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
