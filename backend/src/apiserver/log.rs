//! `pods/log`: a container's output, from the kubelet of the pod's node.
//!
//! Follows `pkg/registry/core/pod/strategy.go` (`LogLocation`) upstream.

use axum::body::Body;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use shared::api::scheme::Verb;
use shared::api::status;
use shared::apiserver::request::{Operation, Reply, Request};
use shared::apiserver::request_info::ResourcePath;

use crate::kubelet::PodLogOptions;
use crate::runtime::logs::{LogOptions, Source};

use super::query::Query;
use super::reply::{self, Failure};
use super::resource::Asking;

/// `GET …/pods/NAME/log`.
pub(super) async fn handle(
    asking: &Asking<'_>,
    place: &ResourcePath<'_>,
    method: &Method,
    query: &Query,
) -> Result<Response, Failure> {
    if *method != Method::GET {
        return Err(status::method_not_supported(place.kind.group_resource(), method.as_str()).into());
    }
    let request = Request {
        kind: place.kind,
        namespace: place.namespace.to_owned(),
        name: place.name.to_owned(),
        subresource: place.subresource,
        operation: Operation::Connect(Verb::Get),
    };
    let Reply::Connect(object) = asking.answer(request).await?.reply else {
        return Err(status::internal("no object to connect to").into());
    };
    let Some(pod) = object.downcast_ref::<Pod>() else {
        return Err(status::internal("a pod that is none").into());
    };
    let container = container(pod, query.get("container"))?;
    let options = options(query, asking.context.server.clock().now())?;
    let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()).unwrap_or_default();
    if node.is_empty() {
        // Upstream answers with an empty log while a pod has no node.
        return Ok(reply::bytes(StatusCode::OK, "text/plain", Body::empty()));
    }
    let Some(kubelet) = asking.context.nodes.get(node) else {
        return Err(status::internal(format!("Get containerLogs: node {node:?} is not reachable")).into());
    };
    let lines = kubelet.container_logs(pod, &container, options).await?;
    Ok(reply::bytes(StatusCode::OK, "text/plain", Body::from_stream(lines)))
}

/// The container that is meant; 400 where it must be named, or there is none of that name.
fn container(pod: &Pod, wanted: Option<&str>) -> Result<String, Box<Status>> {
    let spec = pod.spec.as_ref();
    let names: Vec<&str> =
        spec.iter().flat_map(|spec| &spec.containers).map(|container| container.name.as_str()).collect();
    let init = spec.and_then(|spec| spec.init_containers.as_ref()).into_iter().flatten();
    let init: Vec<&str> = init.map(|container| container.name.as_str()).collect();
    let pod_name = pod.metadata.name.as_deref().unwrap_or_default();
    match (wanted, names.as_slice()) {
        (Some(wanted), _) if names.contains(&wanted) || init.contains(&wanted) => Ok(wanted.to_owned()),
        (Some(wanted), _) => {
            Err(Box::new(status::bad_request(format!("container {wanted} is not valid for pod {pod_name}"))))
        }
        (None, [only]) => Ok((*only).to_owned()),
        (None, _) => {
            let choice = names.join(" ");
            let mut message =
                format!("a container name must be specified for pod {pod_name}, choose one of: [{choice}]");
            if !init.is_empty() {
                message = format!("{message} or one of the init containers: [{}]", init.join(" "));
            }
            Err(Box::new(status::bad_request(message)))
        }
    }
}

fn options(query: &Query, now: Timestamp) -> Result<PodLogOptions, Box<Status>> {
    let invalid = |message: String| {
        let mut status = status::bad_request(format!("PodLogOptions \"\" is invalid: {message}"));
        status.code = Some(422);
        status.reason = Some("Invalid".into());
        Box::new(status)
    };
    let not_negative = |key: &str| -> Result<Option<u64>, Box<Status>> {
        let Some(number) = query.number(key)? else { return Ok(None) };
        u64::try_from(number).map(Some).map_err(|_| {
            invalid(format!("{key}: Invalid value: {number}: must be greater than or equal to 0"))
        })
    };
    let since_seconds = query.number("sinceSeconds")?;
    if let Some(seconds) = since_seconds.filter(|seconds| *seconds < 1) {
        return Err(invalid(format!("sinceSeconds: Invalid value: {seconds}: must be greater than 0")));
    }
    let since_time = match query.get("sinceTime") {
        Some(text) => Some(
            text.parse::<Timestamp>()
                .map_err(|error| Box::new(status::bad_request(format!("sinceTime {text:?}: {error}"))))?,
        ),
        None => {
            since_seconds.and_then(|seconds| now.checked_sub(jiff::SignedDuration::from_secs(seconds)).ok())
        }
    };
    let log = LogOptions {
        timestamps: query.flag("timestamps").unwrap_or(false),
        since: since_time,
        tail: not_negative("tailLines")?,
        limit_bytes: not_negative("limitBytes")?,
        source: source(query)?,
    };
    let follow = query.flag("follow").unwrap_or(false);
    Ok(PodLogOptions { log, follow, previous: query.flag("previous").unwrap_or(false) })
}

/// Which of the two output streams is wanted.
fn source(query: &Query) -> Result<Option<Source>, Box<Status>> {
    match query.get("stream") {
        None | Some("All") => Ok(None),
        Some("Stdout") => Ok(Some(Source::Stdout)),
        Some("Stderr") => Ok(Some(Source::Stderr)),
        Some(other) => Err(Box::new(status::bad_request(format!(
            "stream: Unsupported value: {other:?}: supported values: \"All\", \"Stderr\", \"Stdout\""
        )))),
    }
}
