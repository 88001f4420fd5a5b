//! One audit entry for every request from the wire, with its own URI and what was answered in the end.
//!
//! Follows `pkg/endpoints/filters/audit.go` of kubernetes/apiserver.

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::Uri;
use axum::http::uri::PathAndQuery;
use axum::middleware::Next;
use axum::response::Response;
use shared::apiserver::audit::{Entry, ResponseStatus};
use shared::apiserver::request_info::RequestInfo;
use shared::apiserver::user::Caller;

use super::Context;
use super::query::Query;
use super::resource::decoded;

/// Opens an entry, hands it on to the handler, and adds the answer.
pub(super) async fn record(
    State(context): State<Context>,
    Extension(caller): Extension<Caller>,
    mut request: Request,
    next: Next,
) -> Response {
    let entry = open(&context, &caller, &request);
    request.extensions_mut().insert(entry.clone());
    let mut response = next.run(request).await;
    match response.extensions_mut().remove::<ResponseStatus>() {
        Some(status) => entry.refused(status),
        None => entry.answered(response.status().as_u16()),
    }
    response
}

/// The entry of a request that just arrived.
pub(super) fn open(context: &Context, caller: &Caller, request: &Request) -> Entry {
    let path = decoded(request.uri().path());
    let watch = Query::parse(request.uri().query().unwrap_or_default()).watch();
    let info = RequestInfo::new(request.method().as_str(), &path, watch);
    Entry::open(&context.server, caller, &info, target(request.uri()))
}

fn target(uri: &Uri) -> String {
    uri.path_and_query().map_or_else(|| uri.to_string(), |target: &PathAndQuery| target.to_string())
}
