//! `/kijabi/faults`: faults made on purpose, for the cluster's administrators.
//!
//! `GET` lists those in force, `POST` adds one (see `shared::faults` for what it may be), and `DELETE` of
//! `/kijabi/faults/NAME` ends it.

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};
use shared::api::scheme::GroupResource;
use shared::api::status;
use shared::apiserver::authorization::authorize_path;
use shared::apiserver::user::{Caller, MASTERS, User};
use shared::client::Client;
use shared::faults::{What, read};

use super::reply::{self, Failure};
use super::{Context, body};

const PATH: &str = "/kijabi/faults";
const FAULTS: GroupResource = GroupResource { group: "", resource: "faults" };

/// `GET /kijabi/faults`.
pub(super) async fn list(State(context): State<Context>, Extension(caller): Extension<Caller>) -> Response {
    match authorize_path(&caller.user, PATH, "get") {
        Ok(()) => reply::json(StatusCode::OK, &json!({ "items": context.faults.list() })),
        Err(status) => Failure(status).into_response(),
    }
}

/// `POST /kijabi/faults`.
pub(super) async fn add(
    State(context): State<Context>,
    Extension(caller): Extension<Caller>,
    body: Body,
) -> Response {
    try_add(&context, &caller, body).await.unwrap_or_else(IntoResponse::into_response)
}

async fn try_add(context: &Context, caller: &Caller, body: Body) -> Result<Response, Failure> {
    authorize_path(&caller.user, PATH, "post")?;
    let bytes = body::read(body).await?;
    let asked: Value = serde_json::from_slice(&bytes)
        .map_err(|error| status::bad_request(format!("the body is no JSON: {error}")))?;
    let nodes = context.nodes.names();
    let fault = read(&asked, &nodes).map_err(|errors| status::bad_request(errors.to_string()))?;
    if let What::KillContainer { namespace, pod, container } = &fault.what {
        kill(context, namespace, pod, container).await?;
    } else if !context.faults.add(fault.clone()) {
        return Err(status::already_exists(FAULTS, &fault.name).into());
    }
    Ok(reply::json(StatusCode::CREATED, &fault))
}

/// Kills a container at once, as the kernel does it.
async fn kill(context: &Context, namespace: &str, name: &str, container: &str) -> Result<(), Failure> {
    let client = Client::new(context.server.clone(), User::new("kijabi:faults", &[MASTERS]), "kijabi-faults");
    let found = client.get::<Pod>(namespace, name).await?;
    let pod = found.downcast_ref::<Pod>();
    let uid = pod.and_then(|pod| pod.metadata.uid.as_deref()).unwrap_or_default();
    let node = pod.and_then(|pod| pod.spec.as_ref()?.node_name.as_deref()).unwrap_or_default();
    let killed = match context.nodes.get(node) {
        Some(kubelet) => kubelet.kill_container(uid, container).await,
        None => false,
    };
    match killed {
        true => Ok(()),
        false => {
            let why =
                format!("container: Not found: {container:?}: it does not run in pod {namespace}/{name}");
            Err(status::bad_request(why).into())
        }
    }
}

/// `DELETE /kijabi/faults/NAME`.
pub(super) async fn remove(
    State(context): State<Context>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
) -> Response {
    if let Err(status) = authorize_path(&caller.user, PATH, "delete") {
        return Failure(status).into_response();
    }
    match context.faults.remove(&name) {
        true => reply::json(StatusCode::OK, &json!({ "removed": name })),
        false => Failure::from(status::not_found(FAULTS, &name)).into_response(),
    }
}
