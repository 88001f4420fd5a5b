//! `/api`, `/apis` and the versions below: what is served.

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use shared::api::status;
use shared::apiserver::authorization::authorize_path;
use shared::apiserver::discovery;
use shared::apiserver::user::Caller;

use super::reply::{self, Failure};
use super::resource::not_allowed;
use super::{Context, negotiation};

const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/// `GET /api`.
pub(super) async fn core(
    State(context): State<Context>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let plain = discovery::core_versions(&context.secure_address);
    answer(&caller, &uri, &headers, true, plain)
}

/// `GET /apis`.
pub(super) async fn groups(Extension(caller): Extension<Caller>, uri: Uri, headers: HeaderMap) -> Response {
    answer(&caller, &uri, &headers, false, discovery::group_list())
}

fn answer(caller: &Caller, uri: &Uri, headers: &HeaderMap, core: bool, plain: Value) -> Response {
    if let Err(refused) = permitted(caller, uri.path()) {
        return refused.into_response();
    }
    if !negotiation::wants_aggregated_discovery(headers) {
        return reply::json(StatusCode::OK, &plain);
    }
    reply::bytes(StatusCode::OK, AGGREGATED, discovery::aggregated(core).to_string())
}

/// `GET /api/VERSION`, `/apis/GROUP` and `/apis/GROUP/VERSION`.
pub(super) fn versions(caller: &Caller, method: &Method, path: &str) -> Result<Response, Failure> {
    authorize_path(&caller.user, path, &method.as_str().to_lowercase())?;
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let found = match segments.as_slice() {
        ["api", version] => discovery::resource_list("", version),
        ["apis", group] => discovery::group(group),
        ["apis", group, version] => discovery::resource_list(group, version),
        _ => None,
    };
    match found {
        Some(_) if !matches!(*method, Method::GET | Method::HEAD) => Err(not_allowed(method)),
        Some(found) => Ok(reply::json(StatusCode::OK, &found)),
        None => Err(status::no_such_path().into()),
    }
}

/// `GET /` of a client that is no browser: the paths that there are.
pub(super) fn paths() -> Value {
    let groups = discovery::group_list();
    let groups = groups["groups"].as_array().into_iter().flatten();
    let mut paths: Vec<String> =
        ["/api", "/api/v1", "/apis", "/openapi/v2", "/openapi/v3", "/version"].map(str::to_owned).into();
    for path in ["/healthz", "/livez", "/readyz"] {
        paths.push(path.to_owned());
        paths.extend(super::health::CHECKS.map(|check| format!("{path}/{check}")));
    }
    for group in groups {
        paths.extend(group["name"].as_str().map(|name| format!("/apis/{name}")));
        let versions = group["versions"].as_array().into_iter().flatten();
        paths.extend(
            versions.filter_map(|version| Some(format!("/apis/{}", version["groupVersion"].as_str()?))),
        );
    }
    paths.sort();
    json!({ "paths": paths })
}

/// 403 unless the user may read the path.
pub(super) fn permitted(caller: &Caller, path: &str) -> Result<(), Failure> {
    authorize_path(&caller.user, path, "get").map_err(Failure)
}
